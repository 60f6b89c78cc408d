"""Layouts of a run's movies that take a while: made in a process of their own, once a run, one at a time."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from autorec_core.errors import Sentence
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.runs import Run

FILE = "umap.npy"
"""Name of a layout in its run's folder."""
NUM_NEIGHBOURS = 25
"""Movies that each one is held close to."""
NUM_PASSES = 200
"""Over all pairs of neighbours."""
MODULE = "autorec_core.umap_layout"
"""Run as a script, it makes a layout; this process never imports it."""
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class LayoutStatus:
    """How far a layout is."""

    state: str = ""
    """"" (not asked for), "waiting", "running", "done" or "failed"."""
    share: float = 0.0
    """Done so far, 0 to 1."""
    began: float = field(default=0.0, compare=False)
    """`time.monotonic()` when it began."""
    message: str = ""
    """What went wrong, as a sentence."""

    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began if self.began else 0.0

    def remaining(self) -> float | None:
        """Seconds to go as it went so far; None while there is too little to tell."""
        return self.seconds() * (1 - self.share) / self.share if self.share > 0.15 else None


def as_bytes(shown: IntArray, flat: FloatArray, space: FloatArray) -> bytes:
    """A layout as a file.

    Args:
        shown: (n,) item indices.
        flat: (n, 2) their places on the flat map.
        space: (n, 3) their places in space.
    """
    kept = io.BytesIO()
    np.save(kept, np.column_stack([shown, flat, space]).astype(np.float64), allow_pickle=False)
    return kept.getvalue()


def read(run: Run, shown: IntArray) -> tuple[FloatArray, FloatArray] | None:
    """A run's layout, or None where there is none for these movies.

    Args:
        run: whose model.
        shown: (n,) item indices.

    Returns:
        (n, 2) and (n, 3) float32.
    """
    try:
        table = np.load(run.folder / FILE, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if table.ndim != 2 or table.shape[1] != 6 or not np.array_equal(table[:, 0], shown) or not np.isfinite(table).all():
        return None
    return table[:, 1:3].astype(np.float32), table[:, 3:6].astype(np.float32)


class Layouts:
    """Makes layouts one after the other. All methods may be called from any thread.

    Args:
        module: what the process runs.
    """

    def __init__(self, module: str = MODULE) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._line: deque[Run] = deque()
        self._known: dict[str, LayoutStatus] = {}
        self._process: subprocess.Popen[str] | None = None
        self._is_working = self._is_closed = False

    def ask(self, run: Run) -> None:
        """Puts a run's layout in line, unless it is there already."""
        with self._lock:
            if self._is_closed or self._known.get(run.id, LayoutStatus()).state in ("waiting", "running"):
                return
            self._known[run.id] = LayoutStatus("waiting")
            self._line.append(run)
            if not self._is_working:
                self._is_working = True
                threading.Thread(target=self._work, daemon=True).start()

    def status(self, run_id: str) -> LayoutStatus:
        """How far a run's layout is."""
        return self._known.get(run_id, LayoutStatus())

    def close(self) -> None:
        """Ends the process that works; what it had is dropped."""
        with self._lock:
            self._is_closed = True
            self._line.clear()
            process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._line:
                    self._is_working = False
                    return
                run = self._line.popleft()
                self._known[run.id] = LayoutStatus("running", began=time.monotonic())
            self._known[run.id] = self._make(run)

    def _make(self, run: Run) -> LayoutStatus:
        command = [sys.executable, "-m", self._module, str(run.folder)]
        try:
            with self._lock:
                if self._is_closed:
                    return LayoutStatus("failed", message=Sentence("The server is stopping."))
                self._process = subprocess.Popen(
                    command,
                    cwd=_ROOT,
                    stdin=subprocess.PIPE,  # held open: its end tells the process that nobody waits any more
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    errors="replace",  # a library may say anything, and a thread that raises would end the line
                )
            process = self._process
        except OSError as error:
            return LayoutStatus(
                "failed", message=Sentence("The layout did not start: {reason}.", reason=error.strerror)
            )
        errors: deque[str] = deque(maxlen=20)
        assert process.stdout is not None
        assert process.stderr is not None
        listener = threading.Thread(target=errors.extend, args=(process.stderr,), daemon=True)
        listener.start()
        for line in process.stdout:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                share = float(json.loads(line)["share"])
                self._known[run.id] = replace(self._known[run.id], share=share)
        status = process.wait()
        listener.join()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        self._process = None
        if status == 0:
            return LayoutStatus("done", 1.0)
        why = next(
            (line.strip() for line in reversed(errors) if line.strip()),
            Sentence("it ended with status {status}", status=status),
        )
        return LayoutStatus("failed", message=Sentence("The layout was not made: {reason}", reason=why))
