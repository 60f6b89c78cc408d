"""Steps 9 to 11 of the lesson, how it is used: what each says, its sizes in this data, its slider and picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core import ordering, walkthrough
from autorec_core.ratings import FloatArray, IntArray
from pages.shared import figures, lesson_charts, plain, rows, services
from pages.shared.lesson_rows import num_units
from pages.shared.palette import BASELINE, TEST, ink
from pages.shared.reader import Example
from pages.shared.words import _

NEW_MOVIES = 10
"""Movies in the list of the last step."""
LEAST_RATINGS = 20
"""A movie in that list has at least so many training ratings."""


# -- 9: item or user --------------------------------------------------------------------------------------------------


def base_says(about: Example) -> str:
    """See `lesson.Step`."""
    model = about.model
    return _(
        "The same matrix can be read by columns or by rows. I-AutoRec reads movies: {items:,} vectors of length "
        "{users:,}. U-AutoRec reads users: {users:,} vectors of length {items:,}. What is read gets a code from its "
        "ratings alone; each position of the vector needs {k} trained weights going in and {k} coming out.",
        items=len(model.items),
        users=len(model.user_ids),
        k=num_units(about),
    )


def base_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    k, items, users = num_units(about), len(about.model.items), len(about.model.user_ids)
    return [
        (
            "I-AutoRec",
            _("{rows:,} examples, {weights:,} weights", rows=items, weights=2 * users * k),
        ),
        (
            "U-AutoRec",
            _("{rows:,} examples, {weights:,} weights", rows=users, weights=2 * items * k),
        ),
        (
            _("this model"),
            _("item-based") if about.model.by_items else _("user-based"),
        ),
    ]


def base(about: Example) -> None:
    """Draws how many vectors have at least so many known entries, by either reading."""
    limits = np.unique(np.round(np.logspace(0, 3, 61)).astype(int))
    least = st.slider(
        _("Known entries that a vector should have"), 1, 300, 20, key="learn_least",
        help=_("A vector with few says little of what it is a vector of."),
    )  # fmt: skip
    limits = np.unique(np.append(limits, least))
    names = (_("movies"), _("users"))
    shares = [
        [float((counts >= limit).mean()) for limit in limits]
        for counts in (about.model.item_counts, about.model.user_counts)
    ]
    table = pd.DataFrame(
        {"x": np.tile(limits, 2), "y": np.concatenate(shares), "what": np.repeat(np.array(names), len(limits))}
    )
    at = int(np.flatnonzero(limits == least)[0])
    figures.draw(
        lesson_charts.curves(
            table,
            _("known entries, at least"),
            _("share of the vectors"),
            {names[0]: TEST, names[1]: BASELINE},
            least,
            is_log=True,
        ),
        table,
        "learn_base",
        see=_(
            "{items:.0%} of the movies and {users:.0%} of the users have at least {least} known entries: many "
            "movies have nearly empty vectors, and there are far more of them.",
            items=shares[0][at],
            users=shares[1][at],
            least=least,
        ),
    )


# -- 10: fold-in ------------------------------------------------------------------------------------------------------


def _order(about: Example) -> tuple[IntArray, FloatArray]:
    """The reader's ratings in an order drawn once, the example's movie last: that one is kept back."""
    items, ratings = about.reader.items, about.reader.ratings
    order = np.random.default_rng(8).permutation(len(items))
    order = np.concatenate([order[items[order] != about.own_item], order[items[order] == about.own_item]])
    return items[order], ratings[order]


def fold_in_says(about: Example) -> str:
    """See `lesson.Step`."""
    if about.model.by_items:
        return _(
            "A visitor was not there when this was trained, so no column of the decoder is theirs. They are taken for "
            "one more draw from the population of users, and their ratings say which: one solve as large as the number "
            "of those, and nothing is retrained. With the prediction comes how sure it is."
        )
    return _(
        "For a user-based model a visitor is simply one more row: it goes through the network once, and nothing is "
        "retrained. How sure it is was measured on validation, by the number of known ratings."
    )


def fold_in_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    n, k, items = len(about.reader.items), num_units(about), len(about.model.items)
    if not about.model.by_items:
        return [
            (rf"$\mathbf x_{{you}} \in \mathbb R^{{{items}}}$", _("{count} entries known", count=n)),
            (r"$\hat{\mathbf r}$", _("{count:,} predictions from one pass", count=items)),
        ]
    noise = about.model.noise_variances[about.reader.items]
    low, high = float(noise.min()), float(noise.max())
    return [
        (rf"$\mathbf C \in \mathbb R^{{{items} \times {k + 1}}}$", _("codes of all movies, and a 1 for the bias")),
        (rf"$\mathbf S \in \mathbb R^{{{k + 1} \times {k + 1}}}$", _("how users differ")),
        (r"$R$", _("the {count} rated movies: a solve of {count} x {count}", count=n)),
        (
            r"$\mathbf D_R$",
            _("diagonal, the noise of a rating of each movie: {low:.3f} to {high:.3f}", low=low, high=high),
        ),
    ]


def fold_in(about: Example) -> None:
    """Draws a prediction that is made while ratings become known."""
    items, ratings = _order(about)
    found = walkthrough.meeting(services.recommender(about.run.id), items, ratings)
    table = pd.DataFrame([vars(one) for one in found])
    most = len(found) - 1
    known = (
        st.slider(
            _("Ratings known"), 0, most, min(most, 10), key=f"learn_known_{most}",
            help=_("In an order drawn once; the rating that is predicted is kept back."),
        )
        if most
        else 0
    )  # fmt: skip
    one = found[known]
    figures.draw(
        lesson_charts.meeting(table, float(ratings[-1]), known, about.model.scale),
        table,
        "learn_fold_in",
        see=_(
            "Knowing {known} ratings it expects {predicted:.2f} for {movie}, with 80 % between {low:.2f} and "
            "{high:.2f}; the dashed line is what was given, {given:g}, and is never told.",
            known=known,
            predicted=one.predicted,
            movie=plain.escaped(rows.movie_name(services.catalogue_of(about.run.id), int(items[-1]))),
            low=one.low,
            high=one.high,
            given=float(ratings[-1]),
        ),
    )
    if not about.reader.is_visitor:
        st.caption(
            _(
                "Who stands in was in the training data, this rating perhaps too, so this shows the way of it and not "
                "how good it is: Reconstruction and the README have that, on people held out whole."
            )
        )


# -- 11: ranking ------------------------------------------------------------------------------------------------------


def ranking_says(about: Example) -> str:
    """See `lesson.Step`."""
    return _(
        "A list is all unrated movies, best first. Best by what? The prediction alone puts movies first of which "
        "little is known. The slider ranks by the prediction plus or minus how unsure it is: the lower bound is safe, "
        "the upper one adventurous."
    )


def ranking_shapes(about: Example) -> list[tuple[str, str]]:
    """See `lesson.Step`."""
    left = int((about.model.item_counts >= LEAST_RATINGS).sum())
    return [
        (r"$\hat r_i$", _("one for each of {count:,} movies", count=len(about.model.items))),
        (
            _("ranked here"),
            _("{count:,}, those with {least} training ratings or more", count=left, least=LEAST_RATINGS),
        ),
        (r"$a$", _("{most:g} deviations at either end of the slider", most=ordering.DEVIATIONS)),
    ]


def ranking(about: Example) -> None:
    """Draws the list as caution or adventure orders it."""
    adventure = st.slider(
        _("From safe to adventurous"), -1.0, 1.0, 0.0, 0.1, key="learn_adventure",
        help=_("0 ranks by the prediction alone."),
    )  # fmt: skip
    using = services.recommender(about.run.id)
    met = using.fold_in(about.reader.items, about.reader.ratings)
    allowed = about.model.item_counts >= LEAST_RATINGS
    unmoved = ordering.ordered(using, met, allowed, ordering.Wishes(), NEW_MOVIES)
    items = ordering.ordered(using, met, allowed, ordering.Wishes(adventure=adventure), NEW_MOVIES)
    if not len(items):
        st.info(_("No movie has {least} training ratings, so there is nothing to rank here.", least=LEAST_RATINGS))
        return
    low, high = met.interval(targets=items)
    catalogue = services.catalogue_of(about.run.id)
    names = [f"{place}. {rows.movie_name(catalogue, item)}" for place, item in enumerate(items.tolist(), start=1)]
    table = pd.DataFrame(
        {
            "movie": names,
            "predicted": met.predicted_ratings[items],
            "low": low,
            "high": high,
            "score": met.raw[items] + adventure * ordering.DEVIATIONS * ordering.uncertainty(about.model, met, items),
        }
    )
    new = len(set(items.tolist()) - set(unmoved.tolist()))
    figures.draw(
        lesson_charts.ranked(table, about.model.scale, ink(st.context.theme.type)),
        table,
        "learn_ranking",
        see=_(
            "The orange tick is what a movie is ranked by, the dot its prediction, the bar 80 %; {new} of these ten "
            "would not be here by the prediction alone.",
            new=new,
        ),
    )
