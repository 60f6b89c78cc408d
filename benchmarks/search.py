"""Where do the defaults come from? A random search that sees validation ratings only.

    python -m benchmarks.search [--based-on items] [--minutes 20] [--seed 0] [--splits 3] [RATINGS ...]

RATINGS are files or folders of ratings; without any, the bundled set. Each trial draws hyperparameters, trains on the
splits of seeds 100, 101, ... and prints its mean validation RMSE over splits and sets; a trial that is already worse
than the best one by a hundredth on the first set is cut short. Results are reported on splits of seeds from 0. Both
kinds of splits share ratings where they are of one data set, so the fairest test of a default is a set it never met.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from autorec_core import datasets, hyperparameters
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

FIRST_SEED = 100
CUT = 0.01
"""A trial this much worse than the best on the first set does not see the others."""
RANGES: dict[str, tuple[float, float] | tuple[Any, ...]] = {
    "regularization": (4.0, 60.0),
    "encoder_regularization_factor": (0.03, 2.0),
    "learning_rate": (1.5e-3, 2e-2),
    "initial_scale": (0.003, 0.03),
}
CHOICES: dict[str, tuple[Any, ...]] = {
    "hidden_units": (64, 128, 256),
    "batch_size": (32, 64, 128),
    "epochs": (15, 20, 25, 40),
    "input_presence": (0.0, 0.25, 1.0, 2.0, 2.75, 3.5),
    "input_dropout": (0.4, 0.5, 0.6, 0.7),
    "code_dropout": (0.0, 0.1, 0.2, 0.4),
    "encoder_activation": ("sigmoid", "sigmoid", "tanh"),
}


def drawn(generator: np.random.Generator) -> dict[str, Any]:
    """Hyperparameters at random: evenly in their logarithm, or one of a few."""
    found: dict[str, Any] = {}
    for name, (low, high) in RANGES.items():
        found[name] = float(np.exp(generator.uniform(np.log(low), np.log(high))))
    for name, options in CHOICES.items():
        found[name] = options[generator.integers(len(options))]
    return found


def valid_rmse(splits: Sequence[Split], chosen: Hyperparameters) -> float:
    """Mean over splits of the best validation RMSE; without a refit, and the test ratings are never looked at."""
    scores = []
    for split in splits:
        epochs = [event for event in Trainer(split, chosen, seed=split.seed) if isinstance(event, EpochEnded)]
        scores.append(min(event.valid_rmse for event in epochs))
    return float(np.mean(scores))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line a trial, and the best at the end."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--based-on", default="items", choices=hyperparameters.DEFAULT_PRESETS)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--splits", type=int, default=3)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)  # these sets are small: a second search beside this one gains more than a second thread
    sets = []
    for path in asked.ratings or [None]:
        ratings = datasets.load(datasets.BUNDLED) if path is None else read_ratings(path)
        # The test part is taken off and thrown away: nothing here can look at it.
        parts = [random_split(ratings, seed=FIRST_SEED + number) for number in range(asked.splits)]
        sets.append(
            [
                Split(part.train, part.valid, part.valid.select(part.valid.by_user.values < 0), None, part.seed)
                for part in parts
            ]
        )
    generator, until = np.random.default_rng(asked.seed), time.monotonic() + 60 * asked.minutes
    best, best_on_first, winner = np.inf, np.inf, {}
    while time.monotonic() < until:
        values = drawn(generator)
        chosen = Hyperparameters(based_on=asked.based_on, refit=False, **values)
        first = valid_rmse(sets[0], chosen)
        if first > best_on_first + CUT:
            continue
        score = float(np.mean([first, *(valid_rmse(splits, chosen) for splits in sets[1:])]))
        if score < best:
            best, best_on_first, winner = score, first, values
        shown = {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
        print(f"{score:.4f} {shown}", flush=True)
    print(f"best {best:.4f}: {winner}")


if __name__ == "__main__":
    main()
