"""Reconstruction: what was given against what the model gives back, for you and for anybody in the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core.metrics import rmse
from pages.shared import charts, frame, rows, services

with frame.open_page("reconstruction"):
    st.title("Reconstruction")
    run = services.current_run()
    if run is None:
        st.info("The starter model is training; this page fills in when it is there, in a few seconds.")
    else:
        recommender = services.recommender(run.id)
        model, catalogue = recommender.model, services.catalogue_of(run.id)
        who = st.segmented_control(
            "Whose ratings", ["You", "A movie", "A user"], default="You", required=True, key="whose"
        )
        if who == "You":
            given = services.given()
            if not len(given.item_indices):
                st.info("You have no ratings that this model knows. Rate some movies and see yourself reconstructed.")
                frame.go_button("Rate movies", "rate")
            else:
                fold_in = recommender.fold_in(given.item_indices, given.ratings)
                titles = [catalogue.display_titles[index] for index in given.item_indices]
                table = pd.DataFrame(
                    {
                        "movie": titles,
                        "you gave": fold_in.ratings,
                        "given back": fold_in.given_back,
                        "without it": fold_in.left_out,
                        "surprise": fold_in.ratings - fold_in.left_out,
                    }
                )
                st.markdown(
                    "**Given back** is what the model makes of a movie when it knows all your ratings; **without it**, "
                    "when it knows all but that one. How far you were from the latter is how much you surprised it."
                )
                points = pd.concat(
                    [
                        pd.DataFrame(
                            {"name": titles, "given": table["you gave"], "predicted": table[column], "part": part}
                        )
                        for column, part in (("given back", "you"), ("without it", "left out"))
                    ]
                )
                picture, listed = st.columns([1, 1.15], gap="large")
                picture.altair_chart(
                    charts.given_against_predicted(points, model.scale, ["you", "left out"]), key="you_chart"
                )
                order = np.argsort(-np.abs(table["surprise"].to_numpy()), kind="stable")
                listed.dataframe(
                    table.iloc[order],
                    hide_index=True,
                    height=charts.LIVE_HEIGHT,
                    column_config={
                        name: st.column_config.NumberColumn(format=style)
                        for name, style in (
                            ("you gave", "%.1f"),
                            ("given back", "%.2f"),
                            ("without it", "%.2f"),
                            ("surprise", "%+.2f"),
                        )
                    },
                )
                st.caption(
                    f"RMSE of your {len(table)} ratings: given back {rmse(fold_in.given_back, fold_in.ratings):.4f}, "
                    f"without each {rmse(fold_in.left_out, fold_in.ratings):.4f}. The second is the honest one."
                )
        elif rows.split_or_none(run) is None:
            st.info("The ratings that this model was trained on are no longer where they were, so they can't be shown.")
        else:
            if who == "A movie":
                ranked = catalogue.search()
                item = st.selectbox(
                    "Movie",
                    ranked.tolist(),
                    format_func=lambda index: f"{catalogue.display_titles[index]} ({catalogue.items.years[index]})",
                    key="reconstruct_item",
                    help="Type to search; those with most ratings come first.",
                    width=460,
                )
                table = rows.observed(run.id, item=int(item or 0))
            else:
                order = np.argsort(-model.user_counts, kind="stable")
                user = st.selectbox(
                    "User",
                    order.tolist(),
                    format_func=lambda index: (
                        f"{model.user_ids[index]} ({model.user_counts[index]:,} training ratings)"
                    ),
                    key="reconstruct_user",
                    help="Type an id; those with most ratings come first.",
                    width=460,
                )
                table = rows.observed(run.id, user=int(user or 0))
            parts = [part for part in ("train", "validation", "test") if (table["part"] == part).any()]
            picture, numbers = st.columns([1.6, 1], gap="large")
            picture.altair_chart(charts.given_against_predicted(table, model.scale, parts), key="row_chart")
            with numbers:
                for part in parts:
                    chosen = table[table["part"] == part]
                    error = rmse(chosen["predicted"].to_numpy(), chosen["given"].to_numpy())
                    st.metric(f"RMSE on {len(chosen):,} {part} ratings", f"{error:.4f}")
                st.caption(
                    "Training ratings went into the network. Validation and test ratings did not: they are held out."
                )
            worst = (table["given"] - table["predicted"]).abs().sort_values(ascending=False).index
            st.dataframe(
                table.loc[worst],
                hide_index=True,
                height=280,
                column_config={
                    "given": st.column_config.NumberColumn(format="%.1f"),
                    "predicted": st.column_config.NumberColumn(format="%.2f"),
                },
            )
