"""What would cheaper or cleverer moves of the weights be worth?

    python -m benchmarks.moves RATINGS [--preset balanced] [--seed 100] [--epochs 12]

Three that others take for large sets, each bounded or tried on one split, on validation:

* lazy Adam leaves columns alone that have no rating in the batch: how many are there?
* moments of 16 bits: how much less does an update read and write, and what does rounding to them do to the error?
* the decoder in closed form, as in alternating least squares: given the codes, each column's weights are a ridge
  regression. Solved after every epoch, or once at the end, is the network better, and what does a solution cost?
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from autorec_core import hyperparameters
from autorec_core.fit import Fit
from autorec_core.rating_files import read_ratings
from autorec_core.splits import Split, random_split

After = Callable[[Fit, bool], None]
"""What is done to a fit after an epoch, and whether it was the last."""


def untouched(fit: Fit) -> float:
    """Share of a batch's columns without a rating, mean over the batches."""
    return float(np.mean([np.mean(np.diff(layout.indptr) == 0) for layout, _ in fit.batches()]))


def leave(fit: Fit, is_last: bool) -> None:
    """Nothing."""


@torch.no_grad()
def round_moments(fit: Fit, is_last: bool) -> None:
    """Both moments to the nearest number of 16 bits (bfloat16)."""
    for parameter in (fit.model.encoder_weights, fit.model.decoder_weights):
        for moment in fit._optimizer.moments_of(parameter):
            moment.copy_(moment.bfloat16())


@torch.no_grad()
def solve_decoder(fit: Fit, is_last: bool) -> None:
    """The decoder's weights and bias that minimise the paper's objective given the codes, column by column."""
    everything = fit.everything
    codes = fit.codes().double().numpy()
    order, indptr = everything.by_column.numpy(), everything.column_indptr.numpy()
    rows = everything.rows.numpy()[order]
    rest = (everything.targets - everything.offsets[everything.rows]).double().numpy()[order]
    units = codes.shape[1]
    ridge = np.diag([0.5 * fit.hyperparameters.regularization] * units + [1e-6])  # biases are free
    for column in range(len(indptr) - 1):
        span = slice(indptr[column], indptr[column + 1])
        if indptr[column] == indptr[column + 1]:
            continue
        c = np.column_stack([codes[rows[span]], np.ones(span.stop - span.start)])
        solved = np.linalg.solve(c.T @ c + ridge, c.T @ rest[span])
        fit.model.decoder_weights[column] = torch.from_numpy(solved[:units])
        fit.model.decoder_bias[column] = float(solved[units])


def at_the_end(act: After) -> After:
    """Only after the last epoch."""

    def after(fit: Fit, is_last: bool) -> None:
        if is_last:
            act(fit, is_last)

    return after


def error_after(split: Split, chosen: hyperparameters.Hyperparameters, after: After) -> tuple[float, float, float]:
    """Validation RMSE after the last epoch, seconds of the steps, and seconds of what was done after epochs."""
    fit, steps, others = Fit(split.train, chosen, seed=split.seed), 0.0, 0.0
    valid = fit.entries(split.valid)
    for epoch in range(1, chosen.epochs + 1):
        steps += fit.run_epoch().seconds
        began = time.perf_counter()
        after(fit, epoch == chosen.epochs)
        others += time.perf_counter() - began
    total, count = fit.squared_error_at(valid)
    return (total / count) ** 0.5, steps, others


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=12)
    asked = parser.parse_args(arguments)
    split = random_split(read_ratings(asked.ratings), seed=asked.seed)
    chosen = hyperparameters.preset(asked.preset).with_changes(refit=False, epochs=asked.epochs)
    for batch_size in (64, 256, 1024):
        fit = Fit(split.train, chosen.with_changes(batch_size=batch_size), seed=asked.seed)
        print(f"batches of {batch_size}: {untouched(fit):.1%} of the columns have no rating in a batch")
    ways: dict[str, After] = {
        "as it is": leave,
        "moments rounded to 16 bits each epoch": round_moments,
        "decoder solved each epoch": solve_decoder,
        "decoder solved at the end": at_the_end(solve_decoder),
    }
    for name, after in ways.items():
        error, steps, others = error_after(split, chosen, after)
        print(f"{name}: validation RMSE {error:.4f}; steps {steps:.2f} s, beside them {others:.2f} s")


if __name__ == "__main__":
    main()
