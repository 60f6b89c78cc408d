"""How long does a visitor wait for recommendations with intervals and reasons?

    python -m benchmarks.recommend [--repeats 200] [--ratings 20] [--counts 20 100]

Two sizes: the bundled catalogue's 9,066 movies with the default number of hidden units, and 60,000 movies with 256. The
weights are drawn at random, as time does not depend on what they say. Timed is one call after the other on one thread:
fold-in of the ratings, the order of all movies, and the first of them with an interval each, with three exact reasons
each and without any.
On a machine that does other things too: `chrt -f 10 taskset -c 1 python -m benchmarks.recommend`.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from autorec_core.hyperparameters import DEFAULT_PRESET, preset
from autorec_core.recommender import Recommender
from benchmarks.batch import made_model

SIZES = ((9_066, preset(DEFAULT_PRESET).hidden_units), (60_000, 256))


def milliseconds(recommender: Recommender, ratings: int, count: int, reasons: int, repeats: int) -> list[float]:
    """Of each call, the first few left out."""
    generator = np.random.default_rng(0)
    times = []
    for _ in range(repeats + 5):
        items = generator.choice(len(recommender.items), ratings, replace=False)
        given = generator.integers(1, 11, ratings) / 2
        began = time.perf_counter()
        found = recommender.recommend(recommender.fold_in(items, given), count=count, reasons=reasons)
        times.append(1e3 * (time.perf_counter() - began))
        if len(found) != count or any(len(one.because) != reasons for one in found):
            raise RuntimeError("a list without what was asked for")
    return times[5:]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line for each size, length and number of reasons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--ratings", type=int, default=20)
    parser.add_argument("--counts", type=int, nargs="+", default=[20, 100])
    asked = parser.parse_args(arguments)
    for num_items, hidden_units in SIZES:
        recommender = Recommender(made_model(num_items, hidden_units))
        for count, reasons in itertools.product(asked.counts, (3, 0)):
            with threadpool_limits(1, user_api="blas"):
                times = milliseconds(recommender, asked.ratings, count, reasons, asked.repeats)
            middle, late, most = np.percentile(times, [50, 95, 100])
            print(
                f"{num_items:,} movies, {hidden_units} hidden units, {asked.ratings} ratings, the first {count}, "
                f"{reasons} reasons each: median {middle:.1f} ms, p95 {late:.1f} ms, most {most:.1f} ms"
            )


if __name__ == "__main__":
    main()
