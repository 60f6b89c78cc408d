"""Ratings made from a matrix, for tests that know their answers by reasoning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autorec_core.ratings import Compressed, Ratings, RatingScale
from autorec_core.splits import Split


def ratings_of(matrix: np.ndarray, *, name: str, scale: RatingScale, observed: np.ndarray | None = None) -> Ratings:
    """Ratings of users 1, 2, … for items 1, 2, … from a matrix; all entries where `observed` is None."""
    users, items = np.nonzero(np.ones_like(matrix, dtype=bool) if observed is None else observed)
    return Ratings.from_triples(users + 1, items + 1, matrix[users, items], name=name, scale=scale)


def with_unrated(ratings: Ratings, *, users: int = 0, items: int = 0) -> Ratings:
    """The same ratings among users and items of whom and which nothing is known, added at the end."""
    by_user = ratings.by_user
    more_ids = ratings.items.ids.max() + 1 + np.arange(items)
    return replace(
        ratings,
        user_ids=np.concatenate([ratings.user_ids, ratings.user_ids.max() + 1 + np.arange(users)]),
        items=replace(
            ratings.items,
            ids=np.concatenate([ratings.items.ids, more_ids]),
            titles=np.concatenate([ratings.items.titles, more_ids.astype(str)]),
            years=np.concatenate([ratings.items.years, np.zeros(items, dtype=np.int32)]),
            genres=ratings.items.genres + ((),) * items,
        ),
        by_user=Compressed(
            indptr=np.concatenate([by_user.indptr, np.full(users, by_user.indptr[-1])]),
            indices=by_user.indices,
            values=by_user.values,
            num_columns=by_user.num_columns + items,
        ),
    )


def merged(split: Split) -> Ratings:
    """Train and validation as one set, made anew from its triples."""
    parts = (split.train, split.valid)
    rows, columns, values = (
        np.concatenate([getattr(part.by_user, name) for part in parts]) for name in ("rows", "indices", "values")
    )
    return Ratings.from_triples(rows + 1, columns + 1, values, name="merged", scale=split.train.scale)
