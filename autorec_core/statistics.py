"""What a set of ratings is made of: how many, how high, by whom, of what and when, in whole or of a choice of movies.

All counts are exact. They come from two tables made once a set, ratings by movie and value, and when each was given;
what follows from a choice of movies is sums over rows of the first, and one pass over the ratings for users and times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autorec_core.ratings import BoolArray, FloatArray, IntArray, Items, Ratings

MOST_LEVELS = 101
"""Bars of a histogram; a finer scale is put into as many steps."""
DAYS_BY_DAY = 120
"""Up to so many days are told day by day, more month by month."""
NO_DECADE = 0
"""Stands for an unknown year."""
NO_GENRE = ""
"""Stands for no known genre."""
EARLIEST, LATEST = -2_208_988_800, 4_102_444_800
"""Seconds since 1970 of the years 1900 and 2100; what lies outside was counted in milliseconds, or is no time."""
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Choice:
    """Which movies are looked at."""

    genre: str | None = None
    """Those of a genre, `NO_GENRE` for those of none; None for all."""
    decade: int | None = None
    """Those of a decade by its first year, `NO_DECADE` for unknown; None for all."""

    def of(self, items: Items) -> BoolArray:
        """(num_items,) bool, which movies are meant."""
        chosen = np.ones(len(items), dtype=bool)
        if self.genre is not None:
            chosen &= np.array([self.genre in genres if self.genre else not genres for genres in items.genres])
        if self.decade is not None:
            chosen &= decades_of(items) == self.decade
        return chosen


@dataclass(frozen=True, eq=False)
class Groups:
    """Movies put together by something that they have, and their ratings."""

    names: tuple[Any, ...]
    """Of each group: genres, or first years of decades."""
    num_ratings: IntArray
    """(n,) ratings of its movies."""
    num_items: IntArray
    """(n,) movies with a rating."""
    means: FloatArray
    """(n,) mean rating, in rating units; NaN without a rating."""


@dataclass(frozen=True, eq=False)
class Times:
    """Ratings by when they were given."""

    starts: NDArray[np.datetime64]
    """(n,) first day of each month, or each day, without a gap."""
    num_ratings: IntArray
    """(n,) ratings given in it."""
    means: FloatArray
    """(n,) their mean, in rating units; NaN without a rating."""
    unit: str
    """ "month" or "day"."""


@dataclass(frozen=True, eq=False)
class Summary:
    """All figures of a choice of movies."""

    num_ratings: int
    """Ratings of these movies."""
    num_users: int
    """Users who rated one of them."""
    num_items: int
    """Of them, those with a rating."""
    mean: float
    """Mean rating, in rating units; NaN without a rating."""
    deviation: float
    """Standard deviation of the ratings around it; NaN without a rating."""
    levels: FloatArray
    """(num_levels,) ratings, or the middles of steps, in rating units."""
    by_level: IntArray
    """(num_levels,) how many ratings are so high."""
    by_item: IntArray
    """(num_items,) ratings of each movie, most first."""
    by_user: IntArray
    """(num_users,) of these ratings, those of each user, most first."""
    by_genre: Groups
    """Of the chosen decade, all genres: what could be chosen in place of this one."""
    by_decade: Groups
    """Of the chosen genre, all decades."""
    times: Times | None
    """When they were given; None where that is not known, or the timestamps are no seconds since 1970."""

    @property
    def density(self) -> float:
        """Share of known entries among these users and movies, 0 to 1."""
        return self.num_ratings / max(1, self.num_users * self.num_items)


def decades_of(items: Items) -> IntArray:
    """(num_items,) first year of each movie's decade; `NO_DECADE` where its year is unknown."""
    return np.asarray(items.years // 10 * 10)


def held_by_most(counts: IntArray, share: float = 0.5) -> int:
    """How many of those with most ratings have that share of all ratings.

    Args:
        counts: (n,) ratings of each, most first.
        share: of all ratings, 0 to 1.

    >>> held_by_most(np.array([50, 30, 10, 10]))
    1
    """
    if not len(counts):
        return 0
    return int(np.searchsorted(np.cumsum(counts), share * counts.sum()) + 1)


def how_many_have(counts: IntArray) -> tuple[IntArray, IntArray]:
    """How many have a number of ratings.

    Args:
        counts: (n,) ratings of each.

    Returns:
        The numbers of ratings that occur, ascending, and how many have so many.

    >>> how_many_have(np.array([5, 1, 1]))
    (array([1, 5]), array([2, 1]))
    """
    return np.unique(counts, return_counts=True)


class Statistics:
    """The figures of one set of ratings.

    Args:
        ratings: the set.
    """

    def __init__(self, ratings: Ratings) -> None:
        self.ratings = ratings

    @cached_property
    def levels(self) -> FloatArray:
        """(num_levels,) the ratings of the scale, or the middles of `MOST_LEVELS` equal steps where it is finer."""
        scale = self.ratings.scale
        count = round(scale.span / scale.step) + 1
        if count <= MOST_LEVELS:
            return scale.low + scale.step * np.arange(count)
        return scale.low + (np.arange(MOST_LEVELS) + 0.5) * (scale.span / MOST_LEVELS)

    @property
    def is_stepped(self) -> bool:
        """Whether `levels` are middles of steps."""
        return bool(self.levels[0] > self.ratings.scale.low)

    @cached_property
    def by_item_and_level(self) -> IntArray:
        """(num_items, num_levels) int64, ratings of each movie by how high."""
        by_user, scale, count = self.ratings.by_user, self.ratings.scale, len(self.levels)
        table = np.zeros(self.ratings.num_items * count, dtype=np.int64)
        for begin in range(0, self.ratings.num_ratings, _BLOCK):
            values = by_user.values[begin : begin + _BLOCK]
            if self.is_stepped:
                places = ((values - scale.low) * (count / scale.span)).astype(np.int64)
            else:
                places = np.rint((values - scale.low) / scale.step).astype(np.int64)
            places = np.clip(places, 0, count - 1)
            places += count * by_user.indices[begin : begin + _BLOCK].astype(np.int64)
            table += np.bincount(places, minlength=len(table))
        return table.reshape(-1, count)

    @cached_property
    def _sums(self) -> FloatArray:
        """(num_items, 2) float64, sum and sum of squares of each movie's ratings around the middle of the scale."""
        by_user, middle = self.ratings.by_user, self._middle
        sums = np.zeros((self.ratings.num_items, 2))
        for begin in range(0, self.ratings.num_ratings, _BLOCK):
            items = by_user.indices[begin : begin + _BLOCK]
            values = by_user.values[begin : begin + _BLOCK].astype(np.float64) - middle
            sums[:, 0] += np.bincount(items, values, self.ratings.num_items)
            sums[:, 1] += np.bincount(items, values * values, self.ratings.num_items)
        return sums

    @property
    def _middle(self) -> float:
        return (self.ratings.scale.low + self.ratings.scale.high) / 2

    @cached_property
    def counts(self) -> IntArray:
        """(num_items,) int64, ratings of each movie."""
        return np.asarray(self.by_item_and_level.sum(axis=1))

    @cached_property
    def decades(self) -> tuple[int, ...]:
        """First years of the decades that occur, `NO_DECADE` last."""
        found = np.unique(decades_of(self.ratings.items)).tolist()
        return tuple(sorted(found, key=lambda decade: (decade == NO_DECADE, decade)))

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """The genres that occur, `NO_GENRE` last where a movie has none."""
        names = self.ratings.items.genre_names
        return (*names, NO_GENRE) if any(not genres for genres in self.ratings.items.genres) else names

    @cached_property
    def _of_genre(self) -> BoolArray:
        """(num_items, num_genres) bool."""
        place_of = {name: place for place, name in enumerate(self.genres)}
        table = np.zeros((self.ratings.num_items, len(self.genres)), dtype=bool)
        for item, genres in enumerate(self.ratings.items.genres):
            table[item, [place_of[name] for name in genres or (NO_GENRE,)]] = True
        return table

    @cached_property
    def _periods(self) -> tuple[NDArray[np.datetime64], IntArray, str] | None:
        """Starts of the periods, the period of each rating as int32, and the unit."""
        seconds = self.ratings.timestamps
        if seconds is None or not len(seconds) or seconds.min() < EARLIEST or seconds.max() >= LATEST:
            return None
        first, last = (np.datetime64(int(end), "s") for end in (seconds.min(), seconds.max()))
        unit = "day" if (last - first).astype(np.int64) < DAYS_BY_DAY * 86_400 else "month"
        kind = "M" if unit == "month" else "D"
        start = first.astype(f"datetime64[{kind}]")
        places = np.empty(len(seconds), dtype=np.int32)
        for begin in range(0, len(seconds), _BLOCK):
            some = seconds[begin : begin + _BLOCK].astype("datetime64[s]").astype(f"datetime64[{kind}]")
            places[begin : begin + _BLOCK] = (some - start).astype(np.int64)
        count = int((last.astype(f"datetime64[{kind}]") - start).astype(np.int64)) + 1
        return (start + np.arange(count)).astype("datetime64[D]"), places, unit

    def of(self, choice: Choice | None = None) -> Summary:
        """All figures of a choice of movies; of all movies where None."""
        choice = choice or Choice()
        items, by_user = self.ratings.items, self.ratings.by_user
        chosen = choice.of(items)
        is_all = bool(chosen.all())
        counts = self.counts[chosen]
        num_ratings = int(counts.sum())
        mean = deviation = np.nan
        if num_ratings:
            total, squares = self._sums[chosen].sum(axis=0)
            around = total / num_ratings
            mean, deviation = self._middle + around, np.sqrt(max(0.0, squares / num_ratings - around**2))
        is_chosen = None if is_all else chosen[by_user.indices]
        if is_chosen is None:
            per_user = by_user.counts
        else:
            before = np.concatenate([[0], np.cumsum(is_chosen, dtype=np.int64)])
            per_user = np.diff(before[by_user.indptr])
        per_item, per_user = counts[counts > 0], per_user[per_user > 0]
        of_genre, of_decade = (
            Choice(decade=choice.decade).of(items),
            Choice(genre=choice.genre).of(items),
        )
        decades = decades_of(items)
        return Summary(
            num_ratings=num_ratings,
            num_users=len(per_user),
            num_items=len(per_item),
            mean=float(mean),
            deviation=float(deviation),
            levels=self.levels,
            by_level=self.by_item_and_level[chosen].sum(axis=0),
            by_item=np.sort(per_item)[::-1],
            by_user=np.sort(per_user)[::-1],
            by_genre=self._groups(self.genres, self._of_genre & of_genre[:, None]),
            by_decade=self._groups(
                self.decades, (decades[:, None] == np.array(self.decades)[None, :]) & of_decade[:, None]
            ),
            times=self._times(is_chosen),
        )

    def _groups(self, names: tuple[Any, ...], members: BoolArray) -> Groups:
        num_ratings = members.T.astype(np.int64) @ self.counts
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self._middle + (members.T.astype(np.float64) @ self._sums[:, 0]) / num_ratings
        return Groups(names, num_ratings, (members & (self.counts > 0)[:, None]).sum(axis=0), means)

    def _times(self, is_chosen: BoolArray | None) -> Times | None:
        if self._periods is None:
            return None
        starts, places, unit = self._periods
        num_ratings, sums = np.zeros(len(starts), dtype=np.int64), np.zeros(len(starts))
        for begin in range(0, len(places), _BLOCK):
            some, values = places[begin : begin + _BLOCK], self.ratings.by_user.values[begin : begin + _BLOCK]
            if is_chosen is not None:
                here = is_chosen[begin : begin + _BLOCK]
                some, values = some[here], values[here]
            num_ratings += np.bincount(some, minlength=len(starts))
            sums += np.bincount(some, values.astype(np.float64), len(starts))
        with np.errstate(invalid="ignore", divide="ignore"):
            return Times(starts, num_ratings, sums / num_ratings, unit)
