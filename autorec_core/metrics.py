"""Errors as (sum, count), so that parts are joined by their observed ratings and never as a mean of means."""

from __future__ import annotations

import math

import numpy as np

from autorec_core.ratings import FloatArray, IntArray


def squared_error(predicted: FloatArray, given: FloatArray) -> tuple[float, int]:
    """Sum of squared errors, in squared rating units, and their number.

    Args:
        predicted: (n,) predicted ratings.
        given: (n,) observed ratings.
    """
    difference = np.asarray(predicted, dtype=np.float64) - given
    return float(difference @ difference), len(difference)


def absolute_error(predicted: FloatArray, given: FloatArray) -> tuple[float, int]:
    """Sum of absolute errors, in rating units, and their number; arguments as for `squared_error`."""
    difference = np.asarray(predicted, dtype=np.float64) - given
    return float(np.abs(difference).sum()), len(difference)


def rmse(predicted: FloatArray, given: FloatArray) -> float:
    """Root of the mean squared error, in rating units; NaN where nothing is observed.

    >>> rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0])) ** 2
    2.0000000000000004
    """
    total, count = squared_error(predicted, given)
    return math.sqrt(total / count) if count else math.nan


def mae(predicted: FloatArray, given: FloatArray) -> float:
    """Mean absolute error, in rating units; NaN where nothing is observed."""
    total, count = absolute_error(predicted, given)
    return total / count if count else math.nan


def squared_error_by_group(
    predicted: FloatArray, given: FloatArray, groups: IntArray, num_groups: int
) -> tuple[FloatArray, IntArray]:
    """Sums of squared errors and their numbers, group by group.

    Args:
        predicted: (n,) predicted ratings.
        given: (n,) observed ratings.
        groups: (n,) of each rating, from 0; negative counts nowhere.
        num_groups: number of groups.

    Returns:
        (num_groups,) float64 in squared rating units, and (num_groups,) int64.
    """
    inside = groups >= 0
    difference = np.asarray(predicted, dtype=np.float64)[inside] - given[inside]
    totals = np.bincount(groups[inside], weights=difference**2, minlength=num_groups)
    return totals.astype(np.float64), np.bincount(groups[inside], minlength=num_groups)


def quantile_groups(counts: IntArray, num_groups: int = 4) -> IntArray:
    """Users by how much they rated, or items by how much they were rated, in groups of about as many each.

    Those of the same count are in the same group, so a group can be empty where many have the same.

    Args:
        counts: (n,) training ratings of each user or item.
        num_groups: 1 or more.

    Returns:
        (n,) int64 from 0, the lowest counts, to `num_groups - 1`; -1 where there is no training rating.

    >>> quantile_groups(np.array([0, 1, 2, 3, 4, 50, 60, 70, 80]), 2).tolist()
    [-1, 0, 0, 0, 0, 1, 1, 1, 1]
    """
    known = counts[counts > 0]
    if not len(known):
        return np.full(len(counts), -1, dtype=np.int64)
    shares = np.arange(1, num_groups) / num_groups
    edges = np.quantile(known, shares, method="inverted_cdf")
    return np.where(counts > 0, np.searchsorted(edges, counts, side="left"), -1)
