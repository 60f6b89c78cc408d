"""Bringing own ratings: the file, what its columns are, what is wrong with it, and what is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from autorec_core import datasets, settings, uploads
from autorec_core.errors import AutoRecError, InvalidRatingsError
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.scales import COMMON_SCALES
from pages.shared import controls, frame, plain, services, sets, state
from pages.shared.words import _, later, ngettext

ROLES = {
    "user": (later("Who"), later("The column with the people who rate.")),
    "item": (later("What"), later("The column with the movies, or whatever they rate.")),
    "rating": (later("Rating"), later("The column with the ratings, as numbers.")),
    "timestamp": (later("When"), later("The column with the time in seconds since 1970, where there is one.")),
}
NONE = "–"


def uploaders() -> None:
    """The files: ratings, and titles where the ratings' own file has none."""
    largest = math.ceil(uploads.largest() / 1e6)
    left, right = st.columns(2)
    with left:
        st.file_uploader(
            _("Ratings"),
            type=["csv", "tsv", "txt", "dat", "data", "zip", "parquet"],
            max_upload_size=largest,
            key=_key("ratings"),
            help=_("At most {most:.0f} MB.", most=largest),
        )
        # The control refuses what is larger, and says why only to whoever points at its mark.
        st.caption(
            _("A file may have {most} MB here; a larger one can be trained on by the command line.", most=largest)
        )
    with right:
        st.file_uploader(
            _("Titles (optional)"),
            type=["csv"],
            max_upload_size=largest,
            key=_key("titles"),
            help=_("A CSV with a header: item, title, and perhaps genres (separated by |) and year."),
        )


def _key(name: str) -> str:
    """A control's key; another one once a set is kept, as a browser gives its file back only with the control."""
    return f"upload_{name}_{state.live('uploads_kept', 0)}"


def look() -> None:
    """What the file holds, what its columns are taken for, its scale or its faults, and the button that keeps it."""
    file = state.get(_key("ratings"))
    done = state.live("upload_done", None)
    if file is None:
        if done:
            st.success(plain.lines(_("Kept. {name} is chosen on the page Train.", name=done)))
            frame.go_button(_("Train on it"), "train")
        return
    content = file.getvalue()
    try:
        seen = uploads.preview(file.name, content)
    except AutoRecError as error:
        st.error(plain.lines(_(error.sentence)))
        return
    columns = _columns(seen) if seen.columns else None
    if seen.columns:
        _first_rows(seen)
    if columns is not None and (
        missing := [_(ROLES[role][0]) for role in ("user", "item", "rating") if not columns[role]]
    ):
        st.info(_("Say which column is {roles}.", roles=_(", ").join(f"**{role}**" for role in missing)))
        return
    scale = _scale()
    titles = state.get(_key("titles"))
    read = partial(
        uploads.read,
        file.name,
        content,
        titles=None if titles is None else titles.getvalue(),
        columns=columns,
        scale=scale,
    )
    try:
        ratings = _ratings(read, file.file_id)
    except AutoRecError as error:
        st.error(plain.lines(_(error.sentence)))
        return
    if ratings is None:
        return
    _found(ratings)
    st.button(_("Keep it"), type="primary", key="upload_keep", on_click=_keep, args=(file.name, ratings))


def _ratings(read: Callable[..., Ratings], file_id: str) -> Ratings | None:
    """What a file holds, without its faulty rows where the visitor says so; None while they do not.

    Raises:
        InvalidRatingsError: the other rows can't be used either.
    """
    try:
        return read()
    except InvalidRatingsError as error:
        _faults(error)
        rows = error.rows
    return read(leave_out=rows) if rows and _leaves_out(rows, file_id) else None


def _columns(seen: uploads.Preview) -> Mapping[str, str | None]:
    """A choice for each role, as guessed to begin with."""
    chosen: dict[str, str | None] = {}
    for place, (role, (label, help)) in zip(st.columns(4), ROLES.items(), strict=True):
        options = [NONE, *dict.fromkeys(seen.columns)]
        guess = seen.guesses[role]
        with place:
            found = st.selectbox(
                _(label),
                options,
                index=0 if guess is None else options.index(guess),
                # another header, another control: what was chosen for one file says nothing of the next
                key=f"upload_{role}_{abs(hash(seen.columns))}",
                help=_(help),
            )
        chosen[role] = None if found in (None, NONE) else found
    return chosen


def _first_rows(seen: uploads.Preview) -> None:
    width = len(seen.columns)
    names = [name if seen.columns.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(seen.columns)]
    rows = [(*row, *[""] * width)[:width] for row in seen.rows]
    st.dataframe(pd.DataFrame(rows, columns=names), hide_index=True, height=215)


def _scale() -> RatingScale | None:
    """The scale that the visitor says, or None to detect it."""
    names = {"detect": _("As detected")} | {str(place): _(scale.sentence) for place, scale in enumerate(COMMON_SCALES)}
    found = st.selectbox(
        _("Rating scale"),
        list(names),
        format_func=names.__getitem__,
        key="upload_scale",
        help=_("The lowest and the highest rating that anybody could give."),
    )
    return None if found in (None, "detect") else COMMON_SCALES[int(found)]


def _faults(error: InvalidRatingsError) -> None:
    lines = _(error.sentence).splitlines()
    if len(lines) == 1:
        st.error(f"**{plain.escaped(lines[0])}**")
        return
    st.error(
        _("**These rows can't be used.** Correct the file and bring it again, or leave them out.")
        if error.rows
        else _("**These rows can't be used.** Correct the file and bring it again.")
    )
    st.code("\n".join(lines), language=None, wrap_lines=True)


def _leaves_out(rows: tuple[int, ...], file_id: str) -> bool:
    """Draws the choice to go on without the rows above; whether it is taken."""
    return st.checkbox(
        ngettext("Leave out the faulty row", "Leave out the {count:,} faulty rows", len(rows)),
        # Other rows, another choice: who changes the scale or a column is asked again.
        key=f"upload_leave_out_{file_id}_{abs(hash(rows))}",
        help=_("Your file stays as it is. What is kept here and trained on is all the other rows."),
    )


def _found(ratings: Ratings) -> None:
    st.markdown(
        _(
            "**{ratings:,} ratings** of {items:,} items by {users:,} people, on a scale of {scale}; {density:.2%} of "
            "the matrix is known.",
            ratings=ratings.num_ratings,
            items=ratings.num_items,
            users=ratings.num_users,
            scale=_(ratings.scale.sentence),
            density=ratings.density,
        )
    )


def _keep(name: str, ratings: Ratings) -> None:
    try:
        kept = services.upload_store().keep(state.owner(), name, ratings)
    except AutoRecError as error:
        state.set_live("upload_error", error.sentence)
        return
    state.forget_live("upload_error")
    controls.choose_dataset(sets.OWN + kept.id)
    state.set_live("upload_done", kept.name)
    state.set_live("uploads_kept", state.live("uploads_kept", 0) + 1)


def own_sets() -> None:
    """The visitor's sets, each with what it holds and a button that deletes it."""
    error = state.live("upload_error", None)
    if error:
        st.error(plain.lines(_(error)))
    own = services.upload_store().of(state.owner())
    st.subheader(_("Yours"))
    if not own:
        st.caption(
            ngettext(
                "Nothing yet. What you keep is listed here, one set at most.",
                "Nothing yet. What you keep is listed here, {count} sets at most.",
                settings.limits().uploads,
            )
        )
    for one in own:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with st.container(gap=None, width="stretch"):
                st.text(one.name)  # as it is called: nothing of a file's name is markup
                st.caption(
                    _(
                        "{ratings:,} ratings of {items:,} items by {users:,} people, {scale}",
                        ratings=one.num_ratings,
                        items=one.num_items,
                        users=one.num_users,
                        scale=_(one.scale.sentence),
                    )
                )
            st.download_button(
                _("Download"),
                Path(services.upload_store().source(state.owner(), one.id).ratings or "").read_bytes,
                "ratings.parquet",
                on_click="ignore",
                key=f"upload_download_{one.id}",
                help=_("As it was read, for the script and the command that the page Train offers."),
            )
            st.button(
                _("Delete"),
                key=f"upload_delete_{one.id}",
                on_click=_delete,
                args=(one.id,),
                help=_("The ratings, at once and for good. Models trained on them stay; Compare deletes those."),
            )


def _delete(upload_id: str) -> None:
    state.forget_live("upload_done")
    if state.get("dataset") == sets.OWN + upload_id:
        controls.choose_dataset(datasets.BUNDLED)  # while it can still be said what was good for the other's size
    try:
        services.upload_store().delete(state.owner(), upload_id)
    except AutoRecError as error:
        state.set_live("upload_error", error.sentence)
