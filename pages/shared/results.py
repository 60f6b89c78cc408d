"""What came of a training: the test, scored once, and what can be done with the model."""

from __future__ import annotations

import math

import streamlit as st

from autorec_core import takeaway
from autorec_core.runs import Run
from pages.shared import charts, live, pictures, services, state
from pages.shared.palette import ink


def of_run(run: Run) -> None:
    """Draws the outcome of a run that has ended; nothing for any other."""
    known = live.read(run)
    ended, result = known.ended, run.result
    if ended is None or result is None:
        return
    num_test = int(result["split"]["num_test"])
    if ended.test_rmse is not None and ended.test_mae is not None and num_test:
        st.subheader("The test, scored once", anchor=False)
        fitted = (
            f"fitted to train and validation ratings together for {ended.best_epoch} epochs"
            if ended.is_refitted
            else f"as it was after epoch {ended.best_epoch}"
        )
        fallback = (
            f" For {ended.num_test_fallback:,} of them the user or movie was never seen in training; averages stand in."
            if ended.num_test_fallback
            else ""
        )
        st.markdown(
            f"The model, {fitted}, on {num_test:,} ratings that neither trained it nor chose its epoch, beside what "
            f"needs no network. Predictions are clipped to the rating scale.{fallback}"
        )
        numbers, picture = st.columns([1, 3])
        numbers.metric("Test RMSE", f"{ended.test_rmse:.4f}", help="Root of the mean squared error, in rating units.")
        numbers.metric("Test MAE", f"{ended.test_mae:.4f}", help="Mean absolute error, in rating units.")
        with picture, pictures.place("scores"):
            st.altair_chart(
                charts.scores(ended.test_rmse, ended.baselines, ink(st.context.theme.type)),
                width="stretch",
                key="scores",
                alt=_in_words(ended),
            )
    current = services.current_run()
    is_current = current is not None and current.id == run.id
    if run.has_model and not is_current and not run.beats_averages:
        st.caption("Averages alone predict better than this model, so it is not taken into use by itself.")
    with st.container(horizontal=True):
        st.button(
            "This model is in use" if is_current else "Use this model",
            key="use_model",
            type="secondary" if is_current else "primary",
            disabled=is_current or not run.has_model,
            on_click=state.choose_run,
            args=(run.id,),
            help="Rate, Recommendations and Reconstruction then speak of this model.",
        )
        st.download_button(
            "Curve as CSV",
            lambda: takeaway.curve_csv(known.epochs),
            f"autorec-{run.id}-curve.csv",
            "text/csv",
            key="curve_csv",
            on_click="ignore",
            help="A row an epoch: objective, RMSEs, learning rate, seconds.",
        )
        if run.has_model:
            st.download_button(
                "Model and figures",
                lambda: takeaway.archive(run),
                f"autorec-{run.id}.zip",
                "application/zip",
                key="model_zip",
                on_click="ignore",
                help="A zip: weights as safetensors, hyperparameters, items, metrics, curve and a script to train it.",
            )


def _in_words(ended: live.TrainingEnded) -> str:
    parts = [f"this model {ended.test_rmse:.4f}"]
    parts += [
        f"{label} {ended.baselines[name]:.4f}"
        for name, label in charts.BASELINE_LABELS.items()
        if math.isfinite(ended.baselines.get(name, math.nan))
    ]
    return "Test RMSE: " + ", ".join(parts)
