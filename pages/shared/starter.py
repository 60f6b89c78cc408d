"""How far the app's own first model is: in the sidebar, and on the pages that wait for it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pages.shared import plain, services
from pages.shared.words import _

SECONDS_A_TICK = 0.5


@dataclass(frozen=True)
class Progress:
    """How far the starter model is."""

    why: str = ""
    """What stands in its way, in the visitor's language; nothing where all is well, or nobody knows."""
    is_coming: bool = False
    """Whether it is there soon."""
    done: int = 0
    """Its epochs so far."""
    epochs: int = 1
    """That it will have."""


def progress() -> Progress:
    """How far it is."""
    why, run = services.begin(), services.starter_run()
    if run is None or why:
        return Progress(_(why))
    status, last = services.jobs().status(run.id), run.last_epoch
    if status.state in ("failed", "interrupted"):
        why = _(status.message) or _("see the log")
        return Progress(_("The starter model did not train: {why}", why=why))
    return Progress("", True, last.epoch if last else 0, run.config.hyperparameters.epochs)


@st.fragment(run_every=SECONDS_A_TICK)
def aside() -> None:
    """Says in the sidebar how far it is, and draws the page anew when it is there."""
    run = services.starter_run()
    if run is not None and services.is_usable(run) and run.state == "ended":
        st.rerun()
    known = progress()
    if not known.is_coming:
        st.markdown(plain.lines(known.why) if known.why else _("None yet: train one."))
        return
    trains = _("The starter model trains: epoch {done} of {epochs}", done=known.done, epochs=known.epochs)
    begins = _("The starter model is about to train.")
    st.progress(min(1.0, known.done / known.epochs), trains if known.done else begins)


@st.fragment(run_every=SECONDS_A_TICK, key="starter_notice")
def notice() -> None:
    """Says on a page that needs a model how far it is; the sidebar draws the page anew when it is there."""
    known = progress()
    if not known.is_coming:
        st.info(
            _(
                "There is no model yet. {why} Train one: with the preset Balanced it takes a few seconds.",
                why=plain.lines(known.why),
            )
        )
        return
    st.info(_("The app is training a small starter model by itself. This page fills in when it is ready."))
    trains = _("Epoch {done} of {epochs}", done=known.done, epochs=known.epochs)
    begins = _("Starting: the ratings are being loaded and split.")
    st.progress(min(1.0, known.done / known.epochs), trains if known.done else begins)
