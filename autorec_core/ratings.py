"""`Ratings`: who rated what, and how high. The one value that every other room passes around.

Stored means observed: an entry that is stored was rated, whatever its value, and nothing else is known. All arrays are
read-only, so that a `Ratings` may be shared between threads and cached without copies.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autorec_core.errors import InvalidRatingsError, NotFoundError, Sentence
from autorec_core.mapped import settled
from autorec_core.titles import one_line

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class RatingScale:
    """The lowest and highest rating that can be given, and the distance between two neighbouring ones."""

    low: float
    """Lowest rating, in rating units."""
    high: float
    """Highest rating, in rating units."""
    step: float = 0.5
    """Distance between neighbouring ratings; what a visitor's stars snap to."""

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high, self.step]).all() and self.low < self.high and self.step > 0):
            raise InvalidRatingsError(
                "A rating scale needs finite numbers with low < high and step > 0, got {low:g} to {high:g} in steps of "
                "{step:g}.",
                low=self.low,
                high=self.high,
                step=self.step,
            )

    @property
    def span(self) -> float:
        """`high - low`, in rating units."""
        return self.high - self.low

    def clip(self, values: FloatArray) -> FloatArray:
        """Moves raw reconstructions that left the scale to its nearest end; same shape and dtype."""
        return np.clip(values, self.low, self.high)

    def __str__(self) -> str:
        return str(self.sentence)

    @property
    def sentence(self) -> Sentence:
        """Both ends, for people."""
        return Sentence("{low:g} to {high:g}", low=self.low, high=self.high)

    @staticmethod
    def guess(values: FloatArray) -> RatingScale:
        """The scale that a set of ratings seems to be on: its lowest and highest value, and the finest gap between two.

        Args:
            values: (num_ratings,) ratings.
        """
        distinct = np.unique(values)
        if len(distinct) < 2:
            value = float(distinct[0]) if len(distinct) else 1.0
            return RatingScale(value, value + 1.0)
        return RatingScale(float(distinct[0]), float(distinct[-1]), float(np.diff(distinct).min()))


@dataclass(frozen=True, eq=False)
class Compressed:
    """A sparse matrix by rows: row `r` has the columns `indices[indptr[r]:indptr[r + 1]]`, ascending."""

    indptr: IntArray
    """(num_rows + 1,) int64, where each row begins."""
    indices: IntArray
    """(num_ratings,) int32, column of each rating."""
    values: FloatArray
    """(num_ratings,) float32, the ratings."""
    num_columns: int
    """Number of columns, rated or not."""

    @property
    def num_rows(self) -> int:
        """Number of rows, rated or not."""
        return len(self.indptr) - 1

    @cached_property
    def counts(self) -> IntArray:
        """(num_rows,) int64, ratings in each row."""
        return np.diff(self.indptr)

    @cached_property
    def rows(self) -> IntArray:
        """(num_ratings,) int32, row of each rating."""
        return settled(np.repeat(np.arange(self.num_rows, dtype=np.int32), self.counts))

    def row(self, index: int) -> tuple[IntArray, FloatArray]:
        """Columns (n,) int32 and ratings (n,) float32 of one row."""
        chosen = slice(self.indptr[index], self.indptr[index + 1])
        return self.indices[chosen], self.values[chosen]

    def entries(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """All ratings of some rows, row by row.

        Args:
            rows: (m,) row indices.

        Returns:
            (n,) int64 place in `rows` that each rating belongs to, and (n,) int64 where it stands in `indices`.
        """
        counts = self.counts[rows]
        gaps = self.indptr[rows] - np.cumsum(counts) + counts
        return np.repeat(np.arange(len(rows)), counts), np.arange(counts.sum()) + np.repeat(gaps, counts)


def distinct_ids(ids: ArrayLike) -> tuple[NDArray[Any], IntArray]:
    """The different ids in ascending order, and the place of each given one among them.

    Args:
        ids: (n,) int or str.

    Returns:
        (num_distinct,) int64 or str, and (n,) int32 or int64.
    """
    given = np.asarray(ids)
    if given.dtype.kind in "iu" and len(given):
        low, high = int(given.min()), int(given.max())
        if high - low < 4 * len(given) + 1_000_000 and high <= np.iinfo(np.int64).max:
            # A table of all ids in between is many times faster than sorting.
            offsets = np.subtract(given, low, dtype=np.int64)
            is_there = np.zeros(high - low + 1, dtype=bool)
            is_there[offsets] = True
            places = np.cumsum(is_there, dtype=np.int32 if high - low < np.iinfo(np.int32).max else np.int64) - 1
            return np.flatnonzero(is_there) + low, places[offsets]
    return np.unique(given, return_inverse=True)


def _named_by(item_id: int | str) -> str:
    """What an item without a title is called: its id, in which nothing is invisible."""
    return str(item_id) if isinstance(item_id, int) else one_line(item_id) or ascii(item_id)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    kept = settled(array)
    kept.flags.writeable = False
    return kept


@dataclass(frozen=True, eq=False)
class Items:
    """What is known of the movies besides their ratings; one row an item index."""

    ids: NDArray[Any]
    """(num_items,) int64 or str: the ids of the outside world, ascending."""
    titles: NDArray[Any]
    """(num_items,) str without the year; the id as text where no title is known."""
    years: IntArray
    """(num_items,) int32, year of release; 0 where unknown."""
    genres: tuple[tuple[str, ...], ...]
    """num_items tuples of genre names; empty where unknown."""

    def shared(self) -> Items:
        """The same items as somebody in this process holds them already; these ones where nobody does.

        Models of one data set know the same movies, and their titles are most of what a small model takes up.
        """
        known = hashlib.sha256(repr((self.ids.dtype.str, self.titles.dtype.str, self.genres)).encode())
        for array in (self.ids, self.titles, self.years):
            known.update(np.ascontiguousarray(array).view(np.uint8).data)
        return _ITEMS_HELD.setdefault(known.digest(), self)

    @cached_property
    def _index_of(self) -> dict[Any, int]:
        return {item_id: index for index, item_id in enumerate(self.ids.tolist())}

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def genre_names(self) -> tuple[str, ...]:
        """All genres that occur, in alphabetical order."""
        return tuple(sorted({genre for genres in self.genres for genre in genres}))

    def index(self, item_id: object) -> int:
        """The row of an item id; an id given as text finds a numeric one.

        Raises:
            NotFoundError: no item has this id.
        """
        found = self.find(item_id)
        if found is None:
            raise NotFoundError("No movie has the id {id!r} among these {count:,}.", id=item_id, count=len(self))
        return found

    def find(self, item_id: object) -> int | None:
        """The row of an item id, or None."""
        if isinstance(item_id, np.generic):
            item_id = item_id.item()
        if isinstance(item_id, str) and self.ids.dtype.kind in "iu":
            if not re.fullmatch(r"\s*-?[0-9]{1,19}\s*", item_id):  # no id is longer, and int() refuses thousands
                return None
            item_id = int(item_id)
        elif self.ids.dtype.kind == "U" and not isinstance(item_id, str):
            item_id = str(item_id)
        return self._index_of.get(item_id)


_ITEMS_HELD: WeakValueDictionary[bytes, Items] = WeakValueDictionary()
"""What `Items.shared` knows, by what is in it; whoever lets go of the last such items takes them out of here."""


@dataclass(frozen=True, eq=False, repr=False)
class Ratings:
    """The ratings of `num_users` users for `num_items` items, users x items, with everything known of the items.

    Build one with `Ratings.from_triples`. Two sets made from each other by `select` share users, items and indices.
    """

    name: str
    """What people call the data set."""
    catalogue: str
    """Which ids the items have: a visitor's ratings hold for every data set of the same catalogue."""
    scale: RatingScale
    """The rating scale."""
    user_ids: NDArray[Any]
    """(num_users,) int64 or str: the ids of the outside world, ascending."""
    items: Items
    """The items, in the order of the item index."""
    by_user: Compressed
    """The ratings, a row a user."""
    timestamps: IntArray | None = field(default=None)
    """(num_ratings,) int64 seconds since 1970, in the order of `by_user`, or None."""

    @classmethod
    def from_triples(
        cls,
        user_ids: ArrayLike,
        item_ids: ArrayLike,
        values: ArrayLike,
        *,
        name: str,
        catalogue: str | None = None,
        scale: RatingScale | None = None,
        timestamps: ArrayLike | None = None,
        titles: dict[Any, tuple[str, int, tuple[str, ...]]] | None = None,
    ) -> Ratings:
        """Builds ratings from parallel lists, in any order.

        Args:
            user_ids: (num_ratings,) int or str.
            item_ids: (num_ratings,) int or str.
            values: (num_ratings,) finite ratings on `scale`.
            name: what people call the set.
            catalogue: which item ids these are; the name where not given.
            scale: the rating scale; guessed from the values where not given.
            timestamps: (num_ratings,) seconds since 1970.
            titles: item id -> (title without year, year or 0, genres). Only rated items become items.

        Raises:
            InvalidRatingsError: no ratings, a value off the scale or not finite, or a pair rated twice.

        >>> r = Ratings.from_triples([7, 7, 9], [1, 2, 2], [5, 3, 1], name="toy", scale=RatingScale(1, 5, 1))
        >>> r
        Ratings('toy': 3 ratings, 2 users x 2 items, 75.00 % known, scale 1 to 5)
        """
        users, user_index = distinct_ids(user_ids)
        items, item_index = distinct_ids(item_ids)
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused below
            given = np.array(values, dtype=np.float32)  # a copy, to be made read-only
        if not len(user_index) == len(item_index) == len(given):
            raise ValueError(
                f"{len(user_index)} users, {len(item_index)} items and {len(given)} values are not parallel."
            )
        if not len(given):
            raise InvalidRatingsError("{name} has no ratings. At least one is needed.", name=name)
        if not np.isfinite(given).all():
            raise InvalidRatingsError("{name} has ratings that are not finite numbers.", name=name)
        scale = scale or RatingScale.guess(given)
        off = (given < scale.low) | (given > scale.high)
        if off.any():
            raise InvalidRatingsError(
                "{name}: {count:,} ratings are outside {scale}, the first is {first:g}.",
                name=name,
                count=int(off.sum()),
                scale=scale.sentence,
                first=float(given[off][0]),
            )
        indptr = np.concatenate([[0], np.cumsum(np.bincount(user_index, minlength=len(users)))]).astype(np.int64)
        key = np.multiply(user_index, len(items), dtype=np.int64)
        key += item_index
        del user_index
        indices = item_index.astype(np.int32, copy=False)
        times = None if timestamps is None else np.array(timestamps, dtype=np.int64)
        # Large releases come in this order already, and each array that is not made leaves room for another.
        if not (key[1:] > key[:-1]).all():
            order = np.argsort(key, kind="stable")
            repeated = int((np.diff(key[order]) == 0).sum())
            if repeated:
                raise InvalidRatingsError(
                    "{name}: {count:,} ratings are for a user and item that already have one. Keep one of each.",
                    name=name,
                    count=repeated,
                )
            indices, given = indices[order], given[order]
            times = None if times is None else times[order]
        del key, item_index
        known = titles or {}
        found = [known.get(item_id, (_named_by(item_id), 0, ())) for item_id in items.tolist()]
        return cls(
            name=name,
            catalogue=catalogue or name,
            scale=scale,
            user_ids=_read_only(users),
            items=Items(
                ids=_read_only(items),
                titles=_read_only(np.array([title for title, _, _ in found], dtype=str)),
                years=_read_only(np.array([year for _, year, _ in found], dtype=np.int32)),
                genres=tuple(genres for _, _, genres in found),
            ),
            by_user=Compressed(
                indptr=_read_only(indptr),
                indices=_read_only(indices),
                values=_read_only(given),
                num_columns=len(items),
            ),
            timestamps=None if times is None else _read_only(times),
        )

    @property
    def num_ratings(self) -> int:
        """Number of observed entries."""
        return len(self.by_user.values)

    @property
    def num_users(self) -> int:
        """Number of users, with ratings or not."""
        return len(self.user_ids)

    @property
    def num_items(self) -> int:
        """Number of items, with ratings or not."""
        return len(self.items)

    @property
    def density(self) -> float:
        """Share of the matrix that is observed, 0 to 1."""
        return self.num_ratings / max(1, self.num_users * self.num_items)

    @cached_property
    def by_item(self) -> Compressed:
        """The same ratings, a row an item."""
        by_user = self.by_user
        order = np.argsort(by_user.indices, kind="stable")
        counts = np.bincount(by_user.indices, minlength=self.num_items)
        return Compressed(
            indptr=_read_only(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)),
            indices=_read_only(by_user.rows[order]),
            values=_read_only(by_user.values[order]),
            num_columns=self.num_users,
        )

    @cached_property
    def mean(self) -> float:
        """Mean of all ratings, in rating units; the middle of the scale where there are none."""
        if not self.num_ratings:
            return (self.scale.low + self.scale.high) / 2
        return float(self.by_user.values.mean(dtype=np.float64))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when any id, rating or the scale does."""
        digest = hashlib.sha256(repr((self.scale, self.num_users, self.num_items)).encode())
        for array in (self.by_user.indptr, self.by_user.indices, self.by_user.values):
            digest.update(np.ascontiguousarray(array).tobytes())
        for ids in (self.user_ids, self.items.ids):
            digest.update("\n".join(map(str, ids.tolist())).encode())
        return digest.hexdigest()[:16]

    def select(self, chosen: BoolArray) -> Ratings:
        """The same users and items, with only the chosen ratings observed.

        Args:
            chosen: (num_ratings,) bool, in the order of `by_user`.
        """
        rows = self.by_user.rows[chosen]
        counts = np.bincount(rows, minlength=self.num_users)
        return replace(
            self,
            by_user=Compressed(
                indptr=_read_only(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)),
                indices=_read_only(self.by_user.indices[chosen]),
                values=_read_only(self.by_user.values[chosen]),
                num_columns=self.num_items,
            ),
            timestamps=None if self.timestamps is None else _read_only(self.timestamps[chosen]),
        )

    def user_index(self, user_id: object) -> int:
        """The row of a user id; an id given as text finds a numeric one.

        Raises:
            NotFoundError: no user has this id.
        """
        wanted = str(user_id)
        place = np.flatnonzero(self.user_ids.astype(str) == wanted)
        if not len(place):
            raise NotFoundError("No user has the id {id!r} among these {count:,}.", id=wanted, count=self.num_users)
        return int(place[0])

    def __repr__(self) -> str:
        return (
            f"Ratings({self.name!r}: {self.num_ratings:,} ratings, {self.num_users:,} users x {self.num_items:,} "
            f"items, {100 * self.density:.2f} % known, scale {self.scale})"
        )


def union(ratings: Ratings, others: Sequence[Ratings]) -> tuple[Ratings, tuple[BoolArray, ...]]:
    """All ratings of several sets as one, over the users and items of all of them.

    Args:
        ratings: gives name, catalogue and scale.
        others: on the same scale; where both know an item, `ratings` names it.

    Returns:
        The whole, and for `ratings` and each of `others` which of the whole's ratings it holds: (num_ratings,) bool in
        the order of `by_user`.

    Raises:
        InvalidRatingsError: a user and item are rated in more than one of them, or a rating is off the scale.
    """
    every = (ratings, *others)
    for part in others:
        values = part.by_user.values
        off = (values < ratings.scale.low) | (values > ratings.scale.high)
        if off.any():
            raise InvalidRatingsError(
                "{part}: {count:,} ratings are outside {scale}, the scale of {name}. Choose a scale that holds both.",
                part=part.name,
                count=int(off.sum()),
                scale=ratings.scale.sentence,
                name=ratings.name,
            )
    # Ids that are numbers in one set and text in another are compared as text.
    users, items = _common([part.user_ids for part in every]), _common([part.items.ids for part in every])
    titles: dict[Any, tuple[str, int, tuple[str, ...]]] = {}
    for part, item_ids in reversed(list(zip(every, items, strict=True))):
        known = zip(part.items.titles.tolist(), part.items.years.tolist(), part.items.genres, strict=True)
        titles.update(zip(item_ids.tolist(), known, strict=True))
    user_ids = np.concatenate([ids[part.by_user.rows] for part, ids in zip(every, users, strict=True)])
    item_ids = np.concatenate([ids[part.by_user.indices] for part, ids in zip(every, items, strict=True)])
    user_names, user_index = distinct_ids(user_ids)
    item_names, item_index = distinct_ids(item_ids)
    keys = user_index.astype(np.int64) * len(item_names) + item_index
    order = np.argsort(keys, kind="stable")
    repeated = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(repeated):
        first = order[repeated[0]]
        raise InvalidRatingsError(
            "{count:,} ratings are in more than one of {names}, the first of user {user} for item {item}. Keep each in "
            "one of them.",
            count=len(repeated),
            names=", ".join(part.name for part in every),
            user=user_names[user_index[first]],
            item=item_names[item_index[first]],
        )
    whole = Ratings.from_triples(
        user_ids,
        item_ids,
        np.concatenate([part.by_user.values for part in every]),
        name=ratings.name,
        catalogue=ratings.catalogue,
        scale=ratings.scale,
        timestamps=None
        if any(part.timestamps is None for part in every)
        else np.concatenate([part.timestamps for part in every if part.timestamps is not None]),
        titles=titles,
    )
    came_from = np.repeat(np.arange(len(every)), [part.num_ratings for part in every])[order]
    return whole, tuple(came_from == place for place in range(len(every)))


def _common(several: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    if any(ids.dtype.kind == "U" for ids in several):
        return [ids.astype(str) for ids in several]
    return list(several)
