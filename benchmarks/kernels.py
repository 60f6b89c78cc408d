"""How near the machine's limit is each pass of a step?

    python -m benchmarks.kernels [RATINGS] [--hidden-units 64 500] [--batch-size 256]

Epochs of the training's own steps, a clock around each compiled pass; medians over epochs. A pass can't be faster than
its multiplications at the rate of this machine's dense matrix product, nor than the weights and moments that it must
read and write at the bandwidth at which this machine goes through arrays of that size; whichever is slower binds, and
is the limit. Dropout, activations and sums over threads are the rest.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from autorec_core import datasets, kernels
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings

EPOCHS = 7


def seconds_of(act: Callable[[], object]) -> float:
    """Median of a few rounds, after one that warms up."""
    act()
    times = []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def product_rate() -> float:
    """Multiplications and additions a second of a dense product of two 2048 x 2048 matrices, float32."""
    left, right = torch.rand(2048, 2048), torch.rand(2048, 2048)
    return 2 * 2048**3 / seconds_of(lambda: left @ right)


def bandwidth(num_bytes: float) -> float:
    """Bytes a second, read and written, of going through an array of a size in place again and again."""
    array = torch.ones(max(1024, int(num_bytes / 4)))
    rounds = max(1, int(2e8 / num_bytes))
    return 8 * len(array) * rounds / seconds_of(lambda: [array.mul_(1.0) for _ in range(rounds)])


def timed(names: Sequence[str]) -> dict[str, float]:
    """Puts a clock around passes; what they take is added up in the dict that is returned."""
    spent = dict.fromkeys(names, 0.0)

    def clock(name: str, run: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*given: Any) -> None:
            began = time.perf_counter()
            run(*given)
            spent[name] += time.perf_counter() - began

        return wrapped

    for name in names:
        setattr(kernels, name, clock(name, getattr(kernels, name)))
    return spent


def report(ratings: Ratings, units: int, batch_size: int, spent: dict[str, float]) -> None:
    """Prints a line a pass."""
    fit = Fit(ratings, Hyperparameters(hidden_units=units, batch_size=batch_size), seed=0)
    num_batches = len(fit.batches())
    epochs: list[dict[str, float]] = []
    for _ in range(EPOCHS + 1):
        spent.update(dict.fromkeys(spent, 0.0))
        whole = fit.run_epoch().seconds
        epochs.append({**spent, "epoch": whole})
    seconds = {name: statistics.median(epoch[name] for epoch in epochs[1:]) for name in epochs[0]}
    flops, table = product_rate(), 4.0 * ratings.num_users * units
    one_pass = ratings.num_ratings * units
    # (multiplications and additions, arrays of the weights' size that are read or written, resident arrays);
    # `update` moves encoder and decoder
    kept = 1 - fit.hyperparameters.input_dropout  # inputs that dropout has set to 0 are passed over
    needs = {"encode": (2 * kept, 1, 1), "decode": (4, 1, 1), "update": (2 + 2 * kept, 12, 6)}
    print(f"{units} hidden units, batches of {batch_size}; dense product {flops / 1e9:.0f} GFLOP/s")
    for name, (operations, moved, resident) in needs.items():
        rate = bandwidth(resident * table)
        by_flops, by_bytes = operations * one_pass / flops, moved * table * num_batches / rate
        limit = max(by_flops, by_bytes)
        bound = "arithmetic" if by_flops > by_bytes else f"memory at {rate / 1e9:.0f} GB/s"
        print(
            f"  {name:<20}{1000 * seconds[name]:>8.1f} ms, {seconds[name] / seconds['epoch']:>4.0%} of the epoch; "
            f"limit {1000 * limit:>6.1f} ms ({bound}): {limit / seconds[name]:.0%}"
        )
    rest = seconds["epoch"] - sum(seconds[name] for name in needs)
    print(f"  {'the rest':<20}{1000 * rest:>8.1f} ms; the epoch {1000 * seconds['epoch']:.1f} ms")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="?")
    parser.add_argument("--hidden-units", type=int, nargs="+", default=[64, 500])
    parser.add_argument("--batch-size", type=int, default=256)
    chosen = parser.parse_args(arguments)
    ratings = datasets.load(datasets.BUNDLED) if chosen.ratings is None else read_ratings(chosen.ratings)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads; {ratings!r}")
    spent = timed(("encode", "decode", "update"))
    for units in chosen.hidden_units:
        report(ratings, units, chosen.batch_size, spent)


if __name__ == "__main__":
    main()
