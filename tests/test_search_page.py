"""The Search page: what it asks for, what it shows of a search, and the winner on the sliders."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import search, storage, trials
from autorec_core.errors import QueueError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobRunner, JobStatus
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore
from autorec_core.search_space import SearchSpace
from autorec_core.trials import Trial
from pages.shared import search_charts, searching, services, visit

ROOT = Path(__file__).parent.parent
SMALL = Hyperparameters(hidden_units=4, epochs=3, batch_size=1024)
SPACE = SearchSpace(
    ranges={"learning_rate": (0.001, 0.1), "hidden_units": (2, 9)}, options={"centering": (True, False)}, num_trials=6
)


@pytest.fixture(autouse=True)
def submitted(autorec_home, monkeypatch):
    """What was put in line: no worker is started. A small model stands in for the app's own; the visitor is known."""
    st.cache_resource.clear()
    monkeypatch.setattr(visit.state, "owner", lambda: "me")
    record(made(kind="starter", owner=None, search=None), lambda *_: True)
    configs: list[RunConfig] = []

    def submit(self, config):
        configs.append(config)
        return self.store.create(config)

    monkeypatch.setattr(JobRunner, "submit", submit)
    monkeypatch.setattr(JobRunner, "start", lambda self: None)
    yield configs
    services.close_jobs()
    st.cache_resource.clear()


def made(**changes) -> Run:
    values = {"hyperparameters": SMALL, "owner": "me", "kind": "search", "search": SPACE, "seed": 3} | changes
    return RunStore(storage.runs_folder()).create(RunConfig(**values))


def opened(page: str = "search") -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app = app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def test_start_asks_for_what_the_form_says_and_keeps_the_rest_of_the_train_page(submitted) -> None:
    app = opened("train")
    app.selectbox(key="preset").set_value("quick").run()
    app.number_input(key="seed").set_value(7).run()
    app = app.switch_page("pages/search.py").run()
    app.multiselect(key="search_names").set_value(["learning_rate", "epochs", "centering", "optimizer"]).run()
    app.select_slider(key="search_of_learning_rate").set_value((0.001, 0.02)).run()
    app.number_input(key="search_trials").set_value(9).run()
    app.button(key="start_search").click().run()
    assert not app.exception
    (config,) = submitted
    assert config.hyperparameters == Hyperparameters(hidden_units=32, epochs=10)
    assert (config.seed, config.owner, config.kind) == (7, "me", "search")
    space = config.search
    assert space is not None
    assert space.searched == ["optimizer", "learning_rate", "epochs", "centering"]
    assert space.ranges["learning_rate"] == (0.001, 0.02)
    assert space.options["centering"] == (True, False)
    assert (space.num_trials, space.minutes) == (9, None)


def test_minutes_can_be_the_budget(submitted) -> None:
    app = opened()
    app.segmented_control(key="search_budget").set_value("minutes").run()
    app.number_input(key="search_minutes").set_value(3).run()
    app.button(key="start_search").click().run()
    assert submitted[0].search.num_trials is None
    assert submitted[0].search.minutes == 3


def test_every_hyperparameter_that_is_offered_can_be_searched(submitted) -> None:
    app = opened()
    offered = [name for name in Hyperparameters.__dataclass_fields__ if name not in searching.FIXED]
    app.multiselect(key="search_names").set_value(offered).run()
    assert not app.exception
    app.button(key="start_search").click().run()
    assert submitted[0].search.searched == offered


def test_with_nothing_to_try_it_says_so_and_cannot_start() -> None:
    app = opened()
    app.multiselect(key="search_names").set_value([]).run()
    assert "Choose one." in app.warning[0].value
    assert app.button(key="start_search").disabled


def test_a_full_line_is_told(monkeypatch) -> None:
    def refuse(self, config):
        raise QueueError("20 trainings wait already.")

    monkeypatch.setattr(JobRunner, "submit", refuse)
    app = opened()
    app.button(key="start_search").click().run()
    assert not app.exception
    assert "20 trainings wait already." in app.warning[0].value


def test_an_ended_search_shows_its_best_and_takes_it_to_the_sliders() -> None:
    run = made()
    search.record_search(run, lambda *_: True)
    best = trials.best_of(trials.trials_of(run))
    assert best is not None
    app = opened()
    assert app.dataframe[0].value["trial"].iloc[0] == best.number
    assert app.dataframe[0].value["valid"].iloc[0] == best.valid_rmse
    app.button(key="search_adopt").click().run()
    assert not app.exception
    train = app.switch_page("pages/train.py").run()
    assert train.select_slider(key="hyperparameter_hidden_units").value == best.values["hidden_units"]
    assert train.select_slider(key="hyperparameter_learning_rate").value == best.values["learning_rate"]
    assert train.toggle(key="hyperparameter_centering").value == best.values["centering"]
    assert train.select_slider(key="hyperparameter_epochs").value == SMALL.epochs
    assert train.number_input(key="seed").value == 3


def test_a_search_is_shown_to_nobody_else_and_is_no_run_to_compare() -> None:
    search.record_search(made(owner="somebody else"), lambda *_: True)
    assert searching.watched() is None
    search.record_search(made(), lambda *_: True)
    assert searching.watched() is not None
    assert [run.config.kind for run in visit.own_runs()] == ["starter"]
    assert list(opened("compare").dataframe[0].value["run"]) == ["Starter, I-AutoRec 4"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (JobStatus("queued", 2), "Waiting: 2 before yours."),
        (JobStatus("starting"), "Starting"),
        (JobStatus("running"), "Trying trial 2 of 6. Best so far: 0.9000, trial 1."),
        (JobStatus("paused"), "Paused in trial 2 of 6."),
        (JobStatus("interrupted"), "Interrupted after 1 trial."),
        (JobStatus("failed", message="No memory."), "No memory."),
    ],
)
def test_the_state_is_told_in_a_sentence(status, words) -> None:
    done = [Trial(number=1, outcome="complete", values={}, valid_rmse=0.9, curve=(0.9,), seconds=1.0)]
    assert words in searching.sentence(made(), status, done)


class TestCharts:
    TRIALS = (
        Trial(number=1, outcome="complete", values={}, valid_rmse=0.9, curve=(0.9,), seconds=1.0),
        Trial(number=2, outcome="pruned", values={}, valid_rmse=0.7, curve=(0.7,), seconds=1.0),
        Trial(number=3, outcome="diverged", values={}, valid_rmse=None, curve=(), seconds=1.0),
        Trial(number=4, outcome="complete", values={}, valid_rmse=0.8, curve=(0.8,), seconds=1.0),
    )

    def test_the_best_so_far_is_of_trials_that_went_their_whole_way(self) -> None:
        chart = search_charts.history(self.TRIALS, 10).to_dict()
        line, points = (chart["datasets"][layer["data"]["name"]] for layer in chart["layer"])
        assert [(row["trial"], row["rmse"]) for row in line] == [(1, 0.9), (4, 0.8), (10, 0.8)]
        assert [(row["trial"], row["outcome"]) for row in points] == [
            (1, search_charts.WHOLE),
            (2, search_charts.GIVEN_UP),
            (4, search_charts.WHOLE),
        ]

    def test_before_the_first_trial_there_is_an_empty_picture(self) -> None:
        assert search_charts.history([], 10).to_dict()["height"] == search_charts.HEIGHT

    def test_every_hyperparameter_has_its_place_from_the_start(self) -> None:
        names = ["hidden_units", "learning_rate"]
        before = search_charts.importance({}, names).to_dict()
        after = search_charts.importance({"learning_rate": 0.9, "hidden_units": 0.1}, names).to_dict()
        assert before["height"] == after["height"]
        (rows,) = after["datasets"].values()
        assert [(row["name"], row["share"]) for row in rows] == [("Hidden units", 0.1), ("Learning rate", 0.9)]
