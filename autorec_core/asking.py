"""Which movie to ask a visitor about next: the one whose rating would teach most about them.

Under the fold-in's posterior a rating of one movie lowers the variance of every other prediction by a known amount,
whatever the rating will be: the posterior is normal. Summed over the catalogue, each movie counting the more the more
often it is watched, this is what an answer is worth; times the chance that the visitor has seen the movie at all, what
a question is worth.

Source: Bayesian experimental design with a normal posterior (Chaloner & Verdinelli 1995, A-optimality); the posterior
changes by a term of rank one (Rasmussen & Williams 2006, equations 2.25 and 2.26).
"""

from __future__ import annotations

import numpy as np

from autorec_core.fold_in import ItemBasedFoldIn, Prior
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.trained_model import TrainedModel

WATCHED = 0.75
"""The power of its number of ratings by which a movie counts; chosen on people whom no reported figure is of. With 1
the few that everybody has seen outweigh what else people rate."""


class Questions:
    """What can be asked with an item-based model. Made once a model; safe to share between threads.

    Args:
        model: item-based.
        prior: of that model.
    """

    def __init__(self, model: TrainedModel, prior: Prior) -> None:
        if not model.by_items:
            raise ValueError("Questions need the posterior of an item-based model.")
        self._prior = prior
        counts = model.item_counts.astype(np.float64)
        self.seen = counts / max(1, len(model.user_ids))
        """(num_items,) the share of users who rated each item: the chance that a visitor has seen it."""
        weights = counts**WATCHED
        weights /= max(1.0, weights.sum())
        factors = prior.factors
        self._gram = (factors * weights[:, None]).T @ factors  # (k + 1, k + 1)
        self._before = np.einsum("ik,ik->i", factors @ self._gram, factors)  # (num_items,)
        self._total = float(np.trace(self._gram))

    def drops(self, met: ItemBasedFoldIn, targets: IntArray | None = None) -> FloatArray:
        """How much the mean variance of the predictions falls when an item's rating becomes known.

        Args:
            met: the visitor so far.
            targets: (m,) item indices; all items where None.

        Returns:
            (m,) in squared rating units; of an item that is rated already, what a second rating would bring.
        """
        factors = self._prior.factors if targets is None else self._prior.factors[targets]
        before = self._before if targets is None else self._before[targets]
        variance = self._prior.variance if targets is None else self._prior.variance[targets]
        noise = self._prior.noise if targets is None else self._prior.noise[targets]
        rated, precision = self._prior.factors[met.item_indices], met.precision
        # With A the posterior covariance of the visitor's weights: drop = f A G A f / (f A f + noise), for every f.
        if len(rated) < factors.shape[1]:
            reach = factors @ rated.T  # (m, n)
            through = reach @ precision
            crossed = factors @ (self._gram @ rated.T)
            own = rated @ self._gram @ rated.T
            variance = variance - np.einsum("in,in->i", through, reach)
            taught = (
                before - 2 * np.einsum("in,in->i", through, crossed) + np.einsum("in,in->i", through @ own, through)
            )
        else:
            left = factors - factors @ (rated.T @ precision @ rated)  # (m, k + 1), f A
            variance = np.einsum("ik,ik->i", left, factors)
            taught = np.einsum("ik,ik->i", left @ self._gram, left)
        return np.asarray(np.maximum(taught, 0.0) / (np.maximum(variance, 0.0) + noise))

    def known_share(self, met: ItemBasedFoldIn) -> float:
        """The share of what could be known of a visitor that their ratings tell: of the variance, 0 to 1."""
        rated = self._prior.factors[met.item_indices]
        told = float((met.precision * (rated @ self._gram @ rated.T)).sum())
        return min(1.0, max(0.0, told / self._total)) if self._total > 0 else 0.0

    def best(self, met: ItemBasedFoldIn, passed_over: IntArray, count: int = 1) -> IntArray:
        """The items to ask about, the most telling question first.

        Args:
            met: the visitor so far; what they rated is not asked again.
            passed_over: (m,) item indices that are not to be asked about.
            count: at most so many.
        """
        worth = self.drops(met) * self.seen
        worth[met.item_indices] = -1.0
        worth[passed_over] = -1.0
        order = np.argsort(-worth, kind="stable")[:count]
        return np.asarray(order[worth[order] > 0])
