"""How long do lists for very many visitors take, and how much memory?

    python -m benchmarks.batch [--visitors 10000] [--movies 60000] [--hidden-units 256] [--ratings 60] [--count 100]

The model's weights are drawn at random, as time and memory do not depend on what they say; visitors rate as many movies
as MovieLens users do, about `--ratings` at the median and ten times that at the most. Printed are the whole call and,
beside it, one visitor at a time: fold-in and list, with and without intervals and reasons.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import time
from collections.abc import Sequence

import numpy as np

from autorec_core.batch import recommend_many
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Compressed, Items, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.trained_model import Link, TrainedModel

SCALE = RatingScale(0.5, 5, 0.5)
USERS = 10


def made_model(num_items: int, hidden_units: int) -> TrainedModel:
    """An item-based model of random weights."""
    generator = np.random.default_rng(0)
    spread = generator.normal(0, 0.3, (hidden_units + 1, hidden_units + 1)) / np.sqrt(hidden_units)
    means = generator.normal(3.3, 0.4, num_items).astype(np.float32)
    return TrainedModel(
        hyperparameters=Hyperparameters(hidden_units=hidden_units),
        items=Items(
            ids=np.arange(num_items),
            titles=np.array([f"Movie {item}" for item in range(num_items)]),
            years=np.full(num_items, 2000, dtype=np.int32),
            genres=((),) * num_items,
        ),
        user_ids=np.arange(USERS),
        scale=SCALE,
        encoder_weights=np.zeros((USERS, hidden_units), dtype=np.float32),
        encoder_bias=np.zeros(hidden_units, dtype=np.float32),
        decoder_weights=np.zeros((USERS, hidden_units), dtype=np.float32),
        decoder_bias=np.zeros(USERS, dtype=np.float32),
        offsets=Link.of("identity", SCALE).inverse(means),
        codes=generator.normal(0, 1, (num_items, hidden_units)).astype(np.float32),
        global_mean=3.3,
        item_means=means,
        item_counts=np.sort(generator.zipf(1.5, num_items).clip(1, 80_000))[::-1].astype(np.int64),
        user_biases=np.zeros(USERS, dtype=np.float32),
        user_counts=np.ones(USERS, dtype=np.int64),
        residual_variance=0.8,
        population_mean=np.zeros(hidden_units + 1),
        population_covariance=spread @ spread.T + 1e-4 * np.eye(hidden_units + 1),
        fold_in_counts=np.zeros(0, dtype=np.int64),
        fold_in_variances=np.zeros(0),
    )


def made_visitors(num_visitors: int, num_items: int, ratings: int) -> Compressed:
    """Visitors who rate different numbers of random movies."""
    generator = np.random.default_rng(1)
    counts = np.clip(generator.lognormal(np.log(ratings), 0.9, num_visitors), 1, 10 * ratings).astype(np.int64)
    rows = [np.sort(generator.choice(num_items, number, replace=False)) for number in counts]
    return Compressed(
        indptr=np.concatenate([[0], np.cumsum(counts)]),
        indices=np.concatenate(rows).astype(np.int32),
        values=(generator.integers(1, 11, counts.sum()) / 2).astype(np.float32),
        num_columns=num_items,
    )


def peak() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--visitors", type=int, default=10_000)
    parser.add_argument("--movies", type=int, default=60_000)
    parser.add_argument("--hidden-units", type=int, default=256)
    parser.add_argument("--ratings", type=int, default=60)
    parser.add_argument("--count", type=int, default=100)
    asked = parser.parse_args(arguments)
    recommender = Recommender(made_model(asked.movies, asked.hidden_units))
    visitors = made_visitors(asked.visitors, asked.movies, asked.ratings)
    print(
        f"{platform.machine()}; {asked.movies:,} movies, {asked.hidden_units} hidden units, "
        f"{visitors.counts.mean():.0f} ratings a visitor, the first {asked.count}"
    )
    before = peak()
    began = time.perf_counter()
    lists = recommend_many(recommender, visitors, count=asked.count)
    seconds = time.perf_counter() - began
    each = 1e3 * seconds / asked.visitors
    print(f"{len(lists.item_indices):,} visitors in one call: {seconds:.1f} s, {each:.2f} ms each")
    print(f"peak memory {peak():,.0f} MB, of which {before:,.0f} MB were reached before by making model and ratings")
    plain, whole = [], []
    for visitor in range(min(50, asked.visitors)):
        items, ratings = visitors.row(visitor)
        began = time.perf_counter()
        met = recommender.fold_in(items, ratings)
        met.raw.argpartition(-asked.count)
        plain.append(time.perf_counter() - began)
        began = time.perf_counter()
        recommender.recommend(recommender.fold_in(items, ratings), count=asked.count)
        whole.append(time.perf_counter() - began)
    for name, times in (("fold-in and the first", plain), ("the same with intervals and reasons", whole)):
        ordered = sorted(times)
        print(
            f"one visitor, {name}: {1e3 * statistics.median(times):.1f} ms, "
            f"95th percentile {1e3 * ordered[int(0.95 * len(ordered))]:.1f} ms"
        )


if __name__ == "__main__":
    main()
