"""Measuring a model on users whom it never saw."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from autorec_core import baselines
from autorec_core.evaluation import fold_in_rmse, interval_shares
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.recommender import Recommender
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=1, holdout_users=0.25)


class Watching:
    """Stands in for a recommender: predicts one number, and writes down what it is told."""

    def __init__(self, learnt: Ratings, answer: float) -> None:
        self.told: list[tuple[list[int], list[float]]] = []
        self.predicted = np.full(learnt.num_items, answer)
        bias = baselines.fit_all(learnt)["item_mean"]
        self.model = SimpleNamespace(item_means=bias.global_mean + bias.item_biases)

    def fold_in(self, items: np.ndarray, ratings: np.ndarray) -> SimpleNamespace:
        self.told.append((items.tolist(), ratings.tolist()))
        return SimpleNamespace(predicted_ratings=self.predicted)


def measure(recommender: object, split: Split) -> dict[str, dict[str, float]]:
    return fold_in_rmse(recommender, split)  # type: ignore[arg-type]


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_more_known_ratings_predict_the_others_better_and_better_than_biases(based_on: str, split: Split) -> None:
    hyperparameters = Hyperparameters(
        based_on=based_on,
        hidden_units=8,
        encoder_activation="identity",
        epochs=120,
        regularization=0.5,
        learning_rate=0.02,
        input_dropout=0.2,
        code_dropout=0.0,
    )
    trainer = Trainer(split, hyperparameters)
    list(trainer)
    scores = fold_in_rmse(Recommender(trainer.trained_model()), split)
    assert list(scores) == ["1", "5", "10", "20", "all"]
    assert scores["1"]["autorec"] > scores["10"]["autorec"] > 0.8 * scores["all"]["autorec"]
    assert scores["all"]["autorec"] < scores["all"]["user_item_bias"]
    assert fold_in_rmse(Recommender(trainer.trained_model()), split) == scores


def test_what_is_scored_is_never_told_and_is_the_same_for_every_number_of_known_ratings(split: Split) -> None:
    watching = Watching(split.train, 3.0)
    scores = measure(watching, split)
    assert len({score["autorec"] for score in scores.values()}) == 1  # the same answer to the same ratings
    assert split.holdout is not None
    by_user = split.holdout.by_user
    users = np.flatnonzero(by_user.counts >= 2)
    rounds = [watching.told[start : start + len(users)] for start in range(0, len(watching.told), len(users))]
    assert len(rounds) == 5
    total, number = 0.0, 0
    for place, user in enumerate(users):
        items, ratings = by_user.row(int(user))
        given = dict(zip(items.tolist(), ratings.tolist(), strict=True))
        most = rounds[-1][place][0]
        num_scored = max(1, round(0.2 * len(items)))
        assert len(most) == len(items) - num_scored
        for count, told in zip((1, 5, 10, 20), rounds, strict=False):
            assert told[place][0] == most[:count]
        for told in rounds:
            assert [given[item] for item in told[place][0]] == told[place][1]
        total += sum((rating - 3.0) ** 2 for item, rating in given.items() if item not in most)
        number += num_scored
    assert scores["5"]["autorec"] == pytest.approx(np.sqrt(total / number))


def test_bias_with_one_rating_known_is_worked_out_as_at_training(toy: Ratings) -> None:
    """One held-out user of two ratings: one known, one scored."""
    held_out = toy.by_user.rows == 5
    split = Split(train=toy.select(~held_out), valid=toy.select(held_out & False), test=toy, holdout=None, seed=0)
    split = replace(split, holdout=toy.select(held_out))
    watching = Watching(split.train, 3.0)
    scores = measure(watching, split)
    known, rating = watching.told[0][0][0], watching.told[0][1][0]
    scored = ({1, 4} - {known}).pop()
    train = split.train
    rows = {item: train.by_item.row(item)[1].astype(float) for item in (known, scored)}
    expected = {item: train.mean + (values - train.mean).sum() / (len(values) + 5) for item, values in rows.items()}
    prediction = expected[scored] + (rating - expected[known]) / 6
    assert scores["1"]["user_item_bias"] == pytest.approx(abs(prediction - 3.0), abs=1e-6)
    assert scores["1"] == scores["all"]


def test_the_baseline_has_seen_what_the_model_has_seen(split: Split) -> None:
    trainer = Trainer(split, Hyperparameters(hidden_units=2, epochs=2, refit=True))
    list(trainer)
    model = trainer.trained_model()
    learnt = split.train.num_ratings + split.valid.num_ratings
    assert model.item_counts.sum() == learnt
    shifted = replace(model, item_means=model.item_means + 1.0)
    scores, other = (fold_in_rmse(Recommender(each), split)["all"]["user_item_bias"] for each in (model, shifted))
    assert scores != other


def test_users_held_out_are_not_in_what_was_trained_on(split: Split) -> None:
    assert split.holdout is not None
    for part in (split.train, split.valid, split.test):
        assert not (split.holdout.by_user.counts * part.by_user.counts).any()


def test_without_held_out_users_there_is_nothing_to_measure(toy: Ratings) -> None:
    with pytest.raises(ValueError, match="holds no users out"):
        measure(Watching(toy, 3.0), random_split(toy))


class Sure:
    """Stands in for a recommender whose intervals reach from 3 - level to 3 + level."""

    def fold_in(self, items: np.ndarray, ratings: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(
            interval=lambda level, targets: (np.full(len(targets), 3 - level), np.full(len(targets), 3 + level))
        )


def test_the_share_held_is_that_of_the_scored_ratings_inside_the_interval(split: Split) -> None:
    shares = interval_shares(Sure(), split)  # type: ignore[arg-type]
    assert list(shares) == ["1", "5", "10", "20", "all"]
    assert list(shares["all"]) == ["50%", "80%", "95%"]
    told = Watching(split.train, 3.0)
    measure(told, split)
    assert split.holdout is not None
    by_user = split.holdout.by_user
    people = np.flatnonzero(by_user.counts >= 2)
    known = {item for items, _ in told.told[-len(people) :] for item in items}
    assert known  # with all known, the others are scored
    inside = total = 0
    for user, (items, _) in zip(people, told.told[-len(people) :], strict=True):
        every, ratings = by_user.row(int(user))
        scored = ratings[~np.isin(every, items)]
        inside += int((np.abs(scored - 3) <= 0.8).sum())
        total += len(scored)
    assert shares["all"]["80%"] == pytest.approx(inside / total)


def test_intervals_of_a_trained_model_hold_about_as_often_as_they_say(split: Split) -> None:
    trainer = Trainer(split, Hyperparameters(hidden_units=8, epochs=60))
    list(trainer)
    shares = interval_shares(Recommender(trainer.trained_model()), split)
    assert shares["all"]["50%"] < shares["all"]["80%"] <= shares["all"]["95%"]
    assert shares["all"]["95%"] > 0.8
