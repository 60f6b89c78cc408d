"""Finding movies as people write them: "the matrix" finds "Matrix, The (1999)"."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from autorec_core.ratings import BoolArray, FloatArray, IntArray, Items
from autorec_core.spelling import Vocabulary, allowed_slips

ORDERS = ("popularity", "mean rating", "title", "newest")
"""What a list of movies can be sorted by."""

_NOT_FOUND = 1_000
"""More slips than any query has letters."""

_ROMAN = dict(enumerate(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii"], start=1))
"""Number -> how titles of sequels write it."""

_ARTICLES = r"the|a|an|la|le|les|il|el|los|las|das|der|die|un|une|l'"
_TRAILING_ARTICLE = re.compile(rf"^(.*?), ({_ARTICLES})$")


def plain_title(title: str) -> str:
    """A title for comparing: no accents, case or punctuation, the article in front, every bracket's text kept.

    >>> plain_title("Matrix, The")
    'the matrix'
    >>> plain_title("City of Lost Children, The (Cité des enfants perdus, La)")
    'the city of lost children la cite des enfants perdus'
    """
    decomposed = unicodedata.normalize("NFKD", title.casefold())
    without_accents = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    parts = [part.strip() for part in re.split(r"[()]", without_accents) if part.strip()]
    fronted = [_TRAILING_ARTICLE.sub(r"\2 \1", part) for part in parts]
    return " ".join(re.sub(r"[^\w\s]", " ", re.sub(r"['’.]", "", part)) for part in fronted).strip()


def display_title(title: str) -> str:
    """A title as people say it: "Matrix, The" becomes "The Matrix".

    >>> display_title("Matrix, The")
    'The Matrix'
    >>> display_title("Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il)")
    'The Good, the Bad and the Ugly'
    """
    main = title.split(" (", 1)[0]
    found = re.match(rf"^(.*), ({_ARTICLES})$", main, re.IGNORECASE)
    return f"{found[2]} {found[1]}" if found else main


def _runs_through(letters: str, words: list[str]) -> bool:
    """Whether some of the words, without the spaces between them, begin with these letters."""
    return any("".join(words[place:]).startswith(letters) for place in range(len(words)))


class _Titles:
    """The titles of some movies, to be shown and searched through: the same in all catalogues of these movies.

    Args:
        titles: as the data set has them.
        years: of release; 0 where unknown.
    """

    def __init__(self, titles: list[str], years: list[int]) -> None:
        self.plain = [plain_title(title) for title in titles]
        self.display = [display_title(title) for title in titles]
        self._years = years

    @cached_property
    def _words(self) -> list[set[str]]:
        """Each title's words, with the year."""
        return [{*title.split(), str(year)} for title, year in zip(self.plain, self._years, strict=True)]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """All words that occur."""
        return Vocabulary({word for words in self._words for word in words})

    @cached_property
    def holders(self) -> dict[str, list[int]]:
        """Word -> the titles that have it."""
        found: dict[str, list[int]] = {}
        for index, words in enumerate(self._words):
            for word in words:
                found.setdefault(word, []).append(index)
        return found


_TITLES_OF: WeakKeyDictionary[Items, _Titles] = WeakKeyDictionary()
"""Items -> their titles, as long as anybody holds the items."""


class Catalogue:
    """The movies of a data set, ready to be searched. Safe to share between threads.

    Args:
        items: the movies.
        counts: (num_items,) ratings of each.
        means: (num_items,) damped mean rating of each, in rating units.
    """

    def __init__(self, items: Items, counts: IntArray, means: FloatArray) -> None:
        self.items = items
        self.counts = counts
        self.means = means
        found = _TITLES_OF.get(items)
        if found is None:
            found = _TITLES_OF.setdefault(items, _Titles(items.titles.tolist(), items.years.tolist()))
        self._titles = found

    @property
    def display_titles(self) -> list[str]:
        """Each movie's title as people say it."""
        return self._titles.display

    @cached_property
    def year_span(self) -> tuple[int, int]:
        """First and last known year of release; (0, 0) where none is known."""
        known = self.items.years[self.items.years > 0]
        return (int(known.min()), int(known.max())) if len(known) else (0, 0)

    @cached_property
    def _genre_masks(self) -> dict[str, BoolArray]:
        genres = self.items.genres
        return {name: np.array([name in some for some in genres]) for name in self.items.genre_names}

    def search(
        self,
        query: str = "",
        *,
        genres: Collection[str] = (),
        years: tuple[int, int] | None = None,
        counts: tuple[int, int] | None = None,
        order: str = "popularity",
    ) -> IntArray:
        """The matching movies' item indices.

        Where no title has the words as they are written, those with the fewest slips are found.

        Args:
            query: words that must all occur in the title, in any order, each perhaps begun only; a year counts too.
            genres: any of these; empty means all.
            years: first and last year, both included; None means all, unknown years too.
            counts: fewest and most ratings, both included; None means all.
            order: one of `ORDERS`; titles that begin with the query come first in any.
        """
        chosen = np.ones(len(self.items), dtype=bool)
        if genres:
            chosen &= np.any([self._genre_masks[name] for name in genres if name in self._genre_masks], axis=0)
        if years is not None:
            chosen &= (self.items.years >= years[0]) & (self.items.years <= years[1])
        if counts is not None:
            chosen &= (self.counts >= counts[0]) & (self.counts <= counts[1])
        wanted = plain_title(query)
        slips: IntArray = np.zeros(len(self.items), dtype=np.int64)
        begins = np.zeros(len(self.items), dtype=bool)
        if wanted:
            slips = self._slips(wanted)
            chosen &= slips < _NOT_FOUND
            if (slips[chosen] == 0).any():
                chosen &= slips == 0
            for index in np.flatnonzero(chosen & (slips == 0)):
                title = f" {self._titles.plain[index]} "
                without_article = re.sub(rf"^ (?:{_ARTICLES}) ", " ", title)
                begins[index] = title.startswith(f" {wanted}") or without_article.startswith(f" {wanted}")
        found = np.flatnonzero(chosen)
        keys = {
            "popularity": -self.counts,
            "mean rating": -self.means,
            "title": np.argsort(np.argsort(np.array(self._titles.plain))),
            "newest": -self.items.years,
        }
        return found[np.lexsort((-self.counts[found], keys[order][found], ~begins[found], slips[found]))]

    def _slips(self, wanted: str) -> IntArray:
        """(num_items,) the slips in a query if each movie was meant; `_NOT_FOUND` where it can't have been."""
        words, long_words = wanted.split(), [word for word in wanted.split() if allowed_slips(word)]
        # As it is written; with slips; without the short words, in which a slip leaves nothing to go by ("teh").
        for attempt, is_tolerant in ((words, False), (words, True), (long_words, True)):
            if attempt:
                total = np.sum([self._slips_of(word, is_tolerant) for word in attempt], axis=0)
                if (total < _NOT_FOUND).any():
                    return np.asarray(total)
        # "spiderman" for "Spider-Man", "star wars" for "Starwars": the same letters, other spaces.
        letters = "".join(words)
        is_like = [len(letters) > 4 and _runs_through(letters, title.split()) for title in self._titles.plain]
        return np.where(is_like, 0, _NOT_FOUND)

    def _slips_of(self, word: str, is_tolerant: bool) -> IntArray:
        """As `_slips`, for one word of the query."""
        vocabulary, allowed = self._titles.vocabulary, allowed_slips(word) if is_tolerant and not word.isdigit() else 0
        first, last = bisect_left(vocabulary.words, word), bisect_left(vocabulary.words, f"{word}\U0010ffff")
        near = dict.fromkeys(range(first, last), 0)
        if word.isdecimal() and len(word) < 3 and int(word) in _ROMAN:
            # "godfather 2" means Part II, and not all that is of 2003: a year that is only begun comes after.
            near = {place: int(vocabulary.words[place] != word) for place in near}
            roman = _ROMAN[int(word)]
            if roman in self._titles.holders:
                near[bisect_left(vocabulary.words, roman)] = 0
        if allowed and len(word) <= vocabulary.longest + allowed:  # longer ones are no word, and would take long
            whole, begun = vocabulary.slips(word)
            # Of a word that goes on one slip less is forgiven: nearly every short word begins some longer one.
            slips = np.where(whole <= allowed, whole, np.where(begun < allowed, begun, _NOT_FOUND))
            near = {int(place): int(slips[place]) for place in np.flatnonzero(slips < _NOT_FOUND)} | near
        found = np.full(len(self.items), _NOT_FOUND, dtype=np.int64)
        for place, number in near.items():
            holders = self._titles.holders[vocabulary.words[place]]
            found[holders] = np.minimum(found[holders], number)
        return found
