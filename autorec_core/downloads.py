"""The downloads of a server: each in a thread of its own, one a data set however many people look on.

A download belongs to nobody's page: it goes on when its page is left, and every session sees the same standing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from autorec_core import datasets, logs
from autorec_core.errors import AutoRecError, DownloadCancelledError, Sentence

_LOG = logging.getLogger(f"{logs.NAME}.downloads")

_SECONDS_OF_SPEED = 5.0
"""Speed is that of the last few seconds, so that what remains is told from how it goes now."""


@dataclass(frozen=True)
class Standing:
    """How far a download is."""

    name: str
    """Of the data set."""
    state: str
    """ "running", "stopping" (asked to, and not yet let go by the server), "checking" (all has come, and is checked and
    unpacked), "done", "cancelled" or "failed"."""
    come: int = 0
    """Bytes that have come, earlier attempts included."""
    total: int = 0
    """Bytes in all; 0 where unknown."""
    bytes_per_second: float | None = None
    """Of the last few seconds; None where it is not known yet."""
    message: str = ""
    """What went wrong, as a sentence."""

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state in ("running", "stopping", "checking")

    @property
    def share(self) -> float:
        """Of the bytes that have come, 0 to 1."""
        return min(1.0, self.come / self.total) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Until all has come at this speed; None where that can't be told."""
        if not self.bytes_per_second or not self.total:
            return None
        return (self.total - self.come) / self.bytes_per_second


def speed(samples: Sequence[tuple[float, int]]) -> float | None:
    """Bytes per second between the first and the last sample; None where they are not a moment apart.

    Args:
        samples: (seconds, bytes that have come), in order.

    >>> speed([(10.0, 0), (11.0, 500), (12.0, 3000)])
    1500.0
    """
    if len(samples) < 2 or samples[-1][0] - samples[0][0] < 0.2:
        return None
    return (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])


@dataclass
class _Download:
    standing: Standing
    stop: threading.Event = field(default_factory=threading.Event)
    samples: deque[tuple[float, int]] = field(default_factory=deque)
    thread: threading.Thread | None = None


class Downloads:
    """Starts, watches and stops downloads of named data sets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._downloads: dict[str, _Download] = {}

    def start(self, name: str) -> None:
        """Begins a download, or goes on with one that was stopped or broke; nothing where it runs.

        Raises:
            NotFoundError: no data set has this name.
        """
        datasets.find(name)
        with self._lock:
            known = self._downloads.get(name)
            if known is not None and known.standing.is_active:
                return
            begun = _Download(Standing(name, "running", datasets.come_so_far(name)))
            begun.thread = threading.Thread(target=self._run, args=(name, begun), name=f"download {name}", daemon=True)
            self._downloads[name] = begun
            begun.thread.start()

    def cancel(self, name: str) -> None:
        """Asks a download to stop; what has come is kept. Nothing where none runs."""
        with self._lock:
            known = self._downloads.get(name)
        if known is not None:
            known.stop.set()

    def standing(self, name: str) -> Standing | None:
        """How far the latest download of a set is, or None where none was begun in this process."""
        with self._lock:
            known = self._downloads.get(name)
            if known is None:
                return None
            if known.stop.is_set() and known.standing.state == "running":
                return replace(known.standing, state="stopping")
            return known.standing

    def wait(self, name: str, seconds: float) -> None:
        """Returns when a download has ended, or after so many seconds."""
        with self._lock:
            known = self._downloads.get(name)
        if known is not None and known.thread is not None:
            known.thread.join(seconds)

    def close(self) -> None:
        """Stops all of them."""
        with self._lock:
            names = list(self._downloads)
        for name in names:
            self.cancel(name)
        for name in names:
            self.wait(name, 5)

    def _run(self, name: str, download: _Download) -> None:
        def show(come: int, total: int) -> None:
            samples, now = download.samples, time.monotonic()
            if samples and come < samples[-1][1]:  # the server sends it whole, and not the rest
                samples.clear()
            if not samples or now - samples[-1][0] > 0.1:
                samples.append((now, come))
            while len(samples) > 2 and now - samples[0][0] > _SECONDS_OF_SPEED:
                samples.popleft()
            state = "checking" if total and come >= total else "running"
            self._tell(download, Standing(name, state, come, total, speed(samples)))

        try:
            datasets.fetch(name, show, download.stop.is_set)
            done = download.standing
            self._tell(download, Standing(name, "done", done.come, done.total))
        except DownloadCancelledError:
            self._tell(download, self._ended(download, "cancelled"))
        except AutoRecError as error:
            self._tell(download, self._ended(download, "failed", error.sentence))
        except Exception:  # a thread that dies silently would leave a bar that never moves
            _LOG.exception("a download failed", extra={"dataset": name})
            self._tell(
                download, self._ended(download, "failed", Sentence("The download ended in an error; see the log."))
            )

    def _ended(self, download: _Download, state: str, message: str = "") -> Standing:
        name = download.standing.name
        return Standing(name, state, datasets.come_so_far(name), download.standing.total, message=message)

    def _tell(self, download: _Download, standing: Standing) -> None:
        with self._lock:
            download.standing = standing
