"""The process that trains: `python -m autorec_core.worker`, started by `jobs` and kept warm.

It reads commands from standard input and writes reports to standard output, one JSON object a line. When its input
ends, whoever started it is gone: it saves a checkpoint and leaves. A terminal's signals are its parent's business.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from autorec_core import logs, settings
from autorec_core.errors import AutoRecError, Sentence
from autorec_core.events import EpochEnded, TrainingEvent
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.recording import record
from autorec_core.runs import Run
from autorec_core.search import record_search
from autorec_core.splits import random_split
from autorec_core.training import Trainer

NICENESS = 5
"""How far the worker steps back behind the process that serves pages."""


_LOG = logging.getLogger(f"{logs.NAME}.worker")
_FAILED = Sentence("The training failed unexpectedly; the server's log has the details.")
_OUT_OF_MEMORY = Sentence(
    "The memory ran out while it trained; what was saved before is there. Take fewer hidden units or a smaller set."
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether something failed for want of memory; torch has no class of its own for that on a processor."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error)


class Worker:
    """Commands in, reports out, one training at a time.

    Commands: `{"command": "train", "folder": ...}`, and for the training that runs `pause`, `go_on`, `step`, `stop`,
    `interrupt`, `change` (with `hyperparameters`) and `pace` (epochs a second; 0 for as fast as it can).
    Reports: `ready`, `started`, `paused`, `running`, `ended`,
    `interrupted` and `failed`, with `run_id` and for a failure `message` and the same as a `sentence`.

    Args:
        reports: where reports go.
    """

    def __init__(self, reports: TextIO) -> None:
        self._reports = reports
        self._condition = threading.Condition()
        self._to_train: list[Path] = []
        self._is_closing = False
        self._is_paused = False
        self._steps = 0
        self._is_stopping = False
        self._is_interrupted = False
        self._changes: dict[str, Any] = {}
        self._pace = 0.0
        self._epoch_began = 0.0
        self._began = 0.0
        self._held = 0.0
        self._most_seconds = settings.limits().seconds
        self._run_id = ""

    def listen(self, commands: TextIO) -> None:
        """Takes commands until there are no more; then asks the training to save and leave."""
        for line in commands:
            with contextlib.suppress(ValueError, KeyError):
                self._take(json.loads(line))
        with self._condition:
            self._is_closing = self._is_interrupted = True
            self._condition.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        command = message["command"]
        with self._condition:
            if command == "train":
                self._to_train.append(Path(message["folder"]))
                self._is_paused = self._is_stopping = self._is_interrupted = False
                self._steps, self._changes = 0, {}
                self._pace = float(message.get("pace", 0.0))
            elif command == "pause":
                self._is_paused = True
            elif command == "go_on":
                self._is_paused = False
            elif command == "step":
                self._is_paused = True
                self._steps += 1
            elif command == "stop":
                self._is_stopping = True
            elif command == "interrupt":
                self._is_interrupted = True
            elif command == "pace":
                self._pace = float(message["pace"])
            elif command == "change":
                self._changes |= message["hyperparameters"]
            self._condition.notify_all()

    def work(self) -> None:
        """Trains what it is told to, until its commands end."""
        _warm_up()
        self.report("ready")
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._to_train or self._is_closing)
                if self._is_closing:
                    return
                folder = self._to_train.pop(0)
                self._run_id = folder.name
            try:
                run = Run(folder)
                self._began, self._held = time.monotonic(), 0.0
                self.report("started")
                if run.config.search is None:
                    result = record(run, self._between_events, is_watched=True)
                else:
                    result = record_search(run, self._between_events)
                self.report("interrupted" if result is None else "ended")
            except AutoRecError as error:
                self._report_failure(error.sentence)
            except Exception as error:
                _LOG.exception("a training failed", extra={"run_id": self._run_id})
                self._report_failure(_OUT_OF_MEMORY if is_out_of_memory(error) else _FAILED)

    def _report_failure(self, why: Sentence) -> None:
        self.report("failed", message=str(why), sentence=why.to_json())

    def _between_events(self, trainer: Trainer, event: TrainingEvent, save: Callable[[], None]) -> bool:
        asked_at = time.monotonic()
        with self._condition:
            if isinstance(event, EpochEnded):
                self._keep_pace()
            if self._is_paused and not self._steps and not self._is_stopping and not self._is_interrupted:
                save()
                self.report("paused")
                self._condition.wait_for(
                    lambda: not self._is_paused or self._steps or self._is_stopping or self._is_interrupted
                )
                self.report("running")
            self._steps = max(0, self._steps - 1)
            if self._changes:
                with contextlib.suppress(AutoRecError, ValueError):  # the page checked them; a stale one is dropped
                    trainer.change(**self._changes)
                self._changes = {}
            now = self._epoch_began = time.monotonic()
            self._held += now - asked_at
            if self._is_stopping:
                trainer.stop()
            elif now - self._began - self._held > self._most_seconds:
                trainer.stop(f"This server gives a training {self._most_seconds:g} seconds at most.")
            return not self._is_interrupted

    def _keep_pace(self) -> None:
        """Waits until the next epoch may begin, or somebody wants something else."""

        def seconds_left() -> float:
            return 0.0 if self._pace <= 0 else self._epoch_began + 1 / self._pace - time.monotonic()

        def is_called() -> bool:
            return bool(self._is_paused or self._steps or self._is_stopping or self._is_interrupted)

        while (left := seconds_left()) > 0 and not is_called():
            self._condition.wait(left)

    def report(self, report: str, **values: Any) -> None:
        """Writes a report; when nobody reads any more, the training goes on to its next checkpoint all the same."""
        with contextlib.suppress(OSError, ValueError):
            self._reports.write(json.dumps({"report": report, "run_id": self._run_id, **values}) + "\n")
            self._reports.flush()


def _warm_up() -> None:
    """Trains something tiny, and sparse: kernels are loaded and threads made only when a training first needs them."""
    numbers = np.arange(40)
    ratings = Ratings.from_triples(numbers, numbers, 1.0 + numbers % 4, name="warm-up", scale=RatingScale(1, 4, 1))
    list(Trainer(random_split(ratings, seed=0), Hyperparameters(hidden_units=1, epochs=1)))


def main() -> None:
    """Runs a worker on this process's standard streams."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Only reports may go to the real standard output; whatever a library prints goes to the log.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    logs.prepare()
    worker = Worker(reports)
    signal.signal(signal.SIGTERM, lambda *_: worker.listen(open(os.devnull)))  # noqa: SIM115 (no commands: leave)
    threading.Thread(target=worker.listen, args=(sys.stdin,), daemon=True).start()
    worker.work()
    reports.flush()
    os._exit(0)  # the listening thread may sit in a read that nothing ends


if __name__ == "__main__":
    main()
