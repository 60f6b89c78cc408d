"""What a session knows of a training, whatever order its events come in, and how it says so."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from autorec_core import shelf, storage
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded, TrainingEvent, TrainingStarted
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobStatus
from autorec_core.runs import Run, RunConfig, RunStore
from pages.shared import curve, live, services
from pages.shared.live import Progress, run_name, sentence


def started(epoch: int = 0) -> TrainingStarted:
    return TrainingStarted(
        epoch=epoch,
        epochs=10,
        num_parameters=5,
        num_train=80,
        num_valid=10,
        num_test=10,
        baselines={"global_mean": 1.05, "user_item_bias": 0.9},
    )


def epoch(number: int, valid_rmse: float = 0.9, *, is_best: bool = False, seconds: float = 2.0) -> EpochEnded:
    return EpochEnded(
        epoch=number,
        objective=1.0,
        train_rmse=0.8,
        valid_rmse=valid_rmse,
        learning_rate=0.01,
        seconds=seconds,
        ratings_per_second=1e6,
        is_best=is_best,
    )


def ended(reason: str, message: str) -> TrainingEnded:
    return TrainingEnded(
        reason=reason,
        message=message,
        epochs_run=3,
        best_epoch=2,
        is_refitted=False,
        train_rmse=0.7,
        valid_rmse=0.85,
        test_rmse=0.86,
        test_mae=0.66,
        num_test_fallback=0,
        baselines={},
        seconds=6.0,
        epoch_seconds_median=2.0,
        ratings_per_second=1e6,
    )


def after(*events: TrainingEvent, now: float = 100.0) -> Progress:
    known = Progress("a run")
    known.take(events, 50, now)
    return known


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return RunStore(tmp_path).create(RunConfig(hyperparameters=Hyperparameters(epochs=10)))


class TestProgress:
    def test_epochs_add_up_over_several_readings(self) -> None:
        known = after(started(), epoch(1, 0.95, is_best=True))
        known.take([epoch(2, 0.9, is_best=True), epoch(3, 0.92)], 90, 101.0)
        assert [event.epoch for event in known.epochs] == [1, 2, 3]
        assert known.best is not None
        assert known.best.epoch == 2
        assert known.baselines["user_item_bias"] == 0.9
        assert not known.has_gap

    def test_a_resume_from_a_checkpoint_takes_back_what_came_after_it(self) -> None:
        known = after(started(), *(epoch(number) for number in range(1, 6)), ended("stopped", "Stopped."))
        known.take([started(3), epoch(4)], 120, 102.0)
        assert [event.epoch for event in known.epochs] == [1, 2, 3, 4]
        assert known.ended is None

    def test_events_that_were_cut_back_begin_anew(self) -> None:
        known = after(started(), epoch(1), epoch(2))
        known.take([started(), epoch(1)], 20, 102.0)
        assert [event.epoch for event in known.epochs] == [1]

    def test_a_missing_epoch_is_noticed(self) -> None:
        assert after(started(), epoch(1), epoch(3)).has_gap
        assert after(epoch(2)).has_gap

    def test_time_goes_on_within_a_long_epoch_but_not_while_it_is_held(self) -> None:
        known = after(started(), epoch(1), epoch(2))
        assert known.elapsed(107.0, is_running=True) == pytest.approx(11.0)
        assert known.elapsed(107.0, is_running=False) == pytest.approx(4.0)

    def test_remaining_time_counts_the_epochs_to_come_and_the_refit(self) -> None:
        known = after(started(), epoch(1, is_best=True), epoch(2, is_best=True))
        assert known.remaining(10, 100.0, True, refits=False) == pytest.approx(16.0)
        assert known.remaining(10, 100.0, True, refits=True) == pytest.approx(20.0)
        assert known.remaining(10, 101.0, True, refits=False) == pytest.approx(15.0)

    def test_remaining_time_knows_the_pace_of_the_epochs_which_the_refit_does_not_keep(self) -> None:
        known = after(started(), epoch(1, is_best=True), epoch(2, is_best=True, seconds=2.0))
        assert known.remaining(10, 100.0, True, refits=True, pace=0.25) == pytest.approx(8 * 4 + 2 * 2)
        assert known.remaining(10, 100.0, True, refits=True, pace=10) == pytest.approx(8 * 2 + 2 * 2)

    def test_remaining_time_of_a_refit_is_of_the_refit_alone(self) -> None:
        known = after(started(), epoch(1, is_best=True), RefitEpochEnded(epoch=1, epochs=4, seconds=2.0))
        assert known.remaining(10, 100.0, True, refits=True) == pytest.approx(6.0)

    def test_a_refit_is_known_epoch_by_epoch_and_gone_when_training_goes_on_before_it(self) -> None:
        refits = [RefitEpochEnded(epoch=number, epochs=4, seconds=2.0, train_rmse=0.9) for number in (1, 2, 3)]
        known = after(started(), epoch(1, is_best=True), *refits)
        known.take([started(1), refits[1]], 120, 102.0)  # resumed from a checkpoint after the first of the refit
        assert [event.epoch for event in known.refits] == [1, 2]
        assert not known.has_gap
        assert after(started(), epoch(1), refits[2]).has_gap
        known.take([epoch(2)], 130, 103.0)
        assert known.refits == []

    def test_validation_has_chosen_when_all_epochs_are_done_or_patience_is_lost(self) -> None:
        known = after(started(), epoch(1, is_best=True), epoch(2), epoch(3))
        assert not known.has_chosen(Hyperparameters(epochs=10, patience=0))
        assert not known.has_chosen(Hyperparameters(epochs=10, patience=3))
        assert known.has_chosen(Hyperparameters(epochs=10, patience=2))
        assert known.has_chosen(Hyperparameters(epochs=3, patience=0))

    def test_nothing_is_promised_before_the_first_epoch(self) -> None:
        assert after(started()).remaining(10, 100.0, True, refits=True) is None
        assert after().best is None


class TestSentence:
    @pytest.mark.parametrize(
        ("position", "says"), [(1, "1 run before yours"), (2, "2 runs before yours")], ids=["one", "two"]
    )
    def test_says_how_many_are_before_yours(self, run: Run, position: int, says: str) -> None:
        assert says in sentence(run, JobStatus("queued", position), after(), 10)[1]

    def test_says_the_epoch_that_is_under_way_and_never_one_too_many(self, run: Run) -> None:
        assert "epoch 3 of 10" in sentence(run, JobStatus("running"), after(epoch(1), epoch(2)), 10)[1]
        assert "epoch 10 of 10" in sentence(run, JobStatus("running"), after(*map(epoch, range(1, 10))), 10)[1]

    def test_says_that_the_model_is_fitted_once_more(self, run: Run) -> None:
        known = after(epoch(1), RefitEpochEnded(epoch=2, epochs=5, seconds=1.0))
        assert "epoch 2 of 5" in sentence(run, JobStatus("running"), known, 10)[1]

    def test_says_what_comes_between_the_last_epoch_and_the_refit(self, run: Run) -> None:
        known = after(*(epoch(number, is_best=number == 7) for number in range(1, 11)))
        assert "chosen epoch 7" in sentence(run, JobStatus("running"), known, 10)[1]

    def test_says_at_once_that_a_button_was_understood(self, run: Run) -> None:
        known = after(epoch(1))
        known.asked = "stop"
        assert "Stopping" in sentence(run, JobStatus("running"), known, 10)[1]
        known.asked = "pause"
        assert "Holding" in sentence(run, JobStatus("running"), known, 10)[1]
        assert "Paused after epoch 1" in sentence(run, JobStatus("paused"), known, 10)[1]

    def test_says_that_the_test_is_scored_when_nothing_is_left_to_train(self, run: Run) -> None:
        known = after(epoch(1), RefitEpochEnded(epoch=5, epochs=5, seconds=1.0))
        assert "scored on the test ratings" in sentence(run, JobStatus("running"), known, 10)[1]

    def test_divergence_is_a_result_with_its_message(self, run: Run) -> None:
        known = after(epoch(1, math.nan), ended("diverged", "It diverged. Lower the learning rate."))
        assert sentence(run, JobStatus("ended"), known, 10) == ("diverged", "It diverged. Lower the learning rate.")

    def test_an_interruption_is_told_in_the_runners_words_or_in_its_own(self, run: Run) -> None:
        told = JobStatus("interrupted", message="The worker died after epoch 2.")
        assert sentence(run, told, after(), 10)[1] == "The worker died after epoch 2."
        assert "after epoch 1" in sentence(run, JobStatus("interrupted"), after(epoch(1)), 10)[1]

    def test_without_a_run_it_says_what_to_do(self) -> None:
        name, says = sentence(None, None, after(), 10)
        assert name == "empty"
        assert "Start training" in says


class TestWaitingForTheFirstEpoch:
    @pytest.fixture(autouse=True)
    def it_may_wait_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(live, "SECONDS_TO_WAIT", 1e6)
        monkeypatch.setattr(live, "SECONDS_WATCHED_CLOSELY", 1e6)
        self.states = ["running"]
        monkeypatch.setattr(
            services,
            "jobs",
            lambda: SimpleNamespace(
                status=lambda _: JobStatus(self.states[0] if len(self.states) == 1 else self.states.pop(0))
            ),
        )

    def test_ends_when_it_is_there_and_reads_nothing_away(self, run: Run) -> None:
        known = Progress(run.id)
        run.append(started())
        writer = threading.Timer(0.05, run.append, [epoch(1)])
        writer.start()
        live.await_first_epoch(run, known)
        writer.join()
        assert known.epochs == []
        assert [type(event) for event in run.events_after(known.cursor)[0]] == [TrainingStarted, EpochEnded]

    def test_ends_when_the_training_does(self, run: Run) -> None:
        self.states = ["starting", "running", "failed"]
        live.await_first_epoch(run, Progress(run.id))
        assert self.states == ["failed"]

    @pytest.mark.parametrize("state", ["queued", "paused", "interrupted", "ended"])
    def test_does_not_begin_where_nothing_is_about_to_come(self, run: Run, state: str) -> None:
        self.states = [state]
        live.await_first_epoch(run, Progress(run.id))

    def test_does_not_begin_where_there_is_an_epoch_or_the_run_is_an_old_friend(self, run: Run) -> None:
        live.await_first_epoch(run, after(started(), epoch(1)))
        live.await_first_epoch(run, Progress(run.id, seen_at=-1e7))


def test_a_run_is_named_by_its_preset_and_kind(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    users = store.create(RunConfig(hyperparameters=Hyperparameters(based_on="users", hidden_units=64)))
    assert run_name(users).startswith("Custom · U-AutoRec 64")
    assert run_name(store.create(RunConfig(preset="fitted"))).startswith("Fitted to size · I-AutoRec")
    assert run_name(store.create(RunConfig(preset="balanced"))).startswith("Balanced · I-AutoRec")
    assert run_name(store.create(RunConfig(preset="balanced", kind="starter"))).startswith("Starter model")


def test_no_two_runs_are_called_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser says of a list what it reads there: of two lines alike it could only ask for one."""
    store = RunStore(tmp_path)
    for _ in range(4):
        store.create(RunConfig(preset="quick"))
    runs = store.all()
    for run, created in zip(runs, (1_000_000_130.0, 1_000_000_045.0, 1_000_000_030.0, 1_000_000_020.0), strict=True):
        monkeypatch.setattr(run, "config", replace(run.config, created=created))
    names = live.run_names(runs)
    assert list(names) == [run.id for run in runs]
    whens = [name.split(" · ")[2] for name in names.values()]
    first = whens[3]
    assert whens[1:] == [f"{first} (3)", f"{first} (2)", first]
    assert whens[0][:-2] == first[:-2]
    assert whens[0] != first
    assert len({curve._short(name) for name in names.values()}) == 4


class TestChoiceOfTheRun:
    @pytest.fixture
    def runs(self, autorec_home: Path) -> list[Run]:
        store = RunStore(storage.runs_folder())
        return [store.create(RunConfig(preset=name)) for name in ("quick", "balanced", "large")]

    @pytest.fixture
    def form(self, runs: list[Run]) -> AppTest:
        def script() -> None:
            from autorec_core import storage
            from autorec_core.runs import RunStore
            from pages.shared import live, state

            found = RunStore(storage.runs_folder()).all()
            live.run_control(live.run_names(found), next(run for run in found if run.id == state.watched_run_id()))

        form = AppTest.from_function(script, default_timeout=30)
        form.session_state["_watched_run_id"] = runs[0].id
        return form.run()

    def test_a_chosen_run_is_shown_in_the_same_box(self, form: AppTest, runs: list[Run]) -> None:
        box = form.selectbox[0].key
        for chosen in (runs[2], runs[1]):
            form.selectbox[0].set_value(chosen.id).run()
            assert form.session_state["_watched_run_id"] == form.selectbox[0].value == chosen.id
            assert form.selectbox[0].key == box

    def test_what_a_button_could_not_do_with_one_is_not_said_of_another(self, form: AppTest, runs: list[Run]) -> None:
        form.session_state["_live_problem"] = "Run is not being trained now."
        form.selectbox[0].set_value(runs[2].id).run()
        assert form.session_state["_live_problem"] is None

    def test_what_a_late_browser_says_of_the_run_of_before_is_no_choice(self, form: AppTest, runs: list[Run]) -> None:
        """A tick that was on its way when the page went over to a run just started names the one of before."""
        late = form._tree.get_widget_states()
        for begun in (runs[2], runs[1]):
            form.session_state["_watched_run_id"] = begun.id
            form.run()
            assert form.selectbox[0].value == begun.id
            form._run(late)
            assert not form.exception
            assert form.session_state["_watched_run_id"] == form.selectbox[0].value == begun.id

    def test_a_name_of_before_is_no_choice(self, form: AppTest, runs: list[Run]) -> None:
        """A run's name tells its test RMSE as soon as it has one."""
        late = form._tree.get_widget_states()
        shelf.name(runs[0], "Renamed")
        form.run()
        assert any("Renamed" in option for option in form.selectbox[0].options)
        form._run(late)
        assert not form.exception
        assert form.session_state["_watched_run_id"] == form.selectbox[0].value == runs[0].id
