"""How good a list of recommendations is, as (sum, count), so that parts are joined by what they counted.

A list is the first k of all items that its user has not rated, highest score first. An item is relevant where the user
gave it a high rating that the model never saw.
"""

from __future__ import annotations

import numpy as np

from autorec_core.ratings import BoolArray, FloatArray, IntArray


def top(scores: FloatArray, rated: BoolArray, k: int) -> IntArray:
    """The lists of some users.

    Args:
        scores: (num_users, num_items), higher is better.
        rated: (num_users, num_items) bool, True for what may not be in the list.
        k: length of a list, 1 to num_items.

    Returns:
        (num_users, k) int64 item indices, best first, of equal scores the lower index; -1 where no item is left.
    """
    left = np.where(rated, -np.inf, scores)
    best = _first(left, k) if k < left.shape[1] else np.tile(np.arange(k), (len(left), 1))
    order = np.argsort(-np.take_along_axis(left, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    return np.where(np.isneginf(np.take_along_axis(left, best, axis=1)), -1, best)


def top_of_all(scores: FloatArray | IntArray, rated: BoolArray, k: int) -> IntArray:
    """The lists of users who all have the same scores, as `top` would give them.

    Args:
        scores: (num_items,), higher is better.
        rated: as for `top`.
        k: as for `top`.
    """
    order = np.argsort(-scores, kind="stable")
    best = np.full((len(rated), k), -1, dtype=np.int64)
    left, most = np.arange(len(rated)), 4 * k
    while len(left) and len(order):  # most find their k near the top; who rated much of it looks further down
        free = ~rated[np.ix_(left, order[:most])]
        places = np.cumsum(free, axis=1, dtype=np.int32)
        users, at = np.nonzero(free & (places <= k))
        best[left[users], places[users, at] - 1] = order[at]
        left = left[(places[:, -1] < k) & (most < len(order))]
        most *= 4
    return best


def _first(scores: FloatArray, k: int) -> IntArray:
    """(m, k) places of the k highest scores of each row, ascending; of those that tie for the last, the first ones."""
    last = np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k, None]
    chosen, tied = scores > last, scores == last
    room = k - chosen.sum(1)
    for row in np.flatnonzero(tied.sum(1) > room):
        tied[row, np.flatnonzero(tied[row])[room[row] :]] = False
    return np.nonzero(chosen | tied)[1].reshape(len(scores), k)


def ndcg(hits: BoolArray, num_relevant: IntArray) -> tuple[float, int]:
    """Sum over users of the normalised discounted cumulative gain at k, and the number of users with a relevant item.

    A relevant item at place p, from 1, gains 1 / log2(p + 1); 1 is the best that the user's relevant items allow.

    Args:
        hits: (num_users, k) bool, whether the item at each place is relevant.
        num_relevant: (num_users,) relevant items of each user, in the list or not.

    Source: Järvelin & Kekäläinen 2002, with gains of 0 and 1.
    """
    k = hits.shape[1]
    gains = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[0.0], np.cumsum(gains)])[np.minimum(num_relevant, k)]
    counted = num_relevant > 0
    return float(((hits @ gains)[counted] / best[counted]).sum()), int(counted.sum())


def recall(hits: BoolArray, num_relevant: IntArray) -> tuple[float, int]:
    """Sum over users of the share of their relevant items that is in the list, and the number of users with one.

    Of more relevant items than places, as many as places are counted, so that 1 can be reached.

    Args:
        hits: as for `ndcg`.
        num_relevant: as for `ndcg`.
    """
    counted = num_relevant > 0
    most = np.minimum(num_relevant[counted], hits.shape[1])
    return float((hits[counted].sum(1) / most).sum()), int(counted.sum())


def coverage(recommended: IntArray, num_items: int) -> tuple[int, int]:
    """Number of different items in all lists together, and the number of items. Parts can't be joined by adding.

    Args:
        recommended: (num_users, k) item indices; -1 is no item.
        num_items: of the data.
    """
    return len(np.unique(recommended[recommended >= 0])), num_items


def novelty(recommended: IntArray, item_counts: IntArray, num_users: int) -> tuple[float, int]:
    """Sum over recommended items of their surprise in bits, and their number.

    The surprise of an item is -log2 of the share of users that rated it; one that nobody rated counts as rated once.

    Args:
        recommended: (num_users, k) item indices; -1 is no item.
        item_counts: (num_items,) training ratings of each item.
        num_users: of the training ratings.

    Source: Zhou et al. 2010, self-information.
    """
    chosen = recommended[recommended >= 0]
    shares = np.maximum(item_counts, 1) / max(1, num_users)
    return float(-np.log2(shares[chosen]).sum()), len(chosen)
