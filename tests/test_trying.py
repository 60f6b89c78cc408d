"""Things to try: each button sets the form and the pace, and what it says to look for is there."""

from __future__ import annotations

import json
from functools import cache

import pytest
from streamlit.testing.v1 import AppTest

from autorec_core.events import EpochEnded, TrainingEnded
from autorec_core.hyperparameters import PRESETS, choice_of, names
from autorec_core.runs import RunConfig
from autorec_core.splits import Split
from autorec_core.training import Trainer
from pages.shared import controls, transport
from pages.shared.trying import EXPERIMENTS


def script() -> None:
    import json

    import streamlit as st

    from pages.shared import controls, state, trying

    controls.begin()
    trying.draw()
    controls.based_on_control()
    controls.hyperparameters_form()
    st.text(json.dumps([controls.chosen().to_json(), state.get("pace")]))


class TestButtons:
    @pytest.mark.parametrize("name", EXPERIMENTS)
    def test_each_sets_the_controls_and_the_pace_and_then_says_what_to_look_for(self, name: str) -> None:
        one = EXPERIMENTS[name]
        form = AppTest.from_function(script, default_timeout=30).run()
        assert one.looks not in [caption.value for caption in form.caption]
        form.button(key=f"try_{name}").click().run()
        assert not form.exception
        assert json.loads(form.text[0].value) == [one.hyperparameters.to_json(), one.pace]
        assert one.looks in [caption.value for caption in form.caption]
        form.select_slider(key="hyperparameter_epochs").set_value(50).run()  # it is no longer that
        assert one.looks not in [caption.value for caption in form.caption]

    @pytest.mark.parametrize("name", EXPERIMENTS)
    def test_the_controls_can_show_it(self, name: str) -> None:
        one = EXPERIMENTS[name]
        assert one.pace in transport.PACES
        for field in names():
            if choice_of(field).log:
                assert getattr(one.hyperparameters, field) in controls.nice_values(field)

    def test_no_two_are_the_same(self) -> None:
        assert len({(one.hyperparameters, one.pace) for one in EXPERIMENTS.values()}) == len(EXPERIMENTS)


@cache
def split() -> Split:
    return RunConfig().split()


@cache
def run_of(name: str) -> tuple[list[EpochEnded], TrainingEnded, dict[str, float]]:
    """All epochs of an experiment on the bundled ratings, its end, and the dashed lines; without the refit."""
    trainer = Trainer(split(), EXPERIMENTS[name].hyperparameters.with_changes(refit=False), seed=0)
    events = list(trainer)
    ended = events[-1]
    assert isinstance(ended, TrainingEnded)
    return [event for event in events if isinstance(event, EpochEnded)], ended, trainer.valid_baselines


class TestWhatTheySay:
    """Figures of the bundled ratings; other seeds have others, and the same to see."""

    def test_learnt_by_heart(self) -> None:
        epochs, ended, lines = run_of("by_heart")
        assert ended.best_epoch <= 5
        assert epochs[-1].train_rmse < 0.4
        assert epochs[-1].valid_rmse > 1.1 * max(lines.values())

    def test_two_numbers_and_the_default(self) -> None:
        _, two, lines = run_of("two_units")
        _, default, _ = run_of("slowly")
        assert EXPERIMENTS["slowly"].hyperparameters == PRESETS["balanced"].hyperparameters
        assert two.valid_rmse is not None
        assert default.valid_rmse is not None
        assert default.valid_rmse + 0.02 < two.valid_rmse < min(lines.values()) - 0.01

    def test_a_heavy_penalty(self) -> None:
        epochs, _, lines = run_of("heavy")
        assert [event.valid_rmse for event in epochs[-3:]] == pytest.approx([min(lines.values())] * 3, abs=0.005)

    def test_a_rate_that_is_too_high(self) -> None:
        _, ended, _ = run_of("too_fast")
        assert ended.reason == "diverged"
        assert "ower the learning rate" in ended.message

    def test_the_notebook(self) -> None:
        epochs, _, lines = run_of("notebook")
        valid, train = [event.valid_rmse for event in epochs], [event.train_rmse for event in epochs]
        assert max(valid) - min(valid) < 0.01
        assert max(train) - min(train) > 0.3
        assert min(valid) > 2 * max(lines.values())
