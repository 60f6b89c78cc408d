"""Large arrays in files without a name, so that the machine may take their memory back when it needs it.

What a training reads now and then, such as the ratings in the order of the users, need not stand in memory between two
readings. As a mapped file it does where there is room, and else it is read again. The files are gone with the process
that made them, whatever ends it.
"""

from __future__ import annotations

import tempfile
from typing import Any, TypeVar

import numpy as np

from autorec_core import storage

Array = TypeVar("Array", bound=np.ndarray[Any, Any])

MAPPED_FROM = 64 << 20
"""Bytes of an array from which on it is mapped: that of some 17 million ratings."""


def settled(array: Array) -> Array:
    """The same numbers: an array of `MAPPED_FROM` bytes or more out of a file, a smaller one as it is.

    Where the disk does not take it, it stays in memory. The result may be written to, which changes no file.
    """
    if array.nbytes < MAPPED_FROM:
        return array
    try:
        folder = storage.home()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            np.ascontiguousarray(array).tofile(file)
            file.flush()
            return np.asarray(np.memmap(file, dtype=array.dtype, mode="c", shape=array.shape))  # type: ignore[return-value]
    except OSError:
        return array
