"""What a person may do to a training besides holding it: the controls say how it is, whoever comes back to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from autorec_core.events import HyperparametersChanged
from autorec_core.runs import Run, RunConfig, RunStore
from pages.shared import services, state, transport

OWNER = "me"


def page(now):  # type: ignore[no-untyped-def]  # run as a script of its own, without the imports above
    import streamlit as st

    from pages.shared import transport

    st.button("Set", key="set", on_click=transport.put_pace, args=(now["set"],))
    if now["run"] is not None:
        transport.draw(now["run"], now["state"], now["changes"])


class Runner:
    """Knows the paces of trainings, and keeps what they are told."""

    def __init__(self) -> None:
        self.paces: dict[str, float] = {}
        self.changed: list[dict[str, float]] = []

    def pace(self, run_id: str) -> float:
        return self.paces.get(run_id, 0.0)

    def set_pace(self, run_id: str, pace: float) -> None:
        self.paces[run_id] = pace

    def change(self, run_id: str, **hyperparameters: float) -> None:
        self.changed.append(hyperparameters)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    runner = Runner()
    monkeypatch.setattr(services, "jobs", lambda: runner)
    monkeypatch.setattr(state, "owner", lambda: OWNER)
    return runner


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[[], Run]:
    store = RunStore(tmp_path)
    return lambda: store.create(RunConfig(owner=OWNER))


def session(run: Run | None, state_name: str = "running") -> Any:
    now = {"run": run, "state": state_name, "changes": [], "set": 0.0}
    return SimpleNamespace(now=now, app=AppTest.from_function(page, args=(now,), default_timeout=30))


class TestPace:
    def test_a_new_session_says_how_fast_the_training_goes(self, runner: Runner, new_run: Callable[[], Run]) -> None:
        """So it is after a reload."""
        run = new_run()
        runner.paces[run.id] = 4.0
        app = session(run).app.run()
        assert app.selectbox(key="pace").value == 4.0
        app.selectbox(key="pace").set_value(0.0).run()
        assert runner.paces[run.id] == 0.0
        assert app.run().selectbox(key="pace").value == 0.0

    def test_set_by_another_button_it_holds_for_the_training_beside_it(
        self, runner: Runner, new_run: Callable[[], Run]
    ) -> None:
        run = new_run()
        shown = session(run)
        shown.now["set"] = 4.0
        app = shown.app
        app.session_state["_watched_run_id"] = run.id
        app.run().button(key="set").click().run()
        assert (app.selectbox(key="pace").value, runner.paces) == (4.0, {run.id: 4.0})
        app.session_state["_watched_run_id"] = "that of somebody else"
        app.button(key="set").click().run()
        assert list(runner.paces) == [run.id]

    def test_another_training_that_is_shown_brings_its_own(self, runner: Runner, new_run: Callable[[], Run]) -> None:
        slow, fast = new_run(), new_run()
        runner.paces = {slow.id: 1.0, fast.id: 10.0}
        shown = session(slow)
        assert shown.app.run().selectbox(key="pace").value == 1.0
        shown.now["run"] = fast
        assert shown.app.run().selectbox(key="pace").value == 10.0
        assert runner.paces == {slow.id: 1.0, fast.id: 10.0}

    def test_one_that_is_over_leaves_the_choice_for_the_next(self, runner: Runner, new_run: Callable[[], Run]) -> None:
        app = session(new_run(), "ended").app.run()
        app.selectbox(key="pace").set_value(4.0).run()
        assert app.run().selectbox(key="pace").value == 4.0

    def test_a_training_of_somebody_else_keeps_its_own(self, runner: Runner, tmp_path: Path) -> None:
        """Such as the starter's, which all who open the app wait for."""
        app = session(RunStore(tmp_path).create(RunConfig(kind="starter"))).app.run()
        app.selectbox(key="pace").set_value(1.0).run()
        assert (app.selectbox(key="pace").value, runner.paces) == (1.0, {})


def test_whoever_leaves_the_page_and_comes_back_sees_what_they_changed(
    runner: Runner, new_run: Callable[[], Run]
) -> None:
    run = new_run()
    shown = session(run)
    key = f"change_{run.id}_input_dropout"
    shown.app.run().slider(key=key).set_value(0.7).run()
    assert runner.changed == [{"input_dropout": 0.7}]
    shown.now["changes"] = [HyperparametersChanged(epoch=3, changes={"input_dropout": 0.7})]
    shown.now["run"] = None  # another page
    assert not shown.app.run().slider
    shown.now["run"] = run
    assert shown.app.run().slider(key=key).value == transport.now(run, shown.now["changes"]).input_dropout == 0.7
