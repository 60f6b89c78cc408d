"""Slips between words, all of a vocabulary at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from autorec_core.spelling import Vocabulary, allowed_slips


def one_by_one(word: str, other: str) -> int:
    """Optimal string alignment, written as it is defined."""
    table = {(i, 0): i for i in range(len(word) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(word) + 1):
        for j in range(1, len(other) + 1):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (word[i - 1] != other[j - 1])]
            if i > 1 and j > 1 and word[i - 1] == other[j - 2] and word[i - 2] == other[j - 1]:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(word), len(other)]


@pytest.mark.parametrize(
    ("typed", "meant", "slips"),
    [
        ("matrix", "matrix", 0),
        ("matrx", "matrix", 1),
        ("mattrix", "matrix", 1),
        ("natrix", "matrix", 1),
        ("mtarix", "matrix", 1),
        ("xirtam", "matrix", 5),
        ("", "matrix", 6),
        ("matrix", "a", 5),
        ("amélie", "amelie", 1),
    ],
)
def test_a_slip_is_a_letter_too_many_too_few_or_wrong_or_two_exchanged(typed: str, meant: str, slips: int) -> None:
    vocabulary = Vocabulary([meant, "somethingmuchlonger"])
    assert vocabulary.slips(typed)[0][vocabulary.words.index(meant)] == slips


@given(some.text("abc", max_size=6), some.lists(some.text("abc", min_size=1, max_size=6), min_size=1, max_size=8))
def test_all_words_at_once_are_as_far_as_one_by_one(typed: str, words: list[str]) -> None:
    vocabulary = Vocabulary(words)
    whole, begun = vocabulary.slips(typed)
    assert whole.tolist() == [one_by_one(typed, word) for word in vocabulary.words]
    beginnings = [[word[:place] for place in range(len(word) + 1)] for word in vocabulary.words]
    assert begun.tolist() == [min(one_by_one(typed, start) for start in some_starts) for some_starts in beginnings]


def test_the_longer_a_word_the_more_slips_it_may_hold() -> None:
    assert [allowed_slips("a" * length) for length in (1, 3, 4, 7, 8, 20)] == [0, 0, 1, 1, 2, 2]


def test_an_empty_vocabulary_has_no_word() -> None:
    assert [len(part) for part in Vocabulary([]).slips("matrix")] == [0, 0]
