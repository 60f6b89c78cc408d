"""Titles that look like what somebody typed, for when no title has these words."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from autorec_core.catalogue import plain_title
from autorec_core.ratings import IntArray

LEAST_SHARED = 0.4
"""Share of the query's pairs of letters that a title must have to be compared."""
MOST_COMPARED = 120
"""Titles that are compared letter by letter."""
LEAST_ALIKE = 0.7
"""Likeness of the words, 1 for the same, that a title must have."""


def _pairs(text: str) -> set[str]:
    return {f" {word} "[start : start + 2] for word in text.split() for start in range(len(word) + 1)}


class Spelling:
    """Titles by their pairs of letters. Safe to share between threads.

    Args:
        titles: (num_items,) as the data set writes them.
        counts: (num_items,) ratings of each; of two that look alike, the better known comes first.
    """

    def __init__(self, titles: Sequence[str], counts: IntArray) -> None:
        self._plain = [plain_title(title) for title in titles]
        having: dict[str, list[int]] = defaultdict(list)
        for index, title in enumerate(self._plain):
            pairs = _pairs(title)
            for pair in pairs:
                having[pair].append(index)
        self._having = {pair: np.array(places) for pair, places in having.items()}
        self._counts = counts

    def closest(self, query: str, count: int = 6) -> list[int]:
        """Item indices whose titles have words most like those of the query, the likest first.

        >>> titles = ["Matrix, The", "Metropolis", "Toy Story"]
        >>> Spelling(titles, np.array([5, 9, 7])).closest("matirx")
        [0]
        """
        wanted = _pairs(plain_title(query))
        shared = np.zeros(len(self._plain))
        for pair in wanted & self._having.keys():
            shared[self._having[pair]] += 1
        if not wanted:
            return []
        found = np.flatnonzero(shared >= LEAST_SHARED * len(wanted))
        # Pairs find quickly what may be meant; the order of letters, which takes longer, decides among the best of it.
        found = found[np.lexsort((-self._counts[found], -shared[found]))[:MOST_COMPARED]]
        words = plain_title(query).split()
        alike = {int(item): sum(self._likeness(word, int(item)) for word in words) / len(words) for item in found}
        kept = [item for item, likeness in alike.items() if likeness >= LEAST_ALIKE]
        kept.sort(key=lambda item: (-round(alike[item], 1), -self._counts[item]))
        return kept[:count]

    def _likeness(self, word: str, item: int) -> float:
        """How like a word of the query the likest word of a title is, 0 to 1."""
        of_title = self._plain[item].split()
        return max((difflib.SequenceMatcher(None, word, other).ratio() for other in of_title), default=0.0)
