"""Lists of recommendations, against answers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorec_core.ranking import coverage, ndcg, novelty, recall, top, top_of_all


def test_a_list_has_the_best_unrated_items_in_order() -> None:
    scores = np.array([[5.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    rated = np.array([[True, False, False, False], [False, False, False, True]])
    assert top(scores, rated, 2).tolist() == [[1, 2], [2, 1]]


def test_of_equal_scores_the_lower_index_is_first() -> None:
    assert top(np.array([[1.0, 3.0, 1.0, 3.0]]), np.zeros((1, 4), dtype=bool), 3).tolist() == [[1, 3, 0]]


def test_where_no_item_is_left_the_list_says_so() -> None:
    rated = np.array([[True, True, False]])
    assert top(np.array([[3.0, 2.0, 1.0]]), rated, 3).tolist() == [[2, -1, -1]]


@given(st.integers(1, 6), st.integers(0, 1000))
def test_a_list_is_what_sorting_everything_gives(k: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores, rated = generator.normal(size=(4, 6)), generator.random((4, 6)) < 0.3
    for row, found in enumerate(top(scores, rated, k)):
        expected = [item for item in np.argsort(-scores[row]) if not rated[row, item]][:k]
        assert found.tolist() == expected + [-1] * (k - len(expected))


def test_ndcg_is_1_where_the_relevant_come_first_and_less_the_later_they_come() -> None:
    relevant = np.array([2])
    assert ndcg(np.array([[True, True, False]]), relevant) == (pytest.approx(1.0), 1)
    late = (1 / math.log2(3) + 1 / math.log2(4)) / (1 + 1 / math.log2(3))
    assert ndcg(np.array([[False, True, True]]), relevant) == (pytest.approx(late), 1)
    assert ndcg(np.array([[False, False, False]]), relevant) == (0.0, 1)


def test_of_more_relevant_items_than_places_a_full_list_is_perfect() -> None:
    hits, relevant = np.array([[True, True]]), np.array([50])
    assert ndcg(hits, relevant) == (pytest.approx(1.0), 1)
    assert recall(hits, relevant) == (1.0, 1)


def test_recall_is_the_share_of_the_relevant_that_is_listed() -> None:
    hits = np.array([[True, False, False], [False, False, False]])
    assert recall(hits, np.array([2, 1])) == (0.5, 2)


def test_users_without_a_relevant_item_count_nowhere() -> None:
    hits, relevant = np.array([[False, False], [True, False]]), np.array([0, 1])
    assert ndcg(hits, relevant) == (1.0, 1)
    assert recall(hits, relevant) == (1.0, 1)


def test_parts_join_to_the_whole() -> None:
    generator = np.random.default_rng(0)
    hits = generator.random((20, 5)) < 0.3
    relevant = hits.sum(1) + generator.integers(0, 3, 20)
    for measure in (ndcg, recall):
        first, second, whole = measure(hits[:7], relevant[:7]), measure(hits[7:], relevant[7:]), measure(hits, relevant)
        assert first[0] + second[0] == pytest.approx(whole[0])
        assert first[1] + second[1] == whole[1]


def test_coverage_counts_each_listed_item_once() -> None:
    assert coverage(np.array([[0, 1], [1, 2], [1, -1]]), 10) == (3, 10)


def test_novelty_is_the_surprise_in_bits() -> None:
    counts = np.array([8, 4, 0])  # of 8 users
    assert novelty(np.array([[0, 1], [1, -1]]), counts, 8) == (2.0, 3)
    assert novelty(np.array([[2]]), counts, 8) == (3.0, 1)


def test_of_scores_that_tie_for_the_last_place_the_lower_index_is_taken() -> None:
    scores = np.array([[1.0, 3.0, 3.0, 3.0, 5.0, 3.0], [2.0] * 6, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])
    rated = np.zeros(scores.shape, dtype=bool)
    rated[1, :5] = True
    assert top(scores, rated, 3).tolist() == [[4, 1, 2], [5, -1, -1], [5, 4, 3]]
    longer = top(scores, rated, 5)
    assert longer[:, :3].tolist() == [[4, 1, 2], [5, -1, -1], [5, 4, 3]], "a longer list begins with the shorter one"


def test_lists_of_scores_that_all_share_are_those_that_each_would_get() -> None:
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 5, 40)  # with many ties
    rated = generator.random((30, 40)) < np.linspace(0, 1, 30)[:, None]  # from nothing to nearly all
    for k in (1, 7, 40):
        expected = top(np.broadcast_to(scores, rated.shape), rated, k)
        assert (top_of_all(scores, rated, k) == expected).all()
    assert top_of_all(scores, np.zeros((0, 40), dtype=bool), 5).shape == (0, 5)
