"""What is taken home is enough: it recommends, it trains again, and it does not say whose it was."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from autorec_core import scripts, takeaway
from autorec_core.errors import NotFoundError, StorageError
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source

HYPERPARAMETERS = Hyperparameters(hidden_units=3, epochs=4, batch_size=16)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    lines = [f"{u},{i},{1 + (u * i) % 5}" for u in range(40) for i in range(30) if (u + i) % 2]
    (tmp_path / "mine.csv").write_text("userId,movieId,rating\n" + "\n".join(lines))
    source = Source(ratings=str(tmp_path / "mine.csv"))
    config = RunConfig(source=source, hyperparameters=HYPERPARAMETERS, owner="0f1e2d3c4b5a6978")
    return RunStore(tmp_path / "runs").create(config)


def unpacked(run: Run, folder: Path, config: RunConfig | None = None) -> Path:
    with zipfile.ZipFile(io.BytesIO(takeaway.archive(run, config or run.config))) as packed:
        packed.extractall(folder)
    return folder / run.id


def test_the_unpacked_folder_is_a_run_whose_model_predicts_the_same(run: Run, tmp_path: Path) -> None:
    record(run, lambda *_: True)
    taken = Run(unpacked(run, tmp_path / "home"))
    before, after = run.load_model(), taken.load_model()
    assert np.array_equal(before.predict_user(3), after.predict_user(3))
    assert taken.state == "ended"
    assert taken.result == run.result
    assert set(load_file(taken.folder / "model.safetensors")) >= {"encoder_weights", "decoder_weights", "codes"}


def test_it_says_how_to_use_it_and_how_to_train_it_again(run: Run, tmp_path: Path) -> None:
    record(run, lambda *_: True)
    folder = unpacked(run, tmp_path / "home")
    about = (folder / "README.txt").read_text()
    assert scripts.command(run.config) in about
    for name in folder.iterdir():
        assert name.name == "README.txt" or name.name in about
    assert (folder / "train.py").read_text() == scripts.python_script(run.config)


def test_it_says_of_the_ratings_what_others_may_be_told(run: Run, tmp_path: Path) -> None:
    record(run, lambda *_: True)
    folder = unpacked(run, tmp_path / "home", replace(run.config, source=Source(ratings="ratings.parquet")))
    for name in ("README.txt", "run.json", "train.py"):
        text = (folder / name).read_text()
        assert "ratings.parquet" in text
        assert str(tmp_path) not in text
    assert Run(folder).load_model() is not None


def test_it_does_not_say_whose_it_was(run: Run, tmp_path: Path) -> None:
    record(run, lambda *_: True)
    folder = unpacked(run, tmp_path / "home")
    assert all(b"0f1e2d3c4b5a6978" not in path.read_bytes() for path in folder.iterdir())
    assert Run(folder).config.owner is None


def test_a_training_that_was_stopped_is_told_as_stopped(run: Run, tmp_path: Path) -> None:
    def control(trainer, event, save):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            trainer.stop()
        return True

    record(run, control)
    assert takeaway.stopped_after(run) == 2
    assert "event.epoch == 2" in (unpacked(run, tmp_path / "home") / "train.py").read_text()


def test_a_run_without_a_model_has_nothing_to_take(run: Run) -> None:
    with pytest.raises(NotFoundError, match="has no model yet"):
        takeaway.archive(run, run.config)


def test_a_file_that_is_gone_is_told(run: Run) -> None:
    record(run, lambda *_: True)
    (run.folder / "items.csv").unlink()
    with pytest.raises(StorageError, match="can't be read"):
        takeaway.archive(run, run.config)


def test_the_curve_has_a_header_and_a_row_an_epoch(run: Run) -> None:
    record(run, lambda *_: True)
    epochs = [event for event in run.events() if isinstance(event, EpochEnded)]
    rows = list(csv.DictReader(io.StringIO(takeaway.curve_csv(epochs))))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["valid_rmse"]) for row in rows] == [event.valid_rmse for event in epochs]
    assert json.loads(rows[0]["is_best"].lower()) is True
