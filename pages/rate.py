"""Rate: find movies and give them stars."""

from __future__ import annotations

import streamlit as st

from autorec_core.catalogue import ORDERS
from pages.shared import ask, frame, genres, rating, recommended, state, visit
from pages.shared.words import _

with frame.open_page("rate", counts_itself=True) as counted:
    catalogue = visit.current_catalogue()

    st.title(_("Rate movies"))
    st.markdown(
        _(
            "Click a star or half a star, or use the keyboard: arrows, digits, Backspace clears. "
            "Each rating is saved at once and moves your recommendations at once. Means on the cards are of the "
            "ratings trained on, nearer to that of all movies where these are few."
        )
    )
    told = st.container()

    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        show = st.segmented_control(
            _("Show"),
            [rating.ALL, ask.ME, rating.NOT_RATED, rating.RATED],
            default=rating.ALL,
            format_func=_,
            required=True,
            key="rate_show",
            help=_("Ask me: one movie at a time, the one whose rating would teach the model most about you."),
        )
    if show == ask.ME:
        rating.ask_me(counted, told)
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
                years = st.slider(
                    _("Years"),
                    first,
                    last,
                    state.begins("rate_years", years),
                    key="rate_years",
                    help=_("Years of release."),
                )
            stops = recommended.steps_to(max(1, int(catalogue.counts.max(initial=0))))
            fewest, most = st.select_slider(
                _("Number of ratings"),
                stops,
                state.begins("rate_counts", (stops[0], stops[-1])),
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
    # What is looked for, for a list that stays as it is until something else is.
    sought = (visit.catalogue_name(), query, tuple(chosen), years, fewest, most, sort)
    rating.listed(counted, told, found, show, sought)
