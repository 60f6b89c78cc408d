"""What two ways to fool oneself make of a data set: test ratings in the input, and a mean of the users' RMSEs.

    python -m benchmarks.fooled [NAME ...] [--seed 0]

Trains the default for the size of each named set that is here, on a random 90/10 split, and scores the same test
ratings four ways: honestly, with half and with all of them in the encoder's input, and as a mean of the users' RMSEs.
The weights never see a test rating. It is what the Learn page shows of the model in use.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from autorec_core import datasets, pitfalls, residuals, storage
from autorec_core.defaults import hyperparameters_for
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore, Source
from autorec_core.splits import random_split
from benchmarks.machine import machine


def main() -> None:
    """Prints a line a set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=[datasets.BUNDLED])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(machine())
    print(f"{'':<22} {'test RMSE':>10} {'half fed':>10} {'all fed':>10} {'of ratings':>10} {'mean of RMSEs':>14}")
    here = storage.datasets_folder()
    with tempfile.TemporaryDirectory() as home:
        for name in asked.names:
            if (here / name).exists():
                shutil.copytree(here / name, Path(home) / "datasets" / name)
        os.environ["AUTOREC_HOME"] = home
        for name in asked.names:
            ratings = datasets.load(name)
            config = RunConfig(
                source=Source(dataset=name), hyperparameters=hyperparameters_for(ratings.num_ratings), seed=asked.seed
            )
            run = RunStore(storage.runs_folder()).create(config)
            record(run, lambda *_asked: True)
            model, split = run.load_model(), random_split(ratings, seed=asked.seed)
            learnt = [split.train, split.valid] if (run.result or {}).get("is_refitted") else [split.train]
            fed, count = pitfalls.leaks(model, learnt, split.test, (0.0, 0.5, 1.0))
            scored = residuals.score(model, split.test)
            pooled = pitfalls.per_user(scored)
            figures = " ".join(f"{one.rmse:>10.4f}" for one in fed[1:])
            print(f"{name:<22} {pooled.pooled:>10.4f} {figures} {count:>10,} {pooled.mean:>14.4f}", flush=True)


if __name__ == "__main__":
    main()
