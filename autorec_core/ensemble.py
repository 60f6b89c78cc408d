"""An item-based and a user-based model that learnt from the same ratings, averaged.

They err in different places, so that the average is often better than either; an ensemble is another thing than a
model, and is called one wherever it is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autorec_core.fold_in import FoldIn
from autorec_core.metrics import rmse
from autorec_core.ratings import FloatArray, IntArray, Ratings
from autorec_core.recommender import Recommender
from autorec_core.trained_model import TrainedModel


class EnsembleFoldIn(FoldIn):
    """What two models together make of a visitor: the mean of their predictions.

    Args:
        model: the one that says what is common to both: items and scale.
        parts: what each model makes of the same ratings.
    """

    def __init__(self, model: TrainedModel, parts: tuple[FoldIn, FoldIn]) -> None:
        one, other = parts
        super().__init__(model, one.item_indices, one.ratings)
        self.raw = (one.raw + other.raw) / 2
        self._parts = parts
        # The mean's squared error is the mean of both squared errors less the square of half their distance: exactly so
        # for each rating, and here with expected errors in place of errors. Never below the half of either's.
        apart = ((one.raw - other.raw) / 2) ** 2
        together = (one.variance + other.variance) / 2
        self.variance = np.maximum(together - apart, together / 2)

    def _reach(self, level: float) -> float:
        one, other = self._parts
        return (one._reach(level) + other._reach(level)) / 2

    def pulls(self, target: int) -> FloatArray:
        """As `FoldIn.pulls`: the mean of both models'."""
        one, other = self._parts
        return np.asarray((one.pulls(target) + other.pulls(target)) / 2)

    def _raw_effects(self, targets: IntArray) -> FloatArray:
        one, other = self._parts
        return np.asarray((one._raw_effects(targets) + other._raw_effects(targets)) / 2)


class Ensemble(Recommender):
    """Two models of the same items in use at once. Safe to share between threads.

    Args:
        by_items: in use, of an item-based model.
        by_users: in use, of a user-based model.

    Attributes:
        model: the item-based one, for what is common to both.

    Source: of the variance, the ambiguity decomposition (Krogh & Vedelsby 1995).
    """

    def __init__(self, by_items: Recommender, by_users: Recommender) -> None:
        if not by_items.model.by_items or by_users.model.by_items:
            raise ValueError("An ensemble needs an item-based and a user-based model, in this order.")
        if not np.array_equal(by_items.items.ids, by_users.items.ids):
            raise ValueError("The two models of an ensemble must know the same items.")
        self.model, self.prior = by_items.model, by_items.prior
        self._parts = (by_items, by_users)

    def fold_in(self, item_indices: Sequence[int] | IntArray, ratings: Sequence[float] | FloatArray) -> EnsembleFoldIn:
        """Meets a visitor; as `Recommender.fold_in`."""
        one, other = (part.fold_in(item_indices, ratings) for part in self._parts)
        return EnsembleFoldIn(self.model, (one, other))

    def rmse_on(self, ratings: Ratings) -> tuple[float, float, float]:
        """RMSE of the item-based model, the user-based one and their average, in rating units.

        Args:
            ratings: of the users and items that the models know; those that they learnt from say nothing of worth.
        """
        rows = ratings.by_user
        predicted = [part.model.predict_pairs(rows.rows, rows.indices) for part in self._parts]
        one, other = predicted
        return (rmse(one, rows.values), rmse(other, rows.values), rmse((one + other) / 2, rows.values))
