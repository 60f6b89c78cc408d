"""The predictions that any model must beat: means and biases, each damped towards what is known without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autorec_core.metrics import rmse
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings

DAMPING = 5.0
"""Ratings' worth of belief in "no deviation" that each mean and bias begins with."""

HARDLY = 20.0
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


def told_apart(train: Ratings, based_on: str) -> Baseline:
    """The damped biases once more: what a network that leans on averages begins at.

    Items first, then users on what is left, and both again on what the other leaves: on real sets a little better than
    once, and little is gained by a third time. Where a side does not differ by more than chance, it is damped away; not
    so the users of a user-based network, whose level a visitor's has to be made like.

    Args:
        train: the ratings.
        based_on: "items" or "users".
    """
    by_item, by_user, mean = train.by_item, train.by_user, train.mean
    items: FloatArray = np.zeros(train.num_items)
    users: FloatArray = np.zeros(train.num_users)
    for _ in range(2):
        left = by_item.values - mean - users[by_item.indices]
        items = damped_sums(by_item, left, supported_damping(by_item, left))
        left = by_user.values - mean - items[by_user.indices]
        users = damped_sums(by_user, left, supported_damping(by_user, left) if based_on == "items" else DAMPING)
    return Baseline(mean, items, users)


def rmse_of_all(baselines: dict[str, Baseline], ratings: Ratings) -> dict[str, float]:
    """RMSE of each baseline on ratings over the same users and items, predictions clipped to the scale."""
    users, items, given = ratings.by_user.rows, ratings.by_user.indices, ratings.by_user.values
    scores: dict[str, Any] = {}
    for name, baseline in baselines.items():
        scores[name] = rmse(ratings.scale.clip(baseline.predict_pairs(users, items)), given)
    return scores
