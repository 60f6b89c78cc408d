"""How a trained model meets a visitor whom it never saw.

- Item-based, the visitor is one more user. Their weights are taken as a draw from the population of users; a solve as
  large as the number of their ratings gives the posterior of every prediction, with its variance.
- User-based, the visitor's ratings are one more input row: one forward pass. The variance is what such passes missed by
  on validation, with so many ratings known.

Either way the effect of each rating is exact: the prediction with it, less the prediction without it.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from functools import cached_property

import numpy as np

from autorec_core.new_rows import forward_rows
from autorec_core.population import with_constant
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.trained_model import TrainedModel


class FoldIn:
    """What a model makes of a visitor's ratings.

    Attributes:
        item_indices: (n,) rated items, in the order given.
        ratings: (n,) float64 the visitor's ratings of them.
        raw: (num_items,) float64 predictions, not clipped.
        variance: (num_items,) of a new rating around its prediction, noise included, in squared rating units.
    """

    item_indices: IntArray
    ratings: FloatArray
    raw: FloatArray
    variance: FloatArray

    def __init__(self, model: TrainedModel, item_indices: IntArray, ratings: FloatArray) -> None:
        self._model = model
        self.item_indices = item_indices
        self.ratings = ratings

    @cached_property
    def predicted_ratings(self) -> FloatArray:
        """(num_items,) float64 predictions, clipped to the scale."""
        return self._model.scale.clip(self.raw)

    def raw_of(self, targets: IntArray) -> FloatArray:
        """(m,) float64 predictions of some items, not clipped, at the cost of those."""
        return np.asarray(self.raw[targets])

    def about(self) -> tuple[FloatArray, float]:
        """Predictions good enough to tell which items can be among the first, at less cost than `raw`.

        Returns:
            (num_items,) an array to be written into, and by how much a number of it is off from `raw` at most.
        """
        return self.raw.copy(), 0.0

    @property
    def given_back(self) -> FloatArray:
        """(n,) predicted ratings of the rated items, which the model knows."""
        return np.asarray(self.predicted_ratings[self.item_indices])

    @property
    def left_out(self) -> FloatArray:
        """(n,) prediction of each rated item when that rating is not known, clipped to the scale."""
        without = self.raw_of(self.item_indices) - np.diagonal(self._raw_effects(self.item_indices))
        return np.asarray(self._model.scale.clip(without))

    def interval(self, level: float = 0.8, targets: IntArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Where a new rating of an item falls with probability `level`, clipped to the scale.

        Args:
            level: over 0, under 1.
            targets: (m,) item indices; all items where None.

        Returns:
            The low and the high ends, each (m,).
        """
        if targets is None:
            raw, variance = self.raw, self.variance
        else:
            raw, variance = self.raw_of(targets), self.variance_of(targets)
        reach = self._reach(level) * np.sqrt(variance)
        clip = self._model.scale.clip
        return clip(raw - reach), clip(raw + reach)

    def _reach(self, level: float) -> float:
        """Standard deviations that an interval of this level goes to either side."""
        return self._model.reach(level)

    def variance_of(self, targets: IntArray) -> FloatArray:
        """(m,) the variance of some items, at the cost of those."""
        return np.asarray(self.variance[targets])

    def effects(self, targets: IntArray) -> FloatArray:
        """What each rating does to some predictions: the predicted rating less the one without that rating.

        Args:
            targets: (m,) item indices.

        Returns:
            (m, n) in rating units, both predictions clipped to the scale.
        """
        raw = self.raw_of(targets)[:, None]
        clip = self._model.scale.clip
        return np.asarray(clip(raw) - clip(raw - self._raw_effects(targets)))

    def pulls(self, target: int) -> FloatArray:
        """(n,) by how much an item's prediction rises, not clipped, for each unit that a rating is higher."""
        raise NotImplementedError

    def _raw_effects(self, targets: IntArray) -> FloatArray:
        raise NotImplementedError


class Prior:
    """What an item-based model expects of a user of whom nothing is known.

    Args:
        model: item-based.
    """

    def __init__(self, model: TrainedModel) -> None:
        features = with_constant(model.codes)
        z = features @ model.population_mean + model.offsets
        slope = model.link.slope(z)
        # An item's expected rating is half the average user's, half its own damped mean: neither is best alone.
        self.expected = (model.link(z) + model.item_means) / 2  # (num_items,)
        root = np.linalg.cholesky(model.population_covariance + 1e-9 * np.eye(features.shape[1]))
        self.factors = (features * slope[:, None]) @ root  # (num_items, k + 1); covariance is F F^T
        self.variance = np.einsum("ik,ik->i", self.factors, self.factors)  # (num_items,)
        self.noise = model.noise_variances  # (num_items,) of a rating around what its giver's weights make of it
        self._codes, self._root = model.codes, root
        self._slope, self._expected = slope.astype(np.float32), self.expected.astype(np.float32)
        self._longest = float((np.abs(slope) * np.linalg.norm(features, axis=1)).max(initial=0.0))

    def about(self, weights: FloatArray) -> tuple[FloatArray, float]:
        """`expected + factors @ weights` in single precision: one pass over the codes, a quarter of the bytes.

        Args:
            weights: (k + 1,) of a visitor.

        Returns:
            (num_items,) float32, and by how much one of them is off at most.

        Source: of the bound, a product of n terms is off by n units of rounding times the product of the sums of
        squares' roots (Higham 2002, section 3.1); a few more for the other steps.
        """
        way = self._root @ weights
        single = way.astype(np.float32)
        scores = self._codes @ single[:-1]
        scores += single[-1]
        scores *= self._slope
        moved = self._longest * float(np.linalg.norm(way))
        scores += self._expected
        unit = float(np.finfo(np.float32).eps)
        return scores, unit * ((len(way) + 8) * moved + 2 * float(np.abs(self._expected).max(initial=0.0)))

    def of(self, item_indices: IntArray) -> Prior:
        """The same of some items alone, in this order."""
        some = copy(self)
        some.expected, some.factors = self.expected[item_indices], self.factors[item_indices]
        some.variance, some.noise = self.variance[item_indices], self.noise[item_indices]
        some._codes, some._slope = self._codes[item_indices], self._slope[item_indices]
        some._expected = self._expected[item_indices]
        return some


class ItemBasedFoldIn(FoldIn):
    """The visitor's posterior under the population of users: `prior + F F_R^T K^-1 (ratings - prior_R)`.

    Source: Gaussian-process regression (Rasmussen & Williams 2006, equations 2.25 and 2.26).
    """

    def __init__(self, model: TrainedModel, prior: Prior, item_indices: IntArray, ratings: FloatArray) -> None:
        self._factors, self._prior_variance = prior.factors, prior.variance
        self._noise = prior.noise
        rated = prior.factors[item_indices]  # (n, k + 1)
        self._inverse = _inverse_of_sum(rated, prior.noise[item_indices])  # (n, n)
        self._weights = self._inverse @ (ratings - prior.expected[item_indices])  # (n,)
        self._prior, self._mean = prior, rated.T @ self._weights  # (k + 1,) posterior mean of the visitor's weights
        super().__init__(model, item_indices, ratings)

    @cached_property
    def raw(self) -> FloatArray:  # type: ignore[override]
        """(num_items,) float64 predictions, not clipped."""
        return np.asarray(self._prior.expected + self._factors @ self._mean)

    def raw_of(self, targets: IntArray) -> FloatArray:
        """(m,) float64 predictions of some items, not clipped, at the cost of those."""
        return np.asarray(self._prior.expected[targets] + self._factors[targets] @ self._mean)

    def about(self) -> tuple[FloatArray, float]:
        """As `FoldIn.about`, in single precision."""
        return self._prior.about(self._mean)

    @property
    def precision(self) -> FloatArray:
        """(n, n) inverse covariance of the given ratings, noise included, before they were known."""
        return self._inverse

    @cached_property
    def variance(self) -> FloatArray:  # type: ignore[override]
        """(num_items,) of a new rating around its prediction, noise included, in squared rating units."""
        return self._variance(self._factors, self._prior_variance) + self._noise

    def variance_of(self, targets: IntArray) -> FloatArray:
        """(m,) the variance of some items, at the cost of those."""
        return self._variance(self._factors[targets], self._prior_variance[targets]) + self._noise[targets]

    def _variance(self, factors: FloatArray, before: FloatArray) -> FloatArray:
        """Of the predictions themselves, without the noise of a rating."""
        rated = self._factors[self.item_indices]
        if len(rated) < factors.shape[1]:  # two ways to the same product, the cheaper one for each n
            reach = factors @ rated.T  # (m, n)
            removed = np.einsum("in,in->i", reach @ self._inverse, reach)
        else:
            removed = np.einsum("ik,ik->i", factors @ (rated.T @ self._inverse @ rated), factors)
        return np.asarray(np.maximum(before - removed, 0.0))

    def pulls(self, target: int) -> FloatArray:
        """As `FoldIn.pulls`, exactly: predictions are linear in the ratings."""
        return np.asarray(self._factors[target] @ self._factors[self.item_indices].T @ self._inverse)

    def _raw_effects(self, targets: IntArray) -> FloatArray:
        # Taking observation j out of a linear smoother: G K^-1 e_j * (K^-1 r)_j / (K^-1)_jj, for all targets at once.
        reach = (self._factors[targets] @ self._factors[self.item_indices].T) @ self._inverse  # (m, n)
        return np.asarray(reach * (self._weights / np.diagonal(self._inverse)))


def _inverse_of_sum(factors: FloatArray, noise: FloatArray) -> FloatArray:
    """(n, n) inverse of `factors @ factors.T + diag(noise)`, by the smaller of the two systems that give it."""
    n, width = factors.shape
    if n <= width:
        return np.asarray(np.linalg.inv(factors @ factors.T + np.diag(noise)))
    # Woodbury's identity: somebody who brings thousands of ratings along waits for a product, not for an inverse.
    scaled = factors / noise[:, None]
    inner = np.linalg.solve(factors.T @ scaled + np.eye(width), scaled.T)
    return np.asarray(np.diag(1 / noise) - scaled @ inner)


class UserBasedFoldIn(FoldIn):
    """One forward pass; without rating j, one more for each j."""

    def __init__(self, model: TrainedModel, item_indices: IntArray, ratings: FloatArray) -> None:
        super().__init__(model, item_indices, ratings)
        self.raw = forward_rows(model, item_indices, ratings[None])[0]
        self.variance = np.full(len(model.items), user_based_variance(model, len(ratings)))

    def pulls(self, target: int) -> FloatArray:
        """As `FoldIn.pulls`, by passes with each rating one step of the scale higher."""
        step, model = self._model.scale.step, self._model
        alone = replace(
            model, decoder_weights=model.decoder_weights[[target]], decoder_bias=model.decoder_bias[[target]]
        )
        raised = forward_rows(alone, self.item_indices, self.ratings + step * np.eye(len(self.ratings)))
        return np.asarray((raised[:, 0] - self.raw[target]) / step)

    @cached_property
    def _without(self) -> FloatArray:
        """(n, num_items) predictions without each rating in turn."""
        n = len(self.ratings)
        rows = np.broadcast_to(self.ratings, (n, n))
        return forward_rows(self._model, self.item_indices, rows, ~np.eye(n, dtype=bool))

    def _raw_effects(self, targets: IntArray) -> FloatArray:
        return np.asarray(self.raw[targets, None] - self._without[:, targets].T)


def user_based_variance(model: TrainedModel, count: int) -> float:
    """Of a new rating around a user-based model's prediction with so many ratings known, in squared rating units."""
    return float(np.interp(math.log1p(count), np.log1p(model.fold_in_counts), model.fold_in_variances))
