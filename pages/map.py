"""Map: the movies by their codes, flat or in space, with their neighbours, and you among them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from autorec_core import projection
from pages.shared import atlas, frame, movie_map, services, starter, visit
from pages.shared.words import _

with frame.open_page("map"):
    st.title(_("Map of the movies"))
    run = visit.current_run()
    if run is None:
        starter.notice()
        atlas.starter()
    else:
        recommender, catalogue = services.recommender(run.id), services.catalogue_of(run.id)
        model, land, given = recommender.model, atlas.ground(run.id), visit.given()
        fold_in = recommender.fold_in(given.item_indices, given.ratings)
        above = st.container()
        layout, axes, colour = atlas.controls(run)
        made = atlas.umap_of(run) if layout == "umap" else None
        if layout == "umap" and made is None:
            atlas.layout_notice(run)
            layout = "pca"
        places = land.fitted if made is None else made[axes - 2]
        above.markdown(atlas.what_to_see(model.by_items, land, catalogue, layout, axes))
        left, right = st.columns([1, 1.6], gap="medium")
        with left:
            atlas.search(run, catalogue, land)
        with right:
            colouring = atlas.colouring(colour, land, catalogue, fold_in.predicted_ratings[land.shown])
        atlas.found(run, catalogue, land)
        if colour == "predicted" and not len(given.item_indices):
            st.info(_("You have not rated a movie yet: these are predictions for somebody of whom nothing is known."))
            frame.go_button(_("Rate movies"), "rate")

        chosen, encircled = atlas.chosen_item(run.id), atlas.encircled(run.id)
        near, cosines = np.zeros(0, dtype=np.int64), np.zeros(0)
        if chosen is not None:
            near, cosines = atlas.neighbours(recommender, land, chosen)
        liked_from = atlas.liking(model.scale)
        pairs = zip(land.place_of[given.item_indices].tolist(), given.ratings.tolist(), strict=True)
        rated = [(place, rating >= liked_from, rating) for place, rating in pairs if place >= 0]
        liked = np.array([place for place, is_liked, _rating in rated if is_liked], dtype=np.int64)
        you = projection.centre_among(land.directions, places, liked) if len(liked) else None
        movie_map.draw(
            run.id,
            catalogue,
            land.shown,
            places,
            layout,
            axes,
            colouring,
            predicted=fold_in.predicted_ratings[land.shown] if len(given.item_indices) else None,
            rated=rated,
            you=you,
            chosen=-1 if chosen is None else int(land.place_of[chosen]),
            neighbours=land.place_of[near].tolist(),
            selected=land.place_of[encircled].tolist() if encircled else [],
            on_picked=lambda point: atlas.choose(run.id, int(land.shown[point]) if point >= 0 else None),
            on_lassoed=lambda points: atlas.encircle(run.id, land.shown[points].tolist()),
        )
        if you is not None:
            st.caption(
                _(
                    "**You** stand in the middle of the 15 movies whose codes point most the way of those that you "
                    "gave {rating:g} or more.",
                    rating=liked_from,
                )
            )
        elif not rated:
            st.caption(_("Rate a few movies, and they are ringed here, with you among them."))
        if chosen is not None:
            atlas.neighbour_list(run, catalogue, chosen, near, cosines, fold_in)
        if encircled:
            atlas.lasso_list(run, catalogue, encircled, fold_in)
        st.caption(atlas.how_many(model.item_counts, len(land.shown)))
        st.download_button(
            _("Download the map as CSV"),
            lambda: atlas.as_csv(catalogue, land.shown, places, axes, fold_in.predicted_ratings),
            "autorec-map.csv",
            "text/csv",
            on_click="ignore",
            help=_("Each movie with its place, ratings and genres."),
        )
