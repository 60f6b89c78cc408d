"""How good lists are at every length: a good RMSE need not be a good list.

`report.rank_all` has the same figures at one length for the command line; here the lists are made once, at the longest
length, and every shorter one is their beginning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autorec_core import ranking
from autorec_core.ratings import IntArray
from autorec_core.report import USERS_AT_ONCE, Scores, relevant_from, scores_of
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel

LONGEST = 50
"""Length of the lists that are made."""


@dataclass(frozen=True)
class ListQuality:
    """How good the lists of one way are at one length."""

    way: str
    """"autorec", "averages" or "popularity"."""
    length: int
    """k."""
    ndcg: float
    """Normalised discounted cumulative gain at k, mean over users with a relevant movie."""
    recall: float
    """Share of the relevant movies that are in the list, of at most k; mean over the same users."""
    coverage: float
    """Share of all movies that are in anybody's list, 0 to 1."""
    novelty: float
    """Mean surprise of a listed movie, in bits."""


@dataclass(frozen=True)
class ListReport:
    """The lists of all ways at all lengths."""

    relevant_from: float
    """The lowest test rating that makes a movie relevant."""
    num_users: int
    """Users with a relevant movie."""
    rows: tuple[ListQuality, ...]
    """A row a way and length, shortest first."""

    def at(self, way: str, length: int) -> ListQuality:
        """The figures of one way at one length."""
        return next(row for row in self.rows if row.way == way and row.length == length)


def measure(model: TrainedModel, split: Split, longest: int = LONGEST) -> ListReport:
    """Ranks, for each user with a test rating, all movies that they have not rated for training or validation.

    Args:
        model: trained on `split`.
        split: whose test ratings say what is relevant.
        longest: length of the lists; at most the number of items.
    """
    num_items = split.train.num_items
    longest = min(longest, num_items)
    ways: dict[str, Scores] = {
        "autorec": lambda chosen: scores_of(model, chosen),
        "averages": lambda chosen: np.broadcast_to(model.item_means, (len(chosen), num_items)),
        "popularity": lambda chosen: np.broadcast_to(model.item_counts, (len(chosen), num_items)),
    }
    train, valid, test = split.train.by_user, split.valid.by_user, split.test.by_user
    threshold = relevant_from(split.train.scale)
    users = np.flatnonzero(test.counts)
    lists: dict[str, list[IntArray]] = {name: [] for name in ways}
    hits: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    numbers: list[IntArray] = []
    for start in range(0, len(users), USERS_AT_ONCE):
        chosen = users[start : start + USERS_AT_ONCE]
        rated, relevant = np.zeros((2, len(chosen), num_items), dtype=bool)
        for place, user in enumerate(chosen.tolist()):
            rated[place, train.row(user)[0]] = True
            rated[place, valid.row(user)[0]] = True
            items, given = test.row(user)
            relevant[place, items[given >= threshold]] = True
        numbers.append(relevant.sum(1))
        for name, way in ways.items():
            found = ranking.top(way(chosen), rated, longest)
            lists[name].append(found)
            hits[name].append(np.take_along_axis(relevant, np.maximum(found, 0), axis=1) & (found >= 0))
    num_relevant = np.concatenate(numbers) if numbers else np.zeros(0, dtype=np.int64)
    rows = []
    for name in ways:
        recommended = np.concatenate(lists[name]) if lists[name] else np.zeros((0, longest), dtype=np.int64)
        hit = np.concatenate(hits[name]) if hits[name] else np.zeros((0, longest), dtype=bool)
        for k in range(1, longest + 1):
            gain, counted = ranking.ndcg(hit[:, :k], num_relevant)
            share, _ = ranking.recall(hit[:, :k], num_relevant)
            distinct, _ = ranking.coverage(recommended[:, :k], num_items)
            bits, listed = ranking.novelty(recommended[:, :k], split.train.by_item.counts, split.train.num_users)
            rows.append(
                ListQuality(
                    way=name,
                    length=k,
                    ndcg=gain / counted if counted else math.nan,
                    recall=share / counted if counted else math.nan,
                    coverage=distinct / num_items,
                    novelty=bits / listed if listed else math.nan,
                )
            )
    return ListReport(threshold, int((num_relevant > 0).sum()), tuple(rows))
