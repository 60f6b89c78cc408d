"""Where the files live, and how one is replaced so that no reader ever sees half of it."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autorec_core import settings
from autorec_core.errors import StorageError


def home() -> Path:
    """The folder of everything that the project keeps: `AUTOREC_HOME`, or `.autorec` in the person's home folder."""
    return Path(settings.text(settings.HOME) or Path.home() / ".autorec").expanduser()


def runs_folder() -> Path:
    """The folder of the runs."""
    return home() / "runs"


def datasets_folder() -> Path:
    """The folder of downloaded data sets."""
    return home() / "datasets"


def uploads_folder() -> Path:
    """The folder of ratings that visitors brought."""
    return home() / "uploads"


def database_url() -> str:
    """The visitors' database: `AUTOREC_DATABASE_URL`, or an SQLite file in the home folder."""
    return settings.text(settings.DATABASE_URL) or f"sqlite:///{home() / 'visitors.sqlite3'}"


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents where it is missing.

    Raises:
        StorageError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        for part in (folder, *folder.parents):
            if part.is_symlink() and not part.exists():  # a disk that is not mounted: nothing is kept in its place
                raise StorageError(
                    "{folder} is a link to {target}, which is not there. Bring it back, or choose another folder with "
                    "AUTOREC_HOME.",
                    folder=part,
                    target=os.readlink(part),
                ) from error
        raise StorageError(
            "Can't make the folder {folder}: {reason}. Choose another with AUTOREC_HOME.",
            folder=folder,
            reason=error.strerror,
        ) from error
    return folder


def without_nan(value: Any) -> Any:
    """The same plain value with None for each number that is not finite, as JSON has none."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def replace_file(path: Path, content: bytes | Callable[[Path], None]) -> None:
    """Writes a file whole or not at all: to a neighbour first, then renamed over it.

    Args:
        path: the file.
        content: its bytes, or what writes them to a path, for a content too large to hold twice.

    Raises:
        StorageError: the disk is full, read-only or not there; the old file, if any, is as it was.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}"
    try:
        with temporary.open("xb") as file:  # with the rights of any other file, as a server of another user may read it
            if not callable(content):
                file.write(content)
                file.flush()
            else:
                content(temporary)
            os.fsync(file.fileno())
        _move(temporary, path)
        flush_folder(path.parent)
    except BaseException as error:  # whatever it was, nothing is left beside the file
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, StorageError) or not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)  # Arrow's own have a message alone
        raise StorageError("Can't write {path}: {reason}.", path=path, reason=reason) from error


def flush_file(path: Path) -> None:
    """Waits until a file's content is on the disk. Raises OSError where the disk does not take it."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Waits until the names of a folder's files are on the disk, so that no power cut takes a renaming back."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no such thing
        return
    with contextlib.suppress(OSError):  # some file systems neither have it
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _move(source: Path, target: Path) -> None:
    for _ in range(20):
        try:
            os.replace(source, target)
            return
        except PermissionError:  # Windows, while a reader has the old file open: it soon lets go
            time.sleep(0.05)
    os.replace(source, target)
