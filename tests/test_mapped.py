"""Large arrays are mapped from files without a name, and nobody sees a difference."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from autorec_core import mapped
from autorec_core.ratings import Ratings
from autorec_core.splits import random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer
from tests import trained


def is_mapped(array: object) -> bool:
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array is not None


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(mapped, "MAPPED_FROM", 1)
    monkeypatch.setenv("AUTOREC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_small_array_is_the_same_one() -> None:
    array = np.arange(10)
    assert mapped.settled(array) is array


def test_a_large_array_is_in_a_file_that_has_no_name(everything_is_large: Path) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    found = mapped.settled(array)
    assert is_mapped(found)
    assert type(found) is np.ndarray
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
    assert list(everything_is_large.iterdir()) == []


def test_writing_into_one_changes_it_alone(everything_is_large: Path) -> None:
    array = np.zeros(4)
    found = mapped.settled(array)
    found[1] = 7
    assert found.tolist() == [0, 7, 0, 0]
    assert not array.any()


def test_an_array_stays_in_memory_where_the_disk_does_not_take_it(everything_is_large: Path) -> None:
    everything_is_large.write_text("a file where the folder should be")
    array = np.arange(4)
    assert mapped.settled(array) is array


def test_the_parts_of_a_large_set_are_mapped_and_still_read_only(
    checkerboard: Ratings, everything_is_large: Path
) -> None:
    train = random_split(checkerboard).train
    for matrix in (train.by_user, train.by_item):
        for array in (matrix.indices, matrix.values, matrix.rows):
            assert is_mapped(array)
        with pytest.raises(ValueError, match="read-only"):
            matrix.values[0] = 3


def test_a_training_on_mapped_ratings_gives_the_same_model(
    checkerboard: Ratings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def model() -> TrainedModel:
        trainer = Trainer(random_split(checkerboard), trained.RANDOM)
        list(trainer)
        return trainer.trained_model()

    before = model()
    monkeypatch.setattr(mapped, "MAPPED_FROM", 1)
    monkeypatch.setenv("AUTOREC_HOME", str(tmp_path))
    trained.assert_same_model(before, model())
