"""The model that a training leaves: what it predicts, and for whom."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from made_ratings import merged, with_unrated
from trained import SMALL, epochs_of, run

from autorec_core import baselines, item_noise, population
from autorec_core.events import TrainingStarted
from autorec_core.hyperparameters import ACTIVATIONS, Hyperparameters, preset
from autorec_core.ratings import Ratings
from autorec_core.rehearsal import user_based_errors
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

BASES = pytest.mark.parametrize("based_on", ["items", "users"])


# -- the model that is left -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("based_on", ["items", "users"])
@pytest.mark.parametrize("decoder", ACTIVATIONS)
def test_the_model_as_arrays_predicts_what_the_network_predicts(based_on: str, decoder: str, split: Split) -> None:
    hyperparameters = SMALL.with_changes(based_on=based_on, decoder_activation=decoder)
    trainer = Trainer(split, hyperparameters)
    run(trainer)
    model, fit = trainer.trained_model(), trainer._fit
    fit.load_weights(trainer._best)
    test = split.test
    with torch.no_grad():
        network = fit.model.decoder(fit.codes(), fit.entries(test)).numpy()
    matrix = fit.matrix(test)
    users, items = (matrix.indices, matrix.rows) if based_on == "items" else (matrix.rows, matrix.indices)
    np.testing.assert_allclose(model.reconstruct_pairs(users, items), network, rtol=0, atol=1e-4)
    known = ~model.needs_fallback(users, items)
    predicted = model.predict_pairs(users, items)
    np.testing.assert_allclose(predicted[known], split.train.scale.clip(network)[known], rtol=0, atol=1e-4)
    np.testing.assert_allclose(model.predict_user(4)[items[users == 4]], predicted[users == 4], atol=1e-5)
    rows = np.arange(3)
    whole = model.reconstruct_rows(rows)
    r, c = np.indices(whole.shape).reshape(2, -1)
    pairs = (c, r) if based_on == "items" else (r, c)
    np.testing.assert_allclose(whole.ravel(), model.reconstruct_pairs(*pairs), rtol=0, atol=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_row_that_was_trained_gets_the_same_code_as_one_that_was_not(activation: str, split: Split) -> None:
    """What a visitor's forward pass computes is what training computed, the inner layer included."""
    for inner_units in (0, 3):
        trainer = Trainer(split, SMALL.with_changes(encoder_activation=activation, inner_units=inner_units))
        run(trainer)
        model, everything = trainer.trained_model(), trainer._fit.everything
        products = np.zeros((len(everything), 6))
        np.add.at(
            products,
            everything.rows.numpy(),
            everything.inputs.numpy()[:, None] * model.encoder_weights[everything.columns.numpy()],
        )
        np.testing.assert_allclose(model.code_of(products), model.codes, rtol=0, atol=1e-5)


def test_an_inner_layer_is_counted_and_learns(split: Split) -> None:
    trainer = Trainer(split, SMALL.with_changes(inner_units=3, epochs=8, encoder_activation="identity"))
    events, _ = run(trainer)
    assert isinstance(events[0], TrainingStarted)
    assert events[0].num_parameters == 2 * 60 * 6 + 6 + 60 + 2 * 18 + 3 + 6 == trainer.trained_model().num_parameters
    errors = [event.train_rmse for event in epochs_of(events)]
    assert errors[-1] < 0.9 * errors[0]


def test_where_user_or_item_is_unknown_the_damped_means_answer(checkerboard: Ratings) -> None:
    lonely = with_unrated(checkerboard, users=1, items=1)
    split = random_split(lonely)
    trainer = Trainer(split, SMALL)
    run(trainer)
    model = trainer.trained_model()
    assert model.predict_pairs(np.array([20]), np.array([30]))[0] == pytest.approx(split.train.mean, abs=1e-5)
    assert model.predict_pairs(np.array([20]), np.array([4]))[0] == pytest.approx(float(model.item_means[4]), abs=1e-5)
    assert model.needs_fallback(np.array([20, 3, 3]), np.array([4, 30, 4])).tolist() == [True, True, False]


def test_the_number_of_parameters_is_that_of_the_paper(split: Split) -> None:
    trainer = Trainer(split, SMALL)
    events, _ = run(trainer)
    started = events[0]
    assert isinstance(started, TrainingStarted)
    assert started.num_parameters == 2 * 60 * 6 + 6 + 60 == trainer.trained_model().num_parameters


def test_the_notebook_preset_takes_a_hundred_steps_in_float64_and_does_not_beat_the_global_mean(split: Split) -> None:
    trainer = Trainer(split, preset("notebook"))
    events, ended = run(trainer)
    assert len(epochs_of(events)) == 100
    assert trainer._fit._steps_done == 100
    assert {leaf.dtype for leaf in trainer._fit.model.parameters()} == {torch.float64}
    assert ended.test_rmse is not None
    assert ended.test_rmse >= ended.baselines["global_mean"]


@pytest.mark.parametrize("name", ["balanced", "quick", "paper", "users"])
def test_every_other_preset_trains_on_anything(name: str, split: Split) -> None:
    events, ended = run(Trainer(split, preset(name).with_changes(epochs=3, hidden_units=20)))
    assert ended.reason == "finished"
    assert np.isfinite([event.objective for event in epochs_of(events)]).all()


def test_fewer_rows_than_a_batch_and_a_single_validation_rating_are_enough(toy: Ratings) -> None:
    for based_on in ("items", "users"):
        split = random_split(toy, test_fraction=0.0, valid_fraction=0.05)
        assert split.valid.num_ratings == 1
        _, ended = run(Trainer(split, Hyperparameters(based_on=based_on, epochs=3)))
        assert ended.reason == "finished"


@pytest.mark.parametrize("everything_is_cold", [False, True])
def test_validation_is_scored_as_the_test_is_with_the_fallback_for_what_has_no_training_rating(
    everything_is_cold: bool, low_rank: tuple[Ratings, np.ndarray]
) -> None:
    ratings = low_rank[0]
    is_cold = ratings.by_user.indices < 8
    warm = np.random.default_rng(0).random(ratings.num_ratings) < 0.2
    valid = ratings.select(is_cold if everything_is_cold else is_cold | warm)
    split = Split(train=ratings.select(~is_cold & ~warm), valid=valid, test=valid, holdout=None, seed=0)
    events, ended = run(Trainer(split, SMALL.with_changes(epochs=3)))
    assert ended.valid_rmse == pytest.approx(ended.test_rmse, abs=1e-6)
    assert ended.num_test_fallback >= is_cold.sum()
    if everything_is_cold:
        assert ended.valid_rmse == pytest.approx(events[0].baselines["user_item_bias"], abs=1e-6)


@BASES
@pytest.mark.parametrize("refit", [True, False])
def test_what_a_model_knows_besides_its_weights_is_that_of_the_ratings_it_learnt_from(
    based_on: str, refit: bool, split: Split
) -> None:
    hyperparameters = SMALL.with_changes(based_on=based_on, refit=refit)
    trainer = Trainer(split, hyperparameters)
    _, ended = run(trainer)
    assert ended.is_refitted is refit
    model = trainer.trained_model()
    assert trainer.trained_model() is model
    assert model.hyperparameters == hyperparameters
    assert model.items is split.train.items
    assert model.user_ids is split.train.user_ids
    assert model.scale == split.train.scale
    whole = merged(split) if refit else split.train
    np.testing.assert_array_equal(model.item_counts, whole.by_item.counts)
    np.testing.assert_array_equal(model.user_counts, whole.by_user.counts)
    averages = baselines.fit_all(whole)["user_item_bias"]
    assert model.global_mean == pytest.approx(whole.mean)
    np.testing.assert_allclose(model.item_means, averages.global_mean + averages.item_biases, rtol=1e-6)
    np.testing.assert_allclose(model.user_biases, averages.user_biases, atol=1e-6)
    assert ended.valid_rmse is not None
    assert model.residual_variance == pytest.approx(ended.valid_rmse**2)
    wide = {
        "item_prior",
        "population_mean",
        "population_covariance",
        "fold_in_variances",
        "interval_levels",
        "interval_reaches",
    }
    for field in fields(model):
        value = getattr(model, field.name)
        if isinstance(value, np.ndarray) and field.name != "user_ids":
            is_number = field.name.endswith("counts")
            expected = np.int64 if is_number else np.float64 if field.name in wide else np.float32
            assert value.dtype == expected, field.name
    width = 7 if based_on == "items" else 0
    assert model.population_mean.shape == (width,)
    assert model.population_covariance.shape == ((width, width) if width else (0,))
    assert model.item_noise.shape == ((80,) if based_on == "items" else (0,))
    if based_on == "items":
        assert model.fold_in_counts.shape == model.fold_in_variances.shape == (0,)


def test_a_refit_learns_of_each_pair_once_in_order_and_keeps_who_has_no_rating(checkerboard: Ratings) -> None:
    lonely = with_unrated(checkerboard, users=2, items=3)
    split = random_split(replace(lonely, timestamps=np.arange(480)), seed=3)
    trainer = Trainer(split, SMALL.with_changes(refit=True, epochs=2))
    run(trainer)
    learnt, model = trainer._refit.train, trainer.trained_model()
    whole = lonely.select(np.isin(np.arange(480), [*split.train.timestamps, *split.valid.timestamps]))
    for name in ("indptr", "indices", "values"):
        np.testing.assert_array_equal(getattr(learnt.by_user, name), getattr(whole.by_user, name), err_msg=name)
        assert getattr(learnt.by_user, name).dtype == getattr(whole.by_user, name).dtype, name
    assert learnt.timestamps is None
    assert len(model.user_counts) == 22
    assert len(model.item_counts) == 33


def test_how_sure_a_refitted_user_based_model_is_was_measured_before_it_saw_validation(split: Split) -> None:
    models = []
    for refit in (True, False):
        trainer = Trainer(split, SMALL.with_changes(based_on="users", refit=refit))
        run(trainer)
        models.append(trainer.trained_model())
    refitted, plain = models
    assert not np.array_equal(refitted.decoder_weights, plain.decoder_weights)
    np.testing.assert_array_equal(refitted.fold_in_counts, plain.fold_in_counts)
    np.testing.assert_array_equal(refitted.fold_in_variances, plain.fold_in_variances)
    expected = user_based_errors(plain, split)
    np.testing.assert_array_equal(plain.fold_in_variances, expected[1])


def test_of_many_ratings_some_drawn_by_the_seed_tell_the_noise_and_the_population(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_noise, "RATINGS_READ", 100)
    seeds = []
    fit_population = population.fit

    def noted(*arguments: Any, seed: int) -> population.Population:
        seeds.append(seed)
        return fit_population(*arguments, seed=seed)

    monkeypatch.setattr(population, "fit", noted)
    trainer = Trainer(split, SMALL, seed=9)
    run(trainer)
    model, train = trainer.trained_model(), split.train.by_user
    some = np.random.default_rng([9, 4]).choice(split.train.num_ratings, 100, replace=False)
    assert len(set(some.tolist())) == 100
    users, items, ratings = train.rows[some], train.indices[some], train.values[some]
    expected = item_noise.relative_noise(ratings - model.predict_pairs(users, items), items, 80)
    np.testing.assert_allclose(model.item_noise, expected, rtol=1e-6)
    assert set(seeds) == {9}
    monkeypatch.setattr(item_noise, "RATINGS_READ", split.train.num_ratings)
    trainer = Trainer(split, SMALL, seed=9)
    run(trainer)
    errors = train.values - model.predict_pairs(train.rows, train.indices)
    expected = item_noise.relative_noise(errors, train.indices, 80)
    np.testing.assert_array_equal(trainer.trained_model().item_noise, expected)  # all of them, in their order
