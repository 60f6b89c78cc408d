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
from pages.shared import frame, plain, services, state, visit
from pages.shared.words import _, later, ngettext, sentences

MOST_ASKED = 40
"""The most choices that are shown; a longer list would be left anyway."""
MOST_LISTED = 1000
"""The most rows of a table."""
NONE_OF_THESE = -1
UNDONE = "undone"
"""What is told of the last import: this, or how many ratings were stored."""
ADD, REPLACE = later("Add to my ratings"), later("Replace my ratings")

_HOW = {
    "Letterboxd": later("Settings, Data, *Export your data*: a zip; give it whole"),
    "IMDb": later("Your ratings, *Export*: `ratings.csv`"),
    "MovieLens": later("Your profile, *Import / export*, ratings: `movielens-ratings.csv`"),
    "TMDB": later("Settings, *Data export*, ratings"),
    "Trakt": later("Settings, Data, *Export*: a zip, or `ratings-movies.json`"),
}
"""Site -> where it keeps its export."""
HOW_FOUND = (later("id"), later("title and year"), later("year off by one"), later("end of the title"))
"""What a movie can be found by, as `matching` says it."""


def how_to_export() -> None:
    """Where each site keeps its export."""
    with st.expander(_("Where do I get the file?")):
        lines = [(_("site"), _("where")), ("---", "---"), *((site, _(where)) for site, where in _HOW.items())]
        st.markdown("\n".join(f"| {' | '.join(cells)} |" for cells in lines))


def uploader() -> None:
    """The file; it is read as soon as it is there."""
    st.file_uploader(
        _("Your export"),
        type=["csv", "zip", "json", "txt"],
        key=_upload_key(),
        on_change=_take_file,
        help=_("CSV, JSON or zip, at most 20 MB. It is read and not kept."),
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
        state.set_live("history_error", error.sentence)


def told_error() -> None:
    """Why a file can't be used, in a sentence."""
    error = state.live("history_error", None)
    if error:
        st.error(plain.lines(_(error)))


def current_report() -> MatchReport | None:
    """What the file means in the current catalogue; None where there is no file."""
    read: History | None = state.live("history", None)
    if read is None:
        return None
    run = visit.current_run()
    index = services.title_index(None if run is None else run.id, visit.catalogue_name())
    return index.report(read, visit.current_scale())


# -- what was found ---------------------------------------------------------------------------------------------------


def summary(report: MatchReport) -> None:
    """The numbers, and how the ratings are mapped."""
    read = report.history
    with st.container(horizontal=True, gap="medium"):
        for label, number in (
            (_("Found"), len(report.matched)),
            (_("Please choose"), len(report.ambiguous)),
            (_("Not in this catalogue"), len(report.missing)),
        ):
            st.metric(label, f"{number:,}", width="content")
    examples = sorted({read.scale.high, round(0.7 * read.scale.high * 2) / 2}, reverse=True)
    mapped = _(", ").join(
        _("{rating:g} becomes {mapped:g}", rating=rating, mapped=report.mapped(rating)) for rating in examples
    )
    told = [
        ngettext(
            "From **{site}**, {count:,} rated movie.",
            "From **{site}**, {count:,} rated movies.",
            len(read.entries),
            site=read.site,
        )
    ]
    if read.scale.high == report.scale.high:
        told.append(_("Both scales go up to {high:g}: ratings stay as they are.", high=report.scale.high))
    else:
        told.append(
            _(
                "{site} rates from {scale}, here it is {own}: {mapped}.",
                site=read.site,
                scale=_(read.scale.sentence),
                own=_(report.scale.sentence),
                mapped=mapped,
            )
        )
    if report.repeated:
        told.append(
            ngettext(
                "{count:,} earlier rating of a movie rated again later stays out.",
                "{count:,} earlier ratings of movies rated again later stay out.",
                len(report.repeated),
            )
        )
    if read.skipped:
        told.append(
            ngettext(
                "{count:,} row is no rating of a movie; see below.",
                "{count:,} rows are no rating of a movie; see below.",
                len(read.skipped),
            )
        )
    st.markdown(sentences(*told))


def choices(report: MatchReport) -> None:
    """One control for each title that the catalogue has more than once, or only nearly."""
    if not report.ambiguous:
        return
    with st.container(border=True):
        st.markdown(_("**Which movie is it?** These titles fit more than one movie, or one only nearly."))
        names = _names()
        for one in report.ambiguous[:MOST_ASKED]:
            entry = one.entry
            options = [*one.choices, NONE_OF_THESE]
            st.selectbox(
                _("{title}, rated {rating:g}", title=plain.escaped(_called(entry)), rating=entry.rating),
                options,
                index=0 if len(one.choices) == 1 else len(options) - 1,
                format_func=lambda index: names.get(index) or _name(index, names),
                key=_choice_key(one),
                width=560,
                help=_("The likeliest first. None of these leaves the rating out."),
            )
        left = len(report.ambiguous) - MOST_ASKED
        if left > 0:
            st.caption(_("{count:,} more such titles are left out.", count=left))


def _names() -> dict[int, str]:
    return {NONE_OF_THESE: _("None of these")}


def _name(index: int, names: dict[int, str]) -> str:
    catalogue = visit.current_catalogue()
    year = int(catalogue.items.years[index])
    people = int(catalogue.counts[index])
    names[index] = ngettext(
        "{title}, {count:,} rating",
        "{title}, {count:,} ratings",
        people,
        title=f"{catalogue.items.titles[index]}{f' ({year})' if year else ''}",
    )
    return names[index]


def _called(entry: HistoryEntry) -> str:
    return f"{entry.title or _('A movie without a title')}{f' ({entry.year})' if entry.year else ''}"


def _choice_key(one: Ambiguous) -> str:
    return f"history_choice_{one.entry.row}"


def _forget_choices() -> None:
    for key in state.keys("history_choice_"):
        state.forget(key)


def tables(report: MatchReport) -> None:
    """What was found, what was not, and what was set aside, row by row."""
    catalogue = visit.current_catalogue()
    titles, years = catalogue.display_titles, catalogue.items.years
    if report.matched:
        with st.expander(_("What was found ({count:,})", count=len(report.matched))):
            st.dataframe(
                [
                    {
                        _("In your file"): _called(one.entry),
                        _("Rated"): one.entry.rating,
                        _("Here"): f"{titles[one.item_index]} ({years[one.item_index]})",
                        _("Becomes"): one.rating,
                        _("Found by"): _(one.how),
                    }
                    for one in report.matched[:MOST_LISTED]
                ],
                hide_index=True,
            )
    if report.missing:
        with st.expander(_("What this catalogue does not have ({count:,})", count=len(report.missing))):
            st.dataframe(
                [{_("Row"): one.row, _("In your file"): _called(one)} for one in report.missing[:MOST_LISTED]],
                hide_index=True,
            )
    skipped = report.history.skipped
    if skipped:
        with st.expander(_("Rows that were set aside ({count:,})", count=len(skipped))):
            st.dataframe(
                [
                    {_("Row"): row.row, _("Title"): row.title, _("Why"): _("It {why}.", why=_(row.why))}
                    for row in skipped[:MOST_LISTED]
                ],
                hide_index=True,
            )


# -- the decision -----------------------------------------------------------------------------------------------------


def _agreed(report: MatchReport) -> dict[str, tuple[float, float | None]]:
    """Item id -> rating and moment: what was found, and what the visitor chose."""
    ids = visit.current_catalogue().items.ids
    agreed = {str(ids[one.item_index]): (one.rating, one.entry.rated_at) for one in report.matched}
    for one in report.ambiguous[:MOST_ASKED]:
        default = one.choices[0] if len(one.choices) == 1 else NONE_OF_THESE
        chosen = state.get(_choice_key(one), default)
        if chosen in one.choices:
            agreed[str(ids[chosen])] = (one.rating, one.entry.rated_at)
    return agreed


def decision(report: MatchReport) -> None:
    """Add or replace, what that does, and the button that does it."""
    agreed, own = _agreed(report), visit.given().by_id
    how = st.segmented_control(
        _("How to bring them in"),
        [ADD, REPLACE],
        default=ADD,
        format_func=_,
        required=True,
        key="history_how",
        help=_("Added, your other ratings stay, and the file wins where both rate a movie. Replaced, your others go."),
    )
    new = sum(item_id not in own for item_id in agreed)
    changed = sum(item_id in own and own[item_id] != rating for item_id, (rating, _) in agreed.items())
    gone = sum(item_id not in agreed for item_id in own) if how == REPLACE else 0
    parts = [
        _("{count:,} new", count=new),
        _("{count:,} changed", count=changed),
        _("{count:,} as they are", count=len(agreed) - new - changed),
    ]
    if how == REPLACE:
        parts.append(_("{count:,} of yours go", count=gone))
    st.caption(_("That is {parts}. Nothing has been stored yet.", parts=_(", ").join(parts)))
    st.button(
        ngettext("Bring in {count:,} rating", "Bring in {count:,} ratings", len(agreed)),
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
        services.visitor_store().rate_many(state.visitor_id(), visit.catalogue_name(), agreed, replace=how == REPLACE)
    except AutoRecError as error:
        state.set_live("history_error", error.sentence)
        return
    state.set_live("history_done", len(agreed))
    state.forget_live("history")
    state.set_live("history_uploads", state.live("history_uploads", 0) + 1)  # an empty uploader
    _forget_choices()


def last_import() -> None:
    """What was just stored, and the way back."""
    done = state.live("history_done", None)
    if done == UNDONE:
        st.success(_("The import is undone. Your ratings are what they were before."))
    elif done is not None:
        st.success(ngettext("{count:,} rating is stored.", "{count:,} ratings are stored.", done))
    can_undo = services.visitor_store().can_undo_import(state.visitor_id(), visit.catalogue_name())
    if done is None and not can_undo:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if can_undo:
            st.button(
                _("Undo the import"),
                on_click=_undo,
                key="history_undo",
                help=_("All your ratings become what they were before it; what you rated since goes too."),
            )
        if done is not None:
            st.page_link(frame.page_path("recommendations"), label=_("See your recommendations"))


def _undo() -> None:
    try:
        services.visitor_store().undo_import(state.visitor_id(), visit.catalogue_name())
    except AutoRecError as error:
        state.set_live("history_error", error.sentence)
        return
    state.forget_live("history_error")
    state.set_live("history_done", UNDONE)


# -- the way out ------------------------------------------------------------------------------------------------------


def take_home() -> None:
    """The visitor's ratings in other sites' layouts."""
    own = visit.given().by_id
    st.subheader(_("Take your ratings along"))
    if not own:
        st.markdown(_("You have no ratings yet. Rate a few movies, or bring a history above."))
        frame.go_button(_("Rate movies"), "rate")
        return
    st.markdown(_("Your ratings as a file that another site takes in. Brought back here, it gives the same ratings."))
    with st.container(horizontal=True):
        for name, content in _files(own):
            st.download_button(
                _("In the layout of {site}", site=name),
                content,
                f"autorec-{name.lower()}-ratings.csv",
                "text/csv",
                on_click="ignore",
                key=f"history_as_{name}",
            )


def _files(own: dict[str, float]) -> Iterator[tuple[str, str]]:
    name, catalogue = visit.catalogue_name(), visit.current_catalogue()
    for layout in exports.LAYOUTS:
        yield (
            layout,
            exports.as_file(
                layout,
                own,
                catalogue.items,
                visit.current_scale(),
                means=catalogue.means,
                moments=services.visitor_store().moments_of(state.visitor_id(), name),
                links=datasets.links(name),
            ),
        )
