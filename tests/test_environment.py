"""A process that trains sets what torch reads at its start; what a person has set stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

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
        "sys.argv = ['autorec_core', 'datasets']\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            print('at torch:', os.environ.get('GOMP_SPINCOUNT'))\n"
        "sys.meta_path.insert(0, Finder())\n"
        "try:\n"
        "    runpy.run_module('autorec_core', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    sys.exit(end.code)\n"
    )
    variables = {name: value for name, value in os.environ.items() if name not in environment.FOR_TRAINING}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=variables)
    assert "at torch: 2000" in done.stdout
