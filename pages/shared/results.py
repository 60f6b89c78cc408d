"""What came of a training: the test, scored once, and what can be done with the model."""

from __future__ import annotations

import math

import streamlit as st

from autorec_core import takeaway
from autorec_core.runs import Run
from pages.shared import charts, figures, in_use, live, pictures, sets, state, visit
from pages.shared.palette import ink
from pages.shared.words import _, ngettext


def of_run(run: Run) -> None:
    """Draws the outcome of a run that has ended; nothing for any other."""
    known = live.read(run)
    ended, result = known.ended, run.result
    if ended is None or result is None:
        state.set_live("awaited", run.id)
        return
    num_test = int(result["split"]["num_test"])
    if ended.test_rmse is not None and ended.test_mae is not None and num_test:
        st.subheader(_("The test, scored once"), anchor=False)
        fitted = (
            ngettext(
                "fitted to train and validation ratings together for {count} epoch",
                "fitted to train and validation ratings together for {count} epochs",
                ended.best_epoch,
            )
            if ended.is_refitted
            else _("as it was after epoch {epoch}", epoch=ended.best_epoch)
        )
        told = _(
            "The model, {fitted}, on {ratings:,} ratings that neither trained it nor chose its epoch, beside what "
            "needs no network. Predictions are clipped to the rating scale.",
            fitted=fitted,
            ratings=num_test,
        )
        if ended.num_test_fallback:
            told += _(
                " For {ratings:,} of them the user or movie was never seen in training; averages stand in.",
                ratings=ended.num_test_fallback,
            )
        st.markdown(told)
        numbers, picture = st.columns([1, 3])
        numbers.metric(
            _("Test RMSE"), f"{ended.test_rmse:.4f}", help=_("Root of the mean squared error, in rating units.")
        )
        numbers.metric(_("Test MAE"), f"{ended.test_mae:.4f}", help=_("Mean absolute error, in rating units."))
        with picture, pictures.place("scores"):
            figures.show(
                charts.scores(ended.test_rmse, ended.baselines, ink(st.context.theme.type)),
                key="scores",
                alt=_in_words(ended),
            )
    current = visit.current_run()
    is_current = current is not None and current.id == run.id
    if run.has_model and not is_current and not run.beats_averages:
        st.caption(
            _(
                "On validation, averages alone do as well as this model or better, so it is not taken into use by "
                "itself."
            )
        )
    took_over = in_use.took_over(run)
    if took_over:
        if state.live("awaited", "") == run.id:  # this is far down the page, and who waited is looking at the curve
            st.toast(_("Trained. Recommendations and all other pages use this model from now on."), duration="long")
        st.info(
            _(
                "**All pages use this model now**, Recommendations too: it is your newest, and on validation it "
                "predicts better than averages alone."
            )
        )
    state.forget_live("awaited")
    with st.container(horizontal=True):
        if took_over:
            in_use.back_button(run, "use_before")
        st.button(
            _("This model is in use") if is_current else _("Use this model"),
            key="use_model",
            type="secondary" if is_current else "primary",
            disabled=is_current or not run.has_model,
            on_click=state.choose_run,
            args=(run.id,),
            help=_("Rate, Recommendations and Reconstruction then speak of this model."),
        )
        st.download_button(
            _("Curve as CSV"),
            lambda: takeaway.curve_csv(known.epochs),
            f"autorec-{run.id}-curve.csv",
            "text/csv",
            key="curve_csv",
            on_click="ignore",
            help=_("A row an epoch: objective, RMSEs, learning rate, seconds."),
        )
        if run.has_model:
            st.download_button(
                _("Model and figures"),
                lambda: takeaway.archive(run, sets.for_others(run.config)),
                f"autorec-{run.id}.zip",
                "application/zip",
                key="model_zip",
                on_click="ignore",
                help=_(
                    "A zip: weights as safetensors, hyperparameters, items, metrics, curve and a script to train it."
                ),
            )


def _in_words(ended: live.TrainingEnded) -> str:
    parts = [f"{_('this model')} {ended.test_rmse:.4f}"]
    parts += [
        f"{_(label)} {ended.baselines[name]:.4f}"
        for name, label in charts.BASELINE_LABELS.items()
        if math.isfinite(ended.baselines.get(name, math.nan))
    ]
    return _("Test RMSE: {figures}", figures=", ".join(parts))
