"""Runs on disk: what a kill can cut short, and what must never be believed."""

import json
import weakref

import numpy as np
import pytest

from autorec_core.errors import NotFoundError, QueueError, StorageError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.splits import random_split
from autorec_core.training import Trainer


def epoch(number: int, valid_rmse: float = 1.0) -> EpochEnded:
    return EpochEnded(
        epoch=number,
        objective=1.0,
        train_rmse=1.0,
        valid_rmse=valid_rmse,
        learning_rate=0.1,
        seconds=0.1,
        ratings_per_second=10.0,
        is_best=True,
    )


def ended() -> TrainingEnded:
    return TrainingEnded(
        reason="finished",
        message="All 2 epochs are done.",
        epochs_run=2,
        best_epoch=2,
        is_refitted=False,
        train_rmse=0.9,
        valid_rmse=1.0,
        test_rmse=1.0,
        test_mae=0.8,
        num_test_fallback=0,
        baselines={},
        seconds=1.0,
        epoch_seconds_median=0.5,
        ratings_per_second=10.0,
    )


@pytest.fixture
def run(tmp_path):
    return RunStore(tmp_path / "runs").create(RunConfig(hyperparameters=Hyperparameters(epochs=7), seed=3))


def test_a_run_comes_back_as_it_was_asked_for(run):
    assert RunStore(run.folder.parent).get(run.id).config == run.config


def test_a_scale_comes_back_as_it_was_given(tmp_path):
    config = RunConfig(source=Source(ratings="/x.csv", scale=(1, 10)))
    assert RunStore(tmp_path).create(config).config.source == config.source


def test_events_come_back_and_only_new_ones_after_a_cursor(run):
    run.append(epoch(1))
    found, cursor = run.events_after(0)
    assert found == [epoch(1)]
    run.append(epoch(2))
    assert run.events_after(cursor)[0] == [epoch(2)]
    assert run.last_epoch == epoch(2)


def test_half_a_line_waits_until_it_is_whole(run):
    run.append(epoch(1))
    line = (run.folder / "events.jsonl").read_bytes()
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(line[:20])
    found, cursor = run.events_after(0)
    assert len(found) == 1
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(line[20:])
    assert len(run.events_after(cursor)[0]) == 1


def test_a_broken_line_is_passed_over(run):
    run.append(epoch(1))
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b"\xff\xfe nothing\n{}\n[1]\n")
    run.append(epoch(2))
    assert [event.epoch for event in run.events()] == [1, 2]


def test_cutting_back_drops_what_came_after_the_checkpoint(run):
    for number in range(1, 6):
        run.append(epoch(number))
    run.cut_back(3)
    assert [event.epoch for event in run.events()] == [1, 2, 3]


def test_cutting_back_keeps_the_refit_that_the_checkpoint_has(run):
    for number in (1, 2):
        run.append(epoch(number))
    for number in (1, 2):
        run.append(RefitEpochEnded(epoch=number, epochs=2, seconds=0.1))
    run.append(ended())
    run.cut_back(2, 1)
    assert [(event.kind, event.epoch) for event in run.events()] == [("epoch", 1), ("epoch", 2), ("refit", 1)]


def test_the_newest_epoch_is_found_past_half_a_line_and_lines_longer_than_a_block(run):
    assert run.last_epoch is None
    run.append(epoch(1))
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b"x" * 20_000 + b"\n" + b'{"kind": "ep')
    assert run.last_epoch == epoch(1)
    assert run.ended is None


def test_an_end_that_training_went_on_from_is_no_end(run):
    run.append(ended())
    assert run.ended == ended()
    run.append(epoch(3))
    assert run.ended is None


def test_a_model_whose_parts_do_not_belong_together_is_refused(run, low_rank):
    trainer = Trainer(random_split(low_rank[0], seed=0), Hyperparameters(hidden_units=3, epochs=2))
    list(trainer)
    run.save_model(trainer.trained_model())
    table = run.folder / "items.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(StorageError, match="not whole: offsets"):
        run.load_model()


def test_a_run_is_as_old_as_its_folder_and_not_as_the_button_that_asked_for_it(tmp_path):
    config = RunConfig(created=0.0)
    assert RunStore(tmp_path).create(config).config.created > 1e9


def test_a_training_never_goes_on_with_other_ratings(tmp_path):
    lines = [f"{user},{item},{1 + (user * item) % 5}" for user in range(12) for item in range(12) if (user + item) % 3]
    file = tmp_path / "ratings.csv"
    file.write_text("\n".join(["user,item,rating", *lines]))
    config = RunConfig(
        source=Source(ratings=str(file)), hyperparameters=Hyperparameters(hidden_units=2, epochs=5, batch_size=4)
    )
    run = RunStore(tmp_path / "runs").create(config)
    assert record(run, lambda trainer, event, save: trainer.epoch < 2) is None
    file.write_text("\n".join(["user,item,rating", *lines[:-1], "11,11,1"]))
    with pytest.raises(StorageError, match="have changed since it began"):
        record(run, lambda *_: True)
    file.write_text("\n".join(["user,item,rating", *lines]))
    assert record(run, lambda *_: True)["epochs_run"] == 5
    assert run.checkpoint_epoch is None, "a training that has ended needs no checkpoint"


@pytest.mark.parametrize("leaves", [True, False])
def test_a_change_is_kept_where_the_checkpoint_has_it(tmp_path, leaves):
    """A training that is told to leave takes a last change along; after a crash it goes on without it."""
    rows = [f"{user},{item},{1 + (user * item) % 5}" for user in range(30) for item in range(20) if (user + item) % 3]
    (tmp_path / "ratings.csv").write_text("user,item,rating\n" + "\n".join(rows))
    source = Source(ratings=str(tmp_path / "ratings.csv"))
    run = RunStore(tmp_path / "runs").create(RunConfig(source=source, hyperparameters=Hyperparameters(epochs=3)))

    def change(trainer, event, save):
        if event.kind != "epoch":
            return True
        save()
        trainer.change(regularization=77.0)
        return not leaves

    if leaves:
        assert record(run, change) is None
    else:

        class Crashes(Run):
            def append(self, event):
                super().append(event)
                if event.kind == "changed":
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            record(Crashes(run.folder), change)
    assert [event.kind for event in run.events()] == ["started", "epoch", "changed"]
    result = record(run, lambda *_: True)
    changes = [event.changes for event in run.events() if event.kind == "changed"]
    assert changes == ([{"regularization": 77.0}] if leaves else [])
    assert result["hyperparameters"]["regularization"] == (77.0 if leaves else 14.0)


def test_a_damaged_checkpoint_costs_the_epochs_and_not_the_run(run, low_rank):
    quick = RunConfig(hyperparameters=Hyperparameters(hidden_units=2, epochs=3, batch_size=1024))
    run = RunStore(run.folder.parent).create(quick)
    assert record(run, lambda trainer, event, save: trainer.epoch < 2) is None
    path = run.folder / "last.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    result = record(run, lambda *_: True)
    assert result["epochs_run"] == 3
    assert [event.epoch for event in run.events() if event.kind == "epoch"] == [1, 2, 3]


def test_the_state_is_read_off_files_and_lock(run):
    assert run.state == "waiting"
    run.append(epoch(1))
    assert run.state == "interrupted"
    with run.hold():
        assert run.state == "running"
        with pytest.raises(QueueError, match="another process"), run.hold():
            pass
    assert run.state == "interrupted"
    run.save_result({"test_rmse": 1.0})
    assert run.state == "interrupted", "killed between the figures and the end: it can still be resumed"
    run.append(ended())
    assert run.state == "ended"


def test_a_checkpoint_comes_back_and_a_short_one_is_refused(run):
    assert run.load_checkpoint() is None
    run.save_checkpoint({"w": np.arange(6.0).reshape(2, 3)}, {"epoch": 4})
    arrays, meta = run.load_checkpoint()
    assert meta == {"epoch": 4}
    np.testing.assert_array_equal(arrays["w"], np.arange(6.0).reshape(2, 3))
    assert run.checkpoint_epoch == 4
    content = (run.folder / "last.safetensors").read_bytes()
    for length in (0, 5, len(content) // 2, len(content) - 1):
        (run.folder / "last.safetensors").write_bytes(content[:length])
        with pytest.raises(StorageError, match="not whole"):
            run.load_checkpoint()
        assert run.checkpoint_epoch is None


def test_a_model_comes_back_without_torch_the_same(run, low_rank):
    trainer = Trainer(random_split(low_rank[0], seed=0), Hyperparameters(hidden_units=3, epochs=2))
    list(trainer)
    model = trainer.trained_model()
    with pytest.raises(NotFoundError, match="no model yet"):
        run.load_model()
    run.save_model(model)
    again = run.load_model()
    users, items = np.array([0, 1, 2]), np.array([2, 1, 0])
    np.testing.assert_array_equal(model.predict_pairs(users, items), again.predict_pairs(users, items))
    assert again.hyperparameters == model.hyperparameters
    assert again.items.titles.tolist() == model.items.titles.tolist()
    assert again.items.genres == model.items.genres
    assert run.load_model().items is again.items  # which are held once, whoever has the model
    np.testing.assert_array_equal(again.population_covariance, model.population_covariance)


def test_no_path_gets_out_of_the_folder_of_runs(run):
    store = RunStore(run.folder.parent)
    for name in ("..", "../runs", f"../{run.folder.parent.name}/{run.id}", "/etc", "", f"{run.id}/"):
        with pytest.raises(NotFoundError):
            store.get(name)


def test_a_run_cut_short_by_a_kill_does_not_hide_the_others(run):
    store = RunStore(run.folder.parent)
    broken = store.create(RunConfig())
    for content in (b"", b"{", b'{"source": 5}', json.dumps({"hyperparameters": {}}).encode(), b"[" * 100_000):
        (broken.folder / "run.json").write_bytes(content)
        assert [found.id for found in store.all()] == [run.id]
        with pytest.raises(StorageError):
            store.get(broken.id)


def test_a_run_that_is_written_is_not_deleted(run):
    store = RunStore(run.folder.parent)
    with run.hold(), pytest.raises(QueueError):
        store.delete(run.id)
    store.delete(run.id)
    assert store.all() == []


def test_a_run_that_is_deleted_while_all_are_listed_is_no_error(tmp_path):
    store = RunStore(tmp_path / "runs")
    run = store.create(RunConfig())
    store.all()

    class Forgets(dict):
        """As when another thread deletes the run as soon as this one has seen it."""

        def __contains__(self, key):
            there = super().__contains__(key)
            self.pop(key, None)
            return there

    store._known = Forgets(store._known)
    assert [one.id for one in store.all()] == [run.id]


def test_nothing_of_a_deleted_run_stays_in_memory(run):
    store = RunStore(run.folder.parent)
    gone = weakref.ref(store.all()[0])
    store.delete(run.id)
    assert gone() is None
