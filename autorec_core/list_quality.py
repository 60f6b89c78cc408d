"""How good lists are at every length: a good RMSE need not be a good list.

`report.rank_all` has the same figures at one length for the command line; here the lists are made once, at the longest
length, and every shorter one is their beginning.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autorec_core import ranking
from autorec_core.ratings import BoolArray, IntArray
from autorec_core.report import relevant_from, scores_of
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel

LONGEST = 50
"""Length of the lists that are made."""
SCORES_AT_ONCE = 2**21
"""Users times movies that are in memory together; many more, and each step has new memory mapped for it."""


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
    ways: dict[str, Callable[[IntArray, BoolArray], IntArray]] = {
        "autorec": lambda chosen, rated: ranking.top(scores_of(model, chosen), rated, longest),
        "averages": lambda _chosen, rated: ranking.top_of_all(model.item_means, rated, longest),
        "popularity": lambda _chosen, rated: ranking.top_of_all(model.item_counts, rated, longest),
    }
    train, valid, test = split.train.by_user, split.valid.by_user, split.test.by_user
    threshold = relevant_from(split.train.scale)
    users = np.flatnonzero(test.counts)
    lists: dict[str, list[IntArray]] = {name: [] for name in ways}
    hits: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    numbers: list[IntArray] = []
    at_once = max(1, SCORES_AT_ONCE // max(1, num_items))
    for start in range(0, len(users), at_once):
        chosen = users[start : start + at_once]
        rated, relevant = np.zeros((2, len(chosen), num_items), dtype=bool)
        for part in (train, valid):
            places, entries = part.entries(chosen)
            rated[places, part.indices[entries]] = True
        places, entries = test.entries(chosen)
        relevant[places, test.indices[entries]] = test.values[entries] >= threshold
        numbers.append(relevant.sum(1))
        for name, way in ways.items():
            found = way(chosen, rated)
            lists[name].append(found)
            hits[name].append(np.take_along_axis(relevant, np.maximum(found, 0), axis=1) & (found >= 0))
    num_relevant = np.concatenate(numbers) if numbers else np.zeros(0, dtype=np.int64)
    rows = []
    for name in ways:
        recommended = np.concatenate(lists[name]) if lists[name] else np.zeros((0, longest), dtype=np.int64)
        hit = np.concatenate(hits[name]) if hits[name] else np.zeros((0, longest), dtype=bool)
        distinct = distinct_up_to(recommended, num_items)
        bits, listed = 0.0, 0
        for k in range(1, longest + 1):
            gain, counted = ranking.ndcg(hit[:, :k], num_relevant)
            share, _ = ranking.recall(hit[:, :k], num_relevant)
            last = recommended[:, k - 1 : k]
            more_bits, more_listed = ranking.novelty(last, split.train.by_item.counts, split.train.num_users)
            bits, listed = bits + more_bits, listed + more_listed
            rows.append(
                ListQuality(
                    way=name,
                    length=k,
                    ndcg=gain / counted if counted else math.nan,
                    recall=share / counted if counted else math.nan,
                    coverage=float(distinct[k - 1]) / num_items,
                    novelty=bits / listed if listed else math.nan,
                )
            )
    return ListReport(threshold, int((num_relevant > 0).sum()), tuple(rows))


def distinct_up_to(recommended: IntArray, num_items: int) -> IntArray:
    """(k,) how many different items stand at the first place of all lists, at the first two, and so on.

    Args:
        recommended: (num_users, k) item indices; -1 is no item.
        num_items: of the data.
    """
    longest = recommended.shape[1]
    first = np.full(num_items, longest)
    for place in reversed(range(longest)):  # the earliest place of an item is written last
        items = recommended[:, place]
        first[items[items >= 0]] = place
    return np.asarray(np.cumsum(np.bincount(first, minlength=longest + 1)[:longest]))
