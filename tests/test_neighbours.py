"""Who is like whom, on a board of two tastes."""

from __future__ import annotations

import numpy as np
import pytest

from autorec_core import neighbours
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.recommender import Recommender
from autorec_core.splits import random_split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")
EVEN_TASTE = [0, 1, 2, 3, 4, 5], [5.0, 1.0, 5.0, 1.0, 5.0, 1.0]
_BEFORE: dict[str, Recommender] = {}


@pytest.fixture(params=["items", "users"])
def recommender(request: pytest.FixtureRequest, checkerboard: Ratings) -> Recommender:
    if request.param not in _BEFORE:
        hyperparameters = Hyperparameters(
            based_on=request.param, hidden_units=8, epochs=60, regularization=0.5, learning_rate=0.03, refit=False
        )
        trainer = Trainer(random_split(checkerboard, seed=2), hyperparameters)
        list(trainer)
        _BEFORE[request.param] = Recommender(trainer.trained_model())
    return _BEFORE[request.param]


def test_the_nearest_people_are_of_the_visitors_taste(recommender: Recommender, checkerboard: Ratings) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    found = neighbours.twins(recommender.model, met, checkerboard.by_user, count=10, fewest=5)
    assert [twin.user_index % 2 for twin in found] == [0] * 10
    assert [twin.likeness for twin in found] == sorted((twin.likeness for twin in found), reverse=True)
    assert all(0.5 < twin.likeness <= 1 + 1e-9 for twin in found)


def test_the_opposite_taste_is_farthest(recommender: Recommender, checkerboard: Ratings) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    everybody = neighbours.twins(recommender.model, met, checkerboard.by_user, count=20, fewest=1)
    assert len(everybody) == 20
    assert all(twin.user_index % 2 == 1 and twin.likeness < -0.5 for twin in everybody[-8:])


def test_what_a_twin_loved_is_loved_and_not_rated_by_the_visitor(
    recommender: Recommender, checkerboard: Ratings
) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    for twin in neighbours.twins(recommender.model, met, checkerboard.by_user, count=3, loved=4, fewest=5):
        items, ratings = checkerboard.by_user.row(twin.user_index)
        given = dict(zip(items.tolist(), ratings.tolist(), strict=True))
        assert 0 < len(twin.loved) <= 4
        assert all(given[item] == 5 for item in twin.loved.tolist())
        assert not set(twin.loved.tolist()) & set(EVEN_TASTE[0])
        common = [abs(given[item] - own) for item, own in zip(*EVEN_TASTE, strict=True) if item in given]
        assert twin.num_common == len(common)
        assert twin.mean_difference == pytest.approx(np.mean(common))


def test_who_is_strict_may_be_of_one_taste_with_who_is_generous(
    recommender: Recommender, checkerboard: Ratings
) -> None:
    strict = recommender.fold_in([0, 1, 2, 3, 4, 5], [3.0, 1.0, 3.0, 1.0, 3.0, 1.0])
    found = neighbours.twins(recommender.model, strict, checkerboard.by_user, count=5, fewest=5)
    assert [twin.user_index % 2 for twin in found] == [0] * 5


def test_who_rated_too_little_is_left_out(recommender: Recommender, checkerboard: Ratings) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    most = int(recommender.model.user_counts.max())
    found = neighbours.twins(recommender.model, met, checkerboard.by_user, count=20, fewest=most)
    assert {twin.user_index for twin in found} == set(np.flatnonzero(recommender.model.user_counts == most).tolist())
    assert neighbours.twins(recommender.model, met, checkerboard.by_user, fewest=most + 1) == []


def test_users_in_blocks_are_as_like_as_all_at_once(
    recommender: Recommender, checkerboard: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    whole = neighbours.twins(recommender.model, met, checkerboard.by_user, count=20, fewest=1)
    monkeypatch.setattr(neighbours, "USERS_AT_ONCE", 3)
    blocks = neighbours.twins(recommender.model, met, checkerboard.by_user, count=20, fewest=1)
    assert [twin.likeness for twin in blocks] == pytest.approx([twin.likeness for twin in whole])


def test_the_nearest_movies_are_liked_by_the_same_people(recommender: Recommender) -> None:
    found = neighbours.nearest_movies(recommender, 4, count=6)
    assert [item % 2 for item, _ in found] == [0] * 6
    assert 4 not in {item for item, _ in found}
    assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)


def test_movies_with_too_few_ratings_are_no_neighbours(recommender: Recommender) -> None:
    counts = recommender.model.item_counts
    most = int(counts.max())
    found = neighbours.nearest_movies(recommender, 4, count=30, fewest=most)
    assert {item for item, _ in found} == set(np.flatnonzero(counts == most).tolist()) - {4}
