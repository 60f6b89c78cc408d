"""What would make a movie come out as high as asked for: the changes do it, and no fewer would."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from autorec_core.ensemble import Ensemble
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.recommender import Recommender
from autorec_core.splits import random_split
from autorec_core.training import Trainer
from autorec_core.turning import towards

pytestmark = pytest.mark.usefixtures("one_thread")
ITEMS, GIVEN = [4, 17, 30, 52, 61], [4.0, 2.0, 3.5, 2.0, 3.0]


@pytest.fixture(scope="module")
def trained_before() -> dict[str, Recommender]:
    return {}


@pytest.fixture
def of(low_rank: tuple[Ratings, np.ndarray], trained_before: dict[str, Recommender]) -> Callable[[str], Recommender]:
    """The recommender of a base, or of both."""

    def found(based_on: str) -> Recommender:
        if based_on == "both":
            return Ensemble(found("items"), found("users"))
        if based_on not in trained_before:
            asked = Hyperparameters(
                based_on=based_on, hidden_units=6, epochs=60, learning_rate=0.02, regularization=0.5, refit=False
            )
            trainer = Trainer(random_split(low_rank[0], seed=1), asked)
            list(trainer)
            trained_before[based_on] = Recommender(trainer.trained_model())
        return trained_before[based_on]

    return found


@pytest.mark.parametrize("based_on", ["items", "users", "both"])
def test_met_with_the_changed_ratings_the_movie_is_where_it_was_said_to_be(
    of: Callable[[str], Recommender], based_on: str
) -> None:
    recommender = of(based_on)
    met = recommender.fold_in(ITEMS, GIVEN)
    turned = 0
    for item in (0, 1, 2, 3, 9, 70):
        goal = float(met.raw[item]) + 0.15
        turn = towards(recommender, met, item, goal)
        assert turn.before == pytest.approx(float(met.predicted_ratings[item]))
        ratings = dict(zip(ITEMS, GIVEN, strict=True))
        for change in turn.changes:
            assert ratings[change.item_index] == change.given != change.instead
            assert (change.instead * 2) % 1 == 0  # a rating that can be given
            ratings[change.item_index] = change.instead
        then = recommender.fold_in(ITEMS, [ratings[one] for one in ITEMS])
        assert turn.after == pytest.approx(float(then.predicted_ratings[item]))
        assert turn.enough == (float(then.raw[item]) >= goal)
        assert len({change.item_index for change in turn.changes}) == len(turn.changes) <= 3
        turned += turn.enough
    assert turned >= 3
    assert met.ratings.tolist() == GIVEN


def test_no_fewer_changes_would_do_with_an_item_based_model(of: Callable[[str], Recommender]) -> None:
    recommender = of("items")
    met = recommender.fold_in(ITEMS, GIVEN)
    needed = set()
    for item in range(0, 80, 5):
        for more in (0.1, 0.3, 0.6):
            goal = float(met.raw[item]) + more
            turn = towards(recommender, met, item, goal, most=5)
            fewer = len(turn.changes) - 1 if turn.enough else 5
            for places in combinations(range(5), fewer):
                best = np.array(GIVEN)
                pulls = met.pulls(item)
                for place in places:
                    best[place] = 5.0 if pulls[place] > 0 else 1.0
                assert recommender.fold_in(ITEMS, best).raw[item] < goal
            needed.add((turn.enough, len(turn.changes)))
    assert len(needed) >= 3


def test_a_movie_that_is_there_already_needs_nothing(of: Callable[[str], Recommender]) -> None:
    recommender = of("items")
    met = recommender.fold_in(ITEMS, GIVEN)
    turn = towards(recommender, met, 3, goal=1.0)
    assert (turn.changes, turn.enough, turn.after) == ((), True, turn.before)


def test_who_rated_nothing_has_nothing_to_change(of: Callable[[str], Recommender]) -> None:
    for based_on in ("items", "users"):
        recommender = of(based_on)
        turn = towards(recommender, recommender.fold_in([], []), 3, goal=5.0)
        assert (turn.changes, turn.enough) == ((), False)


@pytest.mark.parametrize("based_on", ["items", "users", "both"])
def test_a_pull_is_what_a_rating_one_step_higher_does(of: Callable[[str], Recommender], based_on: str) -> None:
    recommender = of(based_on)
    met = recommender.fold_in(ITEMS, GIVEN)
    pulls = met.pulls(7)
    for place in range(5):
        higher = np.array(GIVEN)
        higher[place] += 0.5
        difference = recommender.fold_in(ITEMS, higher).raw[7] - met.raw[7]
        assert pulls[place] == pytest.approx(2 * difference, abs=1e-6)
