"""What a person may do to a training besides holding it: its pace, its hyperparameters while it trains, a new start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from autorec_core.errors import AutoRecError
from autorec_core.events import HyperparametersChanged
from autorec_core.hyperparameters import Hyperparameters, choice_of
from autorec_core.runs import Run, RunConfig
from pages.shared import controls, services, state
from pages.shared.words import _, box, later

CHANGEABLE = ("learning_rate", "regularization", "encoder_regularization_factor", "input_dropout", "code_dropout")
"""Hyperparameters that may change while it trains, in the order of their sliders."""
PACES = {
    0.0: later("As fast as it can"),
    10.0: later("10 epochs a second"),
    4.0: later("4 epochs a second"),
    1.0: later("1 epoch a second"),
}
"""Epochs a second, and what people call that."""


def pace() -> float:
    """The pace that is chosen for the next training."""
    return float(state.get("pace") or 0.0)


def now(run: Run, changes: Sequence[HyperparametersChanged]) -> Hyperparameters:
    """A run's hyperparameters with all that was changed while it trained."""
    values: dict[str, float] = {}
    for change in changes:
        values |= change.changes
    return run.config.hyperparameters.with_changes(**values)


def draw(
    run: Run | None, state_name: str, changes: Sequence[HyperparametersChanged], *, is_refitting: bool = False
) -> None:
    """Draws the controls; each is always there, and disabled where it can't be used.

    Args:
        run: that is shown, or None.
        state_name: of its job.
        changes: what was changed while it trained.
        is_refitting: whether it repeats what validation chose; then nothing can change.
    """
    is_own = run is not None and run.config.owner == state.owner()
    is_under_way = is_own and state_name in ("running", "paused") and not is_refitting
    run_id = "" if run is None else run.id
    if is_own and state_name in ("queued", "starting", "running", "paused"):
        _follow_pace(run_id)
    with st.container(horizontal=True, key="transport_more", vertical_alignment="bottom"):
        box(
            _("Pace"),
            list(PACES),
            format_func=lambda pace: _(PACES[pace]),
            key="pace",
            on_change=_take_pace,
            args=(run_id if is_own else "",),  # the starter's is everybody's
            width=190,
            help=_("How fast epochs may follow each other; slower lets you watch. It changes no number."),
            persist_state="session",
        )
        with st.popover(_("Change while it trains"), disabled=not is_under_way, help=_("From the next epoch on.")):
            st.caption(_("Each change holds from the next epoch on and is marked on the curve."))
            if run is not None:
                _sliders(run, now(run, changes), is_under_way)
        st.button(
            _("Restart"),
            key="transport_restart",
            disabled=run is None or state_name == "",
            on_click=_restart,
            args=(run, state_name, is_own),
            help=_("Trains anew with the same hyperparameters, from the same first weights."),
        )


def _sliders(run: Run, current: Hyperparameters, is_under_way: bool) -> None:
    # Each begins where the training was when it was first seen: the browser makes a slider when the popover opens, so
    # where it stands can't be put from here at another time.
    begins: Hyperparameters = state.live(f"change_{run.id}", current)
    for name in CHANGEABLE:
        choice, value = choice_of(name), float(getattr(begins, name))
        key = f"change_{run.id}_{name}"
        common: dict[str, Any] = {
            "label": _(choice.label),
            "value": value,
            "help": _(choice.help),
            "key": key,
            "on_change": _change,
            "args": (run.id, name, key),
            "disabled": not is_under_way,
            "persist_state": "session",  # else whoever comes back to the page sees where it began, not where it is
        }
        if choice.log:
            stops = sorted({*map(float, controls.nice_values(name)), value})
            st.select_slider(options=stops, format_func=lambda stop: f"{stop:g}", **common)
        else:
            st.slider(min_value=float(choice.low or 0), max_value=float(choice.high or 1), step=choice.step, **common)


def _follow_pace(run_id: str) -> None:
    """Lets the box say how fast a training goes, where this session did not show it before: after a reload, too."""
    if state.live("paced", "") != run_id:
        state.set_live("paced", run_id)
        if services.jobs().pace(run_id) != pace():
            state.put("pace", services.jobs().pace(run_id))


def put_pace(new: float) -> None:
    """Sets the box, and the training that it stands beside, as if it had been chosen there; for a button's callback."""
    state.put("pace", new)
    if state.live("paced", "") == state.watched_run_id():
        _take_pace(state.watched_run_id() or "")


def _take_pace(run_id: str) -> None:
    if run_id:
        services.jobs().set_pace(run_id, pace())


def _change(run_id: str, name: str, key: str) -> None:
    do(lambda: services.jobs().change(run_id, **{name: float(state.get(key))}))


def _restart(run: Run, state_name: str, is_own: bool) -> None:
    def act() -> None:
        runner = services.jobs()
        if is_own and state_name in ("queued", "starting", "running", "paused"):
            runner.stop(run.id)
        state.watch_run(runner.submit(anew(run.config, state.owner()), pace=pace()).id)

    do(act)


def anew(config: RunConfig, owner: str) -> RunConfig:
    """The configuration of a run that begins as another one began."""
    return replace(config, kind="visitor", owner=owner, fork_of=None, fork_epoch=0)


def do(act: Callable[[], object]) -> None:
    """Does what a control asks for, and keeps what it could not do for the next drawing."""
    try:
        act()
        state.put("_live_problem", None)
    except AutoRecError as error:
        state.put("_live_problem", error.sentence)
