"""What else was tried to make the defaults better? Each idea against the default for the size, on validation alone.

    python -m benchmarks.tried [--seeds 3] [--only WORD ...] [--into FILE] [--keep DIR] RATINGS [RATINGS ...]

RATINGS are data sets, files or folders. The ideas are no hyperparameters: averages of the weights of the last epochs, a
penalty of the decoder that grows or falls with a column's number of ratings, a second hidden layer, a user-based model
averaged with the item-based one. Splits are those of seeds from 100 on, whose test ratings are out of reach. What is
told is the best validation RMSE less the default's on the same split, with half of a 95 % interval over the seeds;
below 0 is better. `--only` tries the ideas alone that have such a word in their name. Each training is kept.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autorec_core import datasets, storage
from autorec_core.confidence import LEVEL, Mean
from autorec_core.defaults import hyperparameters_for
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import rmse
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings
from autorec_core.splits import Split, random_split
from autorec_core.steps import AutogradSteps
from autorec_core.training import Trainer
from benchmarks.baselines import kept

FIRST_SEED = 100
TESTED = 0.1
"""Share of a set's ratings that its splits put out of reach."""
AVERAGED = 0.25
"""Share of the epochs, at the end, whose weights are averaged."""


def plain(trainer: Trainer) -> float:
    """The default: the best epoch."""
    return min(event.valid_rmse for event in trainer if isinstance(event, EpochEnded))


def with_average(trainer: Trainer) -> float:
    """The better of the best epoch and the plain average of the weights after each of the last epochs.

    Source: Izmailov et al. 2018 (stochastic weight averaging).
    """
    found, sums, number = [], None, 0
    for event in trainer:
        if isinstance(event, EpochEnded):
            found.append(event.valid_rmse)
            if event.epoch > (1 - AVERAGED) * trainer.hyperparameters.epochs:
                fit = trainer.current_fit
                current = fit.weights()
                sums = current if sums is None else {name: sums[name] + value for name, value in current.items()}
                number += 1
                fit.load_weights({name: value / number for name, value in sums.items()})
                found.append(trainer._valid_rmse())
                fit.load_weights(current)
    return min(found)


def with_moving_average(trainer: Trainer) -> float:
    """The better of the best epoch and an average of the weights after each epoch in which an older one halves."""
    found, average = [], None
    for event in trainer:
        if isinstance(event, EpochEnded):
            fit = trainer.current_fit
            current = fit.weights()
            average = current if average is None else {name: (average[name] + v) / 2 for name, v in current.items()}
            fit.load_weights(average)
            found += [event.valid_rmse, trainer._valid_rmse()]
            fit.load_weights(current)
    return min(found)


def with_count_penalty(power: float, trainer: Trainer) -> float:
    """The default with each decoder row's penalty times a power of its number of ratings over the mean number."""
    fit = trainer.current_fit
    weights, optimizer = fit.model.decoder_weights, fit._optimizer
    columns = fit.train.by_user if fit.hyperparameters.based_on == "items" else fit.train.by_item
    counts = torch.from_numpy(columns.counts.astype("float32")).clamp(min=1)
    more = (counts / counts.mean()) ** power
    more = more * (counts.sum() / (more * counts).sum()) - 1  # over all ratings as strong as before
    penalty = next(found for parameter, found in optimizer.penalties if parameter is weights)
    fit._steps = AutogradSteps(fit.model, optimizer, fit.train.scale)

    def added(gradient: Tensor) -> Tensor:
        return gradient + penalty * more[:, None] * weights.detach()

    weights.register_hook(added)
    return plain(trainer)


def with_users(trainer: Trainer) -> float:
    """The plain average of the clipped predictions of the default and of the user-based default on the same split."""
    split = trainer.split
    whole = round((split.train.num_ratings + split.valid.num_ratings) / (1 - TESTED))
    by_users = hyperparameters_for(whole, "users").with_changes(refit=False)
    rows, predicted = split.valid.by_user, []
    for one in (trainer, Trainer(split, by_users, seed=trainer.seed)):
        list(one)
        predicted.append(one.trained_model().predict_pairs(rows.rows, rows.indices))
    return rmse((predicted[0] + predicted[1]) / 2, rows.values)


def _deep(chosen: Hyperparameters) -> Hyperparameters:
    return chosen.with_changes(inner_units=max(1, chosen.hidden_units // 2))


def _constant(chosen: Hyperparameters) -> Hyperparameters:
    return chosen.with_changes(schedule="constant", learning_rate=chosen.learning_rate / 3)


def _same(chosen: Hyperparameters) -> Hyperparameters:
    return chosen


IDEAS: dict[str, tuple[Callable[[Hyperparameters], Hyperparameters], Callable[[Trainer], float]]] = {
    "the default": (_same, plain),
    "weights averaged over the last quarter of the epochs": (_same, with_average),
    "a moving average of the weights": (_same, with_moving_average),
    "constant learning rate, a third": (_constant, plain),
    "the same, weights averaged over the last quarter": (_constant, with_average),
    "decoder penalty by the square root of a column's ratings": (_same, partial(with_count_penalty, 0.5)),
    "decoder penalty by one over that root": (_same, partial(with_count_penalty, -0.5)),
    "an inner layer of half the units": (_deep, plain),
    "averaged with the user-based default (an ensemble)": (_same, with_users),
}


def score(split: Split, chosen: Hyperparameters, way: Callable[[Trainer], float]) -> dict[str, Any]:
    """What is kept of a training."""
    nothing = split.test.select(split.test.by_user.values < split.test.scale.low)
    return {"valid_rmse": way(Trainer(replace(split, test=nothing), chosen, seed=split.seed))}


def ideas_of(only: Sequence[str]) -> list[str]:
    """The default, and the ideas with one of these words in their titles; all of them where there is no word."""
    first, *others = IDEAS
    return [first, *(title for title in others if not only or any(word.lower() in title.lower() for word in only))]


def measure(ratings: Ratings, seeds: int, keep: Path, only: Sequence[str] = ()) -> dict[str, list[float]]:
    """Validation RMSE of each idea on each split."""
    found: dict[str, list[float]] = {title: [] for title in ideas_of(only)}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        split = random_split(ratings, seed=seed)
        for title in found:
            change, way = IDEAS[title]
            chosen = change(hyperparameters_for(ratings.num_ratings)).with_changes(refit=False)
            depends_on = [title, ratings.fingerprint, seed, chosen.to_json()]
            value = kept(keep, depends_on, partial(score, split, chosen, way))["valid_rmse"]
            found[title].append(math.nan if value is None else value)
            print(f"{ratings.name}, seed {seed}, {title}: {found[title][-1]:.4f}", file=sys.stderr, flush=True)
    return found


def markdown_of(results: dict[str, dict[str, list[float]]]) -> str:
    """A row an idea, a column a set: the difference from the default, with its interval."""
    names, seeds = list(results), len(next(iter(results.values()))["the default"])
    lines = [
        f"Validation RMSE of the default, then differences from it; {seeds} seeds, ± half of a {LEVEL:.0%} interval.",
        "",
        f"| | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
    ]
    for title in next(iter(results.values())):
        cells = []
        for found in results.values():
            base = found["the default"]
            if title == "the default":
                cells.append(f"{Mean.of(base).mean:.4f}")
                continue
            gain = Mean.of([one - other for one, other in zip(found[title], base, strict=True)])
            cells.append(f"{gain.mean:+.4f}" + ("" if gain.half_width is None else f" ± {gain.half_width:.4f}"))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=(), metavar="WORD", help="ideas with such a word in their title")
    parser.add_argument("--into", metavar="FILE", help="write the table into a Markdown file, too")
    parser.add_argument("--keep", metavar="DIR", help="where trainings are kept (default: in AUTOREC_HOME)")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep = Path(asked.keep) if asked.keep else storage.home() / "tried"
    results = {}
    for name in asked.ratings:
        named = name in datasets.DATASETS
        ratings = datasets.load(name) if named else read_ratings(name)
        ratings = ratings if named else replace(ratings, name=Path(name).resolve().stem)
        results[ratings.name] = measure(ratings, asked.seeds, keep, asked.only)
    table = markdown_of(results)
    print(table)
    if asked.into:
        Path(asked.into).write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
