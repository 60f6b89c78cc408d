"""Whether a run that was held, resumed or told again elsewhere is the same run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.numpy

from autorec_core import links, scripts
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobRunner
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 300
CONFIG = RunConfig(hyperparameters=Hyperparameters(hidden_units=32, epochs=12, batch_size=256))


def until(holds: Callable[[], object]) -> None:
    """Waits until something holds."""
    end = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("The training did not get there.")
        time.sleep(0.01)


def weights_are_the_same(home: Path) -> bool:
    """Trains uninterrupted, paused and stepped, and resumed in a new worker; compares the models bit for bit."""
    runner = JobRunner(RunStore(home / "same"))
    try:
        plain = runner.submit(CONFIG)
        until(lambda: plain.ended is not None)
        paused = runner.submit(CONFIG, pace=10)
        until(lambda: paused.last_epoch is not None)
        runner.pause(paused.id)
        until(lambda: runner.status(paused.id).state == "paused")
        runner.step(paused.id)
        runner.go_on(paused.id)
        until(lambda: paused.ended is not None)
        resumed = runner.submit(CONFIG, pace=10)
        until(lambda: resumed.last_epoch is not None)
    finally:
        runner.close()
    runner = JobRunner(runner.store)
    try:
        assert runner.status(resumed.id).state == "interrupted"
        runner.resume(resumed.id)
        until(lambda: resumed.ended is not None)
    finally:
        runner.close()
    first, *others = (_arrays(run) for run in (plain, paused, resumed))
    return all(
        first.keys() == other.keys() and all(np.array_equal(first[name], other[name]) for name in first)
        for other in others
    )


def _arrays(run: Run) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return dict(safetensors.numpy.load_file(run.folder / "model.safetensors"))


def largest_difference(home: Path) -> float:
    """Between the validation curve of a run and those of its link trained again, and of its script run by itself."""
    store = RunStore(home / "told")
    first = store.create(CONFIG)
    record(first, lambda *_: True)
    config, faults = links.from_query(links.to_query(CONFIG))
    assert not faults
    second = store.create(config)
    record(second, lambda *_: True)
    script = home / "copied.py"
    script.write_text(scripts.python_script(CONFIG), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
    )
    curves = [[event.valid_rmse for event in run.events() if isinstance(event, EpochEnded)] for run in (first, second)]
    curves.append([float(number) for number in re.findall(r"validation RMSE ([\d.]+)", finished.stdout)])
    assert {len(curve) for curve in curves} == {CONFIG.hyperparameters.epochs}
    return float(max(np.abs(np.subtract(curve, curves[0])).max() for curve in curves[1:]))
