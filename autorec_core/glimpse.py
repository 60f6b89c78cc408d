"""What a network that is still learning makes of a visitor, at the cost of their ratings alone.

The mean of the fold-in's posterior, without its variances and reasons, which are most of the work and which nobody
reads while it changes twice a second. For the same weights it predicts what the fold-in does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core.fold_in import UserBasedFoldIn
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.trained_model import TrainedModel


@dataclass(frozen=True, eq=False)
class Glimpse:
    """Predictions for a visitor; all clipped to the scale."""

    item_indices: IntArray
    """(n,) rated items, in the order given."""
    ratings: FloatArray
    """(n,) what the visitor gave them."""
    predicted_ratings: FloatArray
    """(num_items,)."""
    left_out: FloatArray
    """(n,) prediction of each rated item when that rating is not known."""
    top: IntArray
    """Items that are not rated, highest prediction first."""

    @property
    def given_back(self) -> FloatArray:
        """(n,) predictions of the rated items, which the model knows."""
        return np.asarray(self.predicted_ratings[self.item_indices])


def meet(
    model: TrainedModel, item_indices: IntArray, ratings: FloatArray, *, count: int = 10, least_ratings: int = 1
) -> Glimpse:
    """Meets a visitor.

    Args:
        model: as a run's pictures hold it.
        item_indices: (n,) different items; n may be 0.
        ratings: (n,) the visitor's ratings of them, on the model's scale.
        count: length of `top`.
        least_ratings: items with fewer training ratings are not in `top`.

    Source: Rasmussen & Williams 2006, equation 2.25; leaving one out as in `fold_in`.
    """
    if model.by_items:
        raw, left_out = _by_items(model, item_indices, ratings)
    else:
        met = UserBasedFoldIn(model, item_indices, ratings)
        raw, left_out = met.raw, met.left_out
    candidates = model.item_counts >= least_ratings
    candidates[item_indices] = False
    places = np.flatnonzero(candidates)
    if len(places) > count:
        places = places[np.argpartition(-raw[places], count)[:count]]
    return Glimpse(
        item_indices=item_indices,
        ratings=ratings,
        predicted_ratings=model.scale.clip(raw),
        left_out=model.scale.clip(left_out),
        top=places[np.lexsort((places, -raw[places]))][:count],
    )


def _by_items(model: TrainedModel, item_indices: IntArray, ratings: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Raw predictions (num_items,) and, of the rated items without each one's own rating, (n,)."""
    mean = model.population_mean.astype(np.float32)
    z = model.codes @ mean[:-1] + mean[-1] + model.offsets  # (num_items,)
    expected, slope = (model.link(z) + model.item_means) / 2, model.link.slope(z)
    rated = np.concatenate([model.codes[item_indices], np.ones((len(ratings), 1))], axis=1, dtype=np.float64)
    rated *= slope[item_indices, None]  # (n, k + 1)
    covariance = model.population_covariance.astype(np.float64) + 1e-9 * np.eye(rated.shape[1])
    reach = covariance @ rated.T  # (k + 1, n)
    shared = rated @ reach  # (n, n)
    inverse = np.linalg.inv(shared + model.residual_variance * np.eye(len(ratings)))
    weights = inverse @ (ratings - expected[item_indices])  # (n,)
    way = (reach @ weights).astype(np.float32)  # (k + 1,)
    raw = np.asarray(expected + slope * (model.codes @ way[:-1] + way[-1]), dtype=np.float64)
    own = np.diagonal(shared @ inverse) * weights / np.diagonal(inverse)
    return raw, raw[item_indices] - own
