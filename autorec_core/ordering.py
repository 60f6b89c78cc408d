"""The order of a list as the visitor wants it: safe or adventurous, popular or obscure, similar or diverse.

Without any wish the order is that of the predictions. Each wish is counted in rating units, so that all add up.

Source: maximal marginal relevance for diversity (Carbonell & Goldstein 1998); the bounds of the posterior as in upper
confidence bounds (Auer 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core.fold_in import FoldIn
from autorec_core.ratings import BoolArray, FloatArray, IntArray
from autorec_core.recommender import Recommender
from autorec_core.trained_model import TrainedModel

DEVIATIONS = 1.5
"""Standard deviations of the prediction that the most adventurous adds and the safest takes away."""
POPULARITY_UNITS = 0.6
"""Rating units that the most obscure wish gives to a movie one standard deviation below the mean log count."""
SIMILARITY_UNITS = 1.5
"""Rating units that the most diverse wish takes from a movie whose twin is on the list."""
POOL = 10
"""So many times the length of the list are looked at for diversity."""
READ = 1000
"""Movies, the most popular ones, over which the influence of a rating is measured."""


@dataclass(frozen=True)
class Wishes:
    """What a visitor wants of a list; 0 throughout is the order of the predictions."""

    adventure: float = 0.0
    """-1 for the lower bound of each prediction, 1 for the upper one."""
    obscurity: float = 0.0
    """-1 for the popular ones, 1 for the obscure ones."""
    diversity: float = 0.0
    """0 to 1: how much likeness to what is on the list already counts against a movie."""

    def __post_init__(self) -> None:
        for name, value, low in (("adventure", self.adventure, -1), ("obscurity", self.obscurity, -1)):
            if not low <= value <= 1:
                raise ValueError(f"{name} must be between {low} and 1, got {value:g}.")
        if not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity must be between 0 and 1, got {self.diversity:g}.")


@dataclass(frozen=True)
class OwnRating:
    """One of the visitor's ratings as the model sees it."""

    item_index: int
    """Of the rated item."""
    rating: float
    """What the visitor gave."""
    expected: float
    """What the model expects of the visitor when it does not know this rating."""
    influence: float
    """By how much it moves a prediction on average, in rating units; over the most popular movies."""

    @property
    def surprise(self) -> float:
        """Given minus expected, in rating units."""
        return self.rating - self.expected


def uncertainty(model: TrainedModel, met: FoldIn, items: IntArray) -> FloatArray:
    """(m,) standard deviation of the predictions of some items: what is not known of the visitor, no rating's noise."""
    return np.sqrt(np.maximum(met.variance_of(items) - model.noise_variances[items], 0.0))


def ordered(recommender: Recommender, met: FoldIn, allowed: BoolArray, wishes: Wishes, count: int) -> IntArray:
    """The items of a list, best first.

    Args:
        recommender: of the model.
        met: the visitor.
        allowed: (num_items,) bool; what is rated is never on the list.
        wishes: what the visitor wants.
        count: at most so many.
    """
    allowed = allowed.copy()
    allowed[met.item_indices] = False
    candidates = np.flatnonzero(allowed)
    scores = met.raw[candidates].copy()
    if wishes.adventure:
        scores += wishes.adventure * DEVIATIONS * uncertainty(recommender.model, met, candidates)
    if wishes.obscurity:
        logs = np.log1p(recommender.model.item_counts)
        scores -= (
            wishes.obscurity * POPULARITY_UNITS * ((logs - logs.mean()) / max(1e-9, float(logs.std())))[candidates]
        )
    order = np.lexsort((-recommender.model.item_counts[candidates], -scores))
    if not wishes.diversity:
        return np.asarray(candidates[order[:count]])
    pool = order[: POOL * count]
    return _drawn_apart(candidates[pool], scores[pool], recommender.directions, wishes.diversity, count)


def _drawn_apart(items: IntArray, scores: FloatArray, directions: FloatArray, diversity: float, count: int) -> IntArray:
    """One by one the item whose score less its likeness to what is taken already is highest."""
    vectors, nearest = directions[items], np.zeros(len(items))
    left = scores.astype(np.float64).copy()
    chosen: list[int] = []
    while len(chosen) < min(count, len(items)):
        best = int(np.argmax(left - diversity * SIMILARITY_UNITS * nearest))
        chosen.append(best)
        left[best] = -np.inf
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return np.asarray(items[chosen])


def own_ratings(recommender: Recommender, met: FoldIn) -> list[OwnRating]:
    """The visitor's ratings with what the model expected and what each does, in the order given."""
    popular = np.argsort(-recommender.model.item_counts, kind="stable")[:READ]
    influence = np.abs(met.effects(popular)).mean(0) if len(met.item_indices) else np.zeros(0)
    rows = zip(met.item_indices.tolist(), met.ratings.tolist(), met.left_out.tolist(), influence.tolist(), strict=True)
    return [OwnRating(*row) for row in rows]
