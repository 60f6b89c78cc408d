"""Steps 1 to 4 of the lesson, through the network: what each says, its sizes in this data, its slider and picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core import walkthrough
from autorec_core.metrics import rmse
from autorec_core.ratings import IntArray
from pages.shared import figures, lesson_charts, plain, reader, rows, services
from pages.shared.lesson_rows import columns_word, num_columns, num_units
from pages.shared.palette import ink
from pages.shared.reader import Example
from pages.shared.words import _, sentences

CELLS = 720
"""Most cells of the picture of a vector; of a longer one, the known ones and a fair choice of the others."""


# -- 1: vector --------------------------------------------------------------------------------------------------------


def vector_says(about: Example) -> str:
    """See `lesson.Step`."""
    if about.model.by_items:
        return _(
            "An item-based AutoRec reads one movie at a time: the ratings that everybody gave it, one entry a user. "
            "This one is **{movie}**, and {who} gave it {rating:g}.",
            movie=plain.escaped(about.row_name),
            who=plain.escaped(reader.whose(about.model, about.reader)),
            rating=about.own_rating,
        )
    return _(
        "A user-based AutoRec reads one person at a time: a rating for each movie, nearly all unknown. This is "
        "**{who}**; ringed is {movie}, rated {rating:g}.",
        who=plain.escaped(about.row_name),
        movie=plain.escaped(rows.movie_name(services.catalogue_of(about.run.id), about.own_item)),
        rating=about.own_rating,
    )


def vector_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    known = len(about.row.columns)
    return [
        (
            rf"$\mathbf r \in \mathbb R^{{{num_columns(about)}}}$",
            _("{count:,} {columns}", count=num_columns(about), columns=columns_word(about)),
        ),
        (_("known"), _("{known:,} of them, {share:.1%}", known=known, share=known / num_columns(about))),
    ]


def vector(about: Example) -> None:
    """Draws the vector as cells."""
    items = about.reader.items
    if len(items) > 1:
        st.slider(
            _("Which of the example's movies, from the most to the least rated"),
            1,
            len(items),
            len(items) // 2 + 1,
            key="learn_row",
            help=_("All steps speak of this one."),
            persist_state="session",
        )
    columns = _shown_columns(about)
    values = np.full(num_columns(about), np.nan)
    values[about.row.columns] = about.row.ratings
    is_own = np.zeros(num_columns(about), dtype=bool)
    if about.own_column is not None:
        is_own[about.own_column] = True
    names = [about.column_name(column) for column in columns.tolist()]
    table = pd.DataFrame({"name": names, "rating": values[columns], "is_own": is_own[columns]})
    if about.own_column is None:  # a visitor is a column that the data does not have
        own = pd.DataFrame({"name": [_("you")], "rating": [about.own_rating], "is_own": [True]})
        table = pd.concat([own, table], ignore_index=True)
    unknown = 1 - len(about.row.columns) / num_columns(about)
    figures.draw(
        lesson_charts.cells(table, about.model.scale, 36),
        table,
        "learn_vector",
        see=_(
            "Coloured is known, the stronger the higher; {unknown:.1%} of the entries are hollow, unknown, and the "
            "ringed one is the example's own.",
            unknown=unknown,
        ),
    )
    if len(columns) < num_columns(about):
        st.caption(
            _("{shown:,} of {count:,} entries, the known ones first.", shown=len(columns), count=num_columns(about))
        )


def _shown_columns(about: Example) -> IntArray:
    count = num_columns(about)
    if count <= CELLS:
        return np.arange(count)
    known = about.row.columns[: CELLS // 2]
    others = np.flatnonzero(~np.asarray(about.row.is_known, dtype=bool))
    some = np.random.default_rng(3).choice(others, min(len(others), CELLS - len(known)), replace=False)
    own = [] if about.own_column is None else [about.own_column]
    return np.unique(np.concatenate([known, some, np.array(own, dtype=np.int64)]).astype(np.int64))


# -- 2: mask ----------------------------------------------------------------------------------------------------------


def mask_says(about: Example) -> str:
    """See `lesson.Step`."""
    if prior := walkthrough.prior_of_rows(about.model):
        return _(
            "An unknown rating is not a rating of 0, nor of anything else. So a second vector goes along, the mask, "
            "and whatever is summed is summed where the mask is 1. Even the row's mean: it is taken over known "
            "entries, each less the level of who gave it, with {damping:.1f} ratings' worth of what movies that are "
            "rated so often get.",
            damping=prior.damping,
        )
    return _(
        "An unknown rating is not a rating of 0, nor of anything else. So a second vector goes along, the mask, and "
        "whatever is summed is summed where the mask is 1. Even the row's mean: it is taken over known entries, with "
        "five ratings' worth of the overall mean {mean:.2f} to steady it.",
        mean=about.model.global_mean,
    )


def mask_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    count, mean = len(about.row.columns), about.row.mean
    mask = (rf"$\mathbf m \in \{{0,1\}}^{{{num_columns(about)}}}$", _("{count:,} ones", count=count))
    if prior := walkthrough.prior_of_rows(about.model):
        expected = about.model.global_mean + prior.expected(np.array([count]))[0]
        return [
            mask,
            (r"$\bar r$", _("{mean:.3f}, the mean of this row less its givers' levels, drawn towards $e$", mean=mean)),
            (r"$e$", _("{expected:.3f}, what movies with so many ratings get", expected=expected)),
        ]
    told = (
        _("{mean:.3f}: the overall mean, and what is given beyond the movies' averages", mean=mean)
        if walkthrough.leans_on_movies(about.model)
        else _("{mean:.3f}, the damped mean of this row", mean=mean)
    )
    return [mask, (r"$\bar r$", told)]


def mask(about: Example) -> None:
    """Draws what unknown entries would do to the mean."""
    scale = about.model.scale
    step = scale.step if scale.span / scale.step <= 20 else scale.span / 10
    low = min(0.0, scale.low)
    taken = st.slider(
        _("Unknown entries are taken for"),
        float(low),
        float(scale.high),
        float(low),
        float(step),
        key="learn_fill",
        help=_("What becomes of the mean if the mask is left away and the holes are filled."),
    )
    ratings, count = about.row.ratings, num_columns(about)
    values, numbers = np.unique(ratings, return_counts=True)
    table = pd.DataFrame(
        {
            "value": [*values.tolist(), taken],
            "entries": [*numbers.tolist(), count - len(ratings)],
            "kind": [lesson_charts.KNOWN] * len(values) + [lesson_charts.UNKNOWN],
        }
    )
    masked, filled = float(ratings.mean()), float((ratings.sum() + taken * (count - len(ratings))) / count)
    top = float(table["entries"].max())
    means = pd.DataFrame(
        {
            "value": [masked, filled],
            "kind": [lesson_charts.KNOWN, lesson_charts.UNKNOWN],
            "label": [_("masked mean {value:.2f}", value=masked), _("filled mean {value:.2f}", value=filled)],
            "place": [top, 0.72 * top] if masked < filled else [0.72 * top, top],
        }
    )
    figures.draw(
        lesson_charts.with_and_without_mask(table, means, ink(st.context.theme.type)),
        table,
        "learn_mask",
        see=_(
            "The {known:,} known ratings have a mean of {masked:.2f}; with {unknown:,} holes filled with {taken:g} it "
            "would be {filled:.2f}, whatever people think of it.",
            known=len(ratings),
            masked=masked,
            unknown=count - len(ratings),
            taken=taken,
            filled=filled,
        ),
    )


# -- 3: encode --------------------------------------------------------------------------------------------------------


def encode_says(about: Example) -> str:
    """See `lesson.Step`."""
    chosen = about.model.hyperparameters
    done = [
        *([_("centred")] if chosen.centering else []),
        *(
            [_("with {presence:g} added for being there at all", presence=chosen.input_presence)]
            if chosen.input_presence
            else []
        ),
        *([_("divided by the root of their number")] if chosen.input_scaling else []),
    ] or [_("as they were given")]
    return _(
        "The known ratings, {done}, are weighed and summed to {units} numbers: the code. An unknown entry adds "
        "nothing, so it costs nothing. That code is all that the network keeps of the row.",
        done=_(", ").join(done),
        units=num_units(about),
    )


def encode_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    k, c, n = num_units(about), num_columns(about), len(about.row.columns)
    inner = about.model.hyperparameters.inner_units
    return [
        (rf"$\mathbf x \in \mathbb R^{{{c}}}$", _("the input, {count:,} entries not 0", count=n)),
        (
            rf"$\mathbf V \in \mathbb R^{{{k} \times {c}}}$",
            _("of its {columns:,} columns only {count:,} are read", columns=c, count=n),
        ),
        (
            rf"$\mathbf c \in \mathbb R^{{{k}}}$",
            _("the code, g is {name}", name=about.model.hyperparameters.encoder_activation),
        ),
        *([(rf"${k} \to {inner} \to {k}$", _("on its way out it passes an inner layer"))] if inner else []),
    ]


def encode(about: Example) -> None:
    """Draws the code as it grows entry by entry."""
    count = len(about.row.columns)
    read = st.slider(
        _("Known ratings read so far"),
        0,
        max(1, count),
        max(1, count // 4),
        key="learn_read",
        help=_("In an order drawn once; each adds its column of V."),
    )
    average = about.model.codes.mean(0)
    whole = about.row.code - average
    so_far = walkthrough.code_after(about.model, about.row, read) - average
    order = np.argsort(-np.abs(whole), kind="stable")[:64]
    table = pd.DataFrame(
        {"unit": order + 1, "place": np.arange(1, len(order) + 1), "so_far": so_far[order], "whole": whole[order]}
    )
    lengths = float(np.linalg.norm(whole) * np.linalg.norm(so_far))
    figures.draw(
        lesson_charts.code_bars(table),
        table,
        "learn_code",
        see=_(
            "Bars are the code after {read} of {count} ratings, orange ticks after all of them: they point the same "
            "way by {cosine:.2f} (cosine; 1 is the same direction).",
            read=read,
            count=count,
            cosine=float(whole @ so_far) / lengths if lengths else 0.0,
        )
        if read < count
        else _("All {count} ratings are read, and every bar has reached its orange tick.", count=count),
    )


# -- 4: decode --------------------------------------------------------------------------------------------------------


def decode_says(about: Example) -> str:
    """See `lesson.Step`."""
    return sentences(
        _(
            "The code goes out through a second matrix to as many entries as came in, **all** of them: that is what "
            "fills the holes."
        ),
        *(
            [_("The row's mean, {mean:.2f}, is added back.", mean=about.row.mean)]
            if about.model.hyperparameters.centering
            else []
        ),
        _("Held-out entries show how good the filling is."),
    )


def decode_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    k, c = num_units(about), num_columns(about)
    return [
        (rf"$\mathbf W \in \mathbb R^{{{c} \times {k}}}$", _("{count:,} weights", count=c * k)),
        (rf"$\mathbf b \in \mathbb R^{{{c}}}$", _("one bias for each of the {columns}", columns=columns_word(about))),
        (
            rf"$h(\mathbf r) \in \mathbb R^{{{c}}}$",
            _("f is {name}", name=about.model.hyperparameters.decoder_activation),
        ),
    ]


def decode(about: Example) -> None:
    """Draws given against reconstructed with some units of the code."""
    k = num_units(about)
    units = st.slider(
        _("Units of the code that speak"),
        0,
        k,
        k,
        key="learn_units",
        help=_("Those that change the reconstruction most come first; the others are held at their average."),
    )
    model, row = about.model, about.row
    back = model.scale.clip(walkthrough.decoded_with(model, row, units))
    columns, given = about.held
    table = pd.DataFrame(
        {
            "name": [about.column_name(place) for place in [*row.columns.tolist(), *columns.tolist()]],
            "given": [*row.ratings.tolist(), *given.tolist()],
            "back": [*back[row.columns].tolist(), *back[columns].tolist()],
            "part": [lesson_charts.KNOWN] * len(row.columns) + [lesson_charts.HELD_OUT] * len(columns),
        }
    )
    known = rmse(back[row.columns], row.ratings)
    see = _(
        "With {units} of {k} units the known ratings come back with an RMSE of {known:.3f}",
        units=units,
        k=k,
        known=known,
    )
    if len(columns):
        see += _(", the {count} held-out ones with {held:.3f}.", count=len(columns), held=rmse(back[columns], given))
    else:
        see += _("; none of this row was held out.")
    figures.draw(lesson_charts.given_and_back(table, model.scale), table, "learn_decode", see=see)
