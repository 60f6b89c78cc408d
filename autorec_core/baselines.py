"""The predictions that any model must beat: means and biases, each damped towards what is known without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autorec_core.metrics import rmse
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings

DAMPING = 5.0
"""Ratings' worth of belief in "no deviation" that each mean and bias begins with."""

HARDLY = 50.0
"""Variance within rows over that between them, from which on rows are taken to hardly differ. On real sets of all sizes
it is 2 to 16, on ratings by chance some hundreds."""


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


def supported_damping(matrix: Compressed, deviations: FloatArray) -> float:
    """`DAMPING` where rows differ; where they hardly do, as many ratings as it takes to tell a row from chance.

    The variance between rows and that within them are estimated by moments. Their ratio is the damping that a normal
    model asks for; it is taken only where it is so far above the usual one that the rows tell next to nothing.

    Args:
        matrix: whose rows are told apart.
        deviations: (num_ratings,) in the order of the matrix, in rating units.

    Source: Searle, Casella & McCulloch 1992, section 3.6 (unbalanced one-way random model, ANOVA estimators).
    """
    counts = matrix.counts[matrix.counts > 0].astype(np.float64)
    total, rows = counts.sum(), len(counts)
    if rows < 2 or total <= rows:
        return DAMPING
    sums = np.bincount(matrix.rows, weights=deviations, minlength=matrix.num_rows)[matrix.counts > 0]
    explained = float((sums**2 / counts).sum())
    within = (float(deviations @ deviations) - explained) / (total - rows)
    between = explained - deviations.sum() ** 2 / total - (rows - 1) * within
    between /= total - (counts**2).sum() / total
    if between * HARDLY >= within:
        return DAMPING
    return float(within / max(between, within * 1e-9))


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


def levels(train: Ratings, based_on: str) -> tuple[FloatArray, FloatArray]:
    """The levels of items and users that a network of a base begins at: the damped biases, told apart once more.

    Items first, then users on what is left, then items again on what users leave. Where a side does not differ by more
    than chance, it is damped away. The users of a user-based network keep the bias of `fit_all`: that is what a
    visitor's can be made from.

    Returns:
        (num_items,) and (num_users,) float64 deviations from the mean, in rating units.
    """
    by_item, by_user, mean = train.by_item, train.by_user, train.mean
    is_by_items = based_on == "items"
    over_mean = by_item.values - mean
    damping = supported_damping(by_item, over_mean) if is_by_items else DAMPING
    items = damped_sums(by_item, over_mean, damping)
    left = by_user.values - mean - items[by_user.indices]
    users = damped_sums(by_user, left, supported_damping(by_user, left) if is_by_items else DAMPING)
    over_users = by_item.values - mean - users[by_item.indices]
    return damped_sums(by_item, over_users, supported_damping(by_item, over_users)), users


def rmse_of_all(baselines: dict[str, Baseline], ratings: Ratings) -> dict[str, float]:
    """RMSE of each baseline on ratings over the same users and items, predictions clipped to the scale."""
    users, items, given = ratings.by_user.rows, ratings.by_user.indices, ratings.by_user.values
    scores: dict[str, Any] = {}
    for name, baseline in baselines.items():
        scores[name] = rmse(ratings.scale.clip(baseline.predict_pairs(users, items)), given)
    return scores
