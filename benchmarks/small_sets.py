"""Is what a person gets by pressing Start below the averages on small sets of ratings, whatever they are like?

    python -m benchmarks.small_sets [--first-seed 0] [--seeds 5] [--without-leaning] [--short] [--largest 30000]
           [--into FILE] [--keep DIR] [RATINGS ...]

Each seed draws parts of every set in RATINGS (data sets, files or folders; without any, the bundled set) in three ways:
some users with all that they rated, some users and some items, and single ratings. It makes further sets: a low rank
with levels and noise, levels and noise alone, and noise alone, on scales of 1 to 5, 1 to 10 and 0 to 100. Each is split
as the app splits, and trained with the hyperparameters of its size, item- and user-based. What is told is the test RMSE
less that of the damped user and item bias fitted to the same ratings, as a share of the scale's span; below 0 is better
than averages. How many are below, level with and above the bias; and how far the farthest above is on its test ratings,
in standard errors of the paired difference of squared errors, as a few dozen test ratings say little. Each training is
kept, and the same command goes on where it was broken off. `--without-leaning` trains the same sets with the same
hyperparameters but `lean_on_averages`; `--short` takes the ways of drawing, and the scales, together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autorec_core import datasets, storage
from autorec_core.defaults import hyperparameters_for
from autorec_core.events import TrainingEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import BoolArray, FloatArray, Ratings, RatingScale
from autorec_core.splits import random_split
from autorec_core.training import Trainer
from benchmarks.baselines import kept

SIZES = (500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000)
"""Ratings, about."""
MADE_SIZES = (500, 2_000, 8_000)
SCALES = {"1 to 5": RatingScale(1, 5, 1), "1 to 10": RatingScale(1, 10, 1), "0 to 100": RatingScale(0, 100, 1)}
PATTERNS = {"low rank": (0.15, 0.1, 0.12), "levels alone": (0.0, 0.1, 0.15), "noise alone": (0.0, 0.0, 0.2)}
"""Standard deviations of the pattern, of a user's and of an item's level, and of noise, as shares of the span."""
BASES = ("items", "users")
LEVEL = 1e-6
"""Share of the span within which a training is level with the bias: a network's numbers have 32 bits."""
CLEARLY = 1.645
"""Standard errors above, beyond which lie 5 % of what does not differ."""


@dataclass(frozen=True)
class SmallSet:
    """Ratings to train on, and what they are."""

    kind: str
    """Of what they are a part, or what was planted."""
    how: str
    """How they were drawn, or their scale."""
    size: int
    """Ratings, about."""
    ratings: Ratings
    """They themselves."""


def parts_of(whole: Ratings, seed: int) -> Iterator[SmallSet]:
    """Parts of a set, of every size that it has and in every way."""
    generator = np.random.default_rng([seed, whole.num_ratings])
    for size in (size for size in SIZES if size < whole.num_ratings / 2):
        share = size / whole.num_ratings
        both = share**0.5
        users, items = whole.by_user.rows, whole.by_user.indices
        chosen = {
            "users": _some(generator, whole.num_users, share)[users],
            "users and items": _some(generator, whole.num_users, both)[users]
            & _some(generator, whole.num_items, both)[items],
            "single ratings": _some(generator, whole.num_ratings, share),
        }
        for how, mask in chosen.items():
            yield SmallSet(whole.name, how, size, _anew(whole.select(mask)))


def _some(generator: np.random.Generator, number: int, share: float) -> BoolArray:
    found = np.zeros(number, dtype=bool)
    found[generator.permutation(number)[: max(2, round(share * number))]] = True
    return found


def _anew(part: Ratings) -> Ratings:
    """As a file would be read that holds these ratings alone: over the users and items that they are of."""
    rows = part.by_user
    return Ratings.from_triples(rows.rows, rows.indices, rows.values, name=part.name, scale=part.scale)


def made(seed: int) -> Iterator[SmallSet]:
    """Sets with a planted pattern, of every size and on every scale."""
    for kind, (pattern, level, noise) in PATTERNS.items():
        for how, scale in SCALES.items():
            for size in MADE_SIZES:
                generator = np.random.default_rng([seed, size, *kind.encode()])
                num_users = round((size / 4) ** 0.5 * 2)  # each with an eighth of the items or so
                num_items = 2 * num_users
                tastes, kinds = generator.normal(size=(num_users, 2)), generator.normal(size=(num_items, 2))
                levels = generator.normal(size=(num_users, 1)) + generator.normal(size=num_items)
                shares = 0.5 + pattern / 2**0.5 * tastes @ kinds.T + level * levels
                users, items = np.nonzero(generator.random(shares.shape) < size / shares.size)
                values = shares[users, items] + noise * generator.normal(size=len(users))
                given = np.clip(np.round(scale.low + scale.span * values), scale.low, scale.high)
                yield SmallSet(kind, how, size, Ratings.from_triples(users, items, given, name=kind, scale=scale))


def chosen_for(small: SmallSet, based_on: str, *, leaning: bool = True) -> Hyperparameters:
    """The defaults of the set's size, without leaning on averages where that is asked for."""
    chosen = hyperparameters_for(small.ratings.num_ratings, based_on)
    return chosen if leaning else chosen.with_changes(lean_on_averages=False)


def result(small: SmallSet, chosen: Hyperparameters, seed: int) -> dict[str, Any]:
    """One training."""
    split = random_split(small.ratings, seed=seed)
    trainer = Trainer(split, chosen, seed=seed)
    *_, ended = trainer
    if not isinstance(ended, TrainingEnded) or ended.test_rmse is None:
        raise RuntimeError(f"the training gave no model: {small.kind}, {small.how}, {small.size}")
    users, items, given = split.test.by_user.rows, split.test.by_user.indices, split.test.by_user.values
    bias = trainer.final_baselines()["user_item_bias"].predict_pairs(users, items)
    predicted = (trainer.trained_model().predict_pairs(users, items), split.test.scale.clip(bias))
    misses = [(one - given.astype(np.float64)) / small.ratings.scale.span for one in predicted]
    return {
        "test": ended.test_rmse,
        "bias": ended.baselines["user_item_bias"],
        "errors_above": errors_above(*misses),
        "epoch": ended.best_epoch,
        "num_ratings": small.ratings.num_ratings,
        "span": small.ratings.scale.span,
    }


def errors_above(misses: FloatArray, of_bias: FloatArray) -> float:
    """How many standard errors the squared error is above the bias's, on the same ratings; 0 where they are level.

    Args:
        misses: (n,) float64, of the network, as shares of the span.
        of_bias: (n,) the same of the bias.
    """
    more = misses**2 - of_bias**2
    if np.abs(more).max(initial=0.0) < LEVEL:
        return 0.0
    return float(more.mean() / (more.std() / len(more) ** 0.5))


def measure(
    wholes: Sequence[Ratings], seeds: Sequence[int], keep: Path, *, leaning: bool = True, largest: int = SIZES[-1]
) -> list[dict[str, Any]]:
    """A row a training, or what was kept of it."""
    rows = []
    for seed in seeds:
        for small in [*(part for whole in wholes for part in parts_of(whole, seed)), *made(seed)]:
            for based_on in BASES if small.size <= largest else ():
                chosen = chosen_for(small, based_on, leaning=leaning)
                depends_on = [small.ratings.fingerprint, chosen.to_json(), seed]
                found = kept(keep, depends_on, partial(result, small, chosen, seed))
                what = {"kind": small.kind, "how": small.how, "size": small.size, "based_on": based_on, "seed": seed}
                rows.append({**what, **found, "difference": (found["test"] - found["bias"]) / found["span"]})
        print(f"seed {seed}: {len(rows)} trainings", file=sys.stderr, flush=True)
    return rows


def together(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows, with all ways of drawing and all scales as one."""
    return [{**row, "how": "every way" if row["kind"] not in PATTERNS else "every scale"} for row in rows]


def markdown_of(rows: Sequence[dict[str, Any]]) -> str:
    """A line a kind of set and size: the mean difference over the seeds, the worst, how many lie where, how surely."""
    told = "mean | worst | below, level, above | standard errors above, most"
    lines = [f"| set | drawn, or scale | ratings | I-AutoRec, {told} | U-AutoRec, {told} |", "|---" * 11 + "|"]
    places = dict.fromkeys((row["kind"], row["how"], row["size"]) for row in rows)
    for place in places:
        here = [row for row in rows if tuple(row[name] for name in ("kind", "how", "size")) == place]
        lines.append(f"| {' | '.join([*place[:2], f'{place[2]:,}', *_of_both(here)])} |")
    lines.append(f"| all | | | {' | '.join(_of_both(rows))} |")
    above = sum(row["errors_above"] > CLEARLY for row in rows)
    by_chance = "beyond which lie 5 % of what does not differ"
    lines += ["", f"Above by {CLEARLY} standard errors, {by_chance}: {above} of {len(rows)}."]
    return "\n".join(lines) + "\n"


def _of_both(rows: Sequence[dict[str, Any]]) -> list[str]:
    cells = []
    for based_on in BASES:
        ours = [row for row in rows if row["based_on"] == based_on]
        found = np.array([row["difference"] for row in ours])
        lying = [(found < -LEVEL).sum(), (abs(found) <= LEVEL).sum(), (found > LEVEL).sum()]
        cells += [f"{found.mean():+.2%}", f"{found.max():+.2%}", ", ".join(map(str, lying))]
        cells.append(f"{max(row['errors_above'] for row in ours):.1f}")
    return cells


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--without-leaning", action="store_true", help="with lean_on_averages off")
    parser.add_argument("--short", action="store_true", help="one line for all ways of drawing, and for all scales")
    parser.add_argument("--largest", type=int, default=SIZES[-1], metavar="RATINGS", help="leave larger sets out")
    parser.add_argument("--into", metavar="FILE", help="write the table into a Markdown file, too")
    parser.add_argument("--keep", metavar="DIR", help="where trainings are kept (default: in AUTOREC_HOME)")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep = Path(asked.keep) if asked.keep else storage.home() / "small_sets"
    wholes = []
    for name in asked.ratings or [datasets.BUNDLED]:
        named = name in datasets.DATASETS
        ratings = datasets.load(name) if named else read_ratings(name)
        wholes.append(ratings if named else replace(ratings, name=Path(name).resolve().stem))
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    rows = measure(wholes, seeds, keep, leaning=not asked.without_leaning, largest=asked.largest)
    table = markdown_of(together(rows) if asked.short else rows)
    print(table)
    if asked.into:
        Path(asked.into).write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
