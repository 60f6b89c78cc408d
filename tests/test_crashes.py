"""What a machine does to it: kills at random moments, full disks, cut power, a clock that goes back. Nothing is lost.

`make soak` does the same for much longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
import streamlit as st
from made_ratings import ratings_of
from streamlit.testing.v1 import AppTest

from autorec_core import shelf, storage, worker
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobRunner
from autorec_core.ratings import RatingScale
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.splits import random_split
from autorec_core.training import Trainer
from autorec_core.visitors import VisitorStore, new_visitor_id
from pages.shared import frame, services

ROOT = Path(__file__).parent.parent


# -- power ------------------------------------------------------------------------------------------------------------


def test_a_rating_is_on_the_disk_before_it_is_called_saved(autorec_home: Path) -> None:
    store = VisitorStore(storage.database_url())
    with store._engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2  # FULL: each commit waits for the disk
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_file_is_flushed_before_it_gets_its_name_and_its_name_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, move = os.fsync, os.replace

    def is_folder(number: int) -> bool:
        return os.path.isdir(f"/proc/self/fd/{number}") if Path("/proc").exists() else len(done) > 1

    monkeypatch.setattr(os, "fsync", lambda n: (done.append("folder" if is_folder(n) else "file"), flush(n)))
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("name"), move(*paths)))
    storage.replace_file(tmp_path / "x", b"whole")
    assert done == ["file", "name", "folder"]


def test_the_end_of_a_training_is_on_the_disk_before_its_checkpoint_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(storage, "flush_file", lambda path: done.append(path.name))
    drop = Run.drop_checkpoint
    monkeypatch.setattr(Run, "drop_checkpoint", lambda run: (done.append("dropped"), drop(run)))
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "\n".join(f"{u},{i},{1 + (u * i) % 5}" for u in range(9) for i in range(9)))
    values = Hyperparameters(hidden_units=2, epochs=1, refit=False)
    record(
        RunStore(tmp_path).create(RunConfig(source=Source(ratings=str(path)), hyperparameters=values)), lambda *_: True
    )
    assert done == ["events.jsonl", "dropped"]


def test_the_first_training_of_a_process_is_the_same_as_the_next(tmp_path: Path) -> None:
    """What is begun by one process is gone on with by another, which trained something else before, or did not."""
    program = """
import hashlib, sys
from pathlib import Path
import torch
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore
store = RunStore(Path(sys.argv[1]))
for _ in range(2):
    run = store.create(RunConfig(hyperparameters=Hyperparameters(hidden_units=16, epochs=1, refit=False)))
    record(run, lambda *_: True)
    print(hashlib.sha256((run.folder / "model.safetensors").read_bytes()).hexdigest(), torch.get_num_threads())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first == second


# -- what a person reads ----------------------------------------------------------------------------------------------


def epoch(number: int) -> EpochEnded:
    return EpochEnded(
        epoch=number,
        objective=1.0,
        train_rmse=1.0,
        valid_rmse=1.0,
        learning_rate=0.1,
        seconds=0.1,
        ratings_per_second=10.0,
        is_best=True,
    )


def test_a_run_of_a_server_that_is_gone_says_from_where_it_goes_on(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = store.create(RunConfig())
    runner = JobRunner(store)
    assert runner.status(run.id).message == "It has not begun. It starts from the beginning."
    for number in (1, 2, 3):
        run.append(epoch(number))
    told = runner.status(run.id)
    assert (told.state, told.message) == (
        "interrupted",
        "Interrupted after epoch 3. Resume goes on from the beginning.",
    )
    run.save_checkpoint({}, {"epoch": 2})
    assert runner.status(run.id).message == "Interrupted after epoch 3. Resume goes on from epoch 2."


def test_a_run_that_another_server_ended_meanwhile_is_not_trained_anew(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "\n".join(f"{u},{i},{1 + (u * i) % 5}" for u in range(9) for i in range(9)))
    values = Hyperparameters(hidden_units=2, epochs=2, refit=False)
    run = RunStore(tmp_path).create(RunConfig(source=Source(ratings=str(path)), hyperparameters=values))
    result = record(run, lambda *_: True)
    events = (run.folder / "events.jsonl").read_bytes()
    assert record(run, lambda *_: pytest.fail("it trains")) == json.loads(json.dumps(result))
    assert (run.folder / "events.jsonl").read_bytes() == events


def test_want_of_memory_is_told_from_other_errors() -> None:
    assert worker.is_out_of_memory(MemoryError())
    assert worker.is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 4 bytes"))
    assert not worker.is_out_of_memory(RuntimeError("shape mismatch"))


def test_a_training_that_has_used_up_its_time_ends_with_its_best_epoch_and_says_why() -> None:
    matrix = np.array([[1.0 + (user * item) % 5 for item in range(10)] for user in range(12)])
    ratings = ratings_of(matrix, name="small", scale=RatingScale(1, 5, 1))
    trainer = Trainer(random_split(ratings, seed=0), Hyperparameters(hidden_units=2, epochs=50))
    for event in trainer:
        if event.kind == "epoch" and event.epoch == 3:
            trainer.stop("This server gives a training 9 seconds at most.")
    assert event.reason == "stopped"
    assert event.message.startswith("This server gives a training 9 seconds at most. Stopped after epoch 3;")
    assert event.test_rmse is not None


# -- the clock --------------------------------------------------------------------------------------------------------


def test_a_clock_that_goes_back_loses_nothing(autorec_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    store, visitors, who = RunStore(storage.runs_folder()), VisitorStore(storage.database_url()), new_visitor_id()
    first = store.create(RunConfig())
    visitors.rate(who, "movielens", 1, 5.0)
    shelf.delete(first)
    monkeypatch.setattr(time, "time", lambda: now - 86_400 * 365)
    second = store.create(RunConfig())
    visitors.rate(who, "movielens", 1, 2.0)
    visitors.rate(who, "movielens", 2, 3.0)
    assert list(visitors.ratings_of(who, "movielens").items()) == [("2", 3.0), ("1", 2.0)], "the later click counts"
    assert {run.id for run in store.all()} == {first.id, second.id}
    assert shelf.clean_up(store) == 0
    shelf.restore(first)
    assert not shelf.is_deleted(first)
    visitors.rate_many(who, "movielens", {"3": (1.0, None)}, replace=True)
    assert visitors.undo_import(who, "movielens")
    assert visitors.ratings_of(who, "movielens") == {"1": 2.0, "2": 3.0}


def test_a_clock_that_goes_back_in_the_midst_of_a_training_changes_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "\n".join(f"{u},{i},{1 + (u * i) % 5}" for u in range(9) for i in range(9)))
    values = Hyperparameters(hidden_units=2, epochs=4)
    store, now = RunStore(tmp_path), time.time()
    figures = []
    for jump in (0.0, 86_400.0 * 365):
        run = store.create(RunConfig(source=Source(ratings=str(path)), hyperparameters=values))

        def at_the_second_epoch(trainer: Trainer, event: object, save: object, jump: float = jump) -> bool:
            if isinstance(event, EpochEnded) and event.epoch == 2:
                monkeypatch.setattr(time, "time", lambda: now - jump)
            return True

        result = record(run, at_the_second_epoch, is_watched=True)
        assert result is not None
        assert all(event.seconds >= 0 for event in run.events() if isinstance(event, EpochEnded))
        assert result["seconds"]["total"] >= 0
        figures.append((result["test_rmse"], (run.folder / "model.safetensors").read_bytes()))
    assert figures[0] == figures[1]


# -- a home that can't be written -------------------------------------------------------------------------------------


@pytest.fixture
def read_only_home(autorec_home: Path) -> Iterator[Path]:
    """The home folder mounted read-only, or without the right to write where that is enough."""
    autorec_home.mkdir(parents=True, exist_ok=True)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root:
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(autorec_home)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("root writes everywhere, and may not mount here")
    else:
        autorec_home.chmod(0o500)
    st.cache_resource.clear()
    yield autorec_home
    services.close_jobs()
    st.cache_resource.clear()
    if is_root:
        subprocess.run(["umount", "-l", str(autorec_home)], check=True)
    else:
        autorec_home.chmod(0o700)


def test_every_page_of_a_server_that_can_not_write_says_so_and_none_breaks(
    read_only_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobRunner, "start", lambda self: None)  # no worker is needed to see that nothing can be kept
    told = 0
    for page in frame.PAGES:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
        if page != "home":
            app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, page
        words = " ".join(str(part.value) for part in [*app.error, *app.markdown, *app.warning, *app.info])
        told += "Can't" in words or "can't be opened" in words or "Can't write" in words
    assert told == len(frame.PAGES)
