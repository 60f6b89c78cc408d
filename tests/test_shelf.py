"""Names, pins and deletions: they stay, they can be taken back, and only time makes a deletion final."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from autorec_core import shelf
from autorec_core.errors import QueueError
from autorec_core.runs import Run, RunConfig, RunStore
from autorec_core.shelf import Note


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore) -> Run:
    return store.create(RunConfig())


def deleted_long_ago(run: Run, seconds: float) -> None:
    shelf.delete(run)
    then = time.time() - seconds
    os.utime(run.folder / "deleted", (then, then))


def test_a_run_begins_without_name_and_pin(run: Run) -> None:
    assert shelf.note_of(run) == Note()
    assert not shelf.is_deleted(run)


def test_name_and_pin_stay_and_do_not_disturb_each_other(run: Run, store: RunStore) -> None:
    shelf.name(run, "  The   large one ")
    shelf.pin(run, True)
    assert shelf.note_of(store.get(run.id)) == Note("The large one", True)
    shelf.name(run, "")
    assert shelf.note_of(run) == Note("", True)


def test_a_long_name_is_cut(run: Run) -> None:
    shelf.name(run, "x" * 500)
    assert len(shelf.note_of(run).name) == shelf.LONGEST_NAME


@pytest.mark.parametrize("content", ["", "[]", '{"name": 3}', "null", '{"name"', "\x00"])
def test_a_damaged_note_is_no_note(run: Run, content: str) -> None:
    (run.folder / "note.json").write_text(content)
    assert shelf.note_of(run) == Note()


def test_a_deletion_hides_and_is_taken_back(run: Run) -> None:
    shelf.name(run, "mine")
    shelf.delete(run)
    assert shelf.is_deleted(run)
    shelf.restore(run)
    assert not shelf.is_deleted(run)
    assert shelf.note_of(run).name == "mine"
    shelf.restore(run)


def test_the_clean_up_removes_what_was_deleted_long_ago_and_nothing_else(store: RunStore) -> None:
    kept, fresh, old = (store.create(RunConfig()) for _ in range(3))
    shelf.delete(fresh)
    deleted_long_ago(old, shelf.SECONDS_TO_UNDO + 60)
    assert shelf.clean_up(store) == 1
    assert {run.id for run in store.all()} == {kept.id, fresh.id}
    assert not old.folder.exists()


def test_a_run_that_is_trained_is_not_deleted(run: Run) -> None:
    with run.hold(), pytest.raises(QueueError, match="Stop it first"):
        shelf.delete(run)
    assert not shelf.is_deleted(run)


def test_the_clean_up_leaves_a_run_that_somebody_trains(store: RunStore, run: Run) -> None:
    deleted_long_ago(run, shelf.SECONDS_TO_UNDO + 60)
    with run.hold():
        assert shelf.clean_up(store) == 0
    assert shelf.clean_up(store) == 1


def test_the_size_is_that_of_all_files(run: Run) -> None:
    before = shelf.bytes_on_disk(run)
    (run.folder / "model.safetensors").write_bytes(b"x" * 1000)
    assert shelf.bytes_on_disk(run) == before + 1000
