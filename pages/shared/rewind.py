"""The way back: which epoch of a run is shown, and a new run that goes on from there."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from autorec_core.runs import Run
from autorec_core.snapshots import Watched
from pages.shared import services, state, steady, transport
from pages.shared.words import _, ngettext


def shown_epoch(epochs: Sequence[int], wanted: int) -> int:
    """The newest kept epoch up to the wanted one; the first where all are newer.

    Args:
        epochs: that are kept, ascending; 0 where there are none.
        wanted: by the slider.

    >>> shown_epoch([0, 2, 5], 4), shown_epoch([3], 1), shown_epoch([], 7)
    (2, 3, 0)
    """
    return max((epoch for epoch in epochs if epoch <= wanted), default=min(epochs, default=0))


def draw(run: Run | None, state_name: str, watched: Watched | None, epochs: Sequence[int]) -> int:
    """Draws the slider and the button; returns the epoch to show.

    While a training runs, that is the newest one, and the slider follows.

    Args:
        run: that is shown, or None.
        state_name: of its job.
        watched: its pictures.
        epochs: of which there are pictures, ascending.
    """
    is_live = run is None or state_name in ("queued", "starting", "running", "")
    newest, num_epochs = max(epochs, default=0), 1 if run is None else run.config.hyperparameters.epochs
    newest = min(newest, num_epochs)
    # A slider can be put somewhere only as long as it follows. When the training is held, another one takes its place,
    # made to begin at the newest picture: what is put just once can be lost when the browser is late, and what a late
    # browser says of the old one would then stand for what the visitor wants.
    key = "rewind_following" if is_live or run is None else f"rewind_{run.id}_{newest}"
    if is_live:
        state.put(key, newest)
    with st.container(horizontal=True, key="rewind_row", vertical_alignment="bottom"):
        wanted = st.slider(
            _("Epoch shown below"),
            0,
            max(1, num_epochs),
            None if is_live else newest,
            key=key,
            disabled=is_live or len(epochs) < 2,
            help=_("While it is paused or when it has ended, go back: matrix, you and inside show that epoch."),
        )
        epoch = newest if is_live else shown_epoch(epochs, int(wanted))
        checkpoints = [] if watched is None else watched.album.epochs("checkpoint")
        begins = max((known for known in checkpoints if known <= epoch and known < num_epochs), default=None)
        st.button(
            _("Resume from here") if begins is None else _("Resume from epoch {epoch}", epoch=begins),
            key="fork",
            disabled=is_live or begins is None,
            on_click=_fork,
            args=("" if run is None else run.id, begins or 0),
            help=_("A new run with the weights and the optimiser's state of that epoch; this one stays as it is."),
        )
    words = _in_words(epochs, checkpoints)
    steady.html("rewind_words", f'<div class="autorec-muted" style="min-height:2.8rem">{words}</div>')
    return epoch


def _in_words(epochs: Sequence[int], checkpoints: Sequence[int]) -> str:
    if not epochs:
        return _("The network is kept by epoch while it trains, as far as that costs it little. Nothing is kept yet.")
    if not checkpoints:
        return ngettext(
            "{count} epoch can be shown again; none can be gone on from yet.",
            "{count} epochs can be shown again; none can be gone on from yet.",
            len(epochs),
        )
    return ngettext(
        "{count} epoch can be shown again; a new run can go on from {listed}.",
        "{count} epochs can be shown again; a new run can go on from {listed}.",
        len(epochs),
        listed=", ".join(map(str, checkpoints)),
    )


def _fork(run_id: str, epoch: int) -> None:
    def act() -> None:
        state.watch_run(services.jobs().fork(run_id, epoch, owner=state.owner(), pace=transport.pace()).id)

    transport.do(act)
