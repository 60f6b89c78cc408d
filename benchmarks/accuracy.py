"""How accurate are the defaults? Test RMSE of a preset, mean of seeds, and fold-in of held-out users.

    python -m benchmarks.accuracy [--quick] [--preset NAME] [--seeds 5] [RATINGS ...]

RATINGS are files or folders of ratings; without any, the bundled set. Each seed draws a split and the first weights;
validation chooses the epoch, and the test set is scored once.
"""

from __future__ import annotations

import argparse
import platform
import statistics
from collections.abc import Sequence

import numpy as np

from autorec_core import datasets, hyperparameters
from autorec_core.evaluation import fold_in_rmse
from autorec_core.events import TrainingEnded
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings
from autorec_core.recommender import Recommender
from autorec_core.splits import random_split
from autorec_core.training import Trainer


def train(ratings: Ratings, preset: str, seed: int, holdout_users: float) -> tuple[Trainer, TrainingEnded]:
    """One training to its end."""
    split = random_split(ratings, seed=seed, holdout_users=holdout_users)
    trainer = Trainer(split, hyperparameters.preset(preset), seed=seed)
    *_, ended = trainer
    if not isinstance(ended, TrainingEnded):
        raise RuntimeError("the training gave no end")
    return trainer, ended


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--preset", default=hyperparameters.DEFAULT_PRESET)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one seed, no fold-in")
    chosen = parser.parse_args(arguments)
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, preset {chosen.preset}")
    for path in chosen.ratings or [None]:
        ratings = datasets.load(datasets.BUNDLED) if path is None else read_ratings(path)
        seeds = range(1 if chosen.quick else chosen.seeds)
        ends = [train(ratings, chosen.preset, seed, 0.0)[1] for seed in seeds]
        scores = [end.test_rmse for end in ends if end.test_rmse is not None]
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        bias = statistics.mean(end.baselines["user_item_bias"] for end in ends)
        print(
            f"{ratings.name}: test RMSE {statistics.mean(scores):.4f} (sd {spread:.4f}, {len(scores)} seeds), "
            f"validation {statistics.mean(end.valid_rmse or np.nan for end in ends):.4f}, user+item bias {bias:.4f}, "
            f"{statistics.median(end.seconds for end in ends):.2f} s of training"
        )
        if chosen.quick:
            continue
        parts = []
        for seed in seeds:
            trainer, _ = train(ratings, chosen.preset, seed, 0.15)
            parts.append(fold_in_rmse(Recommender(trainer.trained_model()), trainer.split))
        for known in parts[0]:
            ours = statistics.mean(part[known]["autorec"] for part in parts)
            theirs = statistics.mean(part[known]["user_item_bias"] for part in parts)
            print(f"  fold-in, {known:>3} known: {ours:.4f}, user+item bias {theirs:.4f}")


if __name__ == "__main__":
    main()
