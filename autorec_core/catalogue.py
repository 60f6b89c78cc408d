"""Finding movies as people write them: "the matrix" finds "Matrix, The (1999)"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cached_property

import numpy as np

from autorec_core.ratings import BoolArray, FloatArray, IntArray, Items

ORDERS = ("popularity", "mean rating", "title", "newest")
"""What a list of movies can be sorted by."""

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
        self._plain = [plain_title(title) for title in items.titles.tolist()]
        self.display_titles = [display_title(title) for title in items.titles.tolist()]

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
        order: str = "popularity",
    ) -> IntArray:
        """The matching movies' item indices.

        Args:
            query: words that must all occur in the title, in any order, the last perhaps begun only; a year counts too.
            genres: any of these; empty means all.
            years: first and last year, both included; None means all, unknown years too.
            order: one of `ORDERS`; titles that begin with the query come first in any.
        """
        chosen = np.ones(len(self.items), dtype=bool)
        if genres:
            chosen &= np.any([self._genre_masks[name] for name in genres if name in self._genre_masks], axis=0)
        if years is not None:
            chosen &= (self.items.years >= years[0]) & (self.items.years <= years[1])
        wanted = plain_title(query)
        begins = np.zeros(len(self.items), dtype=bool)
        if wanted:
            words = wanted.split()
            years_text = self.items.years.tolist()
            for index in np.flatnonzero(chosen):
                title = f" {self._plain[index]} {years_text[index]}"
                chosen[index] = all(f" {word}" in title for word in words)
                without_article = re.sub(rf"^ (?:{_ARTICLES}) ", " ", title)
                begins[index] = title.startswith(f" {wanted}") or without_article.startswith(f" {wanted}")
        found = np.flatnonzero(chosen)
        keys = {
            "popularity": -self.counts,
            "mean rating": -self.means,
            "title": np.argsort(np.argsort(np.array(self._plain))),
            "newest": -self.items.years,
        }
        return found[np.lexsort((-self.counts[found], keys[order][found], ~begins[found]))]
