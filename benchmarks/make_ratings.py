"""Makes rating sets of any size to measure speed and memory with: a planted low rank, noise, and a Zipf popularity.

    python -m benchmarks.make_ratings SIZE FILE.parquet [--seed 0] [--rank 8] [--noise 0.8]

SIZE is one of 1m, 10m, 25m, 100m: the users, items and ratings of MovieLens 1M, 10M and 25M, and a hundred million
ratings of 650,000 users for 80,000 items. Every user has at least 20 ratings, as in MovieLens. The best possible RMSE
is the noise's standard deviation, plus what rounding to half stars adds.

It works through blocks of users, so that memory does not grow with the ratings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


@dataclass(frozen=True)
class Size:
    """How large a set is."""

    num_users: int
    """Users."""
    num_items: int
    """Items."""
    num_ratings: int
    """Ratings, about."""


SIZES = {
    "1m": Size(6_040, 3_706, 1_000_209),
    "10m": Size(69_878, 10_677, 10_000_054),
    "25m": Size(162_541, 59_047, 25_000_095),
    "100m": Size(650_000, 80_000, 100_000_000),
}
LEAST = 20
"""Ratings of the user with the fewest."""
BLOCK = 4_000_000
"""Ratings made at a time."""


def rating_blocks(
    size: Size, *, seed: int = 0, rank: int = 8, noise: float = 0.8
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]]:
    """Ratings on a scale of 0.5 to 5 in half stars, a block of users at a time.

    Args:
        size: of the whole set.
        seed: of everything.
        rank: of the planted pattern.
        noise: standard deviation of a rating around the pattern, in stars.

    Yields:
        (n,) int32 users from 0, ascending; (n,) int32 items from 0, ascending within a user; (n,) float32 ratings.
    """
    generator = np.random.default_rng(seed)
    # Popularity falls with the rank as in MovieLens: nearly flat for the first, then as a power of it.
    popularity = 1.0 / (np.arange(size.num_items) + 0.01 * size.num_items) ** 1.2
    shares = np.cumsum(popularity) / popularity.sum()
    activity = generator.lognormal(0.0, 1.1, size.num_users)
    wanted = LEAST + activity * ((size.num_ratings / size.num_users - LEAST) / activity.mean())
    wanted = np.minimum(wanted, size.num_items / 4).astype(np.int64)
    item_bias = generator.normal(0.0, 0.35, size.num_items)
    item_factors = generator.normal(0.0, 1.0, (size.num_items, rank)).astype(np.float32)
    names = generator.permutation(size.num_items)  # so that the popular items are not the first
    limits = np.searchsorted(np.cumsum(wanted), np.arange(BLOCK, int(wanted.sum()) + BLOCK, BLOCK))
    begin = 0
    for end in np.unique(np.append(limits, size.num_users)):
        users = np.arange(begin, end)
        begin = int(end)
        if not len(users):
            continue
        # Drawn with replacement and thinned to distinct pairs, so a tenth more than wanted.
        drawn = np.repeat(users, (1.1 * wanted[users] + 5).astype(np.int64))
        items = np.searchsorted(shares, generator.random(len(drawn)))
        keys = np.unique(drawn * size.num_items + np.minimum(items, size.num_items - 1))
        rows, places = np.divmod(keys, size.num_items)
        user_bias = generator.normal(0.0, 0.4, len(users))
        user_factors = generator.normal(0.0, 0.55 / np.sqrt(rank), (len(users), rank)).astype(np.float32)
        mine = rows - users[0]
        pattern = 3.5 + item_bias[places] + user_bias[mine]
        for factor in range(rank):
            pattern += user_factors[mine, factor] * item_factors[places, factor]
        values = pattern + generator.normal(0.0, noise, len(rows))
        ratings = np.clip(np.round(2 * values) / 2, 0.5, 5.0).astype(np.float32)
        items = names[places]
        order = np.argsort(rows * size.num_items + items)
        yield rows[order].astype(np.int32), items[order].astype(np.int32), ratings[order]


def main() -> None:
    """Writes one set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--noise", type=float, default=0.8)
    chosen = parser.parse_args()
    began, total = time.perf_counter(), 0
    schema = pa.schema([("user", pa.int32()), ("item", pa.int32()), ("rating", pa.float32())])
    with pq.ParquetWriter(chosen.file, schema, compression="zstd") as writer:
        blocks = rating_blocks(SIZES[chosen.size], seed=chosen.seed, rank=chosen.rank, noise=chosen.noise)
        for users, items, ratings in blocks:
            writer.write_table(pa.table([users, items, ratings], schema=schema))
            total += len(users)
    print(f"{total:,} ratings in {chosen.file}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
