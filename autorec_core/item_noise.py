"""How much people differ about each movie beyond what the model can say: the noise of a rating, movie by movie.

Some movies divide people, others hardly anybody. Taken for equally noisy, those that divide look the most telling to
ask about, though an answer about them says the least.
"""

from __future__ import annotations

import numpy as np

from autorec_core.ratings import FloatArray, IntArray

DAMPING = 5.0
"""So many ratings of average noise are added to each movie's own; chosen on validation users of two data sets."""
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
