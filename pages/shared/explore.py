"""What a set is made of, drawn: its numbers, its matrix, and panels that all follow a choice of movies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core import datasets
from autorec_core import overview as overviews
from autorec_core.errors import AutoRecError
from autorec_core.splits import random_split
from autorec_core.statistics import NO_DECADE, Choice, Statistics, Summary, held_by_most
from pages.shared import explore_charts as charts
from pages.shared import figures, frame, overview, palette, sets, state, words
from pages.shared.genres import decade_name, genre_name
from pages.shared.words import _, ngettext, sentences

LARGEST_SPLIT = 5_000_000
"""Ratings; the split of a larger set is not drawn, as to draw it takes seconds."""
LEAST_FOR_A_MEAN = 500
"""Ratings of a decade whose mean is named."""
_ROWS, _COLUMNS = 40, 100
"""Tiles of the matrix in the file to download."""


@st.cache_resource(show_spinner=False, max_entries=3)
def _statistics(name: str, owner: str) -> Statistics:
    """Of a set; `owner` keeps visitors' own sets apart."""
    return Statistics(sets.source(name).load()[0])


def statistics(name: str) -> Statistics:
    """The figures of a set, read once.

    Raises:
        AutoRecError: it can't be read.
    """
    with st.spinner(_("Reading the ratings …")):
        return _statistics(name, state.owner() if name.startswith(sets.OWN) else "")


@st.cache_resource(show_spinner=False, max_entries=64)
def _summary(name: str, owner: str, choice: Choice) -> Summary:
    return _statistics(name, owner).of(choice)


@st.cache_resource(show_spinner=False, max_entries=4)
def _parts(name: str, owner: str, seed: int) -> np.ndarray:
    ratings = _statistics(name, owner).ratings
    return overviews.parts_of(ratings, random_split(ratings, seed=seed))


@st.cache_resource(show_spinner=False, max_entries=12)
def _picture(
    name: str, owner: str, choice: Choice, order: str, seed: int | None, language: str
) -> tuple[bytes, overviews.Overview]:
    ratings = _statistics(name, owner).ratings
    parts = None if seed is None else _parts(name, owner, seed)
    seen = overviews.overview(ratings, order=order, chosen=choice.of(ratings.items), parts=parts)
    return overview.packed(f"{name} {choice} {order}", ratings, seen), seen


def set_control() -> str:
    """Draws the choice of a set; returns its name."""
    options = [name for name in sets.options() if sets.is_ready(name)]
    state.put_among("explore_set", options, datasets.BUNDLED)  # an own set may have been deleted since
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    name = left.selectbox(
        _("Data set"),
        options,
        format_func=sets.label,
        key="explore_set",
        on_change=forget_choice,
        help=_("What is on this machine, and your own sets."),
        persist_state="session",
    )
    with right:
        if st.button(_("Get more data"), key="go_datasets", icon=":material/download:"):
            st.switch_page(frame.page_path("datasets"))
    return name or datasets.BUNDLED


def forget_choice() -> None:
    """Takes all movies again."""
    for key in ("explore_genre", "explore_decade"):
        state.put(
            key, None
        )  # a key that is only dropped leaves the browser's own choice, which comes back with its next word


def choice_controls(known: Statistics) -> Choice:
    """Draws the choice of a genre and a decade; all panels follow it."""
    for key, there in (("explore_genre", known.genres), ("explore_decade", known.decades)):
        if state.get(key) not in (None, *there):
            state.put(key, None)
    genre_column, decade_column, button_column = st.columns([3, 3, 2], vertical_alignment="bottom")
    genre = genre_column.selectbox(
        _("Genre"),
        known.genres,
        index=None,
        format_func=genre_name,
        placeholder=_("All genres"),
        key="explore_genre",
        help=_("Only movies of this genre. A click on a bar below chooses it, too."),
        persist_state="session",
    )
    decade = decade_column.selectbox(
        _("Decade"),
        known.decades,
        index=None,
        format_func=decade_name,
        placeholder=_("All decades"),
        key="explore_decade",
        help=_("Only movies of these years. A click on a bar below chooses it, too."),
        persist_state="session",
    )
    button_column.button(
        _("All movies"),
        key="explore_all",
        on_click=forget_choice,
        disabled=genre is None and decade is None,
        help=_("Takes the choice back."),
    )
    return Choice(genre=genre, decade=decade)


def about(name: str) -> None:
    """Says where a set is from and under which terms."""
    if name.startswith(sets.OWN):
        st.caption(_("Yours alone: no other visitor sees it."))
        return
    known = datasets.find(name)
    st.caption(
        _(
            "[{title}]({source}), from GroupLens. {licence}",
            title=known.title,
            source=known.source,
            licence=_(known.licence),
        )
    )


def numbers(summary: Summary, whole: Summary) -> None:
    """Draws the figures of a choice."""
    figures = [
        (_("Ratings"), f"{summary.num_ratings:,}"),
        (_("Users"), f"{summary.num_users:,}"),
        (_("Movies"), f"{summary.num_items:,}"),
        (_("Known"), f"{100 * summary.density:.2f} %"),
        (_("Mean rating"), f"{summary.mean:.3f}"),
        (_("Deviation"), f"{summary.deviation:.3f}"),
    ]
    with st.container(horizontal=True, gap="large"):
        for label, value in figures:
            st.metric(label, value, width="content")
    if summary.num_ratings == whole.num_ratings:
        st.caption(_("All ratings of the set."))
    else:
        share = 100 * summary.num_ratings / whole.num_ratings
        st.caption(_("{share:.1f} % of the set's {count:,} ratings.", share=share, count=whole.num_ratings))


def draw(name: str) -> None:
    """Draws a set: controls, numbers, the matrix, and all panels."""
    known = statistics(name)
    owner = state.owner() if name.startswith(sets.OWN) else ""
    about(name)
    choice = choice_controls(known)
    summary, whole = _summary(name, owner, choice), _summary(name, owner, Choice())
    if not summary.num_ratings:
        st.info(_("No rated movie is of this genre and this decade. Take one of the two away, or choose another."))
        return
    numbers(summary, whole)
    _matrix(name, owner, choice, known)
    pairs: tuple[tuple[Callable[[], None], Callable[[], None]], ...] = (
        (lambda: _ratings(summary, known), lambda: _tail(summary)),
        (lambda: _each(summary, "users"), lambda: _each(summary, "movies")),
        (lambda: _genres(summary, choice), lambda: _decades(summary, choice)),
    )
    for one, other in pairs:
        left, right = st.columns(2, gap="large", vertical_alignment="top" if one is pairs[-1][0] else "bottom")
        with left:
            one()
        with right:
            other()
    _times(summary)


def _panel(title: str, sentence: str, file: str, table: Callable[[], pd.DataFrame]) -> None:
    """The head of a panel: what it is, what to see in it, and its numbers to take home."""
    head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    head.subheader(title, anchor=False, width="content")
    head.download_button(
        _("CSV"),
        lambda: charts.as_csv(table()),
        file_name=f"{file}.csv",
        mime="text/csv",
        key=f"explore_{file}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help=_("{title}: the numbers of this picture.", title=title),
    )
    st.markdown(sentence)


def _matrix(name: str, owner: str, choice: Choice, known: Statistics) -> None:
    ratings = known.ratings
    has_split = ratings.num_ratings <= LARGEST_SPLIT
    order = str(state.get("explore_order") or "activity")
    seed = int(state.get("explore_seed") or 0) if has_split else None
    try:
        payload, seen = _picture(name, owner, choice, order, seed, words.language())
    except AutoRecError:  # too few ratings to split
        has_split, seed = False, None
        payload, seen = _picture(name, owner, choice, order, None, words.language())
    cells = len(seen.users) * len(seen.items)
    sentence = _(
        "Of {cells:,} cells, {share:.2f} % are known; a model writes the others. Come nearer, until each cell is a "
        "rating.",
        cells=cells,
        share=100 * len(seen.columns) / max(1, cells),
    )
    if has_split:
        sentence = sentences(
            sentence,
            _("There the split shows: validation and test ratings are outlined, all others are trained on."),
        )
    if seen.every > 1:
        sentence = sentences(
            sentence, _("One user in {every} is drawn, so that a browser can hold it.", every=seen.every)
        )
    if not has_split:
        sentence = sentences(sentence, _("The split of so many, or so few, ratings is not drawn."))

    def tiles() -> pd.DataFrame:
        rows, columns = min(_ROWS, len(seen.users)), min(_COLUMNS, len(seen.items))
        counts = seen.density(rows, columns)
        row_edges, column_edges = overviews.edges(len(seen.users), rows), overviews.edges(len(seen.items), columns)
        at_row, at_column = (places.ravel() for places in np.indices(counts.shape))
        known_cells = counts.ravel()
        of = (row_edges[at_row + 1] - row_edges[at_row]) * (column_edges[at_column + 1] - column_edges[at_column])
        return pd.DataFrame(
            {
                "first user": row_edges[at_row] + 1,
                "last user": row_edges[at_row + 1],
                "first movie": column_edges[at_column] + 1,
                "last movie": column_edges[at_column + 1],
                "ratings": known_cells,
                "cells": of,
            }
        )

    _panel(_("The matrix"), sentence, "matrix", tiles)
    order_column, seed_column = st.columns([3, 1], vertical_alignment="bottom")
    order_column.segmented_control(
        _("Order of rows and columns"),
        list(overviews.ORDERS),
        format_func=lambda key: {
            "activity": _("Most rated"),
            "time": _("By year"),
            "id": _("By id"),
        }[key],
        default="activity",
        required=True,
        key="explore_order",
        help=_(
            "Movies run to the right, users down: those with most ratings first, or by their ids, or movies by their "
            "year and users by their first rating."
        ),
    )
    seed_column.number_input(
        _("Seed of the split"),
        min_value=0,
        max_value=1_000_000,
        value=0,
        key="explore_seed",
        disabled=not has_split,
        help=_("Which ratings train, validate and test, as the Train page draws them; marked when cells are large."),
    )
    overview.draw(payload)


def _ratings(summary: Summary, known: Statistics) -> None:
    table = charts.histogram_table(summary)
    top = table.iloc[int(np.argmax(summary.by_level))]
    sentence = _(
        "Most often given is {rating:g}, {share:.0f} % of all.", rating=top["rating"], share=100 * top["share"]
    )
    if summary.mean > (known.ratings.scale.low + known.ratings.scale.high) / 2:
        sentence = sentences(sentence, _("People rate what they chose to watch."))
    if known.is_stepped:
        sentence = sentences(sentence, _("The scale is finer than the bars; each holds a step of it."))
    _panel(_("How high"), sentence, "ratings", lambda: table)
    figures.show(charts.histogram(table), key="explore_histogram_chart", alt=sentence)


def _tail(summary: Summary) -> None:
    half = held_by_most(summary.by_item)
    sentence = ngettext(
        "One movie of {all:,} has half of all ratings; where the line falls, the long tail begins.",
        "{count:,} movies of {all:,} have half of all ratings; where the line falls, the long tail begins.",
        half,
        all=summary.num_items,
    )
    table = charts.tail_table(summary)
    _panel(_("The long tail"), sentence, "long_tail", lambda: table)
    figures.show(charts.long_tail(table), key="explore_tail_chart", alt=sentence)


def _each(summary: Summary, of: str) -> None:
    counts = summary.by_user if of == "users" else summary.by_item
    table, middle, fewest = charts.each_table(counts, of), float(np.median(counts)), int(counts[-1])
    if of == "users":
        title = _("Ratings per user")
        sentence = _(
            "Half of the users gave {middle:,.0f} ratings or fewer; the fewest are {fewest:,}.",
            middle=middle,
            fewest=fewest,
        )
    else:
        once = int((counts == 1).sum())
        title = _("Ratings per movie")
        sentence = _(
            "Half of the movies have {middle:,.0f} or fewer, and {once:,} have a single one: little to learn from.",
            middle=middle,
            once=once,
        )
    _panel(title, sentence, f"ratings_per_{of[:-1]}", lambda: table)
    figures.show(charts.ratings_of_each(table, of), key=f"explore_{of}_chart", alt=sentence)


def _genres(summary: Summary, choice: Choice) -> None:
    table = charts.groups_table(summary.by_genre, "genre")
    table = table[table["ratings"] > 0]
    sentence = _("A movie counts in each of its genres. Click a bar, and all panels show that genre alone.")
    _panel(_("By genre"), sentence, "genres", lambda: table)
    chosen = None if choice.genre is None else genre_name(choice.genre)
    _clickable(table, "genre", chosen, summary.by_genre.names, see=sentence, by_size=True)


def _decades(summary: Summary, choice: Choice) -> None:
    table = charts.groups_table(summary.by_decade, "decade")
    table = table[table["ratings"] > 0]
    sentence = of_decades(table)
    _panel(_("By decade of the movie"), sentence, "decades", lambda: table)
    chosen = None if choice.decade is None else decade_name(choice.decade)
    _clickable(table, "decade", chosen, summary.by_decade.names, see=sentence, by_size=False)


def of_decades(table: pd.DataFrame) -> str:
    """Which decade is liked best, as far as years are known, and what a click does.

    Args:
        table: a row a decade: its name, ratings and mean rating.
    """
    often = table[(table["ratings"] >= LEAST_FOR_A_MEAN) & (table["decade"] != decade_name(NO_DECADE))]
    if not len(often):
        return _("Click a bar to choose a decade.")
    best = often.iloc[int(np.argmax(often["mean rating"]))]
    return _(
        "Of decades with {least:,} ratings or more, the {decade} have the highest mean, {mean:.2f}. Click a bar to "
        "choose a decade.",
        decade=best["decade"],
        mean=best["mean rating"],
        least=LEAST_FOR_A_MEAN,
    )


def _clickable(
    table: pd.DataFrame, of: str, chosen: str | None, names: tuple[object, ...], *, see: str, by_size: bool
) -> None:
    named = {(genre_name if of == "genre" else decade_name)(name): name for name in names}  # type: ignore[operator]
    # The key follows the choice: a picture keeps what was clicked in it, and would choose that again.
    key = f"explore_{of}_chart_{chosen}"
    figures.show(
        charts.groups(table, of, chosen, palette.ink(st.context.theme.type), by_size=by_size),
        key=key,
        alt=see,
        on_select=_take_click(key, of, chosen, named),
        selection_mode="pick",
    )


def _take_click(key: str, of: str, chosen: str | None, named: dict[str, object]) -> Callable[[], None]:
    def take() -> None:
        clicked = state.get(key)
        points = clicked["selection"].get("pick", []) if clicked else []
        name = points[0].get(of) if points else None
        if name in named:
            state.put(f"explore_{of}", None if name == chosen else named[name])

    return take


def _times(summary: Summary) -> None:
    if summary.times is None:
        st.subheader(_("Over time"), anchor=False)
        st.info(
            _("This set does not say when its ratings were given. A column timestamp, in seconds since 1970, would.")
        )
        return
    table = charts.times_table(summary.times)
    most = table.iloc[int(np.argmax(summary.times.num_ratings))]
    when = most["begins"].strftime(_("%B %Y") if summary.times.unit == "month" else _("%d %B %Y"))
    sentence = _(
        "Most came in {when}: {count:,}. They come in bursts, as people join: the newest are of other people than the "
        "oldest.",
        when=when,
        count=int(most["ratings"]),
    )
    _panel(_("Over time"), sentence, "over_time", lambda: table)
    figures.show(charts.over_time(table, summary.times.unit), key="explore_times_chart", alt=sentence)
