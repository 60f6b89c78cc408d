"""Leaning on averages: a small set gets no worse a model than its averages, and keeps what it can show to know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from autorec_core import baselines
from autorec_core.defaults import hyperparameters_for
from autorec_core.events import TrainingEnded
from autorec_core.fit import SHARES, Fit
from autorec_core.fold_in import forward_rows
from autorec_core.hyperparameters import PRESETS, Hyperparameters
from autorec_core.ratings import FloatArray, Ratings, RatingScale
from autorec_core.splits import random_split
from autorec_core.trained_model import Link
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

LEANING = Hyperparameters(hidden_units=6, epochs=3, batch_size=16, lean_on_averages=True, precision="float64")
BASES = pytest.mark.parametrize("based_on", ["items", "users"])


def made(pattern: float, level: float, noise: float, *, seed: int = 0, scale: RatingScale | None = None) -> Ratings:
    """About 1,400 ratings of 40 users and 90 items; the parts are standard deviations as shares of the scale."""
    scale = RatingScale(1, 5, 1) if scale is None else scale
    generator = np.random.default_rng(seed)
    values = 0.5 + pattern * np.outer(generator.choice([-1, 1], 40), generator.choice([-1, 1], 90))
    values += level * (generator.normal(size=(40, 1)) + generator.normal(size=90)) + noise * generator.normal(
        size=(40, 90)
    )
    users, items = np.nonzero(generator.random(values.shape) < 0.4)
    given = np.clip(np.round(scale.low + scale.span * values[users, items]), scale.low, scale.high)
    return Ratings.from_triples(users, items, given, name="made", scale=scale)


def predicted(fit: Fit, ratings: Ratings) -> FloatArray:
    """(num_ratings,) in the order of the fit's rows."""
    with torch.no_grad():
        return np.asarray(fit.model.decoder(fit.codes(), fit.entries(ratings)))


@BASES
@pytest.mark.parametrize("decoder", ["identity", "sigmoid"])
@pytest.mark.parametrize("centering", [True, False])
def test_with_nothing_kept_the_averages_are_predicted(based_on: str, decoder: str, centering: bool) -> None:
    ratings = made(0.2, 0.1, 0.1)
    changes = {"based_on": based_on, "decoder_activation": decoder, "centering": centering}
    fit = Fit(ratings, LEANING.with_changes(**changes), seed=0)
    fit.run_epoch()
    learnt = fit.weights()
    fit.load_weights(fit.leaning(learnt, 0.0))
    averages = baselines.told_apart(ratings, based_on)
    items, users = averages.item_biases, averages.user_biases
    matrix = fit.matrix(ratings)
    item, user = (matrix.rows, matrix.indices) if based_on == "items" else (matrix.indices, matrix.rows)
    of_rows, of_columns = (items[item], users[user]) if based_on == "items" else (users[user], items[item])
    mean = ratings.mean
    arrays = Link.of(decoder, ratings.scale)
    z = arrays.inverse(mean + of_columns)  # levels add up before the activation
    if centering:
        z = z + arrays.inverse(mean + of_rows) - arrays.inverse(np.full(len(z), mean))
    np.testing.assert_allclose(predicted(fit, ratings), arrays(z), atol=1e-9)
    assert fit.leaning(learnt, 1.0) is learnt


def test_each_side_is_what_the_other_leaves_the_second_time() -> None:
    ratings = made(0.0, 0.15, 0.1)
    found, once = baselines.told_apart(ratings, "users"), baselines.fit_all(ratings)["user_item_bias"]
    by_item, by_user = ratings.by_item, ratings.by_user
    items = baselines.damped_sums(by_item, by_item.values - ratings.mean - once.user_biases[by_item.indices])
    np.testing.assert_allclose(found.item_biases, items)
    users = baselines.damped_sums(by_user, by_user.values - ratings.mean - items[by_user.indices])
    np.testing.assert_allclose(found.user_biases, users)
    assert (
        baselines.rmse_of_all({"found": found, "once": once}, ratings)["found"]
        < baselines.rmse_of_all({"once": once}, ratings)["once"]
    )


def test_the_fallback_and_the_table_of_items_are_those_averages() -> None:
    split = random_split(made(0.1, 0.1, 0.1), seed=0)
    for based_on in ("items", "users"):
        trainer = Trainer(split, LEANING.with_changes(based_on=based_on, refit=False, epochs=1))
        list(trainer)
        model, expected = trainer.trained_model(), baselines.told_apart(split.train, based_on)
        np.testing.assert_allclose(model.item_means, expected.global_mean + expected.item_biases, atol=1e-5)
        np.testing.assert_allclose(model.user_biases, expected.user_biases, atol=1e-5)


def test_only_rows_that_hardly_differ_are_damped_away() -> None:
    for level, noise, expected in ((0.15, 0.1, True), (0.1, 0.15, True), (0.0, 0.2, False)):
        by_item = made(0.0, level, noise).by_item
        found = baselines.supported_damping(by_item, by_item.values - by_item.values.mean())
        assert (found == baselines.DAMPING) is expected
        assert expected or found > baselines.HARDLY
    lonely = Ratings.from_triples([1, 2, 3], [1, 2, 3], [1, 3, 5], name="lonely", scale=RatingScale(1, 5, 1)).by_item
    assert baselines.supported_damping(lonely, lonely.values - 3.0) == baselines.DAMPING


def test_what_is_right_is_kept_and_what_is_wrong_is_not() -> None:
    """The decoder's biases are moved by hand: towards the ratings that judge, away from them, and twice too far."""
    ratings = made(0.0, 0.2, 0.05)
    fit = Fit(ratings, LEANING.with_changes(centering=False), seed=0)
    fit.load_weights(fit.leaning(fit.weights(), 0.0))
    weights, entries = fit.weights(), fit.entries(ratings)
    better = baselines.damped_sums(ratings.by_user, ratings.by_user.values.astype(float), damping=0.0)
    step = torch.from_numpy(better) - weights["decoder_bias"]
    shares = [
        fit.supported_share(entries, {**weights, "decoder_bias": weights["decoder_bias"] + factor * step})
        for factor in (1.0, -1.0, 2.0, 0.0)
    ]
    assert shares[0] > 0.7
    assert shares[1] == shares[3] == 0.0
    assert shares[2] == pytest.approx(shares[0] / 2, abs=0.06)
    assert set(shares) <= set(SHARES)
    nothing = fit.entries(ratings.select(ratings.by_user.values > 9))
    assert fit.supported_share(nothing, weights) == 0.0
    np.testing.assert_array_equal(fit.weights()["decoder_bias"], weights["decoder_bias"])  # as it was before


@BASES
@pytest.mark.parametrize("scale", [RatingScale(1, 5, 1), RatingScale(0, 100, 1)])
def test_where_there_is_nothing_but_noise_it_is_below_the_biases(based_on: str, scale: RatingScale) -> None:
    ratings = made(0.0, 0.0, 0.2, scale=scale)
    *_, ended = Trainer(random_split(ratings, seed=1), hyperparameters_for(ratings.num_ratings, based_on))
    assert isinstance(ended, TrainingEnded)
    assert ended.test_rmse is not None
    assert ended.test_rmse < ended.baselines["user_item_bias"]


@BASES
def test_where_there_is_a_pattern_most_of_it_is_kept(based_on: str) -> None:
    ratings = made(0.25, 0.05, 0.05)
    trainer = Trainer(random_split(ratings, seed=0), hyperparameters_for(ratings.num_ratings, based_on))
    *_, ended = trainer
    assert isinstance(ended, TrainingEnded)
    assert ended.test_rmse is not None
    assert ended.test_rmse < 0.8 * ended.baselines["user_item_bias"]
    assert trainer._kept_share() >= 0.8


@BASES
def test_the_message_says_what_is_kept_and_a_resumed_training_keeps_as_much(based_on: str) -> None:
    split = random_split(made(0.0, 0.1, 0.2), seed=0)
    trainer = Trainer(split, LEANING.with_changes(based_on=based_on))
    events = iter(trainer)
    for _ in range(3):
        next(events)
    checkpoint = trainer.checkpoint()
    *_, ended = events
    assert isinstance(ended, TrainingEnded)
    assert f"Of what it learnt beyond averages, {trainer._kept_share():.0%} is kept" in ended.message
    resumed = Trainer(split, LEANING.with_changes(based_on=based_on), checkpoint=checkpoint)
    *_, again = resumed
    assert isinstance(again, TrainingEnded)
    assert replace(again, seconds=0, epoch_seconds_median=0, ratings_per_second=0) == replace(
        ended, seconds=0, epoch_seconds_median=0, ratings_per_second=0
    )


def test_a_user_of_the_training_is_met_as_it_was_trained() -> None:
    split = random_split(made(0.2, 0.1, 0.05), seed=0)
    trainer = Trainer(split, LEANING.with_changes(based_on="users", refit=False))
    list(trainer)
    model = trainer.trained_model()
    items, ratings = split.train.by_user.row(3)
    raw = forward_rows(model, items, ratings[None].astype(float))[0]
    np.testing.assert_allclose(raw, model.reconstruct_rows(np.array([3]))[0], rtol=0, atol=1e-4)


def test_only_sets_smaller_than_those_that_were_searched_lean() -> None:
    assert [hyperparameters_for(size).lean_on_averages for size in (500, 50_000, 100_000, 10_000_000)] == [
        *(True, True),
        *(False, False),
    ]
    assert not any(preset.hyperparameters.lean_on_averages for preset in PRESETS.values())
