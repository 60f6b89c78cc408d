"""Neighbours: the people of the data set who are most like the visitor, and movies that are near each other."""

from __future__ import annotations

import streamlit as st

from pages.shared import frame, neighbours, services, starter, visit
from pages.shared.words import _

with frame.open_page("neighbours"):
    st.title(_("Neighbours"))
    run = visit.current_run()
    if run is None:
        starter.notice()
        st.markdown(_("Rate some movies meanwhile, and see who is like you."))
        frame.go_button(_("Rate movies"), "rate")
    else:
        recommender, catalogue, given = services.recommender(run.id), services.catalogue_of(run.id), visit.given()
        own = dict(zip(given.item_indices.tolist(), given.ratings.tolist(), strict=True))
        people, movies = st.columns(2, gap="large")
        with people:
            st.subheader(_("People like you"))
            if own:
                met = recommender.fold_in(given.item_indices, given.ratings)
                neighbours.people(run, recommender, met, catalogue)
            else:
                st.info(_("Rate a few movies, five are enough for a start, and see here whose taste is yours."))
                frame.go_button(_("Rate movies"), "rate")
        with movies:
            st.subheader(_("Movies near each other"))
            item = neighbours.movie_control(catalogue, list(own))
            if item is None:
                st.info(_("No movie has these words in its title. Take one away."))
            else:
                neighbours.movies(recommender, item, catalogue, own)
