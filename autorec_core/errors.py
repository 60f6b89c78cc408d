"""What a caller or a visitor can cause.

Each error is an `AutoRecError`, so that a page or the command line can show its text as written, and also the standard
exception that a Python programmer would expect. A programmer's own mistake raises plain `ValueError` or `TypeError`.
"""

from __future__ import annotations

from collections.abc import Sequence

FAULTS_SHOWN = 20


class AutoRecError(Exception):
    """Something that a caller or visitor can put right; the text says what, where and how."""


class InvalidHyperparameterError(AutoRecError, ValueError):
    """A hyperparameter is outside what is accepted."""


class InvalidSettingError(AutoRecError, ValueError):
    """An environment variable says what is not accepted."""


class InvalidRatingsError(AutoRecError, ValueError):
    """Ratings can't be used as they are.

    Args:
        faults: one sentence a fault, in file order; the text shows the first 20 and counts the rest.
        are_all: whether these are all; not where a file is so bad that the search was given up.
    """

    def __init__(self, faults: str | Sequence[str], *, are_all: bool = True) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        text = "\n".join(self.faults[:FAULTS_SHOWN])
        hidden = len(self.faults) - FAULTS_SHOWN
        if hidden > 0:
            text += (
                f"\n… and {'' if are_all else 'at least '}{hidden} more such {'fault' if hidden == 1 else 'faults'}."
            )
        super().__init__(text)


class NotFoundError(AutoRecError, LookupError):
    """A name (data set, run, movie, user) that is not there."""


class StorageError(AutoRecError, OSError):
    """The disk or the database did not take or give what was asked."""


class DownloadError(AutoRecError, OSError):
    """A data set could not be fetched whole."""


class DownloadCancelledError(DownloadError):
    """A download was stopped by whoever asked for it."""


class NotEnoughMemoryError(AutoRecError, MemoryError):
    """A training would need more memory than there is."""


class QueueError(AutoRecError, RuntimeError):
    """A training can't be queued, or is not in the state that the request needs."""
