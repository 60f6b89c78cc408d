"""Recommendations for very many visitors in one call: what a nightly job or a newsletter asks for.

The visitors are met block by block: one product gives all predictions of a block, and only the first of each row are
sorted. Memory is bounded by the block, whatever the number of visitors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from autorec_core.errors import InvalidRatingsError, NotFoundError
from autorec_core.fold_in import Prior
from autorec_core.new_rows import decode_rows, encode_rows
from autorec_core.ratings import Compressed, FloatArray, IntArray
from autorec_core.recommender import Filter, Recommender, highest
from autorec_core.trained_model import TrainedModel

BLOCK_BYTES = 64_000_000
"""Bytes that the predictions of one block may take; what is sorted beside them takes about twice as much again."""

_SPARE = 8
"""More are taken by single precision than are wanted, so that double precision decides who is among the first."""


@dataclass(frozen=True, eq=False)
class Lists:
    """Recommendations for m visitors, best first."""

    item_indices: IntArray
    """(m, count) int64; -1 where there are fewer."""
    predicted_ratings: FloatArray
    """(m, count) float64 clipped to the scale; NaN where there are fewer."""


def recommend_many(
    recommender: Recommender,
    visitors: Compressed,
    *,
    count: int = 10,
    filter: Filter | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Lists:
    """For each visitor the unrated items with the highest predictions, as `Recommender.recommend` orders them.

    Args:
        recommender: of a trained model.
        visitors: their ratings, a row a visitor; columns are item indices, each at most once in a row.
        count: at most so many for each.
        filter: which items may be recommended; all where None.
        block_bytes: of the predictions that are held at a time.

    Raises:
        InvalidRatingsError: an item is rated twice, or a rating is off the scale.
        NotFoundError: there is no item of this index.
    """
    model, num_items = recommender.model, len(recommender.items)
    _check(model, visitors)
    count = max(0, min(count, num_items))
    allowed = (filter or Filter()).matches(model)
    items = np.full((visitors.num_rows, count), -1, dtype=np.int64)
    predicted = np.full((visitors.num_rows, count), np.nan)
    if not count:
        return Lists(items, predicted)
    scorer = _ByItems(recommender.prior) if recommender.prior is not None else _ByUsers(model)
    step = max(1, block_bytes // (4 * num_items))
    for start in range(0, visitors.num_rows, step):
        block = range(start, min(start + step, visitors.num_rows))
        rows = [visitors.row(visitor) for visitor in block]
        state, scores = scorer.scores(rows)
        scores[:, ~allowed] = -np.inf
        for place, (rated, _) in enumerate(rows):
            scores[place, rated] = -np.inf
        for place, visitor in enumerate(block):
            first = highest(scores[place], count + _SPARE)
            raw = scorer.exact(state[place], first)
            order = np.lexsort((first, -model.item_counts[first], -raw))[:count]
            items[visitor, : len(order)] = first[order]
            predicted[visitor, : len(order)] = model.scale.clip(raw[order])
    return Lists(items, predicted)


def _check(model: TrainedModel, visitors: Compressed) -> None:
    indices, values, scale = visitors.indices, visitors.values, model.scale
    if len(indices) and not (indices.min() >= 0 and indices.max() < len(model.items)):
        raise NotFoundError(f"Item indices go from 0 to {len(model.items) - 1}; `items.index(item_id)` gives them.")
    keys = visitors.rows.astype(np.int64) * len(model.items) + indices
    if len(np.unique(keys)) != len(keys):
        raise InvalidRatingsError("A visitor rates an item twice. Keep one rating of each.")
    off = ~((values >= scale.low) & (values <= scale.high))
    if off.any():
        raise InvalidRatingsError(f"{int(off.sum()):,} ratings are outside {scale}, the first is {values[off][0]:g}.")


class _ByItems:
    """The posterior mean of each visitor: a vector of weights over the items' factors."""

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._single = np.ascontiguousarray(prior.factors.T, dtype=np.float32)  # (k + 1, num_items)
        self._expected = prior.expected.astype(np.float32)

    def scores(self, rows: list[tuple[IntArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
        """(m, k + 1) the visitors' weights, and (m, num_items) float32 predictions, not clipped."""
        # Each of these systems is too small for threads, which would wait for each other more than they work.
        with threadpool_limits(1, user_api="blas"):
            weights = np.stack([self._weights(items, ratings) for items, ratings in rows])
        scores = weights.astype(np.float32) @ self._single
        scores += self._expected
        return weights, scores

    def exact(self, weights: FloatArray, items: IntArray) -> FloatArray:
        """(n,) float64 predictions of some items for the visitor of these weights."""
        return np.asarray(self._prior.expected[items] + self._prior.factors[items] @ weights)

    def _weights(self, items: IntArray, ratings: FloatArray) -> FloatArray:
        rated, surprise = self._prior.factors[items], ratings - self._prior.expected[items]
        noise = self._prior.noise[items]
        n, width = rated.shape
        if n <= width:
            return np.asarray(rated.T @ np.linalg.solve(rated @ rated.T + np.diag(noise), surprise))
        scaled = rated / noise[:, None]
        return np.asarray(np.linalg.solve(rated.T @ scaled + np.eye(width), scaled.T @ surprise))


class _ByUsers:
    """One forward pass of each visitor."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model

    def scores(self, rows: list[tuple[IntArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
        """(m, num_items) predictions twice, exact and to be written into; not clipped."""
        encoded = [encode_rows(self._model, items, ratings[None]) for items, ratings in rows]
        codes, means = (np.concatenate(parts) for parts in zip(*encoded, strict=True))
        raw = decode_rows(self._model, codes, means)
        return raw, raw.astype(np.float32)

    def exact(self, raw: FloatArray, items: IntArray) -> FloatArray:
        """(n,) predictions of some items for the visitor of this row."""
        return np.asarray(raw[items])


def visitors_of(histories: list[dict[int, float]], num_items: int) -> Compressed:
    """Visitors from item index -> rating, each a row.

    >>> visitors_of([{3: 4.0, 1: 2.0}, {}], num_items=5).indices.tolist()
    [1, 3]
    """
    rows = [sorted(history.items()) for history in histories]
    return Compressed(
        indptr=np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
        indices=np.array([item for row in rows for item, _ in row], dtype=np.int32),
        values=np.array([rating for row in rows for _, rating in row], dtype=np.float32),
        num_columns=num_items,
    )
