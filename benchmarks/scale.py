"""How do time and memory grow with the ratings? One process a set, each from its file to trained epochs.

    python -m benchmarks.scale FILE ... [--hidden-units 64] [--batch-size 1024] [--epochs 4]

FILES are made by `benchmarks.make_ratings`, smallest first. Batches of 0 stand for those that a training takes itself
for so many ratings. Loading, splitting, centring and batching are included in the peak memory; the epoch is the median
after the first, which also sorts the batches. The growth is the epoch's seconds per rating against those of the first
file: 1 is linear. Told is what the app would say of a whole training.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import torch

from autorec_core import memory
from autorec_core.defaults import hyperparameters_for
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.splits import random_split


def measured(path: str, hidden_units: int, batch_size: int, epochs: int) -> dict[str, float]:
    """Seconds, bytes and sizes of one set."""
    began = time.perf_counter()
    ratings = read_ratings(path)
    loaded = time.perf_counter()
    split = random_split(ratings, seed=0)
    size = batch_size or hyperparameters_for(ratings.num_ratings, "items").batch_size
    chosen = Hyperparameters(hidden_units=hidden_units, batch_size=size, epochs=epochs)
    fit = Fit(split.train, chosen, seed=0)
    torch.set_num_threads(min(torch.get_num_threads(), fit.threads_worthwhile))
    ready = time.perf_counter()
    seconds = [fit.run_epoch().seconds for _ in range(epochs)]
    return {
        "ratings": ratings.num_ratings,
        "batch": size,
        "users": ratings.num_users,
        "items": ratings.num_items,
        "load": loaded - began,
        "set_up": ready - loaded,
        "first": seconds[0],
        "epoch": statistics.median(seconds[1:]),
        "peak": 1e3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "predicted": memory.predicted_bytes(ratings.num_ratings, ratings.num_users, ratings.num_items, chosen),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line a set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--hidden-units", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    sizes = (asked.hidden_units, asked.batch_size, asked.epochs)
    if asked.child:
        print(json.dumps(measured(asked.files[0], *sizes)))
        return
    units, batch_size, epochs = sizes
    print(f"{platform.machine()}, {torch.get_num_threads()} threads; {units} hidden units")
    print("     ratings     users   movies  batch    load  set-up  1st epoch    epoch  growth  peak GB  told GB")
    flags = ["--hidden-units", str(units), "--batch-size", str(batch_size), "--epochs", str(epochs), "--child"]
    first = None
    for path in asked.files:
        command = [sys.executable, "-m", "benchmarks.scale", path, *flags]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        a_rating = found["epoch"] / found["ratings"]
        first = first or a_rating
        print(
            f"{found['ratings']:>12,} {found['users']:>9,} {found['items']:>8,} {found['batch']:>6,} "
            f"{found['load']:>6.1f}s {found['set_up']:>6.1f}s {found['first']:>9.2f}s {found['epoch']:>7.2f}s "
            f"{a_rating / first:>7.2f} {found['peak'] / 1e9:>8.2f} {found['predicted'] / 1e9:>8.2f}"
        )


if __name__ == "__main__":
    main()
