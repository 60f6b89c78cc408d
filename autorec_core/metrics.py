"""Errors as (sum, count), so that parts are joined by their observed ratings and never as a mean of means."""

from __future__ import annotations

import math

import numpy as np

from autorec_core.ratings import FloatArray


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
