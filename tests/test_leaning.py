"""Leaning on averages: a small set gets no worse a model than its averages, and keeps what it can show to know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from autorec_core import averages, baselines, training
from autorec_core.averages import ItemPrior
from autorec_core.defaults import hyperparameters_for
from autorec_core.events import TrainingEnded
from autorec_core.fit import SHARES, SURE, Fit
from autorec_core.hyperparameters import PRESETS, Hyperparameters
from autorec_core.metrics import rmse
from autorec_core.new_rows import forward_rows
from autorec_core.pitfalls import leaks
from autorec_core.ratings import FloatArray, Ratings, RatingScale
from autorec_core.splits import random_split
from autorec_core.trained_model import Link
from autorec_core.training import Trainer
from autorec_core.walkthrough import means_of

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
    begun = averages.fit(ratings)
    items, users = begun.item_biases, begun.user_biases
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


def test_the_fallback_and_the_table_of_items_are_those_averages() -> None:
    split = random_split(made(0.1, 0.1, 0.1), seed=0)
    for based_on in ("items", "users"):
        trainer = Trainer(split, LEANING.with_changes(based_on=based_on, refit=False, epochs=1))
        list(trainer)
        model, expected = trainer.trained_model(), averages.fit(split.train)
        np.testing.assert_allclose(model.item_means, expected.global_mean + expected.item_biases, atol=1e-5)
        np.testing.assert_allclose(model.user_biases, expected.user_biases, atol=1e-5)
        assert ItemPrior(*model.item_prior) == expected.item_prior


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
    values = ratings.by_item.values.astype(float)
    moved = (better - weights["decoder_bias"].numpy())[ratings.by_item.indices]
    begun = weights["decoder_bias"].numpy()[ratings.by_item.indices]
    squares = [(np.clip(begun + share * moved, 1, 5) - values) ** 2 for share in SHARES]
    more = [square - squares[0] for square in squares]
    assert shares[0] == SHARES[int(np.argmin([m.mean() + SURE * m.std() / len(m) ** 0.5 for m in more]))]
    assert shares[0] > 0.6
    assert shares[1] == shares[3] == 0.0
    assert shares[2] == pytest.approx(shares[0] / 2, abs=0.06)
    assert set(shares) <= set(SHARES)
    nothing = fit.entries(ratings.select(ratings.by_user.values > 9))
    assert fit.supported_share(nothing, weights) == 0.0
    np.testing.assert_array_equal(fit.weights()["decoder_bias"], weights["decoder_bias"])  # as it was before


@BASES
@pytest.mark.parametrize("scale", [RatingScale(1, 5, 1), RatingScale(0, 100, 1)])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_where_validation_shows_no_gain_it_predicts_exactly_the_averages(
    based_on: str, scale: RatingScale, level: float
) -> None:
    split = random_split(made(0.0, level, 0.2, scale=scale), seed=2)
    trainer = Trainer(split, hyperparameters_for(1_400, based_on))
    *_, ended = trainer
    assert isinstance(ended, TrainingEnded)
    assert ended.is_refitted
    assert trainer._kept_share() == 0.0
    users, items = split.test.by_user.rows, split.test.by_user.indices
    begun = averages.fit(training._joined(split.train, split.valid))
    expected = scale.clip(begun.predict_pairs(users, items))
    np.testing.assert_allclose(trainer.trained_model().predict_pairs(users, items), expected, atol=1e-6 * scale.span)
    bias = baselines.fit_all(training._joined(split.train, split.valid))["user_item_bias"]
    given = split.test.by_user.values
    scored = rmse(scale.clip(bias.predict_pairs(users, items)), given)
    assert ended.baselines["user_item_bias"] == pytest.approx(scored, abs=1e-9)  # the line stays the plain bias
    assert ended.test_rmse == pytest.approx(rmse(expected, given), abs=1e-6 * scale.span)


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
    kept = f"Of what it learnt beyond averages, {trainer._kept_share():.0%} is kept: so much does validation support."
    best = f"All {ended.epochs_run} epochs are done; epoch {ended.best_epoch} was the best on validation."
    again = f"The model was fitted again to train and validation, up to epoch {ended.best_epoch}."
    assert ended.message == f"{best} {again} {kept}"
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


def test_a_movie_of_the_training_is_read_as_it_was_trained() -> None:
    split = random_split(made(0.2, 0.1, 0.05), seed=0)
    trainer = Trainer(split, LEANING.with_changes(refit=False))
    list(trainer)
    model = trainer.trained_model()
    np.testing.assert_allclose(model.link.inverse(means_of(model, split.train.by_item)), model.offsets, atol=2e-4)
    plain = replace(model, item_prior=np.zeros(0))  # kept by an app that knew of no prior
    by_item = split.train.by_item
    damped = plain.global_mean + baselines.damped_sums(by_item, by_item.values - plain.global_mean)
    np.testing.assert_allclose(means_of(plain, by_item), damped)


def test_only_sets_smaller_than_those_that_were_searched_lean() -> None:
    assert [hyperparameters_for(size).lean_on_averages for size in (500, 50_000, 100_000, 10_000_000)] == [
        *(True, True),
        *(False, False),
    ]
    assert not any(preset.hyperparameters.lean_on_averages for preset in PRESETS.values())


@BASES
def test_a_training_that_is_taken_up_again_leans_on_the_same_averages(based_on: str) -> None:
    split = random_split(made(0.2, 0.1, 0.05), seed=0)
    chosen = LEANING.with_changes(based_on=based_on)
    whole = Trainer(split, chosen)
    list(whole)
    broken = Trainer(split, chosen)
    watched = iter(broken)
    for _ in range(3):
        next(watched)
    resumed = Trainer(split, chosen, checkpoint=broken.checkpoint())
    list(resumed)
    ours, theirs = resumed.trained_model(), whole.trained_model()
    for name in ("item_means", "item_prior", "user_biases", "offsets", "decoder_bias", "decoder_weights"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@BASES
def test_without_a_leak_the_known_test_ratings_are_predicted_as_by_the_model(based_on: str) -> None:
    split = random_split(made(0.2, 0.1, 0.05), seed=0)
    trainer = Trainer(split, LEANING.with_changes(based_on=based_on))
    list(trainer)
    model, test = trainer.trained_model(), split.test
    learnt = (split.train, split.valid) if trainer._is_refitted else (split.train,)
    users, items = test.by_user.rows, test.by_user.indices
    known = ~model.needs_fallback(users, items)
    honest = rmse(model.predict_pairs(users, items)[known], test.by_user.values[known])
    (found,), number = leaks(model, learnt, test, [0.0])
    assert number == known.sum()
    assert found.rmse == pytest.approx(honest, abs=1e-4)
