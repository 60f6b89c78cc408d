"""Ways to fool oneself with a trained model, each with the honest figure beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autorec_core.metrics import rmse
from autorec_core.ratings import FloatArray, IntArray, Ratings
from autorec_core.residuals import Scored
from autorec_core.trained_model import TrainedModel
from autorec_core.walkthrough import codes_of, joined

MOST_ROWS = 4000
"""Rows that are read anew to show a leak; of more, so many are drawn."""


@dataclass(frozen=True, eq=False)
class PerUser:
    """Test errors user by user."""

    counts: IntArray
    """(m,) test ratings of each user who has one."""
    rmses: FloatArray
    """(m,) RMSE of each."""
    pooled: float
    """RMSE over all test ratings: each counts the same."""

    @property
    def mean(self) -> float:
        """Mean of the users' RMSEs: a rating of somebody who rated much counts for less, and roots are averaged."""
        return float(self.rmses.mean()) if len(self.rmses) else float("nan")


def per_user(scored: Scored) -> PerUser:
    """Test errors user by user, and over all ratings."""
    counts = np.bincount(scored.users)
    totals = np.bincount(scored.users, weights=scored.error**2)
    rated = counts > 0
    return PerUser(counts[rated], np.sqrt(totals[rated] / counts[rated]), rmse(scored.predicted, scored.given))


@dataclass(frozen=True)
class Leak:
    """Test RMSE when a share of the test ratings stands in the encoder's input."""

    share: float
    """0 is honest, 1 feeds all of them."""
    rmse: float
    """On all test ratings, in rating units."""


def leaks(
    model: TrainedModel, learnt: Sequence[Ratings], test: Ratings, shares: Sequence[float], *, seed: int = 0
) -> tuple[list[Leak], int]:
    """Feeds test ratings to the encoder, without training anything anew, and predicts the same ratings.

    Args:
        model: trained on `learnt`.
        learnt: the parts of the split that it learnt from.
        test: to be predicted, and to be fed.
        shares: of the test ratings to feed.
        seed: of which ones.

    Returns:
        A figure for each share, and how many test ratings it is over: those of users and movies that the model knows.
    """
    users, items, given = test.by_user.rows, test.by_user.indices, test.by_user.values
    generator = np.random.default_rng([seed, 6])
    rows, columns = (items, users) if model.by_items else (users, items)
    touched = np.unique(rows)
    if len(touched) > MOST_ROWS:
        touched = np.sort(generator.choice(touched, MOST_ROWS, replace=False))
    counts = ~model.needs_fallback(users, items) & np.isin(rows, touched)
    place = np.searchsorted(touched, rows[counts])
    order = generator.permutation(test.num_ratings)
    found = []
    for share in shares:
        is_fed = np.zeros(test.num_ratings, dtype=bool)
        is_fed[order[: round(share * test.num_ratings)]] = True
        matrix = joined([*learnt, test.select(is_fed)], by_items=model.by_items)
        codes, offsets = codes_of(model, matrix, touched)
        fed = replace(model, codes=codes, offsets=offsets)  # a model of the rows that are read anew
        at = (columns[counts], place) if model.by_items else (place, columns[counts])
        found.append(Leak(share, rmse(model.scale.clip(fed.reconstruct_pairs(*at)), given[counts])))
    return found, int(counts.sum())
