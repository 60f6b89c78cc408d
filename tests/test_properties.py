"""What must hold of any training and model, whatever the ratings are."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_models import model_of
from made_ratings import ratings_of
from trained import RANDOM, SMALL

from autorec_core.events import TrainingEnded
from autorec_core.fit import BY_COLUMN, Fit, Weights
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import mae, rmse, squared_error_by_group
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.runs import RunConfig, RunStore
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

BASES = pytest.mark.parametrize("based_on", ["items", "users"])
WHOLE = SMALL.with_changes(batch_size=1000)
"""All rows in one batch: no order to depend on."""


# -- names are only names ---------------------------------------------------------------------------------------------


def renamed(ratings: Ratings, users: np.ndarray, items: np.ndarray) -> Ratings:
    """The same ratings where user `u` has become `users[u]`, and item `i` `items[i]`."""
    matrix = ratings.by_user
    values, observed = (
        np.zeros((ratings.num_users, ratings.num_items)),
        np.zeros((ratings.num_users, ratings.num_items)),
    )
    values[users[matrix.rows], items[matrix.indices]] = matrix.values
    observed[users[matrix.rows], items[matrix.indices]] = 1
    there = ratings_of(values, name=ratings.name, scale=ratings.scale, observed=observed > 0)
    dense = replace(ratings.by_user, indptr=np.concatenate([[0], np.cumsum(observed.sum(1))]).astype(np.int64))
    columns = np.nonzero(observed)[1].astype(np.int32)
    by_user = replace(dense, indices=columns, values=there.by_user.values)
    return replace(ratings, by_user=by_user, timestamps=None)


def laid_anew(weights: Weights, places: np.ndarray) -> Weights:
    """The weights of a network whose column `c` has become `places[c]`."""
    back = torch.from_numpy(np.argsort(places))
    return {name: value[back] if name in BY_COLUMN else value for name, value in weights.items()}


@pytest.fixture
def orders(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """New places of users and items."""
    generator = np.random.default_rng(11)
    return generator.permutation(split.train.num_users), generator.permutation(split.train.num_items)


@BASES
@pytest.mark.parametrize("changes", [{}, {"optimizer": "rprop"}, {"lean_on_averages": True, "centering": False}])
def test_users_and_items_in_another_order_are_the_same_training_in_that_order(
    based_on: str, changes: dict[str, object], split: Split, orders: tuple[np.ndarray, np.ndarray]
) -> None:
    users, items = orders
    turned = replace(
        split,
        train=renamed(split.train, users, items),
        valid=renamed(split.valid, users, items),
        test=renamed(split.test, users, items),
    )
    hyperparameters = WHOLE.with_changes(based_on=based_on, **changes)
    plain, other = Trainer(split, hyperparameters), Trainer(turned, hyperparameters)
    # The first weights are drawn column by column, so they have to be carried along.
    other._fit.load_weights(laid_anew(plain._fit.weights(), users if based_on == "items" else items))
    ended, again = list(plain)[-1], list(other)[-1]
    assert isinstance(ended, TrainingEnded)
    assert isinstance(again, TrainingEnded)
    assert ended.best_epoch == again.best_epoch > 0
    for name in ("train_rmse", "valid_rmse", "test_rmse", "test_mae"):
        assert getattr(again, name) == pytest.approx(getattr(ended, name), abs=1e-6), name
    assert again.baselines == pytest.approx(ended.baselines)
    first, second = plain.trained_model(), other.trained_model()
    for user in range(0, 60, 7):
        np.testing.assert_allclose(second.predict_user(users[user])[items], first.predict_user(user), atol=1e-5)
    for name, places in (("item_means", items), ("item_counts", items), ("user_biases", users), ("user_counts", users)):
        np.testing.assert_allclose(getattr(second, name)[places], getattr(first, name), atol=1e-5, err_msg=name)
    rated, given_ratings = np.array([4, 17, 30]), [5.0, 1.0, 3.5]
    met, again_met = (
        Recommender(first).fold_in(rated, given_ratings),
        Recommender(second).fold_in(items[rated], given_ratings),
    )
    np.testing.assert_allclose(again_met.raw[items], met.raw, atol=1e-3)
    np.testing.assert_allclose(again_met.effects(items), met.effects(np.arange(80)), atol=1e-3)
    if based_on == "items":  # how sure a user-based model is was measured with ratings drawn by chance
        np.testing.assert_allclose(again_met.variance[items], met.variance, atol=1e-3)


@given(st.permutations(range(12)), st.integers(0, 2**32 - 1))
def test_errors_do_not_depend_on_the_order_of_the_ratings(order: list[int], seed: int) -> None:
    predicted, given_ratings = np.random.default_rng(seed).uniform(1, 5, (2, 12))
    for error in (rmse, mae):
        assert error(predicted[order], given_ratings[order]) == pytest.approx(error(predicted, given_ratings))
    groups = np.arange(12) % 3
    whole = squared_error_by_group(predicted, given_ratings, groups, 3)
    turned = squared_error_by_group(predicted[order], given_ratings[order], groups[order], 3)
    assert turned[0] == pytest.approx(whole[0])
    assert turned[1].tolist() == whole[1].tolist()


# -- what is not observed ---------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["items", "users"]), st.booleans(), st.booleans())
def test_a_column_without_a_rating_changes_no_weight_of_the_others(
    seed: int, based_on: str, centering: bool, leaning: bool
) -> None:
    """Wherever it stands among them; `test_training_weights.py` looks at its gradient."""
    generator = np.random.default_rng(seed)
    matrix, observed = generator.integers(1, 6, (9, 8)).astype(float), generator.random((9, 8)) < 0.6
    observed[0] = observed[:, 0] = True
    place = int(generator.integers(0, 9))
    axis = 0 if based_on == "items" else 1  # the columns that the network reads are users, or items
    scale = RatingScale(1, 5, 1)
    small = ratings_of(matrix, name="small", scale=scale, observed=observed)
    width = 9 - axis
    place = min(place, width)
    # A rating that is there while ids are given out, and then taken away, leaves its column behind.
    wide_observed = np.insert(observed, place, True, axis=axis)
    wide_matrix = np.insert(matrix, place, 3.0, axis=axis)
    wide = ratings_of(wide_matrix, name="wide", scale=scale, observed=wide_observed)
    of_place = (wide.by_user.rows if axis == 0 else wide.by_user.indices) == place
    wide = wide.select(~of_place)
    assert wide.num_ratings == small.num_ratings
    hyperparameters = WHOLE.with_changes(based_on=based_on, centering=centering, lean_on_averages=leaning)
    plain, wider = Fit(small, hyperparameters, seed=0), Fit(wide, hyperparameters, seed=0)
    others = torch.from_numpy(np.delete(np.arange(width + 1), place))
    began = wider.weights()
    for name, value in plain.weights().items():
        if name in BY_COLUMN:
            began[name][others] = value
        else:
            began[name] = value
    wider.load_weights(began)
    for _ in range(3):
        first, second = plain.run_epoch(), wider.run_epoch()
        assert second.train_rmse == pytest.approx(first.train_rmse, abs=1e-9)
    found = wider.weights()
    for name, value in plain.weights().items():
        there = found[name][others] if name in BY_COLUMN else found[name]
        torch.testing.assert_close(there, value, rtol=0, atol=1e-9, msg=name)
    torch.testing.assert_close(wider.codes(), plain.codes(), rtol=0, atol=1e-9)


# -- lambda is of the ratings together --------------------------------------------------------------------------------


@BASES
@pytest.mark.parametrize("optimizer", ["adam", "rprop"])
@pytest.mark.parametrize("times", [2, 5])
def test_as_many_times_the_rows_with_as_many_times_lambda_learn_the_same(
    based_on: str, optimizer: str, times: int, split: Split
) -> None:
    """The paper's objective is a sum over the ratings, with lambda once: both sides grow together."""
    ratings, axis = split.train, 1 if based_on == "items" else 0  # the rows that the network reads
    dense, observed = np.zeros((60, 80)), np.zeros((60, 80), dtype=bool)
    dense[ratings.by_user.rows, ratings.by_user.indices] = ratings.by_user.values
    observed[ratings.by_user.rows, ratings.by_user.indices] = True
    made = partial(ratings_of, name="more", scale=ratings.scale)
    once = made(dense, observed=observed)
    more = made(np.concatenate([dense] * times, axis), observed=np.concatenate([observed] * times, axis))
    hyperparameters = WHOLE.with_changes(based_on=based_on, optimizer=optimizer, regularization=4.0)
    plain = Fit(once, hyperparameters, seed=1)
    scaled = Fit(more, hyperparameters.with_changes(regularization=4.0 * times), seed=1)
    unscaled = Fit(more, hyperparameters, seed=1)
    for _ in range(4):
        first, second = plain.run_epoch(), scaled.run_epoch()
        unscaled.run_epoch()
        assert second.objective == pytest.approx(first.objective, abs=1e-9)
    for name, value in plain.weights().items():
        torch.testing.assert_close(scaled.weights()[name], value, rtol=0, atol=1e-7, msg=name)
    assert any(
        not torch.allclose(unscaled.weights()[name], value, rtol=0, atol=1e-6)
        for name, value in plain.weights().items()
    )


# -- meeting somebody again -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnt_before() -> dict[str, TrainedModel]:
    """Models are read-only, so what one test trained serves the others."""
    return {}


@pytest.fixture(params=["items", "users"])
def learnt(request: pytest.FixtureRequest, split: Split, learnt_before: dict[str, TrainedModel]) -> TrainedModel:
    """A model that has found the planted pattern."""
    if request.param not in learnt_before:
        trainer = Trainer(
            split,
            SMALL.with_changes(
                based_on=request.param,
                encoder_activation="identity",
                epochs=60,
                learning_rate=0.02,
                regularization=0.5,
                input_dropout=0.2,
                input_presence=0.0,  # who rated what was drawn at random
            ),
        )
        list(trainer)
        learnt_before[request.param] = trainer.trained_model()
    return learnt_before[request.param]


def test_a_user_of_the_training_is_met_close_to_their_trained_row(learnt: TrainedModel, split: Split) -> None:
    """User-based it is the same forward pass; item-based a posterior, which has to come near what was learnt."""
    recommender, apart, from_nothing, from_opposite = Recommender(learnt), [], [], []
    nothing = recommender.fold_in([], []).predicted_ratings
    for user in range(60):
        items, ratings = split.train.by_user.row(user)
        row = learnt.predict_user(user)
        apart.append(rmse(recommender.fold_in(items, ratings).predicted_ratings, row))
        from_opposite.append(rmse(recommender.fold_in(items, 6 - ratings).predicted_ratings, row))
        from_nothing.append(rmse(nothing, row))
    if learnt.by_items:
        assert np.mean(apart) < 0.4 * np.mean(from_nothing) < 0.4 * np.mean(from_opposite)
    else:
        assert max(apart) < 1e-4 < np.mean(from_nothing)


@settings(max_examples=25)
@given(st.data())
def test_leaving_one_rating_out_is_meeting_the_visitor_without_it(learnt: TrainedModel, draw: st.DataObject) -> None:
    """For any visitor, at the left-out item and at every other."""
    draw_of = draw.draw
    items = draw_of(st.lists(st.integers(0, 79), min_size=1, max_size=25, unique=True))
    ratings = draw_of(st.lists(st.floats(1, 5, allow_subnormal=False), min_size=len(items), max_size=len(items)))
    out = draw_of(st.integers(0, len(items) - 1))
    recommender = Recommender(learnt)
    met = recommender.fold_in(items, ratings)
    without = recommender.fold_in(np.delete(items, out), np.delete(ratings, out)).predicted_ratings
    assert met.left_out[out] == pytest.approx(without[items[out]], abs=1e-7)
    effect = met.effects(np.arange(80))[:, out]
    np.testing.assert_allclose(met.predicted_ratings - effect, without, rtol=0, atol=1e-7)


# -- keeping --------------------------------------------------------------------------------------------------------


def assert_is_same(found: TrainedModel, kept: TrainedModel) -> None:
    for field in fields(TrainedModel):
        was, became = getattr(kept, field.name), getattr(found, field.name)
        if field.name == "items":
            for part in ("ids", "titles", "years"):
                np.testing.assert_array_equal(getattr(became, part), getattr(was, part), err_msg=part)
                assert getattr(became, part).dtype.kind == getattr(was, part).dtype.kind, part
            assert became.genres == was.genres
        elif isinstance(was, np.ndarray):
            assert became.dtype == was.dtype, field.name
            np.testing.assert_array_equal(became, was, err_msg=field.name)
        else:
            assert became == was, field.name


def test_a_trained_model_that_was_kept_is_the_same_in_every_part(learnt: TrainedModel, tmp_path: Path) -> None:
    run = RunStore(tmp_path).create(RunConfig())
    run.save_model(learnt)
    assert_is_same(run.load_model(), learnt)


@settings(max_examples=15)
@given(
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from(["items", "users"]),
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12),
        min_size=5,
        max_size=5,
    ),
    st.integers(0, 2**32 - 1),
)
def test_any_model_that_was_kept_is_the_same_in_every_part(
    tmp_path: Path, num_items: int, width: int, based_on: str, titles: list[str], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    model = model_of(
        generator.normal(size=(num_items, width)) * 10.0 ** generator.integers(-30, 30, (num_items, width)),
        based_on=based_on,
        years=generator.integers(1900, 2030, num_items),
        genres=[("Drama", "Sci-Fi")[: int(generator.integers(0, 3))] for _ in range(num_items)],
    )
    model = replace(model, items=replace(model.items, titles=np.array(titles[:num_items])))
    run = RunStore(tmp_path).create(RunConfig())
    run.save_model(model)
    assert_is_same(run.load_model(), model)


@BASES
@pytest.mark.parametrize("optimizer", ["adam", "rprop", "lbfgs"])
def test_a_checkpoint_that_is_taken_up_gives_the_same_checkpoint(
    based_on: str, optimizer: str, split: Split, tmp_path: Path
) -> None:
    hyperparameters: Hyperparameters = RANDOM.with_changes(based_on=based_on, optimizer=optimizer)
    trainer = Trainer(split, hyperparameters, seed=3)
    run = RunStore(tmp_path).create(RunConfig(hyperparameters=hyperparameters))
    for number, _ in enumerate(trainer):
        if number in (0, 2, 7):  # before, within, and in the refit
            arrays, values = trainer.checkpoint()
            run.save_checkpoint(arrays, values)
            kept = run.load_checkpoint()
            assert kept is not None
            found, said = Trainer(split, hyperparameters, seed=3, checkpoint=kept).checkpoint()
            assert said == values
            assert found.keys() == arrays.keys()
            for name, array in arrays.items():
                np.testing.assert_array_equal(found[name], array, err_msg=name)
