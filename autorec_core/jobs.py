"""Trainings in line: first come, first served, one at a time, in a process of their own that is kept warm.

The process that serves pages never imports torch and never waits for a training. A worker that dies takes only what
came after its run's last checkpoint with it; another one takes over the line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autorec_core import environment, forks, limits, logs
from autorec_core.errors import NotFoundError, QueueError, Sentence, StorageError
from autorec_core.runs import Run, RunConfig, RunStore

_LOG = logging.getLogger(f"{logs.NAME}.jobs")

SECONDS_TO_CLOSE = 4.0
"""How long a worker may take to save and leave before it is ended."""
MOST_DEATHS_IN_A_ROW = 3
"""Workers that may die before they are ready until no more are started."""


@dataclass(frozen=True)
class JobStatus:
    """Where a training is."""

    state: str
    """"queued", "starting", "running", "paused", "ended", "interrupted" or "failed"."""
    position: int = 0
    """Trainings before it in line; 0 when it is its turn."""
    message: str = ""
    """A sentence for people, where there is something to say."""

    @property
    def is_active(self) -> bool:
        """Whether it will change by itself or by its buttons."""
        return self.state in ("queued", "starting", "running", "paused")


class JobRunner:
    """The line and its worker. All methods may be called from any thread.

    Args:
        store: where the runs are.
        max_queued: most trainings that may wait.
        max_per_owner: most of them, with the one that is being trained, that may be of one visitor.
        pause_limit: seconds that a paused training may keep others waiting; then it is saved and steps aside.
    """

    def __init__(
        self, store: RunStore, *, max_queued: int = 20, max_per_owner: int = 5, pause_limit: float = 60.0
    ) -> None:
        self.store = store
        self._max_queued = max_queued
        self._max_per_owner = max_per_owner
        self._pause_limit = pause_limit
        self._lock = threading.RLock()
        self._queue: deque[Run] = deque()
        self._current: Run | None = None
        self._state = "starting"
        self._paused_at: float | None = None
        self._is_stopping = False
        self._messages: dict[str, str] = {}
        self._failed: set[str] = set()
        self._paces: dict[str, float] = {}
        self._process: subprocess.Popen[str] | None = None
        self._is_ready = False
        self._deaths = 0
        self._is_closed = False

    # -- what pages ask for -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the worker, so that it is warm when the first training comes. Calling it again changes nothing."""
        with self._lock:
            if self._process is None and not self._is_closed:
                self._start_worker()

    def submit(self, config: RunConfig, *, pace: float = 0.0) -> Run:
        """Puts a new training in line.

        Args:
            config: what to train.
            pace: epochs a second at most; 0 for as fast as it can.

        Raises:
            QueueError: the line is full, or the owner has as many in it, or kept, as one may.
            NotFoundError: its ratings have been deleted.
            AutoRecError: it is more than `limits` allow.
            StorageError: the run's folder can't be made.
        """
        with self._lock:
            self._check_room(config.owner)
            _check_ratings(config)
            limits.check(config, self.store)
            run = self.store.create(config)
            self._paces[run.id] = pace
            self._put_in_line(run)
            return run

    def fork(self, run_id: str, epoch: int, *, owner: str | None, pace: float = 0.0) -> Run:
        """Puts a new training in line that goes on from an earlier epoch of another; a paused one steps aside for it.

        Args:
            run_id: to branch off from; it stays as it is.
            epoch: of which a checkpoint is kept.
            owner: whose the new run is.
            pace: as in `submit`.

        Raises:
            NotFoundError: there is no such run, or no checkpoint of that epoch, or its ratings have been deleted.
            QueueError: as in `submit`.
            StorageError: the disk does not take it.
        """
        with self._lock:
            self._check_room(owner, stepping_aside=run_id)
            config = self.store.get(run_id).config
            _check_ratings(config)
            limits.check(replace(config, kind="visitor", owner=owner), self.store)
            run = forks.fork(self.store, self.store.get(run_id), epoch, owner=owner)
            self._paces[run.id] = pace
            if self._current is not None and self._current.id == run_id and self._state == "paused":
                self._messages[run_id] = Sentence(
                    "It stepped aside for a run that goes on from its epoch {epoch}.", epoch=epoch
                )
                self._send("interrupt")
            self._put_in_line(run)
            return run

    def pace(self, run_id: str) -> float:
        """Epochs a second that a training is held to; 0 where it goes as fast as it can."""
        return self._paces.get(run_id, 0.0)

    def set_pace(self, run_id: str, pace: float) -> None:
        """Holds a training to so many epochs a second from now on; 0 lets it go as fast as it can."""
        with self._lock:
            self._paces[run_id] = pace
            if self._current is not None and self._current.id == run_id:
                self._send("pace", pace=pace)

    def resume(self, run_id: str) -> None:
        """Puts an interrupted training in line again; it goes on from its checkpoint.

        Raises:
            NotFoundError: there is no such run, or its ratings have been deleted.
            QueueError: as in `submit`, or the run ended or is being trained.
        """
        with self._lock:
            run = self.store.get(run_id)
            if self.status(run_id).is_active:
                raise QueueError("Run {run} is in line already.", run=run_id)
            if run.state not in ("interrupted", "waiting"):
                why = (
                    "Run {run} is running; only an interrupted one can be resumed."
                    if run.state == "running"
                    else "Run {run} is ended; only an interrupted one can be resumed."
                )
                raise QueueError(why, run=run_id)
            _check_ratings(run.config)
            self._check_room(run.config.owner)
            self._put_in_line(run)

    def pause(self, run_id: str) -> None:
        """Holds the training after the epoch that it is in. Raises QueueError where it is not this one's turn."""
        self._tell_current(run_id, "pause")

    def go_on(self, run_id: str) -> None:
        """Ends a pause. Raises QueueError where it is not this one's turn."""
        self._tell_current(run_id, "go_on")

    def step(self, run_id: str) -> None:
        """Trains one epoch and holds. Raises QueueError where it is not this one's turn."""
        self._tell_current(run_id, "step")

    def stop(self, run_id: str) -> None:
        """Ends the training after the epoch that it is in, with its test score; one in line leaves it.

        Raises:
            QueueError: it is neither in line nor being trained.
        """
        with self._lock:
            if not self.leave_queue(run_id):
                self._tell_current(run_id, "stop")
                self._is_stopping = True

    def change(self, run_id: str, **hyperparameters: Any) -> None:
        """Changes learning rate, penalty or dropout from the next epoch on. Raises QueueError as `pause` does."""
        self._tell_current(run_id, "change", hyperparameters=hyperparameters)

    def leave_queue(self, run_id: str) -> bool:
        """Takes a training out of the line; whether it was there."""
        with self._lock:
            for run in self._queue:
                if run.id == run_id:
                    self._queue.remove(run)
                    self._messages[run_id] = Sentence("It left the line before its turn.")
                    return True
        return False

    def status(self, run_id: str) -> JobStatus:
        """Where a training is. One that this runner does not know is told from its folder.

        Raises:
            NotFoundError: there is no such run.
        """
        with self._lock:
            if self._current is not None and self._current.id == run_id:
                return JobStatus(self._state)
            for place, run in enumerate(self._queue):
                if run.id == run_id:
                    ahead = place + (self._current is not None)
                    return JobStatus("queued" if ahead else "starting", ahead)
            message = self._messages.get(run_id, "")
            if run_id in self._failed:
                return JobStatus("failed", message=message)
        run = self.store.get(run_id)
        state = "interrupted" if run.state == "waiting" else run.state
        if state == "interrupted" and not message and run.config.search is None:
            message = _how_to_go_on(run)
        return JobStatus(state, message=message)

    def line(self) -> tuple[int, bool]:
        """How many trainings wait, and whether one is being trained."""
        with self._lock:
            return len(self._queue), self._current is not None

    def close(self) -> None:
        """Lets the worker save its training and ends it, within a few seconds. Nothing starts after this."""
        with self._lock:
            self._is_closed = True
            process, self._process = self._process, None
            is_idle = self._current is None
        if process is None:
            return
        if is_idle:  # nothing to save; it may still be importing, and would hear of the end only after that
            process.kill()
            process.wait()
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(SECONDS_TO_CLOSE)
        except subprocess.TimeoutExpired:  # it is deep in a long epoch; its last checkpoint is on disk
            process.kill()
            process.wait()

    # -- the line and its worker --------------------------------------------------------------------------------------

    def _check_room(self, owner: str | None, *, stepping_aside: str = "") -> None:
        if self._is_closed:
            raise QueueError("The server is shutting down; no training can start.")
        if len(self._queue) >= self._max_queued:
            raise QueueError(
                "The line is full: it has room for {most}. Try again when one has ended.",
                most=self._max_queued,
            )
        in_line = [*self._queue]
        if self._current is not None and not self._is_stopping and self._current.id != stepping_aside:
            in_line.append(self._current)
        own = sum(run.config.owner == owner for run in in_line)
        if owner is not None and own >= self._max_per_owner:
            raise QueueError(
                "You have as many trainings in line as a visitor may: {most}. Wait until one has ended, or leave the "
                "queue with one.",
                most=self._max_per_owner,
            )

    def _put_in_line(self, run: Run) -> None:
        self._messages.pop(run.id, None)
        self._failed.discard(run.id)
        self._queue.append(run)
        _LOG.info("in line", extra={"run_id": run.id, "owner": run.config.owner, "queued": len(self._queue)})
        if self._process is None:
            self._deaths = 0
            self._start_worker()
        self._next()
        self._make_room()

    def _next(self) -> None:
        if self._is_ready and self._current is None and self._queue:
            self._current, self._state, self._paused_at = self._queue.popleft(), "starting", None
            self._is_stopping = False
            self._send("train", folder=str(self._current.folder.resolve()), pace=self.pace(self._current.id))

    def _make_room(self) -> None:
        """Lets a training that has been paused for too long step aside when others wait."""
        with self._lock:
            if self._state != "paused" or self._paused_at is None or not self._queue or self._current is None:
                return
            left = self._paused_at + self._pause_limit - time.monotonic()
            if left <= 0:
                self._messages[self._current.id] = Sentence("It was paused while others waited, so it stepped aside.")
                self._send("interrupt")
            else:
                timer = threading.Timer(left + 0.01, self._make_room)
                timer.daemon = True
                timer.start()

    def _tell_current(self, run_id: str, command: str, **values: Any) -> None:
        with self._lock:
            if self._current is None or self._current.id != run_id:
                raise QueueError("Run {run} is not being trained now.", run=run_id)
            self._send(command, **values)

    def _send(self, command: str, **values: Any) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):  # a worker that just died is noticed by its reader
            process.stdin.write(json.dumps({"command": command, **values}) + "\n")
            process.stdin.flush()

    def _start_worker(self) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._is_ready = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autorec_core.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**environment.FOR_TRAINING, **os.environ, "PYTHONPATH": path},
            start_new_session=True,  # a Ctrl-C in the terminal is for the server, which then closes its worker
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError, KeyError):
                self._take(json.loads(line))
        process.wait()
        self._mourn(process)

    def _take(self, report: dict[str, Any]) -> None:
        with self._lock:
            kind, current = report["report"], self._current
            said = {"run_id": report.get("run_id", ""), "why": report.get("message", "")}
            _LOG.log(logging.WARNING if kind == "failed" else logging.INFO, "worker: %s", kind, extra=said)
            if kind == "ready":
                self._is_ready, self._deaths = True, 0
            elif current is not None and report["run_id"] == current.id:
                if kind in ("started", "running"):
                    self._state, self._paused_at = "running", None
                elif kind == "paused":
                    self._state, self._paused_at = "paused", time.monotonic()
                    self._make_room()
                else:
                    self._current = None
                    if kind == "failed":
                        self._failed.add(current.id)
                        self._messages[current.id] = Sentence.from_json(report["sentence"])
            self._next()

    def _mourn(self, process: subprocess.Popen[str]) -> None:
        """The worker is gone: says so of its run, and starts another unless they keep dying."""
        with self._lock:
            if self._is_closed or self._process is not process:
                return
            if self._current is not None:
                run, self._current = self._current, None
                self._messages[run.id] = _obituary(run)
            self._process, self._is_ready = None, False
            self._deaths += 1
            _LOG.error("the worker died", extra={"status": process.returncode, "deaths_in_a_row": self._deaths})
            if self._deaths < MOST_DEATHS_IN_A_ROW:
                try:
                    self._start_worker()
                    return
                except OSError:  # no room for a process: nobody hears what a thread raises, and the line would wait
                    _LOG.exception("no other worker starts")
            for run in self._queue:
                self._failed.add(run.id)
                self._messages[run.id] = Sentence(
                    "The training worker does not start; the server's log has the details."
                )
            self._queue.clear()


def _check_ratings(config: RunConfig) -> None:
    """Raises NotFoundError where the files of a training are gone: its worker would only find that out later."""
    files = (config.source.ratings, config.source.test_ratings)
    if any(file is not None and not Path(file).exists() for file in files):
        raise NotFoundError("The ratings of this training have been deleted, so it can neither begin nor go on.")


def _obituary(run: Run) -> Sentence:
    """What became of a run whose worker died."""
    return Sentence("The training worker stopped unexpectedly. {how_to_go_on}", how_to_go_on=_how_to_go_on(run))


def _how_to_go_on(run: Run) -> Sentence:
    """What an interrupted run has, and what Resume does."""
    if run.config.search is not None:
        return Sentence("Resume goes on after the last trial that is done.")
    try:
        last, checkpoint = run.last_epoch, run.checkpoint_epoch
    except StorageError as error:
        return error.sentence
    if last is None and not checkpoint:
        return Sentence("It has not begun. It starts from the beginning.")
    epoch = last.epoch if last else checkpoint
    if not checkpoint:
        return Sentence("Interrupted after epoch {epoch}. Resume goes on from the beginning.", epoch=epoch)
    return Sentence(
        "Interrupted after epoch {epoch}. Resume goes on from epoch {checkpoint}.", epoch=epoch, checkpoint=checkpoint
    )
