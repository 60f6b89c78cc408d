"""Who is like a visitor, and which movie is like another.

Two people who rated have few movies in common, if any: five ratings of a visitor meet one or two of a user's. The model
has an opinion on what everybody would give to every movie, so that they are compared by that: over the most rated
movies, each less what people give it on average, the correlation of what the model expects of both. Whoever is strict
and whoever is generous may so be of one taste.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core.fold_in import FoldIn
from autorec_core.ratings import Compressed, FloatArray, IntArray
from autorec_core.recommender import Recommender
from autorec_core.trained_model import TrainedModel

MOVIES_COMPARED = 500
"""The most rated movies, over which people are compared."""
FEWEST_RATINGS = 20
"""Training ratings of a user of whom the model can be said to know a taste."""
USERS_AT_ONCE = 4096
"""Whose expected ratings are in memory together."""


@dataclass(frozen=True)
class Twin:
    """A user of the data who is like the visitor."""

    user_index: int
    """Row of the user."""
    likeness: float
    """Correlation of what the model expects of both, -1 to 1."""
    num_common: int
    """Movies that both rated."""
    mean_difference: float
    """Mean absolute difference of their ratings of those, in rating units; NaN where there is none."""
    loved: IntArray
    """(m,) items that the user gave their best ratings and the visitor has not rated, the best first."""


def twins(
    model: TrainedModel,
    met: FoldIn,
    by_user: Compressed,
    *,
    count: int = 5,
    loved: int = 5,
    fewest: int = FEWEST_RATINGS,
) -> list[Twin]:
    """The users whom the visitor is most like, nearest first.

    Args:
        model: that met the visitor.
        met: the visitor, with a rating at least.
        by_user: the ratings of the data, a row a user.
        count: at most so many.
        loved: at most so many movies of each.
        fewest: users with fewer training ratings are left out.
    """
    eligible = np.flatnonzero(model.user_counts >= fewest)
    if not len(eligible):
        return []
    likeness = _likeness(model, met, eligible)
    order = np.argsort(-likeness, kind="stable")[:count]
    return [_twin(met, by_user, int(eligible[place]), float(likeness[place]), loved) for place in order]


def _likeness(model: TrainedModel, met: FoldIn, users: IntArray) -> FloatArray:
    """(len(users),) correlations with the visitor."""
    items = np.argsort(-model.item_counts, kind="stable")[:MOVIES_COMPARED]
    everybody = model.item_means[items].astype(np.float64)
    own = _direction((met.raw[items] - everybody)[None])[0]
    parts = []
    for start in range(0, len(users), USERS_AT_ONCE):
        chosen = users[start : start + USERS_AT_ONCE]
        parts.append(_direction(_expected_of(model, chosen, items) - everybody) @ own)
    return np.concatenate(parts)


def _direction(deviations: FloatArray) -> FloatArray:
    """Rows less their mean, of length 1; a row that is even throughout stays 0."""
    centred = deviations - deviations.mean(1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12))


def _expected_of(model: TrainedModel, users: IntArray, items: IntArray) -> FloatArray:
    """(len(users), len(items)) what the model expects of users, not clipped."""
    if model.by_items:
        z = model.decoder_weights[users] @ model.codes[items].T
        return np.asarray(model.link(z + model.decoder_bias[users, None] + model.offsets[items]))
    z = model.codes[users] @ model.decoder_weights[items].T
    return np.asarray(model.link(z + model.decoder_bias[items] + model.offsets[users, None]))


def _twin(met: FoldIn, by_user: Compressed, user: int, likeness: float, loved: int) -> Twin:
    items, ratings = by_user.row(user)
    _, theirs, ours = np.intersect1d(items, met.item_indices, return_indices=True)
    differences = np.abs(ratings[theirs] - met.ratings[ours])
    new = np.setdiff1d(np.arange(len(items)), theirs)
    best = new[ratings[new] >= np.quantile(ratings, 0.75)] if len(items) else new  # by their own measure
    # Of equal ratings those first that the model expects this visitor to like.
    order = np.lexsort((-met.raw[items[best]], -ratings[best]))[:loved]
    return Twin(
        user_index=user,
        likeness=likeness,
        num_common=len(theirs),
        mean_difference=float(differences.mean()) if len(theirs) else float("nan"),
        loved=np.asarray(items[best[order]], dtype=np.int64),
    )


def nearest_movies(
    recommender: Recommender, item_index: int, *, count: int = 10, fewest: int = 0
) -> list[tuple[int, float]]:
    """The movies nearest to one in the space of codes (of decoder weights for a user-based model).

    Args:
        recommender: of the model.
        item_index: of the movie.
        count: at most so many.
        fewest: movies with fewer training ratings are left out, as next to nothing is known of them.

    Returns:
        Pairs of item index and cosine, nearest first, without the movie itself.
    """
    cosines = recommender.directions @ recommender.directions[item_index]
    left_out = recommender.model.item_counts < fewest
    left_out[item_index] = True
    cosines[left_out] = -np.inf
    nearest = np.argsort(-cosines, kind="stable")[: min(count, int((~left_out).sum()))]
    return [(int(item), float(cosines[item])) for item in nearest]
