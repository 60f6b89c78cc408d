"""Errors: text for people, standard parents for programmers."""

from __future__ import annotations

import pytest

from autorec_core import errors
from autorec_core.errors import AutoRecError, InvalidRatingsError


@pytest.mark.parametrize(
    ("error", "standard"),
    [
        (errors.InvalidHyperparameterError, ValueError),
        (errors.InvalidRatingsError, ValueError),
        (errors.NotFoundError, LookupError),
        (errors.StorageError, OSError),
        (errors.DownloadError, OSError),
        (errors.QueueError, RuntimeError),
    ],
)
def test_each_error_is_both_ours_and_the_standard_one(error: type[Exception], standard: type[Exception]) -> None:
    assert issubclass(error, AutoRecError)
    assert issubclass(error, standard)
    assert str(error("What, where, how.")) == "What, where, how."


def test_no_error_is_without_a_standard_parent() -> None:
    for kind in AutoRecError.__subclasses__():
        assert [parent for parent in kind.__bases__ if parent is not AutoRecError], kind


def test_a_single_fault_is_the_whole_text() -> None:
    error = InvalidRatingsError("Row 2 of a.csv: no.")
    assert str(error) == "Row 2 of a.csv: no."
    assert error.faults == ("Row 2 of a.csv: no.",)


def test_twenty_faults_are_shown_and_none_is_hidden() -> None:
    error = InvalidRatingsError([f"fault {n}" for n in range(20)])
    assert str(error).splitlines() == [f"fault {n}" for n in range(20)]


def test_the_rest_of_many_faults_is_counted_and_still_there() -> None:
    one_more = InvalidRatingsError([f"fault {n}" for n in range(21)])
    assert str(one_more).splitlines()[-1] == "… and 1 more such fault."
    many = InvalidRatingsError([f"fault {n}" for n in range(120)])
    assert len(str(many).splitlines()) == 21
    assert str(many).endswith("… and 100 more such faults.")
    assert len(many.faults) == 120
