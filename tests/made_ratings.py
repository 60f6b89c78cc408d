"""Ratings made from a matrix, for tests that know their answers by reasoning."""

from __future__ import annotations

import numpy as np

from autorec_core.ratings import Ratings, RatingScale


def ratings_of(matrix: np.ndarray, *, name: str, scale: RatingScale, observed: np.ndarray | None = None) -> Ratings:
    """Ratings of users 1, 2, … for items 1, 2, … from a matrix; all entries where `observed` is None."""
    users, items = np.nonzero(np.ones_like(matrix, dtype=bool) if observed is None else observed)
    return Ratings.from_triples(users + 1, items + 1, matrix[users, items], name=name, scale=scale)
