"""What people do with runs that are there: name them, pin them, delete them and take that back.

A name and a pin stand in `note.json` of the run's folder. A deleted run has a file `deleted` in it: nobody is shown the
run any more, and `clean_up` removes it for good once it has been so for a day.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, replace

from autorec_core import storage
from autorec_core.errors import AutoRecError, QueueError, StorageError
from autorec_core.runs import Run, RunStore

SECONDS_TO_UNDO = 24 * 3600.0
"""How long a deleted run can be taken back."""
LONGEST_NAME = 60


@dataclass(frozen=True)
class Note:
    """What a person wrote on a run."""

    name: str = ""
    """A name of one's own; empty where there is none."""
    is_pinned: bool = False
    """Whether it should come first."""


def note_of(run: Run) -> Note:
    """What is written on a run; nothing where that can't be read."""
    try:
        found = json.loads((run.folder / "note.json").read_text(encoding="utf-8"))
        return Note(str(found["name"])[:LONGEST_NAME], bool(found["is_pinned"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Note()


def name(run: Run, text: str) -> None:
    """Gives a run a name, without spaces around it and at most 60 characters long; an empty one takes it away.

    Raises:
        StorageError: the disk does not take it.
    """
    _write(run, replace(note_of(run), name=" ".join(text.split())[:LONGEST_NAME]))


def pin(run: Run, is_pinned: bool) -> None:
    """Pins a run, or takes the pin away. Raises StorageError as `name` does."""
    _write(run, replace(note_of(run), is_pinned=is_pinned))


def _write(run: Run, note: Note) -> None:
    storage.replace_file(run.folder / "note.json", json.dumps(asdict(note)).encode())


def is_deleted(run: Run) -> bool:
    """Whether a run is deleted, and can still be taken back."""
    return (run.folder / "deleted").exists()


def delete(run: Run) -> None:
    """Hides a run; `restore` takes that back, until `clean_up` removes it.

    Raises:
        QueueError: it is being trained.
        StorageError: the disk does not take it.
    """
    if run.state == "running":
        raise QueueError("Run {run} is being trained. Stop it first, then delete it.", run=run.id)
    storage.replace_file(run.folder / "deleted", str(time.time()).encode())


def restore(run: Run) -> None:
    """Takes a deletion back; nothing happens where there was none.

    Raises:
        StorageError: the disk does not take it.
    """
    try:
        (run.folder / "deleted").unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            "Can't take back the deletion of run {run}: {reason}.", run=run.id, reason=error.strerror
        ) from error


def clean_up(store: RunStore, *, older_than: float = SECONDS_TO_UNDO) -> int:
    """Removes for good what was deleted long enough ago; how many runs that were.

    Args:
        store: whose runs.
        older_than: seconds since the deletion.
    """
    removed = 0
    for run in store.all():
        with contextlib.suppress(OSError, AutoRecError):  # what can't be removed today is tried again another day
            if time.time() - (run.folder / "deleted").stat().st_mtime >= older_than:
                store.delete(run.id)
                removed += 1
    return removed


def bytes_on_disk(run: Run) -> int:
    """The size of all files of a run."""
    total = 0
    for path in run.folder.glob("*"):
        with contextlib.suppress(OSError):  # a training that runs replaces its files
            total += path.stat().st_size
    return total
