"""The rating matrix as a picture: rows and columns in an order that shows something, and what part each rating has.

A picture holds a bounded number of ratings. Of a larger set every so-many-th user is in it, whole, so that what is seen
of a row is true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autorec_core.ratings import BoolArray, IntArray, Ratings
from autorec_core.splits import Split

MOST_RATINGS = 1_200_000
"""Ratings that a picture holds; a browser draws so many at once."""
ORDERS = ("activity", "time", "id")
"""Most ratings first; movies by year and users by their first rating; as in the file."""
TRAIN, VALID, TEST = 1, 2, 3
"""Parts of a split; 0 where it is not known."""
_LEVELS = 254


@dataclass(frozen=True, eq=False)
class Overview:
    """Some rows and columns of a rating matrix in some order, with their ratings by rows."""

    users: IntArray
    """(num_rows,) int64, user index of each row."""
    items: IntArray
    """(num_columns,) int64, item index of each column."""
    indptr: IntArray
    """(num_rows + 1,) uint32, where each row begins."""
    columns: IntArray
    """(num_ratings,) uint32, column of each rating, ascending within a row."""
    levels: NDArray[np.uint8]
    """(num_ratings,) uint8, place on the rating scale from 0 to 254."""
    parts: NDArray[np.uint8]
    """(num_ratings,) uint8, `TRAIN`, `VALID` or `TEST`; 0 where no split is given."""
    every: int
    """Every so-many-th of the users is in it; 1 for all."""

    def density(self, num_rows: int, num_columns: int) -> IntArray:
        """Ratings in each of so many by so many tiles.

        Returns:
            (num_rows, num_columns) int64; tiles are as equal as whole rows and columns allow, see `edges`.
        """
        ends = self.indptr.astype(np.int64)
        rows = np.repeat(np.arange(len(self.users)), ends[1:] - ends[:-1])
        row_edges, column_edges = edges(len(self.users), num_rows), edges(len(self.items), num_columns)
        tiles = (np.searchsorted(row_edges, rows, "right") - 1) * num_columns
        tiles += np.searchsorted(column_edges, self.columns, "right") - 1
        return np.bincount(tiles, minlength=num_rows * num_columns).reshape(num_rows, num_columns)


def edges(count: int, pieces: int) -> IntArray:
    """(pieces + 1,) int64, where each of so many nearly equal pieces of `count` begins, and the end.

    >>> edges(10, 4)
    array([ 0,  2,  5,  7, 10])
    """
    return np.arange(pieces + 1, dtype=np.int64) * count // pieces


def parts_of(ratings: Ratings, split: Split) -> NDArray[np.uint8]:
    """Which part of a split each rating went to.

    Args:
        ratings: what was split.
        split: of all of it.

    Returns:
        (num_ratings,) uint8, in the order of `by_user`.
    """
    keys = _keys(ratings)
    parts = np.full(len(keys), TRAIN, dtype=np.uint8)
    for part, some in ((VALID, split.valid), (TEST, split.test)):
        parts[np.searchsorted(keys, _keys(some))] = part
    return parts


def _keys(ratings: Ratings) -> IntArray:
    """(num_ratings,) int64, ascending, one for each user and item."""
    return ratings.by_user.rows.astype(np.int64) * ratings.num_items + ratings.by_user.indices


def overview(
    ratings: Ratings,
    *,
    order: str = "activity",
    chosen: BoolArray | None = None,
    parts: NDArray[np.uint8] | None = None,
    most_ratings: int = MOST_RATINGS,
) -> Overview:
    """The matrix of some movies and of who rated them.

    Args:
        ratings: the set.
        order: one of `ORDERS`.
        chosen: (num_items,) bool, which movies; all where None.
        parts: of `parts_of`.
        most_ratings: of more, every so-many-th user is taken.

    Raises:
        ValueError: the order is none of `ORDERS`.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}.")
    by_user = ratings.by_user
    is_there = np.ones(ratings.num_ratings, dtype=bool) if chosen is None else chosen[by_user.indices]
    before = np.concatenate([[0], np.cumsum(is_there, dtype=np.int64)])
    per_user = np.diff(before[by_user.indptr])
    per_item = np.bincount(by_user.indices[is_there], minlength=ratings.num_items)
    users, items = np.flatnonzero(per_user), np.flatnonzero(per_item)
    if order == "activity":
        users = users[np.argsort(-per_user[users], kind="stable")]
        items = items[np.argsort(-per_item[items], kind="stable")]
    elif order == "time":
        years = ratings.items.years[items]
        items = items[np.lexsort((items, np.where(years == 0, np.iinfo(np.int32).max, years)))]
        if ratings.timestamps is not None:
            rated = np.flatnonzero(by_user.counts)  # a segment without a rating would take its neighbour's
            first = np.zeros(ratings.num_users, dtype=np.int64)
            first[rated] = np.minimum.reduceat(ratings.timestamps, by_user.indptr[rated])
            users = users[np.argsort(first[users], kind="stable")]
    every = max(1, -(-int(per_user.sum()) // most_ratings))
    users = users[every // 2 :: every]
    column_of = np.full(ratings.num_items, -1, dtype=np.int64)
    column_of[items] = np.arange(len(items))
    # All ratings of these users, one user after the other, by their places in the set.
    rows, places = by_user.entries(users)
    kept = is_there[places]
    places, rows = places[kept], rows[kept]
    columns = column_of[by_user.indices[places]]
    sorted_order = np.argsort(rows * max(1, len(items)) + columns, kind="stable")
    places, columns = places[sorted_order], columns[sorted_order]
    scale = ratings.scale
    shares = (by_user.values[places].astype(np.float64) - scale.low) / scale.span
    return Overview(
        users=users,
        items=items,
        indptr=np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(users)))]).astype(np.uint32),
        columns=columns.astype(np.uint32),
        levels=np.rint(_LEVELS * shares).astype(np.uint8),
        parts=np.zeros(len(places), dtype=np.uint8) if parts is None else parts[places],
        every=every,
    )
