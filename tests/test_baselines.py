"""The predictions to beat, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autorec_core import baselines
from autorec_core.baselines import DAMPING, damped_sums
from autorec_core.metrics import rmse
from autorec_core.ratings import Ratings, RatingScale


def few() -> Ratings:
    """Mean 3. User 1: movies 1, 2; user 2: movie 1; user 3: movie 3."""
    return Ratings.from_triples([1, 1, 2, 3], [1, 2, 1, 3], [5, 1, 4, 2], name="few", scale=RatingScale(1, 5, 1))


def test_a_damped_mean_is_the_sum_over_the_count_and_the_damping() -> None:
    ratings = few()
    by_user = ratings.by_user
    np.testing.assert_allclose(damped_sums(by_user, by_user.values - 3), [0 / 7, 1 / 6, -1 / 6])
    np.testing.assert_allclose(damped_sums(by_user, by_user.values - 3, damping=0), [0, 1, -1])


def test_an_empty_row_deviates_by_nothing_even_without_damping() -> None:
    ratings = few().select(np.array([True, True, False, True]))
    deviations = damped_sums(ratings.by_user, ratings.by_user.values.astype(float), damping=0)
    assert deviations.tolist() == [3.0, 0.0, 2.0]


def test_biases_are_those_worked_out_by_hand() -> None:
    fitted = baselines.fit_all(few())
    items = np.array([3 / 7, -2 / 6, -1 / 6])  # deviations +2 and +1; -2; -1
    np.testing.assert_allclose(fitted["user_item_bias"].item_biases, items)
    left_over = [(2 - items[0]) + (-2 - items[1]), 1 - items[0], -1 - items[2]]
    users = np.array(left_over) / (np.array([2, 1, 1]) + DAMPING)
    np.testing.assert_allclose(fitted["user_item_bias"].user_biases, users)
    pair = fitted["user_item_bias"].predict_pairs(np.array([1, 2]), np.array([0, 2]))
    np.testing.assert_allclose(pair, [3 + items[0] + users[1], 3 + items[2] + users[2]])


def test_each_baseline_adds_to_the_one_before(toy: Ratings) -> None:
    fitted = baselines.fit_all(toy)
    assert list(fitted) == ["global_mean", "item_mean", "user_item_bias"]
    assert {baseline.global_mean for baseline in fitted.values()} == {toy.mean}
    users, items = toy.by_user.rows, toy.by_user.indices
    assert set(fitted["global_mean"].predict_pairs(users, items)) == {toy.mean}
    by_item = fitted["item_mean"].predict_pairs(users, items)
    assert all(len(set(by_item[items == item])) == 1 for item in range(5))
    np.testing.assert_array_equal(fitted["item_mean"].item_biases, fitted["user_item_bias"].item_biases)
    assert not fitted["item_mean"].user_biases.any()


def test_who_and_what_is_unknown_is_met_with_the_global_mean(toy: Ratings) -> None:
    chosen = (toy.by_user.rows != 2) & (toy.by_user.indices != 4)
    train = toy.select(chosen)
    bias = baselines.fit_all(train)["user_item_bias"]
    assert bias.predict_pairs(np.array([2]), np.array([4]))[0] == train.mean


def test_each_baseline_is_better_than_the_simpler_one_on_a_matrix_of_biases() -> None:
    generator = np.random.default_rng(0)
    matrix = 3 + generator.normal(0, 0.5, (60, 1)) + generator.normal(0, 0.5, (1, 50))
    users, items = np.indices(matrix.shape).reshape(2, -1)
    ratings = Ratings.from_triples(users, items, matrix.ravel(), name="biases", scale=RatingScale(-2, 8, 1))
    chosen = generator.random(ratings.num_ratings) < 0.8
    scores = baselines.rmse_of_all(baselines.fit_all(ratings.select(chosen)), ratings.select(~chosen))
    assert scores["global_mean"] > scores["item_mean"] > scores["user_item_bias"]
    assert scores["user_item_bias"] < 0.15


def test_scores_are_of_clipped_predictions() -> None:
    high = baselines.Baseline(9.0, np.zeros(3), np.zeros(3))
    given = few()
    expected = rmse(np.full(4, 5.0), given.by_user.values)
    assert baselines.rmse_of_all({"high": high}, given) == {"high": pytest.approx(expected)}


def test_only_the_training_ratings_are_read(toy: Ratings) -> None:
    chosen = np.arange(15) < 10
    train = toy.select(chosen)
    before = baselines.fit_all(train)["user_item_bias"]
    turned = Ratings.from_triples(
        toy.user_ids[toy.by_user.rows],
        toy.items.ids[toy.by_user.indices],
        np.where(chosen, toy.by_user.values, 6 - toy.by_user.values),
        name="turned",
        scale=toy.scale,
    )
    after = baselines.fit_all(turned.select(chosen))["user_item_bias"]
    np.testing.assert_array_equal(before.item_biases, after.item_biases)
    np.testing.assert_array_equal(before.user_biases, after.user_biases)


def test_no_ratings_at_all_leave_the_middle_of_the_scale(toy: Ratings) -> None:
    nothing = toy.select(np.zeros(15, dtype=bool))
    bias = baselines.fit_all(nothing)["user_item_bias"]
    assert bias.predict_pairs(np.array([0]), np.array([0])).tolist() == [3.0]
