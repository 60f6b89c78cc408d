"""Titles that look like what somebody typed, for when no title has these words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from autorec_core.catalogue import plain_title
from autorec_core.ratings import IntArray

LEAST_SHARED = 0.55
"""Share of the query's pairs of letters that a title must have."""


def _pairs(text: str) -> set[str]:
    return {f" {word} "[start : start + 2] for word in text.split() for start in range(len(word) + 1)}


class Spelling:
    """Titles by their pairs of letters. Safe to share between threads.

    Args:
        titles: (num_items,) as the data set writes them.
        counts: (num_items,) ratings of each; of two that look alike, the better known comes first.
    """

    def __init__(self, titles: Sequence[str], counts: IntArray) -> None:
        having: dict[str, list[int]] = defaultdict(list)
        self._sizes = np.zeros(len(titles))
        for index, title in enumerate(titles):
            pairs = _pairs(plain_title(title))
            self._sizes[index] = len(pairs)
            for pair in pairs:
                having[pair].append(index)
        self._having = {pair: np.array(places) for pair, places in having.items()}
        self._counts = counts

    def closest(self, query: str, count: int = 6) -> list[int]:
        """Item indices whose titles share most pairs of letters with the query, the likeliest first.

        >>> titles = ["Matrix, The", "Metropolis", "Toy Story"]
        >>> Spelling(titles, np.array([5, 9, 7])).closest("matirx")
        [0]
        """
        wanted = _pairs(plain_title(query))
        shared = np.zeros(len(self._sizes))
        for pair in wanted & self._having.keys():
            shared[self._having[pair]] += 1
        if not wanted:
            return []
        of_query = shared / len(wanted)
        alike = of_query + shared / np.maximum(1, self._sizes) / 2  # a short title that is all there before a long one
        found = np.flatnonzero(of_query >= LEAST_SHARED)
        order = np.lexsort((-self._counts[found], -alike[found].round(3)))
        return [int(item) for item in found[order[:count]]]
