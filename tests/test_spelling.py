"""Titles that look like what somebody typed."""

from __future__ import annotations

import numpy as np
import pytest

from autorec_core.spelling import Spelling

TITLES = [
    "Matrix, The",
    "Matrix Reloaded, The",
    "Schindler's List",
    "Lord of the Rings: The Two Towers, The",
    "Amelie (Fabuleux destin d'Amélie Poulain, Le)",
    "Toy Story",
    "Story of Us, The",
]
COUNTS = np.array([250, 100, 240, 180, 90, 247, 12])


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    return Spelling(TITLES, COUNTS)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("matirx", "Matrix, The"),
        ("matirx relaoded", "Matrix Reloaded, The"),
        ("schindlers lst", "Schindler's List"),
        ("lord of the rigns", "Lord of the Rings: The Two Towers, The"),
        ("amleie", "Amelie (Fabuleux destin d'Amélie Poulain, Le)"),
        ("toy stroy", "Toy Story"),
    ],
)
def test_a_slip_of_the_pen_is_forgiven(spelling: Spelling, query: str, title: str) -> None:
    assert TITLES[spelling.closest(query)[0]] == title


@pytest.mark.parametrize("query", ["", "  ", "?!", "zzzqqq", "x"])
def test_what_looks_like_nothing_finds_nothing(spelling: Spelling, query: str) -> None:
    assert spelling.closest(query) == []


def test_of_two_that_look_alike_the_better_known_comes_first(spelling: Spelling) -> None:
    assert spelling.closest("matrx", 2) == [0, 1]
    assert (
        Spelling(TITLES, COUNTS[::-1]).closest("matrx", 2) == [0, 1][:: 1 if COUNTS[::-1][0] > COUNTS[::-1][1] else -1]
    )


def test_no_more_are_offered_than_asked_for(spelling: Spelling) -> None:
    assert len(spelling.closest("story", 1)) == 1
