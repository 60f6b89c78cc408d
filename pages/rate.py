"""Rate: find movies and give them stars."""

from __future__ import annotations

import math

import streamlit as st

from autorec_core.catalogue import ORDERS
from pages.shared import ask, frame, recommended, services, stars, state, undo
from pages.shared.words import _

CARDS_A_PAGE = 52
ENOUGH = 5
FILTERS = ("rate_query", "rate_genres", "rate_years", "rate_counts")

with frame.open_page("rate"):
    catalogue = services.current_catalogue()
    scale = services.current_scale()
    given = services.given()
    catalogue_name = services.catalogue_name()

    st.title("Rate movies")
    st.markdown(
        "Click a star or half a star, or use the keyboard: arrows, digits, Backspace clears. "
        "Each rating is saved at once and moves your recommendations at once."
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        count, missing = len(given.by_id), max(0, ENOUGH - len(given.by_id))
        st.markdown(f"**You rated {count} {'movie' if count == 1 else 'movies'}.**", width="content")
        st.page_link(
            frame.page_path("recommendations"),
            label=f"{missing} more and your recommendations get good" if missing else "See your recommendations",
        )
        st.page_link(frame.page_path("history"), label="Rated elsewhere? Bring your history")
        undo.button(catalogue)

    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        show = st.segmented_control(
            "Show",
            ["All movies", ask.ME, "Not rated yet", "Rated by you"],
            default="All movies",
            required=True,
            key="rate_show",
            help="Ask me: one movie at a time, the one whose rating would teach the model most about you.",
        )
    if show == ask.ME:
        ask.me(given)
        st.stop()
    with controls:
        query = st.text_input(
            "Search",
            placeholder="the matrix",
            key="rate_query",
            help="Words of the title, in any order; a year counts too.",
            width=280,
        )
        first, last = catalogue.year_span
        years = (first, last)
        with st.popover("Filter and sort"):
            genres = st.multiselect(
                "Genres",
                catalogue.items.genre_names,
                key="rate_genres",
                help="Movies with any of these genres.",
                placeholder="All",
            )
            if first < last:
                years = st.slider("Years", first, last, (first, last), key="rate_years", help="Years of release.")
            stops = recommended.steps_to(max(1, int(catalogue.counts.max(initial=0))))
            fewest, most = st.select_slider(
                _("Number of ratings"),
                stops,
                (stops[0], stops[-1]),
                format_func=lambda stop: f"{stop:,}",
                key="rate_counts",
                help=_("How many people rated a movie: few have seen the obscure ones."),
            )
            sort = st.selectbox("Sort by", ORDERS, key="rate_order", help="What comes first.")

    found = catalogue.search(
        query,
        genres=genres,
        years=years if years != (first, last) else None,
        counts=(fewest, most) if (fewest, most) != (stops[0], stops[-1]) else None,
        order=sort or ORDERS[0],
    )
    rated, not_seen = set(given.item_indices.tolist()), services.passed_over(ask.NOT_SEEN)
    if show == "Rated by you":
        wanted = set(found.tolist())
        found = [index for index in given.item_indices.tolist() if index in wanted]
    elif show == "Not rated yet":
        # A movie rated just now stays where it is until the list is asked for anew, so that nothing jumps away.
        asked = (catalogue_name, query, tuple(genres), years, fewest, most, sort)
        hidden = state.live("rate_hidden", {"asked": None, "items": set()})
        if hidden["asked"] != asked:
            hidden.update(asked=asked, items=rated | set(not_seen.tolist()))
        found = [index for index in found.tolist() if index not in hidden["items"]]
    if show != "Not rated yet":
        state.forget_live("rate_hidden")

    if len(found) == 0 and show == "Rated by you" and not given.by_id:
        st.info("You have not rated a movie yet. Choose *All movies* above and give a few their stars.")
    elif len(found) == 0:
        st.info("No movie matches. Take a word or a filter away.")
        st.button(
            "Clear all filters",
            on_click=services.clear_widgets,
            args=("rate_query", "rate_genres", "rate_years", "rate_counts"),
        )
    else:
        pages = math.ceil(len(found) / CARDS_A_PAGE)
        page = min(state.get("rate_page", 1) or 1, pages)
        st.caption(f"{len(found):,} {'movie' if len(found) == 1 else 'movies'}")
        stars.cards(
            "rate_cards",
            catalogue,
            found[(page - 1) * CARDS_A_PAGE : page * CARDS_A_PAGE],
            given.by_id,
            scale,
            lambda item_id, rating: undo.rate(catalogue_name, item_id, rating),
            not_seen=not_seen,
            say_not_seen=ask.say_not_seen,
        )
        if pages > 1:
            st.pagination(pages, key="rate_page")
