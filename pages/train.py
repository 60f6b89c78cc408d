"""Train: choose, start, watch."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from autorec_core import datasets
from autorec_core.runs import RunConfig, Source
from pages.shared import charts, controls, frame, live, services, state

with frame.open_page("train"):
    st.title("Train a model")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        ready = [name for name in datasets.DATASETS if datasets.is_ready(name)]
        dataset = st.selectbox(
            "Data set",
            ready,
            format_func=lambda name: datasets.DATASETS[name].title,
            key="dataset",
            help="The ratings to learn from. `python -m autorec_core datasets --fetch NAME` fetches others.",
            width=290,
        )
        controls.preset_control()
        start = st.container(width="content")
    view, form = st.columns([2.2, 1], gap="large")

    with form:
        known = datasets.DATASETS[dataset or datasets.BUNDLED]
        st.caption(f"{known.num_ratings:,} ratings, {known.num_users:,} users, {known.num_items:,} movies")
        hyperparameters, preset_name = controls.hyperparameters_form()
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, 0, key="seed", help="Of the split, the first weights, the batches and dropout."
        )
        config = RunConfig(
            source=Source(dataset=known.name),
            hyperparameters=hyperparameters,
            preset=preset_name,
            seed=int(seed),
            owner=state.owner(),
        )
    start.button("Start training", type="primary", on_click=live.start, args=(config,))

    with view:
        live.message()
        run = live.watched_run()
        if run is None:
            st.info("Press *Start training*: the curve of every epoch is drawn here while the model learns.")
        else:
            st.markdown(
                f"**{frame.model_name(run)}** on {run.config.source.title}, "
                f"{'starter model' if run.config.kind == 'starter' else run.config.preset or 'own choice'}, "
                f"seed {run.config.seed}"
            )
            live.panel(run)
            ended, result = run.ended, run.result
            if ended is not None and result is not None and ended.test_rmse is not None:
                st.subheader("The test, scored once")
                st.markdown(
                    f"At epoch {ended.best_epoch}, the best on validation, on {result['split']['num_test']:,} ratings "
                    "that chose nothing. Predictions are clipped to the scale; "
                    f"{ended.num_test_fallback:,} of an unseen user or movie are the bias baseline's."
                )
                numbers, bars = st.columns([1, 2])
                numbers.metric("Test RMSE", f"{ended.test_rmse:.4f}")
                numbers.metric("Test MAE", f"{ended.test_mae:.4f}")
                bars.altair_chart(charts.scores(ended.test_rmse, ended.baselines), width="stretch", key="scores")
                current = services.current_run()
                with st.container(horizontal=True):
                    is_current = current is not None and current.id == run.id
                    st.button(
                        "In use for recommendations" if is_current else "Use this model",
                        disabled=is_current or not run.has_model,
                        on_click=state.choose_run,
                        args=(run.id,),
                    )
                    rows = charts.events_as_rows(live.epochs_of(run))
                    st.download_button(
                        "Curve as CSV",
                        pd.DataFrame(rows).to_csv(index=False),
                        f"autorec-{run.id}-curve.csv",
                        "text/csv",
                    )
