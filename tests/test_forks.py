"""A run that goes on from an earlier moment of another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autorec_core.errors import NotFoundError
from autorec_core.events import EpochEnded, HyperparametersChanged, TrainingEvent
from autorec_core.forks import fork
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.snapshots import Album
from autorec_core.training import Trainer


@pytest.fixture
def ratings_file(tmp_path: Path) -> Path:
    """1,200 ratings with a pattern."""
    lines = [f"{u},{i},{1 + (u * i) % 5}" for u in range(60) for i in range(40) if (u + i) % 2]
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "\n".join(lines))
    return path


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore, ratings_file: Path) -> Run:
    """Six epochs, held after each so that every one is kept whole."""
    values = Hyperparameters(hidden_units=4, epochs=6, refit=False)
    made = store.create(RunConfig(source=Source(ratings=str(ratings_file)), hyperparameters=values, owner="somebody"))

    def hold(trainer: Trainer, event: TrainingEvent, save: Callable[[], None]) -> bool:
        save()
        return True

    record(made, hold, is_watched=True)
    return made


def go_on(trainer: Trainer, event: TrainingEvent, save: Callable[[], None]) -> bool:
    return True


def curve(run: Run) -> list[tuple[int, float]]:
    return [(event.epoch, event.valid_rmse) for event in run.events() if isinstance(event, EpochEnded)]


def test_it_goes_on_as_the_first_one_did_bit_for_bit(store: RunStore, run: Run, one_thread: None) -> None:
    made = fork(store, run, 3, owner="another")
    assert curve(made) == curve(run)[:3]
    assert made.state == "interrupted"
    record(made, go_on, is_watched=True)
    assert [epoch for epoch, _ in curve(made)] == [1, 2, 3, 4, 5, 6]
    assert [rmse for _, rmse in curve(made)] == pytest.approx([rmse for _, rmse in curve(run)], abs=1e-6)
    assert made.ended is not None


def test_it_says_where_it_came_from_and_whose_it_is(store: RunStore, run: Run) -> None:
    made = store.get(fork(store, run, 3, owner="another").id)
    assert (made.config.fork_of, made.config.fork_epoch, made.config.owner) == (run.id, 3, "another")
    assert made.config.hyperparameters == run.config.hyperparameters


def test_it_has_the_pictures_up_to_there_and_leaves_the_others_in_place(store: RunStore, run: Run) -> None:
    before = {kind: Album(run.folder).epochs(kind) for kind in ("look", "model", "checkpoint")}
    made = fork(store, run, 3, owner=None)
    assert Album(made.folder).epochs("look") == [0, 1, 2, 3]
    assert Album(made.folder).scene() is not None
    assert {kind: Album(run.folder).epochs(kind) for kind in before} == before
    assert run.ended is not None


def test_an_epoch_without_a_checkpoint_is_refused_and_leaves_nothing(store: RunStore, run: Run) -> None:
    with pytest.raises(NotFoundError, match=r"Epoch 9 .* can't be resumed from; these can: 0, 1, 2, 3, 4, 5, 6"):
        fork(store, run, 9, owner=None)
    assert [known.id for known in store.all()] == [run.id]


def test_a_change_while_it_trains_is_an_event_and_a_checkpoint_before_it_does_not_have_it(
    store: RunStore, ratings_file: Path
) -> None:
    values = Hyperparameters(hidden_units=4, epochs=5, refit=False)
    made = store.create(RunConfig(source=Source(ratings=str(ratings_file)), hyperparameters=values))

    def change_after_two(trainer: Trainer, event: TrainingEvent, save: Callable[[], None]) -> bool:
        save()
        if trainer.epoch == 2:
            trainer.change(learning_rate=0.5, regularization=values.regularization)
        return True

    record(made, change_after_two, is_watched=True)
    changes = [event for event in made.events() if isinstance(event, HyperparametersChanged)]
    assert changes == [HyperparametersChanged(epoch=2, changes={"learning_rate": 0.5})]
    assert not any(isinstance(event, HyperparametersChanged) for event in fork(store, made, 2, owner=None).events())
    assert any(isinstance(event, HyperparametersChanged) for event in fork(store, made, 3, owner=None).events())
