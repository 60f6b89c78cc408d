"""Home: what AutoRec is in a picture, what is loaded, and what to do next."""

from __future__ import annotations

import streamlit as st

from pages.shared import cards, frame, live, plain, rows, services

with frame.open_page("home"):
    st.title("An autoencoder fills in the rating matrix")
    st.markdown(
        "Nearly everything in a rating matrix is unknown. **AutoRec** takes one row of it, keeps only a short code of "
        "what is known, and writes the row back **whole**. What it writes into the holes are its predictions. "
        "Here you can train it on real ratings, watch it learn, and see what it makes of yours."
    )
    run = services.current_run()
    given = services.given()
    if run is None:
        live.starter_notice()
        frame.go_button("Rate movies", "rate")
    else:
        model = services.recommender(run.id).model
        names = rows.names(run, model)
        if names:
            chosen = st.selectbox(
                "A movie of the data" if model.by_items else "A user of the data",
                list(names),
                format_func=names.__getitem__,
                key="home_row",
                help="Whose ratings go through the network below.",
                width=420,
            )
            entries = rows.entries(run, model, int(chosen or 0))
            st.html(cards.row_through_network(**entries, scale=model.scale))

        result = run.result or {}
        count = len(given.by_id)
        data, quality, you = st.columns(3)
        with data, st.container(border=True, height="stretch"):
            st.markdown("**The data**")
            whole = result.get("dataset", {})
            source = plain.escaped(run.config.source.title)
            st.markdown(
                f"{source}: {whole.get('num_ratings', 0):,} ratings of {whole.get('num_items', 0):,} "
                f"movies by {whole.get('num_users', 0):,} people."
            )
        with quality, st.container(border=True, height="stretch"):
            st.markdown("**The model**")
            text = f"{frame.model_name(run)}, {'the starter' if run.config.kind == 'starter' else 'trained here'}."
            if result.get("test_rmse") is not None:
                bias = result["baselines"]["user_item_bias"]
                text += (
                    f" It misses a rating it never saw by {result['test_rmse']:.4f} (test RMSE); "
                    f"user and item averages miss by {bias:.4f}."
                )
            st.markdown(text)
            st.page_link(frame.page_path("train"), label="Train another")
        with you, st.container(border=True, height="stretch"):
            st.markdown("**You**")
            st.markdown(f"You rated {count} {'movie' if count == 1 else 'movies'}.")
            if count < 5:
                frame.go_button("Rate your first movies" if not count else f"Rate {5 - count} more", "rate")
            else:
                frame.go_button("See what to watch", "recommendations")
                st.page_link(frame.page_path("reconstruction"), label="See yourself reconstructed")
