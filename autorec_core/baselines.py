"""The predictions that any model must beat: means and biases, each damped towards what is known without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autorec_core.metrics import rmse
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings

DAMPING = 5.0
"""Ratings' worth of belief in "no deviation" that each mean and bias begins with."""


def damped_sums(matrix: Compressed, deviations: FloatArray, damping: float = DAMPING) -> FloatArray:
    """Each row's damped mean deviation: the sum over `count + damping`; 0 for an empty row.

    Args:
        matrix: whose rows to average over.
        deviations: (num_ratings,) in the order of the matrix, in rating units.
        damping: in ratings.

    Returns:
        (num_rows,) float64, in rating units.
    """
    totals = np.bincount(matrix.rows, weights=deviations, minlength=matrix.num_rows)
    return np.asarray(totals / np.maximum(matrix.counts + damping, 1e-12))


@dataclass(frozen=True, eq=False)
class Baseline:
    """`global_mean + item_bias + user_bias`, where the simpler baselines leave biases at 0."""

    global_mean: float
    """Mean of the training ratings."""
    item_biases: FloatArray
    """(num_items,) damped mean of each item's ratings over the global mean."""
    user_biases: FloatArray
    """(num_users,) damped mean of each user's ratings over the item's."""

    def predict_pairs(self, users: IntArray, items: IntArray) -> FloatArray:
        """Predicted ratings (n,) of n pairs of indices, not clipped."""
        return np.asarray(self.global_mean + self.item_biases[items] + self.user_biases[users])


def fit_all(train: Ratings) -> dict[str, Baseline]:
    """Fits every baseline on training ratings.

    Returns:
        By name: `global_mean`, `item_mean` (damped) and `user_item_bias` (items first, then users on what is left).

    Source: damped means as in Funk's and LensKit's bias model.
    """
    mean = train.mean
    item_biases = damped_sums(train.by_item, train.by_item.values - mean)
    left_over = train.by_user.values - mean - item_biases[train.by_user.indices]
    user_biases = damped_sums(train.by_user, left_over)
    no_items, no_users = np.zeros(train.num_items), np.zeros(train.num_users)
    return {
        "global_mean": Baseline(mean, no_items, no_users),
        "item_mean": Baseline(mean, item_biases, no_users),
        "user_item_bias": Baseline(mean, item_biases, user_biases),
    }


def rmse_of_all(baselines: dict[str, Baseline], ratings: Ratings) -> dict[str, float]:
    """RMSE of each baseline on ratings over the same users and items, predictions clipped to the scale."""
    users, items, given = ratings.by_user.rows, ratings.by_user.indices, ratings.by_user.values
    scores: dict[str, Any] = {}
    for name, baseline in baselines.items():
        scores[name] = rmse(ratings.scale.clip(baseline.predict_pairs(users, items)), given)
    return scores
