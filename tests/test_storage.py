"""What is written is whole, and is JSON that anybody can read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from autorec_core.errors import StorageError
from autorec_core.storage import replace_file, without_nan


def test_numbers_that_are_not_finite_become_none_wherever_they_are() -> None:
    given = {"a": math.nan, "b": [1.5, math.inf, {"c": -math.inf}], "d": (1, math.nan), "e": "nan", "f": True}
    assert without_nan(given) == {"a": None, "b": [1.5, None, {"c": None}], "d": [1, None], "e": "nan", "f": True}
    json.dumps(without_nan(given), allow_nan=False)


@pytest.mark.parametrize(
    ("wrong", "raised", "told"),
    [
        (OSError(28, "No space left on device"), StorageError, r"^Can't write .*kept: No space left on device\.$"),
        (OSError("Error writing bytes to file"), StorageError, r"^Can't write .*kept: Error writing bytes to file\.$"),
        (StorageError("It says it all."), StorageError, r"^It says it all\.$"),
        (MemoryError("too much"), MemoryError, "too much"),
    ],
    ids=["of the system", "with a message alone", "that says it all", "of another kind"],
)
def test_a_file_that_can_not_be_written_is_as_it_was_with_nothing_beside_it(
    tmp_path: Path, wrong: Exception, raised: type[Exception], told: str
) -> None:
    path = tmp_path / "kept"
    replace_file(path, b"before")

    def write(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise wrong

    with pytest.raises(raised, match=told):
        replace_file(path, write)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"kept": b"before"}
