"""Finding the movies of a visitor's history in a catalogue: by id where both have it, else by title and year.

Sites write the same title in many ways. Each title is reduced to keys in which these ways agree, and a key is only
trusted together with the year. What two movies share is never decided here: it is left to the visitor.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from autorec_core.imports import History, HistoryEntry
from autorec_core.ratings import IntArray, Items, RatingScale

MOST_CHOICES = 5
"""The most movies that a visitor is asked to choose from."""


@dataclass(frozen=True)
class Links:
    """Which movie of MovieLens is which of the others; as in the `links.csv` of its newer releases."""

    imdb: Mapping[int, str]
    """IMDb's number -> MovieLens's id as text."""
    tmdb: Mapping[int, str]
    """The Movie Database's number -> MovieLens's id as text."""


NO_LINKS = Links({}, {})


@dataclass(frozen=True)
class Matched:
    """An entry whose movie is known."""

    entry: HistoryEntry
    """What the visitor rated."""
    item_index: int
    """Of the movie in the catalogue."""
    rating: float
    """On the catalogue's scale."""
    how: str
    """By what it was found: `id`, `title and year`, `year off by one` or `end of the title`."""


@dataclass(frozen=True)
class Ambiguous:
    """An entry that may be one of several movies, or one that is only likely: the visitor chooses."""

    entry: HistoryEntry
    """What the visitor rated."""
    choices: tuple[int, ...]
    """Item indices, the likeliest first."""
    rating: float
    """On the catalogue's scale."""


@dataclass(frozen=True)
class MatchReport:
    """What would be stored of a history, told before anything is."""

    history: History
    """What was read."""
    scale: RatingScale
    """The catalogue's rating scale."""
    matched: tuple[Matched, ...]
    """One for each movie, in the order of the file."""
    ambiguous: tuple[Ambiguous, ...]
    """To be chosen from."""
    missing: tuple[HistoryEntry, ...]
    """Not in the catalogue."""
    repeated: tuple[HistoryEntry, ...]
    """Earlier ratings of a movie that the file rates again."""

    def mapped(self, rating: float) -> float:
        """A rating of the site on the catalogue's scale."""
        return on_scale(rating, self.history.scale, self.scale)


def on_scale(rating: float, source: RatingScale, target: RatingScale) -> float:
    """A rating moved from one scale to another: in proportion to the highest, and kept on the scale.

    Args:
        rating: on `source`.
        source: the scale that it was given on.
        target: the scale that it is wanted on.

    >>> on_scale(7, RatingScale(1, 10, 1), RatingScale(0.5, 5))
    3.5
    """
    if min(source.low, target.low) < 0:  # no proportion on a scale that goes below nothing
        moved = target.low + (rating - source.low) / source.span * target.span
    else:
        moved = rating * target.high / source.high
    return min(target.high, max(target.low, round(moved, 6)))


# -- keys -------------------------------------------------------------------------------------------------------------

_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "&": " and "}
)
_FRONT = r"the|an?|la|le|les|el|il|lo|gli|los|las|das|der|die|den|det|ein|eine|une?|o|os|i"
"""Articles that stand in front of a title, or after its comma."""
_DROPPED_ARTICLES = {
    "the",
    "a",
    "an",
    "la",
    "le",
    "les",
    "el",
    "il",
    "los",
    "las",
    "das",
    "der",
    "die",
    "l",
    "un",
    "une",
}
_TRAILING = re.compile(rf"^(.*), ({_FRONT}|l')$")
_TRAILING_BEFORE_COLON = re.compile(rf"^([^:]*), ({_FRONT}|l')(:.*)$")
_KNOWN_AS = re.compile(r"^(?:a\.? ?k\.? ?a\.?:?|aka) +")
_NUMBERS = {
    **{
        word: str(number)
        for number, word in enumerate(
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
        )
    },
    "eleven": "11",
    "twelve": "12",
    "thirteen": "13",
    "twenty": "20",
    "hundred": "100",
    **{
        word: str(number)
        for number, word in enumerate(
            ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii"], start=1
        )
    },
    "first": "1st",
    "second": "2nd",
    "third": "3rd",
    "fourth": "4th",
    "fifth": "5th",
    "seventh": "7th",
}
_WORDS = {
    "volume": "vol",
    "versus": "vs",
    "v": "5",
    "pt": "part",
    "doctor": "dr",
    "mister": "mr",
    "saint": "st",
    "boulevard": "blvd",
    "colour": "color",
    "colours": "colors",
    "n": "and",
    "und": "and",
    "et": "and",
}
_FILLERS = {"part", "vol", "chapter", "episode", "and", "movie", "film", "in"}
"""Words that one site writes and another leaves out."""


@lru_cache(maxsize=100_000)
def _words(title: str) -> tuple[str, ...]:
    """A title's words in one spelling: no case, accent or mark, the article in front, numbers as digits."""
    text = unicodedata.normalize("NFKC", title).casefold().translate(_LETTERS)
    text = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    text = text.translate(_LETTERS).strip()
    text = _TRAILING_BEFORE_COLON.sub(r"\2 \1\3", _TRAILING.sub(r"\2 \1", text))
    text = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", text)  # S.W.A.T., E.T.
    text = re.sub(r"['’‘ʼ`´*]", "", text)  # M*A*S*H, Schindler's
    words = re.sub(r"[^\w]+|_", " ", text).split()
    return tuple(_WORDS.get(word, _NUMBERS.get(word, word)) for word in words)


def _key(words: Sequence[str]) -> str:
    """Without spaces, as "Spider-Man", "Spider Man" and "Spiderman" are one."""
    return "".join(words)


def _loose_key(words: Sequence[str]) -> str:
    """Without articles and filling words either; empty where too little is left."""
    kept = [word for word in words if word not in _DROPPED_ARTICLES] or words
    fewer = [word for word in kept if word not in _FILLERS]
    key = _key(fewer or kept)
    return key if len(key) > 1 else ""


def _outside(title: str) -> str:
    return re.sub(r"\s*\([^()]*\)", "", title).strip()


def _variants(title: str) -> Iterator[str]:
    """A title as a whole, what stands before its brackets, and what stands in each of them."""
    yield title
    outside = _outside(title)
    if outside and outside != title:
        yield outside
    for inside in re.findall(r"\(([^()]+)\)", title):
        for one in re.split(r" / ", _KNOWN_AS.sub("", inside.strip().casefold())):
            if not re.fullmatch(r"[0-9]{1,4}|uncut|extended|tv|video|remastered|part [0-9ivx]+", one):
                yield one


def _parts(title: str) -> Iterator[tuple[bool, str]]:
    """Pieces of a title between colons and dashes, and whether the title's end is among them.

    "The Empire Strikes Back" is the end of the fifth episode's title, "Star Wars" its beginning.
    """
    moved = _TRAILING.sub(r"\2 \1", _outside(title).casefold())
    pieces = [piece.strip() for piece in re.split(r":\s+|\s+[-–—]\s+|:$|\s+or:?\s+", moved) if piece.strip()]
    for place in range(1, len(pieces)):
        yield True, " ".join(pieces[place:])
        yield False, " ".join(pieces[:place])
    if len(pieces) > 2:
        yield True, f"{pieces[0]} {pieces[-1]}"  # without the number of the episode


class TitleIndex:
    """The movies of a catalogue by id and by title. Safe to share between threads.

    Args:
        items: the movies.
        counts: (num_items,) ratings of each; of two that fit, the better known is offered first.
        ids_are_movielens: whether an id means the same movie as on movielens.org.
        links: the other sites' ids.
    """

    def __init__(
        self, items: Items, counts: IntArray, *, ids_are_movielens: bool = False, links: Links = NO_LINKS
    ) -> None:
        self.items = items
        self._counts = counts
        self._ids_are_movielens = ids_are_movielens
        self._links = links
        self._exact: dict[str, set[int]] = defaultdict(set)
        self._loose: dict[str, set[int]] = defaultdict(set)
        self._end: dict[str, set[int]] = defaultdict(set)
        self._begin: dict[str, set[int]] = defaultdict(set)
        self._of_year: dict[int, list[int]] = defaultdict(list)
        for index, title in enumerate(items.titles.tolist()):
            for variant in _variants(title):
                words = _words(variant)
                self._exact[_key(words)].add(index)
                self._loose[_loose_key(words)].add(index)
            self._of_year[int(items.years[index])].append(index)
            for end, part in _parts(title):
                (self._end if end else self._begin)[_loose_key(_words(part))].add(index)
        for keys in (self._exact, self._loose, self._end, self._begin):
            keys.pop("", None)

    def report(self, history: History, scale: RatingScale) -> MatchReport:
        """What a history means in this catalogue; nothing is stored.

        Args:
            history: what `imports.read_history` gave.
            scale: the catalogue's rating scale.
        """
        best: dict[int, Matched] = {}
        ambiguous: list[Ambiguous] = []
        missing: list[HistoryEntry] = []
        repeated: list[HistoryEntry] = []
        for entry in history.entries:
            rating = on_scale(entry.rating, history.scale, scale)
            found, how = self.find(entry)
            if not found:
                missing.append(entry)
            elif how == "" or len(found) > 1:
                ambiguous.append(Ambiguous(entry, found[:MOST_CHOICES], rating))
            else:
                new, known = Matched(entry, found[0], rating, how), best.get(found[0])
                if known is None:
                    best[found[0]] = new
                elif _is_another(known.entry, entry) and known.how != how:
                    # Two different movies of the site can't both be this one: the surer stays, the other is asked for.
                    surer, other = sorted((known, new), key=lambda one: _SURENESS.index(one.how))
                    best[found[0]] = surer
                    ambiguous.append(Ambiguous(other.entry, found, other.rating))
                else:
                    newer = (entry.rated_at or 0.0) >= (known.entry.rated_at or 0.0)
                    repeated.append(known.entry if newer else entry)
                    best[found[0]] = new if newer else known
        matched = sorted(best.values(), key=lambda one: one.entry.row)
        return MatchReport(history, scale, tuple(matched), tuple(ambiguous), tuple(missing), tuple(repeated))

    def find(self, entry: HistoryEntry) -> tuple[tuple[int, ...], str]:
        """The movies that an entry may be, the likeliest first, and by what; by nothing where they are only likely."""
        by_id = self._by_id(entry)
        if by_id is not None:
            return (by_id,), "id"
        likely: tuple[int, ...] = ()
        for title in dict.fromkeys((entry.title, entry.other_title)):
            if not title:
                continue
            found, how = self._by_title(title, entry.year)
            if how:
                return found, how
            likely = likely or found
        return likely, ""

    def _by_id(self, entry: HistoryEntry) -> int | None:
        ids = []
        if entry.movielens_id:
            found = self.items.find(entry.movielens_id)
            if found is not None and (self._ids_are_movielens or self._has_title(found, entry)):
                return found
        if self._ids_are_movielens:
            if entry.imdb_id is not None:
                ids.append(self._links.imdb.get(entry.imdb_id))
            if entry.tmdb_id is not None:
                ids.append(self._links.tmdb.get(entry.tmdb_id))
        return next((found for item_id in ids if item_id and (found := self.items.find(item_id)) is not None), None)

    def _has_title(self, index: int, entry: HistoryEntry) -> bool:
        return index in self._exact.get(_key(_words(entry.title)), ()) and self._gap(index, entry.year) in (0, None)

    def _gap(self, index: int, year: int) -> int | None:
        """Years between; None where one is unknown."""
        own = int(self.items.years[index])
        return abs(own - year) if own and year else None

    def _by_title(self, title: str, year: int) -> tuple[tuple[int, ...], str]:
        variants = [_words(variant) for variant in _variants(title)]
        whole = self._known(self._exact, [_key(variants[0])])
        exact = self._known(self._exact, [_key(words) for words in variants])
        loose = self._known(self._loose, [_loose_key(words) for words in variants])
        end = self._known(self._end, [_loose_key(variants[0])])
        # A beginning alone, or a longer title than the catalogue's, may be another film of the series, or one about it:
        # offered, never decided.
        part = self._known(self._begin, [_loose_key(variants[0])])
        part |= self._known(self._loose, [_loose_key(_words(one)) for _, one in _parts(title)])
        for candidates in (whole, exact, loose):
            if found := self._at(candidates, year, 0):
                return found, "title and year"
        for candidates in (whole, exact):
            # A short film of the year before often has the same name, if that is a single word.
            if (found := self._at(candidates, year, 1)) and self._num_telling(title) > 1:
                return found, "year off by one"
            # Without a year a title decides if only one movie has it.
            if found := tuple(index for index in candidates if self._gap(index, year) is None):
                return (found, "title and year") if len(candidates) == 1 else (self._sorted(candidates), "")
        likely = self._at(end, year, 0)
        if len(likely) == 1 and self._num_telling(title) > 1:
            return likely, "end of the title"
        near = {index for index in exact | loose | end | part if (self._gap(index, year) or 0) <= 2}
        return self._sorted(near or self._beginning(_words(title), year)), ""

    def _beginning(self, words: tuple[str, ...], year: int) -> set[int]:
        """Movies of a year whose titles begin or end as this one does, or this one as theirs."""
        found = set()
        for index in self._of_year[year] if year else ():
            own = _words(_outside(self.items.titles[index].item()))
            short, long = sorted((own, words), key=len)
            telling = sum(word not in _DROPPED_ARTICLES for word in short) > (0 if short is words else 1)
            if telling and short in (long[: len(short)], long[-len(short) :]):
                found.add(index)
        return found

    def _num_telling(self, title: str) -> int:
        return sum(word not in _DROPPED_ARTICLES for word in _words(_outside(title) or title))

    def _known(self, keys: Mapping[str, set[int]], wanted: Sequence[str]) -> set[int]:
        return set().union(*(keys.get(key, set()) for key in wanted if key))

    def _at(self, candidates: set[int], year: int, gap: int) -> tuple[int, ...]:
        return self._sorted({index for index in candidates if self._gap(index, year) == gap})

    def _sorted(self, candidates: set[int]) -> tuple[int, ...]:
        return tuple(sorted(candidates, key=lambda index: (-int(self._counts[index]), index)))


_SURENESS = ("id", "title and year", "year off by one", "end of the title")


def _is_another(one: HistoryEntry, other: HistoryEntry) -> bool:
    return (_words(one.title), one.year) != (_words(other.title), other.year)
