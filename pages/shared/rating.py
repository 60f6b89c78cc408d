"""The movies of the Rate page: what a rating changes there, drawn anew by itself.

A click waits for the server's answer. With the whole page drawn for each, most of that wait was for the menu, the
filters and the rest of the sidebar, which a rating does not touch; so all that it does touch is one fragment.
"""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from autorec_core.ratings import IntArray
from pages.shared import ask, frame, stars, state, undo, visit
from pages.shared.words import _, later, ngettext

CARDS_A_PAGE = 52
ENOUGH = 5
FILTERS = ("rate_query", "rate_genres", "rate_years", "rate_counts")
ALL, NOT_RATED, RATED = later("All movies"), later("Not rated yet"), later("Rated by you")


@st.fragment(key="rate_ask")
def ask_me(counted: Any, told: Any) -> None:
    """One movie at a time, as `ask.me` has it; what else is drawn, and where, as of `listed`."""
    with frame.told():
        given = visit.given()
        _count(counted, told, given)
        ask.me(given)


@st.fragment(key="rate_list")
def listed(counted: Any, told: Any, found: IntArray, show: str, sought: tuple[Any, ...]) -> None:
    """Cards with stars.

    Args:
        counted: where the sidebar says how many movies are rated.
        told: where the page says so.
        found: (n,) item indices, in order.
        show: `ALL`, `NOT_RATED` or `RATED`: which of them.
        sought: what was looked for to find them.
    """
    with frame.told():
        given = visit.given()
        _count(counted, told, given)
        _cards(given, found, show, sought)


def _count(counted: Any, told: Any, given: visit.Given) -> None:
    with counted:
        frame.count(given)
    with told, st.container(horizontal=True, vertical_alignment="center", gap="small"):
        count, missing = len(given.by_id), max(0, ENOUGH - len(given.by_id))
        st.markdown(ngettext("**You rated {count} movie.**", "**You rated {count} movies.**", count), width="content")
        # One place for both, of the same height and no longer: with the fifth rating nothing may jump.
        st.page_link(
            frame.page_path("recommendations"),
            label=_("{missing} more for a good list", missing=missing) if missing else _("See your recommendations"),
            disabled=bool(missing),
        )
        st.page_link(frame.page_path("history"), label=_("Rated elsewhere? Bring your history"))
        undo.button(visit.current_catalogue())


def _cards(given: visit.Given, found: IntArray, show: str, sought: tuple[Any, ...]) -> None:
    listed_items, not_seen = found.tolist(), visit.passed_over(ask.NOT_SEEN)
    rated = given.item_indices.tolist()
    if show == RATED:
        wanted = set(listed_items)
        listed_items = [index for index in rated if index in wanted]
    elif show == NOT_RATED:
        # A movie rated just now stays where it is until the list is asked for anew, so that nothing jumps away.
        hidden = state.live("rate_hidden", {"asked": None, "items": set()})
        if hidden["asked"] != sought:
            hidden.update(asked=sought, items={*rated, *not_seen.tolist()})
        listed_items = [index for index in listed_items if index not in hidden["items"]]
    if show != NOT_RATED:
        state.forget_live("rate_hidden")

    if not listed_items and show == RATED and not given.by_id:
        st.info(_("You have not rated a movie yet. Choose *All movies* above and give a few their stars."))
        return
    if not listed_items:
        st.info(_("No movie matches. Take a word or a filter away."))
        if st.button(_("Clear all filters"), on_click=state.begin_again, args=FILTERS):
            st.rerun()  # the filters are not of this fragment
        return
    catalogue_name = visit.catalogue_name()
    pages = math.ceil(len(listed_items) / CARDS_A_PAGE)
    page = min(state.get("rate_page", 1) or 1, pages)
    st.caption(ngettext("{count:,} movie", "{count:,} movies", len(listed_items)))
    stars.cards(
        "rate_cards",
        visit.current_catalogue(),
        listed_items[(page - 1) * CARDS_A_PAGE : page * CARDS_A_PAGE],
        given.by_id,
        visit.current_scale(),
        lambda item_id, rating: undo.rate(catalogue_name, item_id, rating),
        not_seen=not_seen,
        say_not_seen=ask.say_not_seen,
    )
    if pages > 1:
        st.pagination(pages, key="rate_page")
