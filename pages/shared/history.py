"""Bringing a history in: the file, what was found in it, what is to be chosen, and the way out again.

The file is read in this session alone and not kept; what is stored are the ratings that the visitor agreed to.
"""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from autorec_core import datasets, exports
from autorec_core.errors import AutoRecError
from autorec_core.imports import History, HistoryEntry, read_history
from autorec_core.matching import Ambiguous, MatchReport
from pages.shared import frame, plain, services, state

MOST_ASKED = 40
"""The most choices that are shown; a longer list would be left anyway."""
MOST_LISTED = 1000
"""The most rows of a table."""
NONE_OF_THESE = -1
ADD, REPLACE = "Add to my ratings", "Replace my ratings"

_HOW = """
| site | where |
|---|---|
| Letterboxd | Settings, Data, *Export your data*: a zip; give it whole |
| IMDb | Your ratings, *Export*: `ratings.csv` |
| MovieLens | Your profile, *Import / export*, ratings: `movielens-ratings.csv` |
| TMDB | Settings, *Data export*, ratings |
| Trakt | Settings, Data, *Export*: a zip, or `ratings-movies.json` |
"""


def how_to_export() -> None:
    """Where each site keeps its export."""
    with st.expander("Where do I get the file?"):
        st.markdown(_HOW)


def uploader() -> None:
    """The file; it is read as soon as it is there."""
    st.file_uploader(
        "Your export",
        type=["csv", "zip", "json", "txt"],
        key=_upload_key(),
        on_change=_take_file,
        help="CSV, JSON or zip, at most 20 MB. It is read and not kept.",
    )


def _upload_key() -> str:
    return f"history_upload_{state.live('history_uploads', 0)}"


def _take_file() -> None:
    upload = state.get(_upload_key())
    for key in ("history", "history_error"):
        state.forget_live(key)
    _forget_choices()
    if upload is None:
        return
    state.forget_live("history_done")
    try:
        state.set_live("history", read_history(upload.name, upload.getvalue()))
    except AutoRecError as error:
        state.set_live("history_error", str(error))


def told_error() -> None:
    """Why a file can't be used, in a sentence."""
    error = state.live("history_error", None)
    if error:
        st.error(plain.lines(error))


def current_report() -> MatchReport | None:
    """What the file means in the current catalogue; None where there is no file."""
    read: History | None = state.live("history", None)
    if read is None:
        return None
    run = services.current_run()
    index = services.title_index(None if run is None else run.id, services.catalogue_name())
    return index.report(read, services.current_scale())


# -- what was found ---------------------------------------------------------------------------------------------------


def summary(report: MatchReport) -> None:
    """The numbers, and how the ratings are mapped."""
    read = report.history
    with st.container(horizontal=True, gap="large"):
        for label, number in (
            ("Found", len(report.matched)),
            ("Please choose", len(report.ambiguous)),
            ("Not in this catalogue", len(report.missing)),
        ):
            st.metric(label, f"{number:,}", width="content")
    examples = sorted({read.scale.high, round(0.7 * read.scale.high * 2) / 2}, reverse=True)
    mapped = ", ".join(f"{rating:g} becomes {report.mapped(rating):g}" for rating in examples)
    same = read.scale.high == report.scale.high
    text = f"From **{read.site}**, {len(read.entries):,} rated movies. "
    text += (
        f"Both scales go up to {report.scale.high:g}: ratings stay as they are."
        if same
        else f"{read.site} rates from {read.scale}, here it is {report.scale}: {mapped}."
    )
    if report.repeated:
        ratings = "rating of a movie" if len(report.repeated) == 1 else "ratings of movies"
        text += f" {len(report.repeated):,} earlier {ratings} rated again later stay out."
    if read.skipped:
        rows = "row is" if len(read.skipped) == 1 else "rows are"
        text += f" {len(read.skipped):,} {rows} no rating of a movie; see below."
    st.markdown(text)


def choices(report: MatchReport) -> None:
    """One control for each title that the catalogue has more than once, or only nearly."""
    if not report.ambiguous:
        return
    with st.container(border=True):
        st.markdown("**Which movie is it?** These titles fit more than one movie, or one only nearly.")
        names = _names()
        for one in report.ambiguous[:MOST_ASKED]:
            entry = one.entry
            options = [*one.choices, NONE_OF_THESE]
            st.selectbox(
                f"{plain.escaped(_called(entry))}, rated {entry.rating:g}",
                options,
                index=0 if len(one.choices) == 1 else len(options) - 1,
                format_func=lambda index: names.get(index) or _name(index, names),
                key=_choice_key(one),
                width=560,
                help="The likeliest first. None of these leaves the rating out.",
            )
        left = len(report.ambiguous) - MOST_ASKED
        if left > 0:
            st.caption(f"{left:,} more such titles are left out.")


def _names() -> dict[int, str]:
    return {NONE_OF_THESE: "None of these"}


def _name(index: int, names: dict[int, str]) -> str:
    catalogue = services.current_catalogue()
    year = int(catalogue.items.years[index])
    people = int(catalogue.counts[index])
    names[index] = (
        f"{catalogue.items.titles[index]}{f' ({year})' if year else ''}, "
        f"{people:,} {'rating' if people == 1 else 'ratings'}"
    )
    return names[index]


def _called(entry: HistoryEntry) -> str:
    return f"{entry.title or 'A movie without a title'}{f' ({entry.year})' if entry.year else ''}"


def _choice_key(one: Ambiguous) -> str:
    return f"history_choice_{one.entry.row}"


def _forget_choices() -> None:
    for key in state.keys("history_choice_"):
        state.forget(key)


def tables(report: MatchReport) -> None:
    """What was found, what was not, and what was set aside, row by row."""
    catalogue = services.current_catalogue()
    titles, years = catalogue.display_titles, catalogue.items.years
    if report.matched:
        with st.expander(f"What was found ({len(report.matched):,})"):
            st.dataframe(
                [
                    {
                        "In your file": _called(one.entry),
                        "Rated": one.entry.rating,
                        "Here": f"{titles[one.item_index]} ({years[one.item_index]})",
                        "Becomes": one.rating,
                        "Found by": one.how,
                    }
                    for one in report.matched[:MOST_LISTED]
                ],
                hide_index=True,
                height=300,
            )
    if report.missing:
        with st.expander(f"What this catalogue does not have ({len(report.missing):,})"):
            st.dataframe(
                [{"Row": one.row, "In your file": _called(one)} for one in report.missing[:MOST_LISTED]],
                hide_index=True,
                height=300,
            )
    skipped = report.history.skipped
    if skipped:
        with st.expander(f"Rows that were set aside ({len(skipped):,})"):
            st.dataframe(
                [{"Row": row.row, "Title": row.title, "Why": f"It {row.why}."} for row in skipped[:MOST_LISTED]],
                hide_index=True,
                height=300,
            )


# -- the decision -----------------------------------------------------------------------------------------------------


def _agreed(report: MatchReport) -> dict[str, tuple[float, float | None]]:
    """Item id -> rating and moment: what was found, and what the visitor chose."""
    ids = services.current_catalogue().items.ids
    agreed = {str(ids[one.item_index]): (one.rating, one.entry.rated_at) for one in report.matched}
    for one in report.ambiguous[:MOST_ASKED]:
        default = one.choices[0] if len(one.choices) == 1 else NONE_OF_THESE
        chosen = state.get(_choice_key(one), default)
        if chosen in one.choices:
            agreed[str(ids[chosen])] = (one.rating, one.entry.rated_at)
    return agreed


def decision(report: MatchReport) -> None:
    """Add or replace, what that does, and the button that does it."""
    agreed, own = _agreed(report), services.given().by_id
    how = st.segmented_control(
        "How to bring them in",
        [ADD, REPLACE],
        default=ADD,
        required=True,
        key="history_how",
        help="Added, your other ratings stay, and the file wins where both rate a movie. Replaced, your others go.",
    )
    new = sum(item_id not in own for item_id in agreed)
    changed = sum(item_id in own and own[item_id] != rating for item_id, (rating, _) in agreed.items())
    gone = sum(item_id not in agreed for item_id in own) if how == REPLACE else 0
    parts = [f"{new:,} new", f"{changed:,} changed", f"{len(agreed) - new - changed:,} as they are"]
    if how == REPLACE:
        parts.append(f"{gone:,} of yours go")
    st.caption(f"That is {', '.join(parts)}. Nothing has been stored yet.")
    st.button(
        f"Bring in {len(agreed):,} {'rating' if len(agreed) == 1 else 'ratings'}",
        type="primary",
        disabled=not agreed,
        on_click=_keep,
        key="history_keep",
    )


def _keep() -> None:
    report = current_report()
    if report is None:
        return
    agreed, how = _agreed(report), state.get("history_how", ADD)
    try:
        services.visitor_store().rate_many(
            state.visitor_id(), services.catalogue_name(), agreed, replace=how == REPLACE
        )
    except AutoRecError as error:
        state.set_live("history_error", str(error))
        return
    state.set_live("history_done", f"{len(agreed):,} {'rating is' if len(agreed) == 1 else 'ratings are'} stored.")
    state.forget_live("history")
    state.set_live("history_uploads", state.live("history_uploads", 0) + 1)  # an empty uploader
    _forget_choices()


def last_import() -> None:
    """What was just stored, and the way back."""
    done = state.live("history_done", None)
    if done:
        st.success(plain.lines(done))
    can_undo = services.visitor_store().can_undo_import(state.visitor_id(), services.catalogue_name())
    if not (done or can_undo):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if can_undo:
            st.button(
                "Undo the import",
                on_click=_undo,
                key="history_undo",
                help="All your ratings become what they were before it; what you rated since goes too.",
            )
        if done:
            st.page_link(frame.page_path("recommendations"), label="See your recommendations")


def _undo() -> None:
    try:
        services.visitor_store().undo_import(state.visitor_id(), services.catalogue_name())
    except AutoRecError as error:
        state.set_live("history_error", str(error))
        return
    state.forget_live("history_error")
    state.set_live("history_done", "The import is undone. Your ratings are what they were before.")


# -- the way out ------------------------------------------------------------------------------------------------------


def take_home() -> None:
    """The visitor's ratings in other sites' layouts."""
    own = services.given().by_id
    st.subheader("Take your ratings along")
    if not own:
        st.markdown("You have no ratings yet. Rate a few movies, or bring a history above.")
        frame.go_button("Rate movies", "rate")
        return
    st.markdown("Your ratings as a file that another site takes in. Brought back here, it gives the same ratings.")
    with st.container(horizontal=True):
        for name, content in _files(own):
            st.download_button(
                f"In the layout of {name}",
                content,
                f"autorec-{name.lower()}-ratings.csv",
                "text/csv",
                on_click="ignore",
                key=f"history_as_{name}",
            )


def _files(own: dict[str, float]) -> Iterator[tuple[str, str]]:
    name, catalogue = services.catalogue_name(), services.current_catalogue()
    for layout in exports.LAYOUTS:
        yield (
            layout,
            exports.as_file(
                layout,
                own,
                catalogue.items,
                services.current_scale(),
                means=catalogue.means,
                moments=services.visitor_store().moments_of(state.visitor_id(), name),
                links=datasets.links(name),
            ),
        )
