"""Being asked well: what a question is worth is what its answer really does to the variance."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from autorec_core.asking import Questions
from autorec_core.fold_in import ItemBasedFoldIn
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import FloatArray, Ratings
from autorec_core.recommender import Recommender
from autorec_core.splits import random_split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")
ITEMS, GIVEN = [4, 17, 30], [5.0, 1.0, 3.5]


@pytest.fixture(scope="module")
def known() -> dict[str, Recommender]:
    return {}


@pytest.fixture
def recommender(low_rank: tuple[Ratings, np.ndarray], known: dict[str, Recommender]) -> Recommender:
    if not known:
        trainer = Trainer(random_split(low_rank[0], seed=1), Hyperparameters(hidden_units=6, epochs=20, batch_size=16))
        list(trainer)
        known["model"] = Recommender(trainer.trained_model())
    return known["model"]


@pytest.fixture
def questions(recommender: Recommender) -> Questions:
    assert recommender.prior is not None
    return Questions(recommender.model, recommender.prior)


def met(recommender: Recommender, items: list[int], given: list[float]) -> ItemBasedFoldIn:
    found = recommender.fold_in(items, given)
    assert isinstance(found, ItemBasedFoldIn)
    return found


def watched(recommender: Recommender) -> FloatArray:
    """(num_items,) how much each movie counts: one with 16 times as many ratings 8 times as much."""
    weights = recommender.model.item_counts**0.75
    return np.asarray(weights / weights.sum())


def mean_variance(recommender: Recommender, items: list[int], given: list[float]) -> float:
    return float(met(recommender, items, given).variance @ watched(recommender))


@pytest.mark.parametrize("num_known", [0, 3, 40])
def test_the_expected_drop_is_what_an_answer_does_to_the_variance(
    recommender: Recommender, questions: Questions, num_known: int
) -> None:
    items = list(range(num_known))
    given = np.resize([5.0, 1.0, 3.5], num_known).tolist()
    drops = questions.drops(met(recommender, items, given))
    before = mean_variance(recommender, items, given)
    for item in (50, 61, 79):
        for answer in (1.0, 5.0):
            after = mean_variance(recommender, [*items, item], [*given, answer])
            assert drops[item] == pytest.approx(before - after, rel=1e-6)


def test_the_drop_of_some_items_is_that_of_all(recommender: Recommender, questions: Questions) -> None:
    some = np.array([3, 70, 12])
    for number in (2, 60):
        visitor = met(recommender, list(range(number)), np.resize([5.0, 1.0], number).tolist())
        assert np.allclose(questions.drops(visitor, some), questions.drops(visitor)[some])


def test_what_is_known_begins_at_nothing_and_grows_with_each_answer(
    recommender: Recommender, questions: Questions
) -> None:
    shares = [questions.known_share(met(recommender, list(range(n)), [3.0] * n)) for n in range(0, 81, 8)]
    assert shares[0] == 0.0
    assert all(before < after for before, after in itertools.pairwise(shares))
    assert shares[-1] < 1.0


def test_what_is_known_is_the_share_by_which_the_variance_fell(recommender: Recommender, questions: Questions) -> None:
    noise = float(recommender.model.noise_variances @ watched(recommender))
    before, after = (mean_variance(recommender, *some) - noise for some in (([], []), (ITEMS, GIVEN)))
    assert questions.known_share(met(recommender, ITEMS, GIVEN)) == pytest.approx(1 - after / before, rel=1e-6)


def test_nothing_rated_or_passed_over_is_asked_about(recommender: Recommender, questions: Questions) -> None:
    visitor = met(recommender, ITEMS, GIVEN)
    everything = questions.best(visitor, np.array([7, 8]), count=1000)
    assert not set(everything.tolist()) & {*ITEMS, 7, 8}
    first, second = everything[:2]
    assert questions.best(visitor, np.array([first]))[0] == second


def test_of_two_questions_that_teach_alike_the_likelier_seen_is_asked(
    recommender: Recommender, questions: Questions
) -> None:
    visitor = met(recommender, [], [])
    order = questions.best(visitor, np.zeros(0, dtype=np.int64), count=80)
    worth = questions.drops(visitor) * questions.seen
    assert (np.diff(worth[order]) <= 0).all()
    assert order[0] == int(np.argmax(worth))


def test_of_two_movies_alike_the_noisier_one_teaches_less(recommender: Recommender) -> None:
    shares = np.ones(80)
    shares[50] = 4.0
    even, uneven = (replace(recommender.model, item_noise=noise) for noise in (np.ones(80), shares))
    drops = []
    for model in (even, uneven):
        using = Recommender(model)
        assert using.prior is not None
        drops.append(Questions(model, using.prior).drops(met(using, [], [])))
    assert drops[1][50] < 0.7 * drops[0][50]
    assert np.allclose(np.delete(drops[1], 50), np.delete(drops[0], 50))


def test_a_user_based_model_has_no_posterior_to_ask_by(
    recommender: Recommender, low_rank: tuple[Ratings, object]
) -> None:
    trainer = Trainer(random_split(low_rank[0], seed=1), Hyperparameters(based_on="users", hidden_units=4, epochs=2))
    list(trainer)
    with pytest.raises(ValueError, match="item-based"):
        Questions(trainer.trained_model(), recommender.prior)  # type: ignore[arg-type]
