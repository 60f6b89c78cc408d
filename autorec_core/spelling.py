"""Words that are nearly another word: what somebody who types fast, or from memory, meant."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from autorec_core.ratings import IntArray


def allowed_slips(word: str) -> int:
    """How many slips a word may hold and still be recognised: none in up to three letters, two from eight on.

    >>> [allowed_slips(word) for word in ("ran", "fargo", "shawshank")]
    [0, 1, 2]
    """
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


class Vocabulary:
    """All words of the titles, to be compared with one at once. Safe to share between threads.

    Args:
        words: in any order.
    """

    def __init__(self, words: Collection[str]) -> None:
        self.words = sorted(set(words))
        longest = max(map(len, self.words), default=0)
        self._letters = np.zeros((longest, len(self.words)), dtype=np.uint32)  # a row a place: a step reads one row
        for place, word in enumerate(self.words):
            self._letters[: len(word), place] = [ord(letter) for letter in word]
        self._lengths = np.array([len(word) for word in self.words], dtype=np.int64)

    @property
    def longest(self) -> int:
        """Letters of the longest word; 0 where there is none."""
        return len(self._letters)

    def slips(self, word: str) -> tuple[IntArray, IntArray]:
        """How many slips lead from each word of the vocabulary to this one, and from the nearest of its beginnings.

        A slip is a letter too many, too few or wrong, or two neighbours exchanged.

        Args:
            word: as it was typed.

        Returns:
            Twice (len(words),) in the order of `words`: of the whole word, and of its best beginning.

        Source: optimal string alignment (Damerau 1964; Wagner and Fischer 1974), all words side by side.
        """
        letters, longest = self._letters, len(self._letters)
        # distance[j] is that of what is typed so far to the first j letters of each word.
        distance = np.tile(np.arange(longest + 1, dtype=np.int16)[:, None], (1, len(self.words)))
        before = distance
        for place, letter in enumerate(map(ord, word), start=1):
            last, before, distance = before, distance, np.empty_like(distance)
            distance[0] = place
            for j in range(1, longest + 1):
                is_other = letters[j - 1] != letter
                step = np.minimum(before[j - 1] + is_other, np.minimum(before[j], distance[j - 1]) + 1)
                if place > 1 and j > 1:
                    exchanged = (letters[j - 2] == letter) & (letters[j - 1] == ord(word[place - 2]))
                    step = np.where(exchanged, np.minimum(step, last[j - 2] + 1), step)
                distance[j] = step
        beginnings = np.arange(longest + 1)[:, None] <= self._lengths
        whole = distance[self._lengths, np.arange(len(self.words))]
        begun = np.where(beginnings, distance, np.iinfo(np.int16).max).min(0)
        return whole.astype(np.int64), begun.astype(np.int64)
