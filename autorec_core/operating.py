"""What whoever runs a server wants to know and do: how things stand, a backup of the ratings, and the way back.

All of it is read off the home folder and the database, so it works beside a running server and without one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from autorec_core import memory, shelf, storage
from autorec_core.errors import NotFoundError, QueueError, StorageError
from autorec_core.runs import RunStore
from autorec_core.visitors import VisitorStore

_TABLES = ("visitor_ratings", "visitor_not_interested", "visitor_before_import")
"""Without these a file is no database of ratings."""


def status() -> dict[str, Any]:
    """How things stand: runs, what trains, the database, disk and memory, as plain values.

    Raises:
        InvalidSettingError: a variable says what is not accepted.
    """
    home, store = storage.home(), RunStore(storage.runs_folder())
    states: Counter[str] = Counter()
    training = []
    for run in store.all():
        if shelf.is_deleted(run):
            states["deleted"] += 1
            continue
        state = run.state
        states[state] += 1
        if state == "running":
            last = run.last_epoch
            epochs = run.config.hyperparameters.epochs
            training.append({"run_id": run.id, "epoch": 0 if last is None else last.epoch, "epochs": epochs})
    return {
        "home": str(home),
        "runs": {name: states[name] for name in ("running", "waiting", "interrupted", "ended", "deleted")},
        "training": training,
        "database": _database(),
        "disk": {**_disk(home), "used_bytes": {name: _bytes_of(home / name) for name in _PARTS}},
        "memory": {
            "available_bytes": int(memory.available_bytes()),
            "total_bytes": int(psutil.virtual_memory().total),
        },
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


_PARTS = ("runs", "datasets", "uploads")


def _database() -> dict[str, Any]:
    url = storage.database_url()
    shown = sa.make_url(url).render_as_string(hide_password=True)
    path = _file_of(url)
    if path is not None and not path.exists():
        return {"url": shown, "state": "not made yet", "visitors": 0, "ratings": 0}
    try:
        store = VisitorStore(url)
        try:
            visitors, ratings = store.count()
        finally:
            store.close()
    except StorageError as error:
        return {"url": shown, "state": str(error), "visitors": None, "ratings": None}
    return {"url": shown, "state": "ok", "visitors": visitors, "ratings": ratings}


def _disk(home: Path) -> dict[str, Any]:
    place = next((folder for folder in (home, *home.parents) if folder.is_dir()), Path("/"))
    found = shutil.disk_usage(place)
    return {"free_bytes": found.free, "total_bytes": found.total, "is_writable": os.access(place, os.W_OK)}


def _bytes_of(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # a training that runs replaces its files
                total += os.stat(os.path.join(path, name)).st_size
    return total


def as_metrics(found: dict[str, Any], *, queued: int, is_training: bool) -> str:
    """The same as lines that Prometheus reads.

    Args:
        found: of `status`.
        queued: trainings that wait in this server's line.
        is_training: whether this server's worker trains.
    """
    database = found["database"]
    lines = [f'autorec_runs{{state="{name}"}} {count}' for name, count in found["runs"].items()]
    lines += [f'autorec_used_bytes{{part="{name}"}} {size}' for name, size in found["disk"]["used_bytes"].items()]
    values = {
        "autorec_queue_length": queued,
        "autorec_training": int(is_training),
        "autorec_database_up": int(database["state"] in ("ok", "not made yet")),
        "autorec_visitors": database["visitors"],
        "autorec_ratings": database["ratings"],
        "autorec_disk_free_bytes": found["disk"]["free_bytes"],
        "autorec_memory_available_bytes": found["memory"]["available_bytes"],
        "autorec_process_resident_bytes": psutil.Process().memory_info().rss,
    }
    lines += [f"{name} {value}" for name, value in values.items() if value is not None]
    return "\n".join(lines) + "\n"


# -- backup -----------------------------------------------------------------------------------------------------------


def _file_of(url: str) -> Path | None:
    """The file of an SQLite URL; None for anything else."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database.startswith("file:"):
        return None
    return Path(parsed.database)


def _own_file() -> Path:
    path = _file_of(storage.database_url())
    if path is None:
        raise StorageError(
            "The ratings' database is no SQLite file. Back PostgreSQL up with pg_dump, and restore with pg_restore."
        )
    return path


def backup(target: Path) -> int:
    """Copies the ratings' database while it is in use, whole and as of one moment; how many ratings the copy has.

    Args:
        target: a file that is not there yet, or a folder in which it is named by the moment.

    Raises:
        NotFoundError: there is no database yet.
        StorageError: the disk does not take it, something is there already, or the database is no SQLite file.
    """
    source = _own_file()
    if not source.is_file():
        raise NotFoundError(f"There is no database at {source} yet: nobody has rated anything.")
    if target.is_dir():
        target = target / time.strftime("visitors-%Y%m%d-%H%M%S.sqlite3", time.gmtime())
    if target.exists():
        raise StorageError(f"{target} is there already. Name another file; a backup replaces nothing.")
    storage.make_folder(target.parent)

    _copy(source, target)
    return _checked(target)


def restore(source: Path) -> int:
    """Puts a backup in the place of the ratings' database; what was there is kept beside it. Stop the server first.

    Args:
        source: what `backup` wrote.

    Returns:
        How many ratings it has.

    Raises:
        NotFoundError: there is no such file.
        QueueError: a server has the database open.
        StorageError: it is no whole database of ratings, or the disk does not take it.
    """
    target = _own_file()
    if not source.is_file():
        raise NotFoundError(f"There is no file {source}.")
    count = _checked(source)
    storage.make_folder(target.parent)
    if target.exists():
        _check_unused(target)
    fresh = target.with_name(f".{target.name}.restored")
    _copy(source, fresh)  # before anything is put aside: a full disk leaves what was there in its place
    before = f"{target}.before-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    try:
        for ending in ("-wal", "-shm", ""):  # a log of writes that stayed would be played into the backup
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{target}{ending}", f"{before}{ending}")
        os.replace(fresh, target)
    except OSError as error:
        raise StorageError(f"Can't put the backup in the place of {target}: {error.strerror}.") from error
    storage.flush_folder(target.parent)
    return count


def _copy(source: Path, target: Path) -> None:
    """Writes a database into a file, whole or not at all. Raises StorageError where the disk does not take it."""

    def write(temporary: Path) -> None:
        try:
            with (
                contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as old,
                contextlib.closing(sqlite3.connect(temporary)) as new,
            ):
                old.backup(new)
                new.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it that could be forgotten
        except sqlite3.Error as error:
            raise StorageError(f"Can't copy the database to {target}: {error}.") from error

    storage.replace_file(target, write)


def _checked(path: Path) -> int:
    """How many ratings a database has. Raises StorageError where it is not whole, or none of ratings."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not names.issuperset(_TABLES):
                raise StorageError(f"{path} is no database of ratings.")
            if (verdict := connection.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                raise StorageError(f"{path} is damaged: {verdict.splitlines()[0]}.")
            return int(connection.execute("SELECT count(*) FROM visitor_ratings").fetchone()[0])
    except sqlite3.Error as error:
        raise StorageError(f"{path} is no database of ratings that can be read: {error}.") from error


def _check_unused(path: Path) -> None:
    """Folds what is still in the log of writes into the file, which nobody else may have open."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # only the last one who has it open can do this
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
                raise QueueError(f"Another program has {path} open. Stop the server, then restore.")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise QueueError(f"Another program has {path} open. Stop the server, then restore.") from error
        # what is there is damaged: that is why somebody restores
