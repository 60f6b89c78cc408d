"""Arrays by name in a safetensors file: written whole or not at all, read whole or refused."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from autorec_core import storage
from autorec_core.errors import StorageError

Arrays = dict[str, np.ndarray[Any, Any]]


def save(path: Path, arrays: Arrays, metadata: dict[str, str] | None = None) -> None:
    """Writes a file in place of any earlier one.

    Args:
        path: of the file.
        arrays: by name, of any shapes and dtypes.
        metadata: text by name, kept beside them.

    Raises:
        StorageError: the disk did not take it; an earlier file still stands.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def write(temporary: Path) -> None:
        try:
            safetensors.numpy.save_file(contiguous, temporary, metadata)
        except SafetensorError as error:  # its own name for a disk that is full
            raise OSError(errno.EIO, str(error)) from error

    storage.replace_file(path, write)


def load(path: Path, what: str) -> tuple[Arrays, dict[str, str]]:
    """Arrays and metadata of a file.

    Args:
        path: of the file.
        what: what to call it where it can't be read.

    Raises:
        StorageError: it is not there, or not whole.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return arrays, file.metadata() or {}
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError("{what} is not whole: {reason}", what=what, reason=str(error)) from error


def metadata_of(path: Path) -> dict[str, str]:
    """The text beside the arrays of a file, without reading those.

    Raises:
        StorageError: it is not there, or not whole.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError("{what} is not whole: {reason}", what=path.name, reason=str(error)) from error
