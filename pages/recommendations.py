"""Recommendations: what the current model predicts for the movies that you have not rated, and why."""

from __future__ import annotations

import streamlit as st

from autorec_core.recommender import Filter
from pages.shared import cards, frame, services

MOST = 100

with frame.open_page("recommendations"):
    st.title("Recommendations")
    run = services.current_run()
    given = services.given()
    if run is None:
        st.info("The starter model is training; this takes a few seconds. Rate some movies meanwhile.")
        frame.go_button("Rate movies", "rate")
    elif not len(given.item_indices):
        st.info("Nothing to go by yet: rate a few movies, five are enough for a start, and your list appears here.")
        frame.go_button("Rate movies", "rate")
    else:
        recommender = services.recommender(run.id)
        catalogue = services.catalogue_of(run.id)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            genres = st.multiselect(
                "Genres",
                catalogue.items.genre_names,
                key="rec_genres",
                placeholder="All",
                help="Any of these.",
                width=300,
            )
            first, last = catalogue.year_span
            years = (first, last)
            if first < last:
                years = st.slider(
                    "Years", first, last, (first, last), key="rec_years", help="Years of release.", width=240
                )
            known_by = st.select_slider(
                "Rated by at least",
                [0, 1, 2, 5, 10, 20, 50, 100, 200],
                5,
                key="rec_min_ratings",
                help="Movies with few ratings have uncertain predictions; 0 shows them all.",
                width=220,
            )
            count = st.select_slider("How many", [10, 20, 50, MOST], 20, key="rec_count", help="Length.", width=160)
        wanted = Filter(
            genres=frozenset(genres), years=years if years != (first, last) else None, min_ratings=int(known_by or 0)
        )
        fold_in = recommender.fold_in(given.item_indices, given.ratings)
        found = recommender.recommend(fold_in, count=int(count or 20), filter=wanted)
        passing = int(wanted.matches(recommender.model).sum())
        st.caption(
            f"From your {len(given.item_indices)} {'rating' if len(given.item_indices) == 1 else 'ratings'}, by "
            f"{frame.model_name(run)} on {run.config.source.title}. "
            f"{passing:,} of {len(catalogue.items):,} movies pass the filters."
            + (f" {given.num_unknown} of your ratings are of movies it does not know." if given.num_unknown else "")
        )
        if not found:
            st.info("No unrated movie passes these filters. Take one away, or lower the number of ratings.")
        else:
            st.html(cards.recommendation_list(found, recommender.model.scale))
            st.caption(
                "The bar is where your own rating would fall with 80 % probability; the tick is what everybody gives "
                "the movie. “Because” says how far each of your ratings moved this prediction: exactly the difference "
                "that taking it back would make."
            )
            st.download_button(
                "Download as CSV",
                cards.recommendations_csv(found),
                "autorec-recommendations.csv",
                "text/csv",
            )
