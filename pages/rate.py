"""Rate: find movies and give them stars."""

from __future__ import annotations

import math

import streamlit as st

from autorec_core.catalogue import ORDERS
from pages.shared import ask, frame, genres, recommended, services, stars, state, undo
from pages.shared.words import _, later, ngettext

CARDS_A_PAGE = 52
ENOUGH = 5
FILTERS = ("rate_query", "rate_genres", "rate_years", "rate_counts")
ALL, NOT_RATED, RATED = later("All movies"), later("Not rated yet"), later("Rated by you")

with frame.open_page("rate"):
    catalogue = services.current_catalogue()
    scale = services.current_scale()
    given = services.given()
    catalogue_name = services.catalogue_name()

    st.title(_("Rate movies"))
    st.markdown(
        _(
            "Click a star or half a star, or use the keyboard: arrows, digits, Backspace clears. "
            "Each rating is saved at once and moves your recommendations at once."
        )
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        count, missing = len(given.by_id), max(0, ENOUGH - len(given.by_id))
        st.markdown(ngettext("**You rated {count} movie.**", "**You rated {count} movies.**", count), width="content")
        st.page_link(
            frame.page_path("recommendations"),
            label=_("{missing} more and your recommendations get good", missing=missing)
            if missing
            else _("See your recommendations"),
        )
        st.page_link(frame.page_path("history"), label=_("Rated elsewhere? Bring your history"))
        undo.button(catalogue)

    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        show = st.segmented_control(
            _("Show"),
            [ALL, ask.ME, NOT_RATED, RATED],
            default=ALL,
            format_func=_,
            required=True,
            key="rate_show",
            help=_("Ask me: one movie at a time, the one whose rating would teach the model most about you."),
        )
    if show == ask.ME:
        ask.me(given)
        st.stop()
    with controls:
        query = st.text_input(
            _("Search"),
            placeholder=_("the matrix"),
            key="rate_query",
            help=_("Words of the title, in any order; a year counts too."),
            width=200,
        )
        first, last = catalogue.year_span
        years = (first, last)
        with st.popover(_("Filter and sort")):
            chosen = st.multiselect(
                _("Genres"),
                catalogue.items.genre_names,
                format_func=genres.genre_name,
                key="rate_genres",
                help=_("Movies with any of these genres."),
                placeholder=_("All"),
            )
            if first < last:
                years = st.slider(_("Years"), first, last, (first, last), key="rate_years", help=_("Years of release."))
            stops = recommended.steps_to(max(1, int(catalogue.counts.max(initial=0))))
            fewest, most = st.select_slider(
                _("Number of ratings"),
                stops,
                (stops[0], stops[-1]),
                format_func=lambda stop: f"{stop:,}",
                key="rate_counts",
                help=_("How many people rated a movie: few have seen the obscure ones."),
            )
            sort = st.selectbox(_("Sort by"), ORDERS, format_func=_, key="rate_order", help=_("What comes first."))

    found = catalogue.search(
        query,
        genres=chosen,
        years=years if years != (first, last) else None,
        counts=(fewest, most) if (fewest, most) != (stops[0], stops[-1]) else None,
        order=sort or ORDERS[0],
    )
    rated, not_seen = set(given.item_indices.tolist()), services.passed_over(ask.NOT_SEEN)
    if show == RATED:
        wanted = set(found.tolist())
        found = [index for index in given.item_indices.tolist() if index in wanted]
    elif show == NOT_RATED:
        # A movie rated just now stays where it is until the list is asked for anew, so that nothing jumps away.
        asked = (catalogue_name, query, tuple(chosen), years, fewest, most, sort)
        hidden = state.live("rate_hidden", {"asked": None, "items": set()})
        if hidden["asked"] != asked:
            hidden.update(asked=asked, items=rated | set(not_seen.tolist()))
        found = [index for index in found.tolist() if index not in hidden["items"]]
    if show != NOT_RATED:
        state.forget_live("rate_hidden")

    if len(found) == 0 and show == RATED and not given.by_id:
        st.info(_("You have not rated a movie yet. Choose *All movies* above and give a few their stars."))
    elif len(found) == 0:
        st.info(_("No movie matches. Take a word or a filter away."))
        st.button(
            _("Clear all filters"),
            on_click=services.clear_widgets,
            args=FILTERS,
        )
    else:
        pages = math.ceil(len(found) / CARDS_A_PAGE)
        page = min(state.get("rate_page", 1) or 1, pages)
        st.caption(ngettext("{count:,} movie", "{count:,} movies", len(found)))
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
