"""How far is the rule for defaults from the best that a search finds on sets of a size it was not made on?

    python -m benchmarks.rule [--number 300000] [--trials 25] [--based-on items] [--keep DIR] RATINGS

Users of RATINGS (a data set, file or folder) are drawn until they have given so many. The rule's values and then
random ones around them are trained on one split, and compared by validation RMSE; test ratings are out of reach. The
lowest of many is lower by chance too, so the distance that is told is more than the true one. Each trial is kept, and
the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autorec_core import datasets, storage
from autorec_core.choosing import valid_rmse
from autorec_core.defaults import hyperparameters_for
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings
from autorec_core.splits import Split, random_split
from benchmarks.baselines import kept

SEED = 100
FACTORS = {
    "regularization": 2.5,
    "encoder_regularization_factor": 2.5,
    "learning_rate": 2.0,
    "initial_scale": 2.0,
    "hidden_units": 1.6,
    "batch_size": 2.0,
    "epochs": 1.6,
}
"""By how much a trial may lie above or below the rule, evenly in the logarithm."""
STEPS = {"input_dropout": 0.15, "code_dropout": 0.1, "input_presence": 1.0}
"""The same, evenly in the value."""


def part_of(ratings: Ratings, wanted: int) -> Ratings:
    """The ratings of users drawn at random, until there are about so many; all where there are no more."""
    order = np.random.default_rng(SEED).permutation(ratings.num_users)
    number = int(np.searchsorted(np.cumsum(ratings.by_user.counts[order]), wanted)) + 1
    is_drawn = np.zeros(ratings.num_users, dtype=bool)
    is_drawn[order[:number]] = True
    return ratings.select(is_drawn[ratings.by_user.rows])


def around(rule: Hyperparameters, generator: np.random.Generator) -> Hyperparameters:
    """Hyperparameters at random around the rule's."""
    changes: dict[str, Any] = {}
    for name, factor in FACTORS.items():
        value = getattr(rule, name) * math.exp(generator.uniform(-1, 1) * math.log(factor))
        changes[name] = min(1000, round(value)) if isinstance(getattr(rule, name), int) else value
    for name, step in STEPS.items():
        changes[name] = max(0.0, getattr(rule, name) + generator.uniform(-1, 1) * step)
    return rule.with_changes(**changes)


def measured(split: Split, chosen: Hyperparameters) -> dict[str, Any]:
    """What is kept of a trial."""
    return {"valid_rmse": valid_rmse(split, chosen.with_changes(refit=False))}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line a trial, then how far the rule is from the best."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings")
    parser.add_argument("--number", type=int, default=300_000, help="ratings, about (default: 300000)")
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--based-on", default="items", choices=("items", "users"))
    parser.add_argument("--keep", metavar="DIR", help="where trials are kept (default: in AUTOREC_HOME)")
    asked = parser.parse_args(arguments)
    keep = Path(asked.keep) if asked.keep else storage.home() / "rule"
    named = asked.ratings in datasets.DATASETS
    part = part_of(datasets.load(asked.ratings) if named else read_ratings(asked.ratings), asked.number)
    split, generator = random_split(part, seed=SEED), np.random.default_rng(SEED)
    rule = hyperparameters_for(part.num_ratings, asked.based_on)
    scores: list[float] = []
    for trial in range(asked.trials + 1):
        chosen = rule if trial == 0 else around(rule, generator)
        found = kept(keep, [part.fingerprint, chosen.to_json()], partial(measured, split, chosen))["valid_rmse"]
        scores.append(math.inf if found is None else found)
        differing = {
            name: round(value, 4) for name, value in chosen.to_json().items() if trial and value != getattr(rule, name)
        }
        print(f"{scores[-1]:.4f} {'the rule' if trial == 0 else json.dumps(differing)}", flush=True)
    print(
        f"{part.num_ratings:,} ratings of {part.name}, {asked.based_on}: the rule {scores[0]:.4f}, the best of "
        f"{asked.trials} around it {min(scores[1:], default=math.nan):.4f}, {scores[0] - min(scores[1:]):+.4f}"
    )


if __name__ == "__main__":
    main()
