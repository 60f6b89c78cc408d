"""A process that trains sets what torch reads at its start; what a person has set stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from autorec_core import environment
from autorec_core.jobs import JobRunner
from autorec_core.runs import RunStore


def test_what_is_set_already_stays(monkeypatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    environment.prepare()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"


def test_the_worker_is_started_with_it(monkeypatch, tmp_path) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *_, env, **__: started.append(env) or _Nobody())
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    runner = JobRunner(RunStore(tmp_path))
    runner.start()
    runner.close()
    assert started[0]["GOMP_SPINCOUNT"] == "7"
    assert started[0]["THP_MEM_ALLOC_ENABLE"] == "1"


class _Nobody:
    """Says nothing until it is ended, as a worker that has not imported everything yet."""

    stdin = None

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self.stdout = self._silence()

    def _silence(self) -> Iterator[str]:
        self._is_over.wait()
        yield from ()

    def wait(self, *_: object) -> int:
        return 0

    def kill(self) -> None:
        self._is_over.set()


def test_the_command_line_sets_it_before_torch_is_there() -> None:
    program = (
        "import sys, os, runpy\n"
        "sys.argv = ['autorec_core', 'train', '--resume', 'nothing']\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            print('at torch:', os.environ.get('GOMP_SPINCOUNT'))\n"
        "sys.meta_path.insert(0, Finder())\n"
        "try:\n"
        "    runpy.run_module('autorec_core', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
    )
    variables = {name: value for name, value in os.environ.items() if name not in environment.FOR_TRAINING}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=variables)
    assert "at torch: 2000" in done.stdout


def test_no_training_waits_for_the_compiler_that_torch_brings() -> None:
    program = (
        "import sys\n"
        "from autorec_core import datasets, hyperparameters, splits, training\n"
        "split = splits.random_split(datasets.load(datasets.BUNDLED), seed=0)\n"
        "values = hyperparameters.Hyperparameters(hidden_units=4, epochs=2)\n"
        "broken = training.Trainer(split, values)\n"
        "for _, _ in zip(range(2), broken): pass\n"
        "*_, ended = training.Trainer(split, values, checkpoint=broken.checkpoint())\n"
        "print(type(ended).__name__, 'torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["TrainingEnded", "False"]


@pytest.mark.parametrize("command", [["--help"], ["datasets"], ["runs"], ["status"]])
def test_only_what_trains_waits_for_torch(command: list[str]) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['autorec_core', *{command}]\n"
        "try:\n"
        "    runpy.run_module('autorec_core', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    print(end.code or 0, 'torch' in sys.modules, 'numba' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False False"
