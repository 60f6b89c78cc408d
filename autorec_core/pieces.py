"""Reading a large text of ratings in pieces, so that only the numbers are ever held whole.

It takes what the large releases are: whole numbers for users and items, no fault in any row. Of anything else it says
that it did not take it, and a reading that looks closer has its turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from autorec_core.ratings import FloatArray, IntArray

_PIECE = 1 << 24
"""Bytes of text that are looked at together."""


@dataclass(frozen=True)
class Columns:
    """Parallel arrays, in the order of the file."""

    users: IntArray
    """(num_ratings,) int32 or int64 ids."""
    items: IntArray
    """(num_ratings,) int32 or int64 ids."""
    values: FloatArray
    """(num_ratings,) float32 or float64, in rating units, finite."""
    timestamps: IntArray | None
    """(num_ratings,) int64 seconds since 1970, or None."""
    sha256: str
    """Of the whole text, hexadecimal."""


class _Passing:
    """A file on its way to Arrow: its bytes are counted in, and a separator of two characters becomes one."""

    closed = False

    def __init__(self, file: BinaryIO, separator: bytes) -> None:
        self._file = file
        self._separator = separator if len(separator) > 1 else b""
        self._held = b""
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        fresh = self._file.read(size)
        self.digest.update(fresh)
        if b"\0" in fresh:
            raise ValueError("No text.")
        if not self._separator:
            return fresh
        text = self._held + fresh
        self._held = b""
        # Half a separator at the end waits for its other half.
        if fresh and text.endswith(self._separator[:1]) and not text.endswith(self._separator):
            text, self._held = text[:-1], text[-1:]
        return text.replace(self._separator, b"\t")

    def close(self) -> None:
        self.closed = True


def read(
    file: BinaryIO, roles: Sequence[str], separator: str, *, skip_rows: int, values: type[np.floating[Any]]
) -> Columns | None:
    """All columns of a text, or None where it is not as large releases are.

    Args:
        file: open at its beginning.
        roles: what each column is: user, item, rating, timestamp, or any other name.
        separator: of the columns, one character or two.
        skip_rows: lines of header.
        values: number format of the ratings.
    """
    passing = _Passing(file, separator.encode())
    wanted = [role for role in ("user", "item", "rating", "timestamp") if role in roles]
    parts: dict[str, list[Any]] = {role: [] for role in wanted}
    try:
        reader = pa_csv.open_csv(
            pa.PythonFile(passing, mode="r"),
            read_options=pa_csv.ReadOptions(column_names=list(roles), skip_rows=skip_rows, block_size=_PIECE),
            parse_options=pa_csv.ParseOptions(delimiter="\t" if len(separator) > 1 else separator),
            convert_options=pa_csv.ConvertOptions(
                column_types={role: pa.float64() if role == "rating" else pa.int64() for role in wanted},
                include_columns=wanted,
            ),
        )
        for batch in reader:
            for role in wanted:
                column = batch.column(role)
                if column.null_count:
                    return None
                numbers = np.from_dlpack(column)
                if role == "rating":
                    if not (np.abs(numbers) <= np.finfo(np.float32).max).all():
                        return None
                    numbers = numbers.astype(values)
                elif role != "timestamp" and len(numbers):
                    is_small = int(numbers.min()) >= -(2**31) and int(numbers.max()) < 2**31
                    numbers = numbers.astype(np.int32) if is_small else numbers
                parts[role].append(numbers)
    except (pa.ArrowException, ValueError):
        return None
    if not sum(map(len, parts["user"])):
        return None
    joined: dict[str, Any] = {}
    for role in wanted:
        joined[role] = np.concatenate(parts.pop(role))  # each let go of before the next is made
    return Columns(
        joined["user"], joined["item"], joined["rating"], joined.get("timestamp"), passing.digest.hexdigest()
    )
