"""What training begins with for a number of ratings: sane at every size, and as searched where it was searched."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from autorec_core.defaults import hyperparameters_for
from autorec_core.events import TrainingEnded
from autorec_core.hyperparameters import preset
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.splits import random_split
from autorec_core.training import Trainer

SIZES = [1, 20, 500, 5_000, 30_000, 79_999, 100_004, 300_000, 1_000_209, 3_000_000, 10_000_000, 32_000_000, 10**9]


def test_where_presets_were_searched_they_are_taken() -> None:
    assert hyperparameters_for(100_000) == hyperparameters_for(100_836) == preset("balanced")
    assert hyperparameters_for(100_000, "users") == preset("users")
    assert hyperparameters_for(1_000_209) == preset("large")


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_nothing_falls_as_sets_grow_and_every_size_is_accepted(based_on: str) -> None:
    found = [hyperparameters_for(size, based_on) for size in SIZES]
    assert all(one.based_on == based_on for one in found)
    for smaller, larger in pairwise(found):
        for name in ("regularization", "hidden_units", "epochs", "batch_size"):
            assert getattr(smaller, name) <= getattr(larger, name), name


@pytest.mark.parametrize("num_users", [25, 40, 150])
def test_on_small_sets_that_nobody_searched_it_is_below_the_averages(num_users: int) -> None:
    """People of two tastes and movies of two kinds, with a person's and a movie's own level and noise."""
    generator = np.random.default_rng(num_users)
    num_items = 2 * num_users
    taste, kind = generator.choice([-1, 1], num_users), generator.choice([-1, 1], num_items)
    level = generator.normal(0, 0.4, (num_users, 1)) + generator.normal(0, 0.4, (1, num_items))
    values = 3.0 + level + 0.8 * np.outer(taste, kind) + generator.normal(0, 0.3, (num_users, num_items))
    users, items = np.nonzero(generator.random(values.shape) < 0.4)
    given = np.clip(np.round(2 * values[users, items]) / 2, 0.5, 5)
    ratings = Ratings.from_triples(users, items, given, name="two tastes", scale=RatingScale(0.5, 5, 0.5))
    *_, ended = Trainer(random_split(ratings, seed=0), hyperparameters_for(ratings.num_ratings))
    assert isinstance(ended, TrainingEnded)
    assert ended.test_rmse is not None
    assert ended.test_rmse < ended.baselines["user_item_bias"]
