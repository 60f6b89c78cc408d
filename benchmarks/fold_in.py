"""Does meeting a visitor without retraining cost accuracy? Fold-in against averages and against retraining.

    python -m benchmarks.fold_in [--seeds 5] [--first-seed 0] [--groups 1] [--draws 1] [--without-retraining]
                                [RATINGS ...]

RATINGS are files or folders of ratings; without any, the bundled set. 15 % of the users are held out whole. Of each a
random fifth of the ratings is scored, always the same; of the others the first 1, 2, 3, 5, 10, 20, 50 or all are known.
Who has fewer counts with all of them. Three ways predict what is scored:

- fold-in: a model of the remaining users meets the held-out user as it meets a visitor. One training serves all.
- retraining: the known ratings are added to the training ratings and the model is trained anew, with the same
  hyperparameters, validation ratings and seed. All held-out users of a split come back at once, so that each number of
  known ratings takes one training. In a real deployment others come too between two trainings, and what they bring
  helps retraining alone: it sees more than the fold-in does. `--groups 5` brings them back a fifth at a time, which
  takes five times as long and takes most of that advantage away.
- averages: the items' damped means, those of the fold-in's model, and the damped bias of the user.

Which ratings are the first is chance, and with one or two of a person it is most of what is measured: somebody with
hundreds of scored ratings whose first two are unlike all others moves the table. `--draws 5` has fold-in and averages
meet everybody five times, with other ratings first; what is scored stays. Retraining, which costs a training each time,
sees the first draw alone, and is compared with the fold-in of that draw; `--without-retraining` leaves it out.

Printed are means over the seeds, how far the fold-in is from retraining, seed by seed, with the standard deviation, and
the share of the scored ratings that the fold-in's 80 % intervals hold.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from autorec_core import datasets
from autorec_core.baselines import DAMPING
from autorec_core.defaults import hyperparameters_for
from autorec_core.evaluation import SCORED_SHARE
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import IntArray, Ratings
from autorec_core.recommender import Recommender
from autorec_core.recording import use_worthwhile_threads
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

KNOWN: tuple[int | None, ...] = (1, 2, 3, 5, 10, 20, 50, None)
WAYS = ("fold-in", "retraining", "averages")
HOLDOUT = 0.15
LEVEL, HELD = 0.8, "held"
"""Of the intervals, and what the share that they hold is called."""
FIRST = "fold-in of the first draw"
"""What retraining is compared with."""


def trained(split: Split, num_ratings: int) -> TrainedModel:
    """The default model for so many ratings."""
    trainer = Trainer(split, hyperparameters_for(num_ratings), seed=split.seed)
    use_worthwhile_threads(trainer)
    list(trainer)
    return trainer.trained_model()


def people_of(split: Split, draw: int = 0) -> Iterator[tuple[int, IntArray, IntArray]]:
    """Of each held-out user the index, and which of their ratings are scored and which become known, in this order.

    Args:
        split: with held-out users.
        draw: of the order in which they become known; what is scored is the same in all.
    """
    if split.holdout is None:
        raise ValueError("The split holds no users out.")
    generator, again = np.random.default_rng([split.seed, 1]), np.random.default_rng([split.seed, 1, draw])
    for user in np.flatnonzero(split.holdout.by_user.counts >= 2):
        order = generator.permutation(split.holdout.by_user.counts[user])
        num_scored = max(1, round(SCORED_SHARE * len(order)))
        scored, others = order[:num_scored], order[num_scored:]
        yield int(user), scored, again.permutation(others) if draw else others


def with_known(whole: Ratings, split: Split, known: dict[int, IntArray]) -> Split:
    """The split with these ratings of held-out users among those to train on.

    Args:
        whole: all ratings.
        split: of them.
        known: user index -> which of the user's ratings, by place in their row.
    """
    places = np.zeros(whole.num_ratings, dtype=bool)
    keys = whole.by_user.rows.astype(np.int64) * whole.num_items + whole.by_user.indices
    train = split.train.by_user
    places[np.searchsorted(keys, train.rows.astype(np.int64) * whole.num_items + train.indices)] = True
    for user, which in known.items():
        places[whole.by_user.indptr[user] + which] = True
    return replace(split, train=whole.select(places), holdout=None)


def measured(
    ratings: Ratings, seed: int, groups: int, draws: int, retrains: bool, known: Sequence[int | None] = KNOWN
) -> dict[str, list[float]]:
    """RMSE of each way, NaN where it is left out, and the share that the intervals hold, by number of known ratings."""
    split = random_split(ratings, seed=seed, holdout_users=HOLDOUT)
    recommender = Recommender(trained(split, ratings.num_ratings))
    expected, by_user, clip = recommender.model.item_means, ratings.by_user, ratings.scale.clip
    found: dict[str, list[float]] = {name: [] for name in (*WAYS, FIRST, HELD)}
    for count in known:
        squares, numbers, held = dict.fromkeys((*WAYS, FIRST), 0.0), dict.fromkeys((*WAYS, FIRST), 0), 0
        for draw in range(draws if count else 1):  # all ratings are the same ratings in every draw
            people = list(people_of(split, draw))
            for group in range(groups):
                members = people[group::groups]
                anew: TrainedModel | None = None
                if draw == 0 and retrains:
                    more = with_known(ratings, split, {user: others[:count] for user, _, others in members})
                    anew = trained(more, ratings.num_ratings)
                for user, scored, others in members:
                    items, given = by_user.row(user)
                    told, asked = others[:count], items[scored]
                    bias = (given[told] - expected[items[told]]).sum() / (len(told) + DAMPING)
                    met = recommender.fold_in(items[told], given[told])
                    low, high = met.interval(LEVEL, asked)
                    held += int(((low <= given[scored]) & (given[scored] <= high)).sum())
                    predicted = {
                        "fold-in": met.predicted_ratings[asked],
                        "averages": clip(expected[asked] + bias),
                    }
                    if anew is not None:
                        predicted[FIRST] = predicted["fold-in"]
                        predicted["retraining"] = anew.predict_pairs(np.full(len(asked), user), asked)
                    for name, these in predicted.items():
                        squares[name] += float(((these - given[scored]) ** 2).sum())
                        numbers[name] += len(scored)
        for name, number in numbers.items():
            found[name].append((squares[name] / number) ** 0.5 if number else math.nan)
        found[HELD].append(held / numbers["fold-in"])
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--without-retraining", action="store_true")
    asked = parser.parse_args(arguments)
    for path in asked.ratings or [None]:
        ratings = datasets.load(datasets.BUNDLED) if path is None else read_ratings(path)
        seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
        with threadpool_limits(1, user_api="blas"):
            each = []
            for seed in seeds:
                each.append(measured(ratings, seed, asked.groups, asked.draws, not asked.without_retraining))
                print(f"seed {seed} done", flush=True)
        groups = f"brought back in groups of one in {asked.groups}"
        print(f"{ratings.name}, seeds {seeds[0]} to {seeds[-1]}, {groups}, draws: {asked.draws}")
        print(f"{'known':>6}" + "".join(f"{way:>12}" for way in WAYS) + "   fold-in less retraining (sd)   held")
        for place, count in enumerate(KNOWN):
            cells = "".join(f"{statistics.mean(one[way][place] for one in each):>12.4f}" for way in WAYS)
            gaps = [one[FIRST][place] - one["retraining"][place] for one in each]
            held = statistics.mean(one[HELD][place] for one in each)
            gap = "left out"
            if not asked.without_retraining:
                gap = f"{statistics.mean(gaps):+.4f} ({statistics.stdev(gaps) if len(gaps) > 1 else 0.0:.4f})"
            print(f"{count or 'all':>6}{cells}   {gap:<28}{held:>7.1%}", flush=True)


if __name__ == "__main__":
    main()
