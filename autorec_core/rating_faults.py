"""What is wrong with a file of ratings: every fault, by its row, each with what to do about it.

This is the slower reading, of a file that is not clean: it looks at all rows and raises all that it finds at once.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autorec_core.errors import InvalidRatingsError, Sentence
from autorec_core.ratings import FloatArray, IntArray, RatingScale, distinct_ids
from autorec_core.scales import guess_scale
from autorec_core.titles import parse_id

REQUIRED = ("user", "item", "rating")
"""Roles without which there is no rating."""

LONGEST_ID = 100
"""Characters; an array of text ids is as wide as the longest."""

MOST_FAULTS = 10_000
"""After so many of a kind a file is not looked at any further."""

LARGEST = float(np.finfo(np.float32).max)
"""The largest rating that single precision holds."""

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""A number as text."""


class Row(NamedTuple):
    """One row of a file, as text."""

    number: int
    """Where it begins, as an editor counts lines."""
    cells: list[str]
    """User, item, rating and perhaps timestamp; empty where it can't be told which is which."""
    fault: str = ""
    """Why it can't."""
    is_one_line: bool = True
    """Whether it ends with its line. A quote that nobody closed makes one row of all that follow."""


@dataclass(frozen=True)
class Triples:
    """Parallel lists, in the order of the file."""

    users: Any
    items: Any
    values: FloatArray
    timestamps: IntArray | None


def examine(name: str, rows: Iterable[Row], scale: RatingScale | None, may_be_slips: float) -> Triples:
    """Row by row.

    Raises:
        InvalidRatingsError: every fault, in the order of the rows.
    """
    faults: list[tuple[int, str]] = []
    shared: dict[str, str] = {}  # one copy of each id, so that a large file fits in memory
    users: list[str] = []
    items: list[str] = []
    numbers, values, timestamps = array("q"), array("d"), array("q")
    has_swallowed = False
    for number, cells, unreadable, is_one_line in rows:
        fault = unreadable or _fault_of(cells)
        if fault:
            faults.append((number, fault))
            has_swallowed |= not is_one_line
            if len(faults) >= MOST_FAULTS:
                raise InvalidRatingsError(_of_rows(name, faults), are_all=False)
            continue
        users.append(shared.setdefault(cells[0], cells[0]))
        items.append(shared.setdefault(cells[1], cells[1]))
        values.append(float(cells[2]))
        numbers.append(number)
        if len(cells) > 3 and re.fullmatch(r"[0-9]{1,18}", cells[3]):
            timestamps.append(int(cells[3]))
    if not values and not faults:
        raise InvalidRatingsError("{name} has a header but no ratings. At least one is needed.", name=name)
    triples = Triples(
        _ids(users),
        _ids(items),
        np.array(values, dtype=np.float64),
        np.array(timestamps, dtype=np.int64) if len(timestamps) == len(values) else None,
    )
    if values:
        faults += between(triples, np.array(numbers, dtype=np.int64), scale, may_be_slips)
    refuse(name, faults, can_be_left_out=not has_swallowed)
    return triples


def between(
    triples: Triples, numbers: IntArray, scale: RatingScale | None, may_be_slips: float
) -> list[tuple[int, str]]:
    """What is wrong with rows that can be read, each by itself: row number and fault."""
    return _off_scale(triples.values, numbers, scale, may_be_slips) + _repeated(triples, numbers)


def refuse(name: str, faults: list[tuple[int, str]], *, can_be_left_out: bool = True) -> None:
    """Raises InvalidRatingsError with all faults in the order of the rows; nothing happens where there are none."""
    if faults:
        in_order = sorted(faults, key=lambda fault: fault[0])
        are_all = len(faults) < MOST_FAULTS
        rows = dict.fromkeys(number for number, _ in in_order) if are_all and can_be_left_out else ()
        raise InvalidRatingsError(_of_rows(name, in_order), are_all=are_all, rows=tuple(rows))


def _of_rows(name: str, faults: list[tuple[int, str]]) -> list[Sentence]:
    return [Sentence("Row {row} of {name}: {fault}", row=number, name=name, fault=fault) for number, fault in faults]


def _fault_of(cells: list[str]) -> str:
    """What is wrong with the cells of a row, or nothing."""
    for role, cell in zip(REQUIRED, cells, strict=False):
        if not cell:
            return Sentence("the {role} is missing. Fill it in or delete the row.", role=Sentence(role))
    for role, cell in (("user", cells[0]), ("item", cells[1])):
        if len(cell) > LONGEST_ID:
            return Sentence(
                "the {role} has {count:,} characters; at most {most} are accepted. Shorten it or delete the row.",
                role=Sentence(role),
                count=len(cell),
                most=LONGEST_ID,
            )
    rating = cells[2]
    if NUMBER.fullmatch(rating):
        return (
            ""
            if abs(float(rating)) <= LARGEST
            else Sentence("rating {rating} is not a finite number. Correct it or delete the row.", rating=rating[:40])
        )
    if re.fullmatch(r"[+-]?(?:nan|inf|infinity)", rating, re.IGNORECASE):
        return Sentence("rating {rating} is not a finite number. Delete the row if there is no rating.", rating=rating)
    if re.fullmatch(r"[0-9]+,[0-9]+", rating):
        return Sentence("rating {rating!r} is not a number. Write it with a point.", rating=rating[:40])
    return Sentence("rating {rating!r} is not a number. Correct it or delete the row.", rating=rating[:40])


def _ids(texts: list[str]) -> Any:
    """Ids as int64 where all are whole numbers, else as text."""
    parsed = {text: parse_id(text) for text in set(texts)}
    if all(isinstance(item_id, int) for item_id in parsed.values()):
        return np.array([parsed[text] for text in texts], dtype=np.int64)
    return np.array(texts, dtype=str)


def _off_scale(
    values: FloatArray, numbers: IntArray, scale: RatingScale | None, may_be_slips: float
) -> list[tuple[int, str]]:
    scale = scale or guess_scale(values, may_be_slips=may_be_slips)
    wider = guess_scale(values, may_be_slips=0.0)
    off = (values < scale.low) | (values > scale.high)
    return [
        (
            number,
            Sentence(
                "rating {rating:g} is outside {scale}. Choose the scale {wider} or correct the row.",
                rating=value,
                scale=scale.sentence,
                wider=wider.sentence,
            ),
        )
        for number, value in zip(numbers[off][:MOST_FAULTS].tolist(), values[off][:MOST_FAULTS].tolist(), strict=True)
    ]


def _repeated(triples: Triples, numbers: IntArray) -> list[tuple[int, str]]:
    _, user_index = distinct_ids(triples.users)
    item_ids, item_index = distinct_ids(triples.items)
    keys = user_index.astype(np.int64) * len(item_ids) + item_index
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    first_of = first[place]
    return [
        (
            int(numbers[again]),
            Sentence(
                "user {user} rated item {item} already in row {row}. Keep one of the two.",
                user=triples.users[again],
                item=triples.items[again],
                row=numbers[first_of[again]],
            ),
        )
        for again in np.flatnonzero(first_of != np.arange(len(keys)))[:MOST_FAULTS].tolist()
    ]
