"""The averages that a network of a small set leans on: better told than `baselines` tells them.

A movie that three people rated is not simply three ratings away from the mean of all. Its ratings are read less the
levels of those who gave them. What is then left is drawn towards what movies that are rated so often get, as popular
ones are rated higher; and it is drawn as far as the set itself says, by how much movies differ beside how much a rating
scatters. Where a set is too small to say either, beliefs that are worth a few ratings stand in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core.baselines import DAMPING, Baseline, damped_sums
from autorec_core.ratings import FloatArray, IntArray, Ratings

ROUNDS = 100
"""Of taking turns; on parts of MovieLens of 500 to 100,000 ratings no level is then 0.007 from where it would end. In
the last round the levels of whole sets still move by 0.000005 to 0.0008: there is no earlier moment to stop at."""
BELIEF_IN_NO_SLOPE = 200.0
"""Ratings, one unit of log count off the mean, that a rise with popularity has to outweigh."""
BELIEF_IN_DAMPING = 20.0
"""Movies' worth of belief that the damping is `DAMPING`."""
LEAST_DAMPING, MOST_DAMPING = 0.5, 500.0
"""Ratings."""


@dataclass(frozen=True)
class ItemPrior:
    """What is expected of an item before its own ratings are looked at, as a deviation from the global mean."""

    level: float
    """Of an item without ratings, in rating units."""
    slope: float
    """How much more it is for each unit of `log(1 + ratings)`."""
    damping: float
    """Ratings' worth of belief in this expectation."""

    def expected(self, counts: IntArray) -> FloatArray:
        """(n,) float64, of items with so many ratings (n,), in rating units."""
        return np.asarray(self.level + self.slope * np.log1p(counts))

    def deviations(self, counts: IntArray, totals: FloatArray) -> FloatArray:
        """Posterior mean deviation of items.

        Args:
            counts: (n,) ratings of each.
            totals: (n,) sum of these, each less the global mean and the level of who gave it, in rating units.

        Returns:
            (n,) float64, in rating units.
        """
        expected = self.expected(counts)
        return np.asarray(expected + (totals - counts * expected) / (counts + self.damping))


@dataclass(frozen=True, eq=False)
class Averages(Baseline):
    """`global_mean + item_bias + user_bias`, the items' biases drawn towards their prior."""

    item_prior: ItemPrior
    """Of the items."""


def fit(train: Ratings) -> Averages:
    """Fits levels of users and items together, and the items' prior by maximum likelihood, on training ratings.

    Source: a mixed model with crossed random effects (Searle, Casella & McCulloch 1992, chapter 8), its variances by
    expectation-maximisation (Dempster, Laird & Rubin 1977) with each posterior taken as independent of the others. The
    users' damping is fixed, as in `baselines`, so that somebody new is met alike whatever the training set.
    """
    by_item, by_user, mean = train.by_item, train.by_user, train.mean
    counts = by_item.counts
    is_rated = counts > 0
    popularity = np.log1p(counts)
    centre = float(np.average(popularity, weights=counts))
    away = popularity - centre  # of the mean rating's item, so that slope and level can be told apart
    leverage = float((counts * away) @ away) + BELIEF_IN_NO_SLOPE
    deviations = by_item.values - mean
    users: FloatArray = np.zeros(train.num_users)
    items: FloatArray = np.zeros(train.num_items)
    level = slope = 0.0
    damping, noise = DAMPING, float(np.mean(deviations**2))
    for _ in range(ROUNDS):
        beyond_users = deviations - users[by_item.indices]
        totals = np.asarray(np.bincount(by_item.rows, weights=beyond_users, minlength=train.num_items), np.float64)
        own = items - level - slope * away
        slope = float(away @ (totals - counts * (level + own))) / leverage
        level = float((totals - counts * (slope * away + own)).sum()) / train.num_ratings
        prior = ItemPrior(level - slope * centre, slope, damping)
        items = prior.deviations(counts, totals)
        users = damped_sums(by_user, by_user.values - mean - items[by_user.indices])
        # The likeliest variances, given how sure the levels are.
        uncertain = noise / (counts + damping)
        left_over = deviations - items[by_item.rows] - users[by_item.indices]
        noise = float(np.mean(left_over**2) + counts @ uncertain / train.num_ratings)
        squares = (items - level - slope * away) ** 2 + uncertain
        believed = BELIEF_IN_DAMPING * noise / DAMPING
        spread = (squares[is_rated].sum() + believed) / (is_rated.sum() + BELIEF_IN_DAMPING)
        damping = float(np.clip(noise / max(spread, 1e-12), LEAST_DAMPING, MOST_DAMPING))
    return Averages(mean, items, users, prior)
