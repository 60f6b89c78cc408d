"""Memory is predicted before a run, and what does not fit is refused with the figure."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from autorec_core import datasets, memory
from autorec_core.errors import AutoRecError, NotEnoughMemoryError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore


def predicted(num_ratings: int = 1_000_000, users: int = 6_000, items: int = 4_000, **changes: object) -> float:
    return memory.predicted_bytes(num_ratings, users, items, Hyperparameters().with_changes(**changes))


def test_more_of_anything_takes_more() -> None:
    less = predicted()
    assert predicted(num_ratings=2_000_000) > less
    assert predicted(users=12_000) > less
    assert predicted(items=8_000) > less
    assert predicted(hidden_units=512) > less
    assert predicted(precision="float64") > less
    assert predicted(loss_over="all") > less


@pytest.mark.parametrize(
    ("optimizer", "based_on", "units", "peak"),
    [
        ("adam", "items", 500, 1.049e9),
        ("rprop", "items", 500, 1.119e9),
        ("rprop", "items", 1000, 1.549e9),
        ("lbfgs", "items", 500, 3.182e9),
        ("lbfgs", "items", 250, 1.873e9),
        ("lbfgs", "users", 300, 1.540e9),
    ],
)
def test_every_optimizer_is_told_what_it_keeps(optimizer: str, based_on: str, units: int, peak: float) -> None:
    """Against the peaks of whole trainings of MovieLens 1M, 14 epochs and a refit, as they were measured."""
    told = predicted(1_000_209, 6_040, 3_706, optimizer=optimizer, based_on=based_on, hidden_units=units)
    assert told == pytest.approx(peak, rel=0.05)


def test_the_weights_stand_on_the_side_that_a_row_is_long_on() -> None:
    assert predicted(users=100_000, based_on="items") > predicted(users=100_000, based_on="users")
    assert predicted(items=100_000, based_on="users") > predicted(items=100_000, based_on="items")


def test_of_very_many_ratings_most_are_mapped_and_need_less() -> None:
    for_each = [(predicted(num_ratings=number) - predicted(num_ratings=0)) / number for number in (10**7, 10**8)]
    assert for_each == [memory.A_RATING, memory.A_RATING_OF_MANY]


def free(monkeypatch: pytest.MonkeyPatch, num_bytes: float) -> None:
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=num_bytes))


def test_what_does_not_fit_is_refused_with_both_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 2e9)
    memory.check(1e9)
    with pytest.raises(NotEnoughMemoryError, match=r"about \d+\.\d GB of memory, and 2\.0 GB are free") as raised:
        memory.check(40e9)
    assert isinstance(raised.value, AutoRecError)
    assert isinstance(raised.value, MemoryError)


def test_a_container_has_what_its_limit_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    free(monkeypatch, 9e9)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.available_bytes() == 9e9
    (tmp_path / "memory.current").write_text("1000000000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_bytes() == 9e9
    (tmp_path / "memory.max").write_text("3000000000\n")
    assert memory.available_bytes() == 2e9


def test_a_run_that_does_not_fit_is_refused_before_its_ratings_are_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    free(monkeypatch, 1e6)
    monkeypatch.setattr(datasets, "load", lambda *_: pytest.fail("it was loaded"))
    monkeypatch.setattr(memory.psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=0)))
    run = RunStore(tmp_path).create(RunConfig())
    with pytest.raises(NotEnoughMemoryError):
        record(run, lambda *_: True)
    assert run.state == "waiting"


def test_the_prediction_is_near_what_a_training_takes() -> None:
    """A real training in a process of its own; the constants were fitted to larger ones."""
    program = """
import json, resource, sys, tempfile
from pathlib import Path
from autorec_core import memory
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore
chosen = Hyperparameters(hidden_units=1000, epochs=1, batch_size=1024)
record(RunStore(Path(tempfile.mkdtemp())).create(RunConfig(hyperparameters=chosen)), lambda *_: True)
print(memory.predicted_bytes(100_004, 671, 9_066, chosen), 1e3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    told, taken = map(float, re.findall(r"[0-9.]+", done.stdout)[-2:])
    assert 0.6 < told / taken < 1.6
