"""Which way of moving the weights is the soonest at a validation RMSE? Time to it, not time per epoch.

    python -m benchmarks.optimizers RATINGS --target 0.84 [--preset large] [--seed 100]

Adam with batches of several sizes, each with the better of two learning rates, and the full-batch optimisers that the
paper used. Validation is not timed. What never comes there within the limit is given with the best that it reached.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from typing import Any

import torch

from autorec_core import hyperparameters
from autorec_core.events import EpochEnded
from autorec_core.rating_files import read_ratings
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

BATCHES = (64, 128, 256, 512, 1024)
EPOCHS = (5, 10, 20, 40)
FULL: dict[str, dict[str, Any]] = {
    "RProp": {"optimizer": "rprop", "learning_rate": 0.001, "epochs": 300},
    "L-BFGS": {"optimizer": "lbfgs", "learning_rate": 1.0, "epochs": 150},
}


def time_to(
    split: Split, chosen: hyperparameters.Hyperparameters, target: float, limit: float
) -> tuple[float | None, float]:
    """Seconds of steps to the target, None where it was not met, and the best validation RMSE."""
    spent, best, began = 0.0, float("inf"), time.perf_counter()
    for event in Trainer(split, chosen, seed=split.seed):
        if isinstance(event, EpochEnded):
            spent, best = spent + event.seconds, min(best, event.valid_rmse)
            if best <= target:
                return spent, best
            if time.perf_counter() - began > limit:
                break
    return None, best


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings")
    parser.add_argument("--target", type=float, required=True)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each (default: 60)")
    asked = parser.parse_args(arguments)
    split = random_split(read_ratings(asked.ratings), seed=asked.seed)
    plain = hyperparameters.preset(asked.preset).with_changes(refit=False)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads; to a validation RMSE of {asked.target:g}")
    for batch_size in BATCHES:
        tries = []
        for epochs in EPOCHS:  # the one-cycle schedule has to be laid over the epochs that there are
            for factor in (1.0, (batch_size / plain.batch_size) ** 0.5):
                rate = plain.learning_rate * factor
                changed = plain.with_changes(batch_size=batch_size, epochs=epochs, learning_rate=rate)
                tries.append((*time_to(split, changed, asked.target, asked.limit), epochs, rate))
        met = [found for found in tries if found[0] is not None]
        if met:
            seconds, best, epochs, rate = min(met, key=lambda found: found[0] or 0.0)
            print(f"Adam, batches of {batch_size:>5}: {seconds:6.2f} s, {epochs} epochs, learning rate {rate:.4f}")
        else:
            best, epochs = min((found[1], found[2]) for found in tries)
            print(f"Adam, batches of {batch_size:>5}: not met; {best:.4f} at best, in {epochs} epochs")
    for name, changes in FULL.items():
        changed = plain.with_changes(input_dropout=0.0, code_dropout=0.0, **changes)
        seconds_or_none, best = time_to(split, changed, asked.target, asked.limit)
        met_in = f"{seconds_or_none:6.2f} s" if seconds_or_none is not None else f"not met; {best:.4f} at best"
        print(f"{name}, all rows at once: {met_in}")


if __name__ == "__main__":
    main()
