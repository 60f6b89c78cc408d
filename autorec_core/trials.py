"""What a search has tried so far, as lines of JSON in the folder of its run.

trials.jsonl       a line a trial, only ever appended to
importance.json    how much of the difference each hyperparameter accounts for, after the newest trial
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autorec_core import storage
from autorec_core.errors import AutoRecError, StorageError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.runs import Run


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of a search."""

    number: int
    """Which one, from 1."""
    outcome: str
    """"complete", "pruned" (given up early, as it lay behind), "stopped" (by a person) or "diverged"."""
    values: dict[str, Any]
    """What was tried: name -> value."""
    valid_rmse: float | None
    """Lowest validation RMSE; None where there is none."""
    curve: tuple[float, ...]
    """Validation RMSE of each epoch."""
    seconds: float
    """That it took, in all."""


def trials_of(run: Run) -> list[Trial]:
    """The trials so far, oldest first; a line that is no trial is passed over.

    Raises:
        StorageError: the file can't be read.
    """
    try:
        lines = (run.folder / "trials.jsonl").read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise StorageError(
            "The trials of search {run} can't be read: {reason}.", run=run.id, reason=str(error)
        ) from error
    found = []
    for line in lines[:-1]:
        try:
            values = json.loads(line)
            found.append(Trial(**{**values, "curve": tuple(values["curve"])}))
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return found


def append(run: Run, trial: Trial) -> None:
    """Adds a trial. Raises StorageError where the disk does not take it."""
    try:
        with (run.folder / "trials.jsonl").open("ab+") as file:
            if file.tell():  # half a line, as a full disk leaves it, is ended: it is passed over, and no other with it
                file.seek(-1, io.SEEK_END)
                file.write(b"" if file.read(1) == b"\n" else b"\n")
            file.write((json.dumps(asdict(trial), allow_nan=False) + "\n").encode())
    except OSError as error:
        raise StorageError(
            "Can't write the trials of search {run}: {reason}.", run=run.id, reason=error.strerror
        ) from error


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the lowest validation RMSE among those that went their whole way; None where there is none."""
    whole = [trial for trial in trials if trial.outcome == "complete" and trial.valid_rmse is not None]
    return min(whole, key=lambda trial: trial.valid_rmse or 0.0, default=None)


def save_importance(run: Run, importance: dict[str, float]) -> None:
    """Keeps the shares. Raises StorageError where the disk does not take them."""
    storage.replace_file(run.folder / "importance.json", json.dumps(importance).encode())


def importance_of(run: Run) -> dict[str, float]:
    """Name -> share of the difference between trials, 0 to 1, largest first; empty until there are enough trials."""
    try:
        found = json.loads((run.folder / "importance.json").read_text(encoding="utf-8"))
        return {str(name): float(share) for name, share in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def hyperparameters_of(run: Run, trial: Trial) -> Hyperparameters:
    """All hyperparameters of a trial, for a training that refits and tests as usual.

    Raises:
        StorageError: the trial holds what is not accepted.
    """
    try:
        return run.config.hyperparameters.with_changes(**trial.values)
    except AutoRecError as error:
        raise StorageError(
            "Trial {trial} of search {run} can't be read: {reason}", trial=trial.number, run=run.id, reason=str(error)
        ) from error
