"""How much people differ about each movie beyond what the model can say: the noise of a rating, movie by movie.

Some movies divide people, others hardly anybody. A rating of one that divides says less of its giver, and an interval
around its prediction is wider. What this is worth for asking is small: see the README.
"""

from __future__ import annotations

import numpy as np

from autorec_core.ratings import FloatArray, IntArray

DAMPING = 5.0
"""So many ratings of average noise are added to each movie's own; chosen on seeds that score nothing; from 1 to 10 it
makes no difference that could be told."""
RATINGS_READ = 1_000_000
"""Ratings that it is learnt from; more change it little and cost time."""


def relative_noise(errors: FloatArray, items: IntArray, num_items: int, damping: float = DAMPING) -> FloatArray:
    """The noise of each item's ratings over that of all.

    Args:
        errors: (n,) rating less prediction, in rating units.
        items: (n,) item index of each.
        num_items: of the model.
        damping: as `DAMPING`.

    Returns:
        (num_items,) float32, 1 for an item as noisy as all are on average, or without an error.
    """
    squares = np.asarray(errors, dtype=np.float64) ** 2
    mean = float(squares.mean()) if len(squares) else 0.0
    if mean <= 0:
        return np.ones(num_items, dtype=np.float32)
    totals = np.bincount(items, weights=squares, minlength=num_items)
    counts = np.bincount(items, minlength=num_items)
    return ((totals + damping * mean) / ((counts + damping) * mean)).astype(np.float32)
