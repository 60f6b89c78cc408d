"""What is stored of a visitor: shown, given out as a file, and deleted for good."""

from __future__ import annotations

import json

import streamlit as st

from autorec_core.errors import AutoRecError
from pages.shared import plain, services, state
from pages.shared.words import _, later, ngettext

_TABLES = {
    "visitor_ratings": (later("Ratings"), later("Movie, rating and when you gave it.")),
    "visitor_not_interested": (later("Movies passed over"), later("What you were not interested in or had not seen.")),
    "visitor_before_import": (later("Kept for undo"), later("Your ratings as they were before the last import.")),
}
"""Table -> what people call it, and what is in it."""


def told() -> None:
    """What the page promises."""
    st.markdown(
        _(
            "You are known by a random number in a cookie of this browser, and by nothing else: no name, no address, "
            "no account. Your ratings lie in this server's own database, and nothing of you is sent to any other. A "
            "history that you bring is read, and the file not kept; ratings to train on are kept until you delete them."
        )
    )
    removed = state.live("privacy_done", None)
    if removed is not None:
        st.success(
            ngettext("Done. {count:,} rating is gone for good.", "Done. {count:,} ratings are gone for good.", removed)
        )
        state.forget_live("privacy_done")
    error = state.live("privacy_error", None)
    if error:
        st.error(plain.lines(_(error)))


def what_is_stored() -> None:
    """Each kind of thing with its number."""
    stored = services.visitor_store().everything_of(state.visitor_id())
    runs = _own_runs()
    sets = len(services.upload_store().of(state.owner()))
    lines = [
        (_("what"), _("how many"), _("in it")),
        ("---", "---", "---"),
        *((_(name), f"{len(stored[table]):,}", _(what)) for table, (name, what) in _TABLES.items()),
        (
            _("Models you trained"),
            f"{runs:,}",
            _(
                "Hyperparameters, curves and weights; none of your ratings. They carry a digest that does not lead "
                "back to you."
            ),
        ),
        (_("Ratings to train on"), f"{sets:,}", _("The sets that you brought on the page Own ratings, as files.")),
    ]
    st.markdown("\n".join(f"| {' | '.join(cells)} |" for cells in lines))


def _own_runs() -> int:
    return sum(run.config.owner == state.owner() for run in services.run_store().all())


def take_away() -> None:
    """All of it as one file."""
    visitor = state.visitor_id()  # asked here: the file is made later, where no cookie can be seen
    st.download_button(
        _("Download all of it"),
        lambda: json.dumps(services.visitor_store().everything_of(visitor), indent=1).encode(),
        "autorec-what-is-stored.json",
        "application/json",
        on_click="ignore",
        help=_("One JSON file, by kind."),
    )


def delete() -> None:
    """The button, behind one question."""
    st.subheader(_("Delete it"))
    st.markdown(
        _(
            "Ratings, passed-over movies, the copy for undo and the sets to train on go at once and for good. Models "
            "that you trained stay until you delete them on the page Compare: they hold none of your movie ratings, "
            "but those trained on a set of yours hold what they learnt from it. The cookie stays too, and means "
            "nothing without them."
        )
    )
    sure = st.checkbox(_("Yes, delete all of it for good"), key="privacy_sure")
    st.button(
        _("Delete everything stored of me"), type="primary", disabled=not sure, on_click=_delete, key="privacy_delete"
    )


def _delete() -> None:
    try:
        for upload in services.upload_store().of(state.owner()):
            services.upload_store().delete(state.owner(), upload.id)
        removed = services.visitor_store().forget(state.visitor_id())
    except AutoRecError as error:
        state.set_live("privacy_error", error.sentence)
        return
    state.forget_live("privacy_error")
    state.forget("privacy_sure")
    state.forget_session()
    state.set_live("privacy_done", removed)
