"""Metrics: sums and counts that can be joined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorec_core.metrics import (
    absolute_error,
    mae,
    quantile_groups,
    rmse,
    squared_error,
    squared_error_by_group,
)


def test_errors_are_sums_with_their_counts() -> None:
    predicted, given_ = np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 2.0])
    assert squared_error(predicted, given_) == (5.0, 3)
    assert absolute_error(predicted, given_) == (3.0, 3)


def test_rmse_and_mae_of_known_errors() -> None:
    predicted, given_ = np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 5.0])
    assert rmse(predicted, given_) == 2.0
    assert mae(predicted, given_) == 1.0


def test_nothing_observed_has_no_error_and_no_mean() -> None:
    nothing = np.zeros(0)
    assert squared_error(nothing, nothing) == (0.0, 0)
    assert math.isnan(rmse(nothing, nothing))
    assert math.isnan(mae(nothing, nothing))


def test_single_precision_is_summed_in_double() -> None:
    predicted = np.full(1_000_000, 4.7, dtype=np.float32)
    given_ = np.full(1_000_000, 0.3, dtype=np.float32)
    difference = float(np.float32(4.7)) - float(np.float32(0.3))
    assert float(np.float32(4.7) - np.float32(0.3)) != difference  # in single precision it is rounded already
    everywhere = np.zeros(1_000_000, dtype=int)
    assert squared_error(predicted, given_)[0] == pytest.approx(difference**2 * 1_000_000, rel=1e-12)
    assert absolute_error(predicted, given_)[0] == pytest.approx(difference * 1_000_000, rel=1e-12)
    totals, _ = squared_error_by_group(predicted, given_, everywhere, 1)
    assert totals[0] == pytest.approx(difference**2 * 1_000_000, rel=1e-11)


@given(st.lists(st.tuples(st.floats(0.5, 5), st.floats(0.5, 5)), min_size=2, max_size=30), st.data())
def test_parts_join_to_the_whole_wherever_they_are_cut(pairs: list[tuple[float, float]], draw: st.DataObject) -> None:
    predicted, given_ = (np.array(side) for side in zip(*pairs, strict=True))
    cut = draw.draw(st.integers(0, len(pairs)))
    for error in (squared_error, absolute_error):
        first, second = error(predicted[:cut], given_[:cut]), error(predicted[cut:], given_[cut:])
        whole = error(predicted, given_)
        assert first[1] + second[1] == whole[1]
        assert first[0] + second[0] == pytest.approx(whole[0], abs=1e-9)


@given(st.lists(st.tuples(st.floats(0.5, 5), st.floats(0.5, 5)), min_size=1, max_size=30))
def test_mae_is_never_above_rmse(pairs: list[tuple[float, float]]) -> None:
    predicted, given_ = (np.array(side) for side in zip(*pairs, strict=True))
    assert mae(predicted, given_) <= rmse(predicted, given_) + 1e-12


def test_errors_by_group_are_those_of_each_group_alone() -> None:
    predicted, given_ = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 4.0, 2.0, 1.0])
    totals, counts = squared_error_by_group(predicted, given_, np.array([0, 2, 2, -1]), 4)
    assert totals.tolist() == [0.0, 0.0, 5.0, 0.0]
    assert counts.tolist() == [1, 0, 2, 0]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 5))
def test_groups_go_up_with_the_counts_and_equal_counts_stay_together(counts: list[int], num_groups: int) -> None:
    groups = quantile_groups(np.array(counts), num_groups)
    assert [(group == -1) for group in groups] == [count == 0 for count in counts]
    assert groups.max() < num_groups
    by_count = sorted(zip(counts, groups.tolist(), strict=True))
    assert [group for _, group in by_count] == sorted(group for _, group in by_count)
    assert all(len({group for other, group in by_count if other == count}) == 1 for count in counts)


def test_groups_have_about_as_many_members_each() -> None:
    assert np.bincount(quantile_groups(np.arange(1, 101))).tolist() == [25, 25, 25, 25]


def test_who_has_no_rating_does_not_shift_the_groups_of_the_others() -> None:
    assert quantile_groups(np.array([0, 0, 0, 0, 1, 2, 3, 5]), 2).tolist() == [-1, -1, -1, -1, 0, 0, 1, 1]
    # An odd one out falls into the lower group: the edge is a count that somebody has.
    assert quantile_groups(np.array([1, 2, 10]), 2).tolist() == [0, 0, 1]
    assert quantile_groups(np.array([1, 2, 3])).tolist() == [0, 1, 2]
    assert quantile_groups(np.array([0, 0]), 2).tolist() == [-1, -1]
