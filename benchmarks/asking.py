"""Does it pay to be asked well? RMSE after 5 and 10 asked ratings of people whom the model never saw.

    python -m benchmarks.asking [--seeds 5] [--first-seed 0] [RATINGS ...]

RATINGS are files or folders of ratings; without any, the bundled set. Of each held-out user a random fifth of the
ratings is scored; among the others, as only these have an answer, questions are asked one by one: by
`asking.Questions`, the most popular first, or at random. To take away the luck of a single order, everybody is asked
five times, each time among another random half of those others, and the squared errors are averaged. All three ways
meet the same people, choose from the same halves and are scored on the same ratings. Printed are the means over the
seeds with their standard deviation, and that of the difference to the better of the other two, seed by seed.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from autorec_core import datasets, hyperparameters
from autorec_core.asking import Questions
from autorec_core.evaluation import SCORED_SHARE
from autorec_core.fold_in import ItemBasedFoldIn
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings
from autorec_core.recommender import Recommender
from autorec_core.splits import random_split
from autorec_core.training import Trainer

ASKED = (5, 10)
POOLS = 5
"""Random halves of what a person rated, among which questions are chosen, averaged: a single one is mostly luck."""
WAYS = ("ask me", "most popular", "random")


def measured(ratings: Ratings, seed: int) -> dict[tuple[str, int], float]:
    """RMSE of each way after each number of answers."""
    split = random_split(ratings, seed=seed, holdout_users=0.15)
    trainer = Trainer(split, hyperparameters.preset(hyperparameters.DEFAULT_PRESET), seed=seed)
    list(trainer)
    recommender = Recommender(trainer.trained_model())
    if recommender.prior is None or split.holdout is None:
        raise RuntimeError("the default preset is item-based, and users are held out")
    questions = Questions(recommender.model, recommender.prior)
    by_user, counts = split.holdout.by_user, recommender.model.item_counts
    generator = np.random.default_rng([seed, 4])
    errors = {(way, asked): 0.0 for way in WAYS for asked in ASKED}
    number = 0
    for user in np.flatnonzero(by_user.counts >= 2):
        items, given = by_user.row(int(user))
        order = generator.permutation(len(items))
        num_scored = max(1, round(SCORED_SHARE * len(order)))
        scored, others = order[:num_scored], order[num_scored:]

        def told(asked: list[int], met_items: object = items, met_given: object = given) -> ItemBasedFoldIn:
            met = recommender.fold_in(met_items[asked], met_given[asked])  # type: ignore[index]
            if not isinstance(met, ItemBasedFoldIn):
                raise RuntimeError("the model is item-based")
            return met

        for _ in range(POOLS):
            pool = generator.permutation(others)[: max(1, (len(others) + 1) // 2)]  # in a random order already
            well: list[int] = []
            left = pool.tolist()
            while left and len(well) < max(ASKED):
                drops = questions.drops(told(well), items[left])
                well.append(left.pop(int(np.argmax(drops))))
            by_popularity = pool[np.argsort(-counts[items[pool]], kind="stable")].tolist()
            for way, order_asked in zip(WAYS, (well, by_popularity, pool.tolist()), strict=True):
                for asked in ASKED:
                    predicted = told(order_asked[:asked]).predicted_ratings[items[scored]]
                    errors[way, asked] += float(((predicted - given[scored]) ** 2).sum()) / POOLS
        number += num_scored
    return {key: (total / number) ** 0.5 for key, total in errors.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    spread: Callable[[list[float]], float] = lambda values: statistics.stdev(values) if len(values) > 1 else 0.0  # noqa: E731
    for path in chosen.ratings or [None]:
        ratings = datasets.load(datasets.BUNDLED) if path is None else read_ratings(path)
        with threadpool_limits(1, user_api="blas"):
            each = [measured(ratings, seed) for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds)]
        print(f"{ratings.name}, seeds {chosen.first_seed} to {chosen.first_seed + chosen.seeds - 1}")
        for asked in ASKED:
            row = {way: [result[way, asked] for result in each] for way in WAYS}
            cells = ", ".join(f"{way} {statistics.mean(row[way]):.4f} (sd {spread(row[way]):.4f})" for way in WAYS)
            lead = [ours - min(others) for ours, *others in zip(*row.values(), strict=True)]
            print(f"  after {asked:>2}: {cells}; lead {statistics.mean(lead):+.4f} (sd {spread(lead):.4f})")


if __name__ == "__main__":
    main()
