"""What are the averages that small sets lean on worth, before any network?

    python -m benchmarks.averages [--first-seed 100] [--seeds 5] [--largest 30000] [RATINGS ...]

The sets and splits of `benchmarks.small_sets`; test RMSE of averages less that of the damped user and item bias, fitted
to the same training ratings, in percent of the scale's span. `as they are` is `averages.fit`; each other column has one
belief made so strong that it decides, or of another strength. Behind the slash: how many means over seeds are above.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from unittest import mock

import pandas as pd

from autorec_core import averages, baselines, datasets
from autorec_core.metrics import rmse
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings
from autorec_core.splits import random_split
from benchmarks.small_sets import PATTERNS, made, parts_of

CERTAIN = 1e12
WAYS: dict[str, dict[str, float]] = {
    "as they are": {"BELIEF_IN_DAMPING": averages.BELIEF_IN_DAMPING},
    "no slope": {"BELIEF_IN_NO_SLOPE": CERTAIN},
    "slope 50": {"BELIEF_IN_NO_SLOPE": 50},
    "slope 1000": {"BELIEF_IN_NO_SLOPE": 1000},
    "damping 5": {"BELIEF_IN_DAMPING": CERTAIN},
    "damping free": {"BELIEF_IN_DAMPING": 0},
    "neither": {"BELIEF_IN_NO_SLOPE": CERTAIN, "BELIEF_IN_DAMPING": CERTAIN},
}
"""Levels are fitted together in all of them."""


def differences(ratings: Ratings, seed: int) -> dict[str, float]:
    """By way, how much higher its test RMSE is than the damped bias's, as a share of the span."""
    split = random_split(ratings, seed=seed)
    users, items, given = split.test.by_user.rows, split.test.by_user.indices, split.test.by_user.values

    def scored(bias: baselines.Baseline) -> float:
        return rmse(ratings.scale.clip(bias.predict_pairs(users, items)), given)

    plain, found = scored(baselines.fit_all(split.train)["user_item_bias"]), {}
    for name, changes in WAYS.items():
        with mock.patch.multiple(averages, **changes):
            found[name] = (scored(averages.fit(split.train)) - plain) / ratings.scale.span
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=30_000, metavar="RATINGS", help="leave larger sets out")
    asked = parser.parse_args(arguments)
    names = asked.ratings or [datasets.BUNDLED]
    wholes = [datasets.load(name) if name in datasets.DATASETS else read_ratings(name) for name in names]
    rows = []
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        for small in [*(part for whole in wholes for part in parts_of(whole, seed)), *made(seed)]:
            if small.size <= asked.largest:
                kind = small.kind if small.kind in PATTERNS else "real"
                place = {"kind": kind, "size": small.size, "of": f"{small.kind}, {small.how}"}
                rows.append({**place, **differences(small.ratings, seed)})
    per_set = pd.DataFrame(rows).groupby(["kind", "size", "of"])[list(WAYS)].mean()
    print(f"| set | ratings | {' | '.join(WAYS)} | of |\n{'|---' * (len(WAYS) + 3)}|")
    for (kind, size), some in per_set.groupby(["kind", "size"]):
        cells = [f"{100 * some[way].mean():+.3f} / {int((some[way] > 0).sum())}" for way in WAYS]
        print(f"| {kind} | {size:,} | {' | '.join(cells)} | {len(some)} |")


if __name__ == "__main__":
    main()
