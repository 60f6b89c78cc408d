"""The live view of a training: its curve, its numbers and its buttons, redrawn twice a second while it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from autorec_core.errors import AutoRecError
from autorec_core.events import EpochEnded, TrainingStarted
from autorec_core.jobs import JobStatus
from autorec_core.runs import Run, RunConfig
from pages.shared import charts, services, state

SECONDS_A_TICK = 0.5


def start(config: RunConfig) -> None:
    """Puts a training in line and watches it; a button's callback."""
    try:
        state.watch_run(services.jobs().submit(config).id)
        state.put("_live_problem", None)
    except AutoRecError as error:
        state.put("_live_problem", str(error))


def message() -> None:
    """Shows what the last button could not do."""
    problem = state.get("_live_problem")
    if problem:
        st.warning(problem)


def watched_run() -> Run | None:
    """The run to show: the one that was started or chosen here, else the visitor's newest, else the starter's."""
    watched = state.watched_run_id()
    if watched is not None:
        try:
            run = services.run_store().get(watched)
        except AutoRecError:
            run = None
        if run is not None and services.can_see(run):
            return run
    runs = services.own_runs()
    own = [run for run in runs if run.config.owner is not None]
    return own[0] if own else services.starter_run()


def _progress(run: Run) -> dict[str, Any]:
    """What this session has read of a run's events so far; each tick reads only what is new."""
    known: dict[str, Any] = state.live("progress", {"run_id": None})
    if known["run_id"] != run.id:
        known.update(run_id=run.id, cursor=0, epochs=[], started=None, span=None, was_active=False)
    events, cursor = run.events_after(known["cursor"])
    if cursor < known["cursor"]:  # a resume cut the events back
        known.update(epochs=[], started=None)
    known["cursor"] = cursor
    for event in events:
        if isinstance(event, EpochEnded):
            known["epochs"] = [*(old for old in known["epochs"] if old.epoch < event.epoch), event]
        elif isinstance(event, TrainingStarted):
            known["started"] = event
            known["epochs"] = [old for old in known["epochs"] if old.epoch <= event.epoch]
    return known


def epochs_of(run: Run) -> list[EpochEnded]:
    """All epochs of a run so far."""
    return [event for event in run.events() if isinstance(event, EpochEnded)]


def panel(run: Run) -> None:
    """Draws the view; while the training changes, it redraws itself."""
    is_active = services.jobs().status(run.id).is_active
    _progress(run)["was_active"] = is_active
    st.fragment(_tick, run_every=SECONDS_A_TICK if is_active else None, key="live")(run)


def _tick(run: Run) -> None:
    runner = services.jobs()
    status = runner.status(run.id)
    known = _progress(run)
    epochs: list[EpochEnded] = known["epochs"]
    started: TrainingStarted | None = known["started"]
    num_epochs = run.config.hyperparameters.epochs
    baselines = started.baselines if started is not None else {}
    known["span"] = charts.rmse_span(epochs, baselines, known["span"] if epochs else None)

    _buttons(run, status)
    _sentence(run, status, epochs, num_epochs)
    best = min((event.valid_rmse for event in epochs if event.is_best), default=None)
    elapsed = sum(event.seconds for event in epochs)
    remaining = elapsed / len(epochs) * (num_epochs - len(epochs)) if epochs else None
    with st.container(horizontal=True, gap="medium"):
        _number("Epoch", f"{len(epochs)} of {num_epochs}")
        _number("Validation RMSE", "–" if best is None else f"{best:.4f}")
        _number("Trained for", f"{elapsed:.1f} s")
        _number("Remaining", "–" if remaining is None or not status.is_active else f"{remaining:.1f} s")
        _number("Ratings a second", f"{epochs[-1].ratings_per_second:,.0f}" if epochs else "–")
    curve = charts.loss_curve(epochs, baselines, num_epochs, known["span"])
    st.altair_chart(curve, width="stretch", height=charts.LIVE_HEIGHT, key="curve")
    st.caption(
        "Validation after each epoch; train while learning, with dropout, so it may lie above. "
        "Dashed: what a prediction without a network gets on the same validation ratings."
    )
    if known["was_active"] and not status.is_active:  # once: the rest of the page shows the end
        known["was_active"] = False
        st.rerun()


def _number(label: str, value: str) -> None:
    st.metric(label, value, width="content")


def _buttons(run: Run, status: JobStatus) -> None:
    runner, name = services.jobs(), status.state
    with st.container(horizontal=True):
        _button("Pause", run, runner.pause, name == "running", "Hold after this epoch.")
        _button("Resume", run, runner.go_on, name == "paused", "Go on training.")
        _button("Step", run, runner.step, name in ("paused", "running"), "Train one epoch, then hold.")
        label = "Leave the queue" if name == "queued" else "Stop"
        _button(label, run, runner.stop, status.is_active and name != "starting", "End here, and score the test.")


def _button(label: str, run: Run, act: Callable[[str], object], is_possible: bool, help: str) -> None:
    key = "transport_stop" if label in ("Stop", "Leave the queue") else f"transport_{label.lower()}"
    st.button(label, key=key, disabled=not is_possible, help=help, on_click=_do, args=(act, run.id))


def _do(act: Callable[[str], object], run_id: str) -> None:
    try:
        act(run_id)
        state.put("_live_problem", None)
    except AutoRecError as error:
        state.put("_live_problem", str(error))


def _sentence(run: Run, status: JobStatus, epochs: list[EpochEnded], num_epochs: int) -> None:
    """What is going on, in one line that is always there."""
    if status.state == "interrupted":
        checkpoint = run.checkpoint_epoch
        where = f"epoch {checkpoint}" if checkpoint else "the beginning"
        st.warning(status.message or f"This training was interrupted. Resume goes on from {where}.")
        st.button(f"Resume from {where}", key="transport_recover", type="primary", on_click=_recover, args=(run.id,))
        return
    if status.state == "failed":
        st.error(status.message)
        return
    ended = run.ended if status.state == "ended" else None
    waiting = "training" if status.position == 1 else "trainings"
    text = {
        "queued": f"In line: {status.position} {waiting} before yours.",
        "starting": "Its turn: the ratings are being loaded.",
        "running": f"Training, epoch {len(epochs) + 1} of {num_epochs}.",
        "paused": f"Paused after epoch {len(epochs)}.",
        "ended": ended.message if ended is not None else "Ended.",
    }[status.state]
    if ended is not None and ended.reason == "diverged":
        st.warning(text)
    else:
        st.markdown(text)


def _recover(run_id: str) -> None:
    _do(services.jobs().resume, run_id)
    state.watch_run(run_id)
