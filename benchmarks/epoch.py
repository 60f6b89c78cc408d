"""How fast is an epoch, against the way most public code does it? Side by side in one run, medians and ratio.

    python -m benchmarks.epoch [--hidden-units 64 500] [RATINGS]

The usual way: dense rows with unknowns as 0, a mask, autograd and Adam over whole rows. The two take turns, as a shared
machine is quicker at one moment than at another: an epoch of theirs, then five of ours, seven times over.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from autorec_core import datasets
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings

ROUNDS = 7
OURS_IN_A_ROUND = 5


def usual_way(ratings: Ratings, hidden_units: int, batch_size: int) -> Callable[[], float]:
    """An AutoRec on dense rows; each call trains it for an epoch and gives the seconds."""
    by_item = ratings.by_item
    dense = np.zeros((ratings.num_items, ratings.num_users), dtype=np.float32)
    dense[by_item.rows, by_item.indices] = by_item.values
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(dense)), batch_size=batch_size, shuffle=True
    )
    network = torch.nn.Sequential(
        torch.nn.Linear(ratings.num_users, hidden_units),
        torch.nn.Sigmoid(),
        torch.nn.Linear(hidden_units, ratings.num_users),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def epoch() -> float:
        began = time.perf_counter()
        for (rows,) in loader:
            mask = rows > 0
            loss = (((network(rows) - rows) * mask) ** 2).sum() / mask.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.perf_counter() - began

    return epoch


def our_way(ratings: Ratings, hidden_units: int, batch_size: int) -> Callable[[], float]:
    """Ours, without dropout as the other has none; each call trains it for an epoch and gives the seconds."""
    hyperparameters = Hyperparameters(
        hidden_units=hidden_units,
        batch_size=batch_size,
        input_dropout=0.0,
        code_dropout=0.0,
        epochs=1 + ROUNDS * OURS_IN_A_ROUND,
    )
    fit = Fit(ratings, hyperparameters, seed=0)
    return lambda: fit.run_epoch().seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="?")
    parser.add_argument("--hidden-units", type=int, nargs="+", default=[64, 500])
    chosen = parser.parse_args(arguments)
    ratings = datasets.load(datasets.BUNDLED) if chosen.ratings is None else read_ratings(chosen.ratings)
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}; {ratings!r}")
    for hidden_units in chosen.hidden_units:
        usual_epoch, our_epoch = usual_way(ratings, hidden_units, 256), our_way(ratings, hidden_units, 256)
        our_epoch()  # sorts the batches
        rounds = [(usual_epoch(), [our_epoch() for _ in range(OURS_IN_A_ROUND)]) for _ in range(ROUNDS)]
        theirs = statistics.median(seconds for seconds, _ in rounds)
        ours = statistics.median(seconds for _, several in rounds for seconds in several)
        print(
            f"{hidden_units:>4} hidden units, batch 256: usual {theirs:.3f} s, ours {ours:.3f} s an epoch, "
            f"{theirs / ours:.1f} times faster"
        )


if __name__ == "__main__":
    main()
