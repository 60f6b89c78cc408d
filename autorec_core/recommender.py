"""A trained model in use: it meets a visitor whom it never saw, predicts, explains and recommends.

`fold_in` is the visitor's only road, and hides whether the model is item- or user-based.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autorec_core.errors import InvalidRatingsError, NotFoundError
from autorec_core.fold_in import FoldIn, ItemBasedFoldIn, Prior, UserBasedFoldIn
from autorec_core.ratings import BoolArray, FloatArray, IntArray, Items
from autorec_core.trained_model import TrainedModel

TELLING = 0.001
"""Share of the rating scale: what moved a prediction by less is no reason that anybody would want to hear."""


@dataclass(frozen=True)
class Reason:
    """One of the visitor's ratings, and what it did to a prediction."""

    item_index: int
    """Of the rated item."""
    item_id: Any
    """Of the rated item."""
    title: str
    """Of the rated item."""
    rating: float
    """What the visitor gave it."""
    effect: float
    """Predicted rating minus what it would be without this rating, in rating units."""


@dataclass(frozen=True)
class Recommendation:
    """An item that the visitor has not rated."""

    item_index: int
    """Row of the item."""
    item_id: Any
    """Its id in the outside world."""
    title: str
    """Without the year."""
    year: int
    """0 where unknown."""
    genres: tuple[str, ...]
    """Empty where unknown."""
    predicted_rating: float
    """Clipped to the scale."""
    interval: tuple[float, float]
    """Where the visitor's rating would fall with 80 % probability, clipped to the scale."""
    mean_rating: float
    """What the users of the data set gave it: their damped mean."""
    num_ratings: int
    """Training ratings behind it."""
    because: tuple[Reason, ...]
    """The visitor's ratings that moved it most: what raised it, then what lowered it, strongest first in each."""


@dataclass(frozen=True)
class Filter:
    """Which items may be recommended."""

    genres: frozenset[str] = frozenset()
    """Any of these; empty means all."""
    without: frozenset[str] = frozenset()
    """None of these."""
    years: tuple[int, int] | None = None
    """First and last year, both included; None means all, unknown years too."""
    min_ratings: int = 0
    """Fewest training ratings."""
    max_ratings: int | None = None
    """Most training ratings; None means no limit."""

    def matches(self, model: TrainedModel) -> BoolArray:
        """(num_items,) bool, True where an item passes."""
        chosen = model.item_counts >= self.min_ratings
        if self.max_ratings is not None:
            chosen &= model.item_counts <= self.max_ratings
        if self.years is not None:
            chosen &= (model.items.years >= self.years[0]) & (model.items.years <= self.years[1])
        if self.genres:
            chosen &= np.fromiter((not self.genres.isdisjoint(g) for g in model.items.genres), bool, len(model.items))
        if self.without:
            chosen &= np.fromiter((self.without.isdisjoint(g) for g in model.items.genres), bool, len(model.items))
        return np.asarray(chosen)


class Recommender:
    """Predictions, reasons and recommendations from one trained model. Safe to share between threads.

    Args:
        model: the trained model.

    Attributes:
        prior: what an item-based model expects of somebody unknown; None for a user-based one.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self.prior = Prior(model) if model.by_items else None

    @property
    def items(self) -> Items:
        """The items it knows."""
        return self.model.items

    def fold_in(self, item_indices: Sequence[int] | IntArray, ratings: Sequence[float] | FloatArray) -> FoldIn:
        """Meets a visitor.

        Args:
            item_indices: (n,) different items; n may be 0.
            ratings: (n,) the visitor's ratings of them, on the model's scale.

        Raises:
            InvalidRatingsError: an item is rated twice, or a rating is off the scale.
            NotFoundError: there is no item of this index.
        """
        indices, given = np.asarray(item_indices, dtype=np.int64), np.asarray(ratings, dtype=np.float64)
        if indices.shape != given.shape or indices.ndim != 1:
            raise ValueError(f"Needs as many items as ratings, got {indices.shape} and {given.shape}.")
        if len(indices) and not (indices.min() >= 0 and indices.max() < len(self.items)):
            raise NotFoundError(f"Item indices go from 0 to {len(self.items) - 1}; `items.index(item_id)` gives them.")
        if len(np.unique(indices)) != len(indices):
            raise InvalidRatingsError("An item is rated twice. Keep one rating of each.")
        scale = self.model.scale
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            single = given.astype(np.float32)  # as data sets hold them, in which 9.8 is a little more
        if not ((single >= scale.low) & (single <= scale.high)).all():
            raise InvalidRatingsError(f"A rating is outside {scale}: {given.tolist()}.")
        if self.prior is not None:
            return ItemBasedFoldIn(self.model, self.prior, indices, given)
        return UserBasedFoldIn(self.model, indices, given)

    def recommend(
        self, fold_in: FoldIn, *, count: int = 10, filter: Filter | None = None, reasons: int = 3
    ) -> list[Recommendation]:
        """The unrated items with the highest predictions, best first.

        Args:
            fold_in: what `fold_in` gave.
            count: at most so many.
            filter: which items may be recommended; all where None.
            reasons: at most so many of the visitor's ratings with each.
        """
        allowed = (filter or Filter()).matches(self.model)
        allowed[fold_in.item_indices] = False
        if count <= 0:
            return []
        scores, off = fold_in.about()
        scores[~allowed] = -np.inf
        candidates = highest(scores, count, spare=2 * off)  # only what can be among the first is predicted exactly
        # Ties, as at the top of the scale, go to the higher prediction before clipping, then to the better known item.
        order = np.lexsort((-self.model.item_counts[candidates], -fold_in.raw_of(candidates)))
        chosen = candidates[order[:count]]
        return self.describe(fold_in, chosen, reasons=reasons)

    def describe(self, fold_in: FoldIn, chosen: IntArray, *, reasons: int = 3) -> list[Recommendation]:
        """Items as recommendations, in the order given.

        Args:
            fold_in: what `fold_in` gave.
            chosen: (m,) item indices.
            reasons: at most so many of the visitor's ratings with each.
        """
        low, high = (ends.tolist() for ends in fold_in.interval(targets=chosen))
        predicted = self.model.scale.clip(fold_in.raw_of(chosen)).tolist()
        ids, years = self.items.ids[chosen].tolist(), self.items.years[chosen].tolist()
        means, counts = self.model.item_means[chosen].tolist(), self.model.item_counts[chosen].tolist()
        because = self._reasons(fold_in, chosen, reasons)
        return [
            Recommendation(
                item_index=item,
                item_id=ids[place],
                title=str(self.items.titles[item]),
                year=years[place],
                genres=self.items.genres[item],
                predicted_rating=predicted[place],
                interval=(low[place], high[place]),
                mean_rating=means[place],
                num_ratings=counts[place],
                because=because[place],
            )
            for place, item in enumerate(chosen.tolist())
        ]

    def _reasons(self, fold_in: FoldIn, chosen: IntArray, count: int) -> list[tuple[Reason, ...]]:
        """At most so many reasons for each of some items."""
        if count <= 0 or not len(fold_in.item_indices):
            return [()] * len(chosen)
        effects = fold_in.effects(chosen)  # (m, n)
        by_strength = np.argsort(-np.abs(effects), axis=1, kind="stable")
        rated = fold_in.item_indices.tolist()
        ids, given = self.items.ids[rated].tolist(), fold_in.ratings.tolist()
        titles = [str(title) for title in self.items.titles[rated]]
        return [
            tuple(
                Reason(item_index=rated[j], item_id=ids[j], title=titles[j], rating=given[j], effect=row[j])
                for j in self._telling(row, order, count)
            )
            for row, order in zip(effects.tolist(), by_strength.tolist(), strict=True)
        ]

    def _telling(self, effects: list[float], by_strength: list[int], count: int) -> list[int]:
        """Which ratings are told as reasons: what raises, then what lowers, the strongest first in each."""
        chosen = by_strength[:count]
        # What is recommended is so for some reason, even where more of the ratings speak against it.
        if len(chosen) > 1 and not any(effects[j] > 0 for j in chosen):
            least = TELLING * self.model.scale.span
            raising = next((j for j in by_strength if effects[j] >= least), None)
            if raising is not None:
                chosen = [*chosen[:-1], raising]
        return [j for j in chosen if effects[j] > 0] + [j for j in chosen if effects[j] <= 0]

    @cached_property
    def directions(self) -> FloatArray:
        """(num_items, hidden_units) unit vectors that say what an item is to the model."""
        vectors = self.model.codes - self.model.codes.mean(0) if self.model.by_items else self.model.decoder_weights
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))

    def similar(self, item_index: int, count: int = 10) -> list[tuple[int, float]]:
        """The nearest items by the cosine of their codes (item-based) or decoder weights (user-based).

        Returns:
            Pairs of item index and cosine, nearest first, without the item itself.
        """
        cosines = self.directions @ self.directions[item_index]
        cosines[item_index] = -np.inf
        nearest = np.argsort(-cosines)[: min(count, len(cosines) - 1)]
        return [(int(item), float(cosines[item])) for item in nearest]


def highest(scores: FloatArray, count: int, spare: float = 0.0) -> IntArray:
    """Items among which are the `count` highest scores, a few more, and none that is minus infinity.

    Args:
        scores: (num_items,).
        count: one or more.
        spare: a score that is lower than the lowest of those by this may be among them, too.

    The score that so many groups of items reach is reached by at least so many items; finding it takes a tenth of the
    time of partitioning all scores.
    """
    size = max(1, len(scores) // (8 * count))
    even = len(scores) // size * size
    reached = np.concatenate([scores[:even].reshape(-1, size).max(1), scores[even:]])
    place = max(0, len(reached) - count)
    lowest = np.partition(reached, place)[place]
    return np.flatnonzero((scores >= lowest - spare) & (scores > -np.inf))
