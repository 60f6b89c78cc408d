"""From what share of known entries on are whole dense products faster than products of known entries?

    python -m benchmarks.density [--hidden-units 64 256 500] [--rows 2000] [--columns 1000]

An epoch of made ratings at each density, both ways in turn, medians. `autorec_core.engine.DENSE_FROM` is what it says.
"""

from __future__ import annotations

import argparse
import platform
import statistics
from collections.abc import Sequence

import numpy as np
import torch

from autorec_core import engine
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.steps import AutogradSteps, CompiledSteps

DENSITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
EPOCHS = 5


def made(num_users: int, num_items: int, density: float) -> Ratings:
    """Ratings 1 to 5 by chance, at a density."""
    generator = np.random.default_rng(0)
    users, items = np.nonzero(generator.random((num_users, num_items)) < density)
    values = generator.integers(1, 6, len(users)).astype(float)
    return Ratings.from_triples(users, items, values, name="made", scale=RatingScale(1, 5, 1))


def seconds(ratings: Ratings, hidden_units: int) -> dict[str, float]:
    """Median seconds of an epoch, each way."""
    hyperparameters = Hyperparameters(hidden_units=hidden_units, batch_size=256, input_dropout=0.0, code_dropout=0.0)
    fits = {}
    for name, way in (("known", CompiledSteps), ("whole", AutogradSteps)):
        fits[name] = Fit(ratings, hyperparameters, seed=0)
        fits[name]._steps = way(fits[name].model, fits[name]._optimizer, ratings.scale)
    found: dict[str, list[float]] = {name: [] for name in fits}
    for _ in range(EPOCHS):
        for name, fit in fits.items():
            engine.DENSE_FROM = 0.0 if name == "whole" else 2.0
            found[name].append(fit.run_epoch().seconds)
    return {name: statistics.median(times) for name, times in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hidden-units", type=int, nargs="+", default=[64, 256, 500])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=1000)
    asked = parser.parse_args(arguments)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads; {asked.rows} rows x {asked.columns} columns")
    print("known   units   known entries   whole product   whole is faster by")
    for density in DENSITIES:
        ratings = made(asked.columns, asked.rows, density)
        for hidden_units in asked.hidden_units:
            found = seconds(ratings, hidden_units)
            ratio = found["known"] / found["whole"]
            print(
                f"{density:>5.0%} {hidden_units:>7} {1000 * found['known']:>12.1f} ms "
                f"{1000 * found['whole']:>12.1f} ms {ratio:>14.2f} x"
            )


if __name__ == "__main__":
    main()
