"""How long until a test RMSE is reached? AutoRec here, AutoRec as it is usually written, and SVD and SVD++ of Surprise.

    python -m benchmarks.time_to_rmse RATINGS [--target 0.9] [--seconds 60] [--rounds 3]

Side by side in one run, on one random 90/10 split; medians of the rounds. The clock runs over set-up and training, not
over loading and scoring. Whoever has not reached the target after `--seconds`, or at the end of its training, is listed
with the lowest RMSE that it reached, and with the time in which the default preset gets under that. Surprise is
measured where it is installed (`pip install scikit-surprise`), with its own defaults.

The usual way is dense rows from a DataLoader, unknowns as 0, a mask in the loss, autograd and Adam over whole rows; of
three learning rates, the one that reaches the lowest RMSE is shown.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import rmse
from autorec_core.rating_files import read_ratings
from autorec_core.splits import Split, random_split

try:
    import pandas as pd
    import surprise
except ImportError:
    surprise = None

Scored = Iterator[tuple[float, float]]
"""(seconds of set-up and training so far, test RMSE)."""


def ours(split: Split) -> Scored:
    """The default preset, scored after each epoch as it stands, without the refit."""
    began, paused = time.perf_counter(), 0.0
    chosen = Hyperparameters()
    fit = Fit(split.train, chosen, seed=0)
    torch.set_num_threads(min(torch.get_num_threads(), fit.threads_worthwhile))
    test = fit.entries(split.test)
    for _ in range(chosen.epochs):
        fit.run_epoch()
        seconds = time.perf_counter() - began - paused
        total, count = fit.squared_error_at(test)
        yield seconds, math.sqrt(total / count)
        paused = time.perf_counter() - began - seconds


def usual_way(split: Split, learning_rate: float, hidden_units: int = 500) -> Scored:
    """An AutoRec on dense rows."""
    began, paused = time.perf_counter(), 0.0
    train, test = split.train.by_item, split.test.by_item
    dense = np.zeros((split.train.num_items, split.train.num_users), dtype=np.float32)
    dense[train.rows, train.indices] = train.values
    rows = torch.from_numpy(dense)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(rows), batch_size=256, shuffle=True)
    network = torch.nn.Sequential(
        torch.nn.Linear(rows.shape[1], hidden_units),
        torch.nn.Sigmoid(),
        torch.nn.Linear(hidden_units, rows.shape[1]),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    while True:
        for (batch,) in loader:
            mask = batch > 0
            loss = (((network(batch) - batch) * mask) ** 2).sum() / mask.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds = time.perf_counter() - began - paused
        with torch.no_grad():
            predicted = network(rows).numpy()[test.rows, test.indices]
        yield seconds, rmse(split.test.scale.clip(predicted), test.values)
        paused = time.perf_counter() - began - seconds


def of_surprise(split: Split, name: str) -> Scored:
    """An algorithm of Surprise with its own defaults; it is scored once, at its end."""
    train = split.train.by_user
    frame = pd.DataFrame({"user": train.rows, "item": train.indices, "rating": train.values})
    scale = surprise.Reader(rating_scale=(split.train.scale.low, split.train.scale.high))
    known = surprise.Dataset.load_from_df(frame, scale).build_full_trainset()
    began = time.perf_counter()
    algorithm = getattr(surprise, name)(random_state=0).fit(known)
    seconds = time.perf_counter() - began
    test = split.test.by_user
    predicted = [algorithm.predict(user, item).est for user, item in zip(test.rows, test.indices, strict=True)]
    yield seconds, rmse(np.array(predicted), test.values)


def until(scored: Scored, target: float, seconds: float) -> tuple[float, float]:
    """Seconds until the target, infinite where it was not reached, and the lowest RMSE."""
    best = math.inf
    for now, score in scored:
        best = min(best, score)
        if score <= target:
            return now, best
        if now > seconds:
            break
    return math.inf, best


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings")
    parser.add_argument("--target", type=float, default=0.9)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(arguments)
    split = random_split(read_ratings(asked.ratings), seed=0)
    threads = torch.get_num_threads()
    print(f"{platform.machine()}, {threads} threads, torch {torch.__version__}; {split.train!r}")
    rates = (1e-4, 1e-3, 5e-3)
    lowest = [until(usual_way(split, rate), asked.target, asked.seconds / 3)[1] for rate in rates]
    rate = rates[int(np.argmin(lowest))]
    ways: dict[str, Callable[[], Scored]] = {
        "AutoRec, default preset": lambda: ours(split),
        f"AutoRec the usual way, learning rate {rate:g}": lambda: usual_way(split, rate),
    }
    for name in ("SVD", "SVDpp") if surprise is not None else ():
        ways[f"Surprise {name}"] = lambda name=name: of_surprise(split, name)  # type: ignore[misc]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    curves: list[list[tuple[float, float]]] = []
    for _ in range(asked.rounds):
        for name, way in ways.items():
            torch.set_num_threads(threads)
            began = time.perf_counter()
            reached, best = until(way(), asked.target, asked.seconds)
            found[name].append((reached if math.isfinite(reached) else time.perf_counter() - began, best))
        curves.append(list(ours(split)))
    base = statistics.median(seconds for seconds, _ in found["AutoRec, default preset"])
    for name, rounds in found.items():
        seconds, best = statistics.median(s for s, _ in rounds), statistics.median(b for _, b in rounds)
        verb = "reached" if best <= asked.target else "not reached, lowest"
        same = statistics.median(next((s for s, score in curve if score <= best), math.inf) for curve in curves)
        print(
            f"{name:<48} {seconds:8.2f} s  {seconds / base:7.1f} x  {verb} {best:.4f}, which the first has in "
            f"{same:.2f} s, {seconds / same:.0f} x"
        )


if __name__ == "__main__":
    main()
