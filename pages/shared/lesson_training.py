"""Steps 5 to 8 of the lesson, how it learns: what each says, its sizes in this data, its slider and picture."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core import walkthrough
from autorec_core.ratings import FloatArray
from pages.shared import figures, lesson_charts, plain, reader, rows, services
from pages.shared.lesson_rows import batch_rows, num_columns, num_rated, num_units, steps_an_epoch
from pages.shared.palette import TEST, TRAIN, VALID
from pages.shared.reader import Example
from pages.shared.words import _, ngettext, sentences

STEMS = 48
"""Entries in the picture of the gradient."""


# -- 5: masked loss ---------------------------------------------------------------------------------------------------


def loss_says(about: Example) -> str:
    """See `lesson.Step`."""
    return _(
        "The error is summed over the known entries and nowhere else. Were the unknown ones counted as 0, the loss "
        "would be smallest for a network that writes nearly 0 everywhere."
    )


def loss_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    loss = float(((about.row.reconstruction[about.row.columns] - about.row.ratings) ** 2).sum())
    return [
        ("$L$", _("{loss:.2f} for this row, over {count} terms", loss=loss, count=len(about.row.columns))),
        (r"$1 - m_j$", _("{count:,} entries are in no term", count=num_columns(about) - len(about.row.columns))),
    ]


def loss(about: Example) -> None:
    """Draws both losses over a shift of the reconstruction."""
    scale = about.model.scale
    high = max(abs(scale.low), abs(scale.high))
    step = 0.1 if high <= 10 else high / 100
    shift = st.slider(
        _("Move the whole reconstruction by"),
        -float(high),
        float(high) / 2,
        0.0,
        step,
        key="learn_shift",
        help=_("In rating units; 0 is what the network gives back."),
    )
    shifts = np.round(np.arange(-high, high / 2 + step / 2, step), 2)
    masked, everywhere = walkthrough.shifted_losses(about.row, shifts)
    # 0.0 is added so that none is -0.0.
    best = {"masked": shifts[np.argmin(masked)] + 0.0, "everywhere": shifts[np.argmin(everywhere)] + 0.0}
    names = (_("known entries alone"), _("all, unknown as 0"))
    table = pd.DataFrame(
        {
            "x": np.tile(shifts, 2),
            "y": np.concatenate([masked, everywhere]),
            "what": np.repeat(np.array(names), len(shifts)),
        }
    )
    figures.draw(
        lesson_charts.curves(
            table, _("shift in rating units"), _("mean squared error"), {names[0]: TEST, names[1]: VALID}, shift
        ),
        table,
        "learn_loss",
        see=_(
            "Over known entries the loss is smallest at a shift of {masked:+.1f}, that is where the network is; with "
            "unknown ones as 0 it asks for {everywhere:+.1f}, all the way down.",
            **best,
        )
        if not best["masked"]
        else _(
            "Over known entries the loss is smallest at a shift of {masked:+.1f}: the network, at 0, was not made for "
            "this row alone. With unknown ones as 0 it asks for {everywhere:+.1f}, all the way down.",
            **best,
        ),
    )


# -- 6: gradient ------------------------------------------------------------------------------------------------------


def gradient_says(about: Example) -> str:
    """See `lesson.Step`."""
    return _(
        "Where the mask is 0 the derivative is 0: an unknown entry pulls at nothing. So a step needs the known entries "
        "alone, {count:,} products of length {k} in place of {all:,}. That is why this trains in seconds.",
        count=len(about.row.columns),
        k=num_units(about),
        all=num_columns(about),
    )


def gradient_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    n, k, c = len(about.row.columns), num_units(about), num_columns(about)
    return [
        (r"$\partial L/\partial h$", _("{count:,} numbers that are not 0", count=n)),
        (
            r"$\partial L/\partial \mathbf W$",
            _("{rows:,} of its {all:,} rows of {k} move", rows=n, all=c, k=k),
        ),
    ]


def gradient(about: Example) -> None:
    """Draws the gradient at some entries; the example's own answers to its rating."""
    model, row, scale = about.model, about.row, about.model.scale
    rating = st.slider(
        _(
            "Say the example had rated {movie}",
            movie=plain.escaped(rows.movie_name(services.catalogue_of(about.run.id), about.own_item)),
        ),
        float(scale.low),
        float(scale.high),
        float(about.own_rating),
        float(scale.step if scale.span / scale.step <= 100 else scale.span / 20),
        key=f"learn_rating_{about.own_item}",
        help=_("Only this entry's error changes."),
    )
    own_back = _own_prediction(about)
    generator = np.random.default_rng(5)
    is_known = np.asarray(row.is_known, dtype=bool).copy()
    if about.own_column is not None:
        is_known[about.own_column] = False
    known, unknown = np.flatnonzero(is_known), np.flatnonzero(~np.asarray(row.is_known, dtype=bool))
    known = generator.permutation(known)[: STEMS // 2]
    unknown = generator.permutation(unknown)[: STEMS - len(known)]
    ratings = np.zeros(num_columns(about))
    ratings[row.columns] = row.ratings
    columns = np.sort(np.concatenate([known, unknown]))
    errors = np.where(is_known[columns], 2 * (row.reconstruction[columns] - ratings[columns]), 0.0)
    table = pd.DataFrame(
        {
            "name": [about.column_name(column) for column in columns.tolist()],
            "gradient": errors,
            "kind": np.where(is_known[columns], lesson_charts.KNOWN, lesson_charts.UNKNOWN),
        }
    )
    own_gradient = 2 * (own_back - rating)
    own = pd.DataFrame(
        {"name": [reader.whose(model, about.reader)], "gradient": [own_gradient], "kind": [lesson_charts.OWN]}
    )
    middle = len(table) // 2
    table = pd.concat([table.iloc[:middle], own, table.iloc[middle:]], ignore_index=True)
    table.insert(0, "place", np.arange(1, len(table) + 1))
    figures.draw(
        lesson_charts.gradients(table),
        table,
        "learn_gradient",
        see=_(
            "The model says {back:.2f} where {rating:g} was given, so the pull there is {pull:+.2f}; the grey entries, "
            "unknown, pull by exactly 0.",
            back=own_back,
            rating=rating,
            pull=own_gradient,
        ),
    )


def _own_prediction(about: Example) -> float:
    """What the model says of the example's own entry: from the row, or by the fold-in where there is no column."""
    if about.own_column is not None:
        return float(about.row.reconstruction[about.own_column])
    met = services.recommender(about.run.id).fold_in(about.reader.items, about.reader.ratings)
    return float(met.raw[about.own_item])


# -- 7: mini-batch ----------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False, max_entries=4)
def _agreement(run_id: str) -> pd.DataFrame:
    learnt = reader.learnt_from(run_id)
    rated = int((learnt.counts > 0).sum())
    own = services.recommender(run_id).model.hyperparameters.batch_size
    sizes = [*sorted(size for size in {1, 4, 16, 64, 128, 256, 1024, 4096, own} if size < rated), rated]
    return pd.DataFrame(walkthrough.batch_agreement(learnt, sizes), columns=["size", "cosine"])


def batch_says(about: Example) -> str:
    """See `lesson.Step`."""
    rated, size = num_rated(about), batch_rows(about)
    told = (
        _(
            "All {rows:,} rows give one exact step; {size:,} rows give one that points nearly the same way, {steps} "
            "times as often.",
            rows=rated,
            size=size,
            steps=math.ceil(rated / size),
        )
        if size < rated
        else _(
            "All {rows:,} rows give one exact step, and so was this model trained; a few give one that points nearly "
            "the same way, many times as often.",
            rows=rated,
        )
    )
    chosen = about.model.hyperparameters
    if chosen.lean_on_averages:
        pictured = _(
            "The picture has real batches of this data, at the first step of a network that begins at each row's mean, "
            "all its weights 0. This model began at the averages of both sides, and its own first batches agreed less "
            "on what those leave to learn."
        )
    elif not chosen.centering:
        pictured = _(
            "The picture has real batches of this data, at the first step of a network that begins at each row's mean, "
            "all its weights 0; this model began without the means."
        )
    else:
        pictured = _("The picture has real batches of this data, at the first step, when all weights are still 0.")
    return sentences(told, pictured)


def batch_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    size = batch_rows(about)
    ratings = size * len(about.learnt.values) / max(1, num_rated(about))
    return [
        ("$B$", _("{size:,} rows, as this model was trained", size=size)),
        ("$N_B$", _("about {count:,.0f} ratings in a batch", count=ratings)),
        (_("steps"), _("{steps} in an epoch", steps=steps_an_epoch(about))),
    ]


def batch(about: Example) -> None:
    """Draws how well batches of several sizes agree with all rows."""
    table = _agreement(about.run.id)
    sizes = sorted(table["size"].unique().tolist())
    at_first = batch_rows(about)
    size = st.select_slider(
        _("Rows in a batch"),
        sizes,
        at_first,
        format_func=lambda value: f"{value:,}",
        key=f"learn_batch_{about.run.id}",
        help=_("Thirty batches were drawn of each size."),
    )
    some = table.loc[table["size"] == size, "cosine"]
    figures.draw(
        lesson_charts.agreement(table, int(size)),
        table,
        "learn_batch",
        see=_(
            "Each point is a batch: of {size:,} rows, its gradient agrees with that of all rows by {mean:.2f} on "
            "average (1 is the same direction), the worst of thirty by {low:.2f}.",
            size=size,
            mean=float(some.mean()),
            low=float(some.min()),
        ),
    )


# -- 8: regularisation ------------------------------------------------------------------------------------------------


def _column(about: Example) -> tuple[FloatArray, FloatArray, str]:
    """Codes and what is left over of the ratings in one column of the decoder, and whose column it is."""
    model = about.model
    if model.by_items:
        items = about.reader.items
        return model.codes[items], about.reader.ratings - model.item_means[items], reader.whose(model, about.reader)
    chosen = about.learnt.indices == about.own_item
    users = about.learnt.rows[chosen]
    means = walkthrough.means_of(model, about.learnt)[users]
    name = plain.escaped(rows.movie_name(services.catalogue_of(about.run.id), about.own_item))
    return model.codes[users], about.learnt.values[chosen].astype(np.float64) - means, name


STRENGTHS = np.logspace(-3, 4, 57)
"""lambda, as many as the picture has points."""


@st.cache_resource(show_spinner=False, max_entries=4)
def _ridges(run_id: str) -> tuple[int, int, FloatArray, FloatArray]:
    """How many columns were drawn, their ratings, and their RMSE fitted and left out over lambda."""
    columns = walkthrough.drawn_columns(services.recommender(run_id).model, reader.learnt_from(run_id))
    if not columns:
        return 0, 0, np.zeros(0), np.zeros(0)
    return (
        len(columns),
        sum(len(targets) for _, targets in columns),
        *walkthrough.ridge_path_of_many(columns, STRENGTHS),
    )


def _written(strength: float) -> str:
    """Lambda to three digits, without an exponent."""
    return f"{strength:,.0f}" if strength >= 100 else f"{strength:.3g}"


def regularisation_says(about: Example) -> str:
    """See `lesson.Step`."""
    codes, _targets, name = _column(about)
    return _(
        "One column of the decoder belongs to **{name}**: {k} weights, and {count} ratings to learn them from. Without "
        "a penalty they are learnt by heart; with too much of it nothing is learnt. Held at the trained codes a column "
        "is a ridge regression, so what it would say of each rating without having seen it is known exactly. One "
        "column alone is decided by chance; the picture has many together.",
        name=name,
        k=num_units(about),
        count=len(codes),
    )


def regularisation_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    chosen, count = about.model.hyperparameters, len(about.learnt.values)
    return [
        (r"$\lambda$", _("{value:g} for W in this model", value=chosen.regularization)),
        (
            _("of V"),
            _("{value:g}, its share", value=chosen.regularization * chosen.encoder_regularization_factor),
        ),
        (
            r"$\lambda / N$",
            _("{value:.2g} for each of {count:,} ratings", value=chosen.regularization / count, count=count),
        ),
    ]


def regularisation(about: Example) -> None:
    """Draws fitted and left-out error over lambda, of many columns together."""
    number, count, fitted, left_out = _ridges(about.run.id)
    if not number:
        st.info(_("No column has as many ratings as it takes to leave one out."))
        return
    power = st.slider(
        _("λ, as a power of ten"), -3.0, 4.0, 1.0, 0.125, key="learn_lambda",
        help=_("The penalty of these columns; the codes stay as they were trained."),
    )  # fmt: skip
    names = (_("ratings it was fitted to"), _("each rating when left out"))
    table = pd.DataFrame(
        {
            "x": np.tile(STRENGTHS, 2),
            "y": np.concatenate([fitted, left_out]),
            "what": np.repeat(np.array(names), len(STRENGTHS)),
        }
    )
    place, best = int(np.argmin(np.abs(np.log10(STRENGTHS) - power))), int(np.argmin(left_out))
    figures.draw(
        lesson_charts.curves(
            table,
            "λ",
            _("RMSE in rating units"),
            {names[0]: TRAIN, names[1]: VALID},
            float(STRENGTHS[place]),
            is_log=True,
        ),
        table,
        "learn_lambda",
        see=_(
            "At λ = {value}, {columns} columns fit their {count:,} ratings to {fitted:.3f} and foresee each from "
            "the others to {left_out:.3f}; they foresee best at {best}, with {lowest:.3f}. Less is learnt by "
            "heart, more is forgotten.",
            value=_written(float(STRENGTHS[place])),
            columns=number,
            count=count,
            fitted=fitted[place],
            left_out=left_out[place],
            best=_written(float(STRENGTHS[best])),
            lowest=left_out[best],
        ),
    )
    codes, targets, name = _column(about)
    if len(targets) >= 3:
        own = walkthrough.ridge_path(codes, targets, STRENGTHS)[1]
        st.caption(
            ngettext(
                "Of {name} alone, by {count} rating: {left_out:.3f} here and at best {lowest:.3f}, at λ = {best}. The "
                "fewer the ratings, the more of that is luck.",
                "Of {name} alone, by {count} ratings: {left_out:.3f} here and at best {lowest:.3f}, at λ = {best}. The "
                "fewer the ratings, the more of that is luck.",
                len(targets),
                name=name,
                left_out=own[place],
                best=_written(float(STRENGTHS[np.argmin(own)])),
                lowest=own.min(),
            )
        )
    st.caption(
        _(
            "The codes themselves were learnt with these ratings among others, so the left-out error is a little too "
            "good; that is why λ is chosen on validation ratings, by training anew, and not here."
        )
    )
