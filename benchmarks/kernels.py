"""How near the machine's limit is each part of a step?

    python -m benchmarks.kernels [RATINGS] [--hidden-units 64 500] [--batch-size 256]

An epoch's batches go through one kernel at a time, five times; the median counts. Each kernel reads rows of a weight
table or of the batch's codes, one an observed entry, and does one multiplication and one addition with each number that
it reads: it is bound by what it reads. Its limit is the bandwidth at which this machine adds up a table of the same
size that was read just before, so a small table is held to the speed of the caches and a large one to that of the
memory. Adam reads four arrays and writes three, all as large as the weights; its limit is the same measure on those.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import torch

from autorec_core import datasets
from autorec_core.engine import decode, encode
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings

ROUNDS = 5


def seconds_of(act: Callable[[], object]) -> float:
    """Median of a few rounds, after one that warms up."""
    act()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def bandwidth(num_bytes: float) -> float:
    """Bytes a second at which an array of a size is added up again and again."""
    array = torch.ones(max(1024, int(num_bytes / 4)))
    rounds = max(1, int(2e8 / num_bytes))
    return 4 * len(array) * rounds / seconds_of(lambda: [array.sum() for _ in range(rounds)])


def report(ratings: Ratings, units: int, batch_size: int) -> None:
    """Prints a line a kernel."""
    fit = Fit(ratings, Hyperparameters(hidden_units=units, batch_size=batch_size), seed=0)
    batches, model = fit.batches(), fit.model
    codes = [torch.rand(len(batch), units, requires_grad=True) for batch in batches]
    pairs = list(zip(batches, codes, strict=True))
    weights, bias = model.decoder_weights.detach(), model.decoder_bias.detach()
    gathered = 4.0 * ratings.num_ratings * units
    table, code_table = 4.0 * ratings.num_users * units, 4.0 * batch_size * units

    def encoder() -> None:
        for batch in batches:
            encode(weights, batch.inputs, batch)

    def decoder() -> None:
        for batch, code in pairs:
            decode(code.detach(), weights, bias, batch)

    def encoder_and_gradient() -> None:
        for batch, code in pairs:
            out = encode(model.encoder_weights, batch.inputs, batch)
            torch.autograd.grad(out, model.encoder_weights, code.detach())

    def decoder_and_gradient() -> None:
        for batch, code in pairs:
            torch.autograd.grad(decode(code, weights, bias, batch), code, batch.inputs)

    arrays, step = [torch.rand(ratings.num_users, units) for _ in range(4)], torch.ones(())

    def adam() -> None:
        lists = [[array] for array in arrays]
        for _ in batches:
            torch._fused_adam_(
                *lists, [], [step], lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False,
                maximize=False,
            )  # fmt: skip

    of_encoder, of_decoder = seconds_of(encoder), seconds_of(decoder)
    rows = [
        ("encoder product", of_encoder, table, gathered),
        ("decoder at known entries", of_decoder, table, gathered),
        # The backward pass of the decoder works out both.
        ("weight gradient", seconds_of(encoder_and_gradient) - of_encoder, code_table, gathered + table * len(batches)),
        (
            "code and weight gradient",
            seconds_of(decoder_and_gradient) - of_decoder,
            table,
            2 * gathered + table * len(batches),
        ),
        ("Adam, one of two tables", seconds_of(adam), 4 * table, 7 * table * len(batches)),
    ]
    print(f"{units} hidden units, batches of {batch_size}:")
    for name, seconds, size, num_bytes in rows:
        limit, reached = bandwidth(size), num_bytes / seconds
        print(
            f"  {name:<26} {1e3 * seconds:7.1f} ms an epoch  {reached / 1e9:6.1f} of {limit / 1e9:6.1f} GB/s  "
            f"{100 * reached / limit:4.0f} %"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a table for each number of hidden units."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="?")
    parser.add_argument("--hidden-units", type=int, nargs="+", default=[64, 500])
    parser.add_argument("--batch-size", type=int, default=256)
    asked = parser.parse_args(arguments)
    ratings = datasets.load(datasets.BUNDLED) if asked.ratings is None else read_ratings(asked.ratings)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}; {ratings!r}")
    for units in asked.hidden_units:
        report(ratings, units, asked.batch_size)


if __name__ == "__main__":
    main()
