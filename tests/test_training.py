"""Training: what may move a weight and what may not, how it ends, and that a resumed one is the same one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from made_ratings import ratings_of

from autorec_core.engine import Batch
from autorec_core.errors import AutoRecError, InvalidHyperparameterError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded, TrainingEvent, TrainingStarted
from autorec_core.fit import Arrays, Fit
from autorec_core.hyperparameters import ACTIVATIONS, Hyperparameters, preset
from autorec_core.metrics import rmse
from autorec_core.ratings import Compressed, Ratings, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

SMALL = Hyperparameters(
    hidden_units=6, epochs=4, batch_size=16, input_dropout=0.0, code_dropout=0.0, refit=False, precision="float64"
)
"""Quick, exact and without chance."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=1)


def run(trainer: Trainer) -> tuple[list[TrainingEvent], TrainingEnded]:
    events = list(trainer)
    assert isinstance(events[0], TrainingStarted)
    assert isinstance(events[-1], TrainingEnded)
    return events, events[-1]


def epochs_of(events: list[TrainingEvent]) -> list[EpochEnded]:
    return [event for event in events if isinstance(event, EpochEnded)]


def assert_same_model(first: TrainedModel, second: TrainedModel) -> None:
    for name in ("encoder_weights", "encoder_bias", "decoder_weights", "decoder_bias", "codes", "offsets"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def gradients_of(fit: Fit) -> dict[str, torch.Tensor]:
    """Of the squared error over all training ratings, by parameter."""
    fit.model.zero_grad()
    (fit.model(fit.everything) - fit.everything.targets).square().sum().backward()
    return {name: leaf.grad.clone() for name, leaf in fit.model.named_parameters() if leaf.grad is not None}


# -- what may move a weight -------------------------------------------------------------------------------------------


def with_unrated(ratings: Ratings, *, users: int = 0, items: int = 0) -> Ratings:
    """The same ratings among users and items of whom and which nothing is known, added at the end."""
    by_user = ratings.by_user
    more_ids = ratings.items.ids.max() + 1 + np.arange(items)
    return replace(
        ratings,
        user_ids=np.concatenate([ratings.user_ids, ratings.user_ids.max() + 1 + np.arange(users)]),
        items=replace(
            ratings.items,
            ids=np.concatenate([ratings.items.ids, more_ids]),
            titles=np.concatenate([ratings.items.titles, more_ids.astype(str)]),
            years=np.concatenate([ratings.items.years, np.zeros(items, dtype=np.int32)]),
            genres=ratings.items.genres + ((),) * items,
        ),
        by_user=Compressed(
            indptr=np.concatenate([by_user.indptr, np.full(users, by_user.indptr[-1])]),
            indices=by_user.indices,
            values=by_user.values,
            num_columns=by_user.num_columns + items,
        ),
    )


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_users_and_items_without_a_rating_change_no_prediction(based_on: str, checkerboard: Ratings) -> None:
    """Whatever stands at an entry that is not observed, the network must not learn from it."""
    hyperparameters = SMALL.with_changes(based_on=based_on, regularization=0.5)
    plain = Fit(checkerboard, hyperparameters, seed=3)
    wider = Fit(with_unrated(checkerboard, users=2, items=3), hyperparameters, seed=3)
    before = wider.weights()
    columns = plain.everything.num_columns
    assert wider.everything.num_columns > columns
    # The first weights are drawn by size: give the wider network those of the other where the two overlap.
    wider.load_weights({name: _laid_over(before[name], value) for name, value in plain.weights().items()})
    began = wider.weights()
    for _ in range(3):
        plain.run_epoch()
        wider.run_epoch()
    for name, value in plain.weights().items():
        overlap = wider.weights()[name][: len(value)]
        torch.testing.assert_close(overlap, value, rtol=0, atol=1e-12, msg=name)
    with torch.no_grad():
        torch.testing.assert_close(wider.model(plain_batch(wider, plain)), plain.model(plain.everything))
    assert torch.equal(wider.weights()["decoder_bias"][columns:], began["decoder_bias"][columns:])


def _laid_over(below: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
    both = below.clone()
    both[: len(above)] = above
    return both


def plain_batch(wider: Fit, plain: Fit) -> Batch:
    return replace(plain.everything, num_columns=wider.everything.num_columns)


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_an_unrated_column_gets_no_gradient_at_all(based_on: str, checkerboard: Ratings) -> None:
    fit = Fit(with_unrated(checkerboard, users=2, items=3), SMALL.with_changes(based_on=based_on), seed=0)
    columns = checkerboard.num_users if based_on == "items" else checkerboard.num_items
    gradients = gradients_of(fit)
    for name in ("encoder_weights", "decoder_weights", "decoder_bias"):
        assert (gradients[name][columns:] == 0).all(), name
        assert (gradients[name][:columns] != 0).any(), name


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_a_rating_of_zero_is_a_rating(based_on: str) -> None:
    """On a scale that includes 0, a 0 is as observed as a 3."""
    generator = np.random.default_rng(0)
    observed = generator.random((12, 9)) < 0.7
    observed[0] = observed[:, 0] = True
    matrix = generator.integers(0, 4, (12, 9)).astype(float)
    matrix[3, 0] = 0.0
    scale = RatingScale(0, 3, 1)
    ratings = ratings_of(matrix, name="from zero", scale=scale, observed=observed)
    assert ratings.num_ratings == observed.sum()
    fit = Fit(ratings, SMALL.with_changes(based_on=based_on, centering=False), seed=0)
    assert len(fit.everything.targets) == observed.sum()
    assert (fit.everything.targets == 0).any()
    assert fit.run_epoch().ratings_seen == observed.sum()
    # Taking one 0 away takes its error, and with it its gradient, away.
    plain = SMALL.with_changes(based_on=based_on, centering=False, input_scaling=False, input_presence=0.0)
    without = observed.copy()
    without[3, 0] = False
    other = Fit(
        ratings_of(matrix, name="less one", scale=scale, observed=without),
        plain,
        seed=0,
    )
    whole = Fit(ratings, plain, seed=0)
    column = 3 if based_on == "items" else 0
    difference = gradients_of(whole)["decoder_bias"] - gradients_of(other)["decoder_bias"]
    assert difference[column].abs() > 1e-6
    assert (difference[torch.arange(len(difference)) != column].abs() < 1e-12).all()


@pytest.mark.parametrize("based_on", ["items", "users"])
@pytest.mark.parametrize("value", [0.0, 5.0])
def test_ratings_that_are_all_the_same_are_learnt_as_such(value: float, based_on: str) -> None:
    """Validation then finds no error at all, and what builds on its size must live with that."""
    ratings = ratings_of(np.full((10, 8), value), name="one value", scale=RatingScale(0, 5, 1))
    trainer = Trainer(random_split(ratings), SMALL.with_changes(based_on=based_on))
    _, ended = run(trainer)
    assert ended.test_rmse is not None
    assert ended.test_rmse < 0.05
    model = trainer.trained_model()
    assert model.residual_variance > 0
    assert np.isfinite(Recommender(model).fold_in([0, 1], [value, value]).raw).all()


@pytest.mark.parametrize("loss_over", ["observed", "all"])
def test_only_the_cautionary_loss_counts_unknown_entries(loss_over: str, checkerboard: Ratings) -> None:
    hyperparameters = SMALL.with_changes(
        loss_over=loss_over, centering=False, optimizer="rprop", regularization=0.0, initial_scale=1e-5
    )
    figures = Fit(checkerboard, hyperparameters, seed=0).run_epoch()
    squares = float((checkerboard.by_user.values.astype(float) ** 2).sum())
    entries = checkerboard.num_ratings if loss_over == "observed" else 20 * 30
    assert figures.objective == pytest.approx(squares / entries, rel=1e-3)
    assert figures.ratings_seen == checkerboard.num_ratings


# -- the penalty ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "rprop", "lbfgs"])
def test_biases_are_not_penalised(optimizer: str, checkerboard: Ratings) -> None:
    """A crushing penalty leaves no weight, and the biases alone still learn the mean."""
    hyperparameters = SMALL.with_changes(
        optimizer=optimizer,
        regularization=10_000.0,
        encoder_regularization_factor=1.0,
        centering=False,
        learning_rate=0.2,
        schedule="constant",
        epochs=60,
    )
    fit = Fit(checkerboard, hyperparameters, seed=0)
    for _ in range(60):
        fit.run_epoch()
    weights = fit.weights()
    assert weights["decoder_weights"].abs().mean() < 0.05
    assert abs(float(weights["decoder_bias"].mean()) - checkerboard.mean) < 0.3
    penalised = {name for (name, _), share in zip(fit.model.named_parameters(), fit._penalties(), strict=True) if share}
    assert penalised == {"encoder_weights", "decoder_weights"}


@pytest.mark.parametrize("optimizer", ["rprop", "lbfgs"])
def test_full_batch_optimizers_reach_a_point_where_the_penalised_gradient_vanishes(
    optimizer: str, checkerboard: Ratings
) -> None:
    hyperparameters = SMALL.with_changes(
        optimizer=optimizer,
        hidden_units=2,
        regularization=20.0,
        encoder_regularization_factor=0.25,
        learning_rate=0.01,
        epochs=300,
    )
    fit = Fit(checkerboard, hyperparameters, seed=0)
    for _ in range(300):
        fit.run_epoch()
    gradients = gradients_of(fit)
    lambdas = {"encoder_weights": 20.0 * 0.25, "decoder_weights": 20.0}
    for name, leaf in fit.model.named_parameters():  # the squared error's gradient is twice half of itself
        total = (gradients[name] + lambdas.get(name, 0.0) * leaf.detach()) / checkerboard.num_ratings
        assert total.abs().max() < 1e-3, name


# -- everything trains ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("encoder", "decoder"), list(product(ACTIVATIONS, ACTIVATIONS)))
def test_every_pair_of_activations_comes_down(encoder: str, decoder: str, split: Split) -> None:
    hyperparameters = SMALL.with_changes(encoder_activation=encoder, decoder_activation=decoder, epochs=6)
    events, ended = run(Trainer(split, hyperparameters))
    objectives = [event.objective for event in epochs_of(events)]
    assert np.isfinite(objectives).all()
    assert objectives[-1] < objectives[0]
    assert ended.reason == "finished"
    assert ended.test_rmse is not None
    assert math.isfinite(ended.test_rmse)


@pytest.mark.parametrize("based_on", ["items", "users"])
@pytest.mark.parametrize("optimizer", ["adam", "rprop", "lbfgs"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_optimizer_comes_down_on_both_bases(based_on: str, optimizer: str, precision: str, split: Split) -> None:
    hyperparameters = SMALL.with_changes(based_on=based_on, optimizer=optimizer, precision=precision, epochs=8)
    events, ended = run(Trainer(split, hyperparameters))
    objectives = [event.objective for event in epochs_of(events)]
    assert np.isfinite(objectives).all()
    assert objectives[-1] < objectives[0]
    assert ended.test_rmse is not None
    assert ended.test_rmse < ended.baselines["global_mean"] * 1.1


@pytest.mark.parametrize("based_on", ["items", "users"])
@pytest.mark.parametrize("centering", [True, False])
@pytest.mark.parametrize("input_scaling", [True, False])
def test_every_reading_of_the_input_comes_down(
    based_on: str, centering: bool, input_scaling: bool, split: Split
) -> None:
    hyperparameters = SMALL.with_changes(
        based_on=based_on, centering=centering, input_scaling=input_scaling, input_dropout=0.3, code_dropout=0.2
    )
    events, _ = run(Trainer(split, hyperparameters.with_changes(epochs=8)))
    objectives = [event.objective for event in epochs_of(events)]
    assert np.isfinite(objectives).all()
    assert objectives[-1] < objectives[0]


def test_a_planted_matrix_of_low_rank_is_recovered_far_better_than_by_biases(
    low_rank: tuple[Ratings, np.ndarray],
) -> None:
    ratings, matrix = low_rank
    hyperparameters = Hyperparameters(
        hidden_units=16,
        encoder_activation="identity",
        regularization=0.3,
        encoder_regularization_factor=0.25,
        epochs=150,
        batch_size=64,
        input_presence=0.0,  # who rated what was drawn at random
        input_dropout=0.2,
        code_dropout=0.0,
        learning_rate=0.02,
    )
    trainer = Trainer(random_split(ratings, seed=1), hyperparameters)
    _, ended = run(trainer)
    assert ended.test_rmse is not None
    assert ended.test_rmse < 0.75 * ended.baselines["user_item_bias"]
    users, items = np.indices(matrix.shape).reshape(2, -1)
    everywhere = trainer.trained_model().predict_pairs(users, items)
    assert rmse(everywhere, matrix.ravel()) < 0.75 * ended.baselines["user_item_bias"]  # where nobody rated as well


# -- chance -----------------------------------------------------------------------------------------------------------

# Not centred, it has much to learn, so that a late epoch is the best one.
RANDOM = SMALL.with_changes(
    input_dropout=0.2, code_dropout=0.1, refit=True, epochs=5, centering=False, learning_rate=0.02
)


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(based_on: str, split: Split) -> None:
    hyperparameters = RANDOM.with_changes(based_on=based_on)
    trainers = [Trainer(split, hyperparameters, seed=seed) for seed in (5, 5, 6)]
    endings = [run(trainer)[1] for trainer in trainers]
    models = [trainer.trained_model() for trainer in trainers]
    assert_same_model(models[0], models[1])
    assert endings[0].test_rmse == endings[1].test_rmse
    assert not np.array_equal(models[0].decoder_weights, models[2].decoder_weights)


def test_test_ratings_never_change_the_weights(split: Split) -> None:
    test = split.test.by_user
    turned = replace(split.test, by_user=replace(test, values=(6.0 - test.values).astype(np.float32)))
    first, second = Trainer(split, RANDOM), Trainer(replace(split, test=turned), RANDOM)
    (_, ending), (_, other) = run(first), run(second)
    assert_same_model(first.trained_model(), second.trained_model())
    assert ending.test_rmse != other.test_rmse
    assert (ending.valid_rmse, ending.best_epoch) == (other.valid_rmse, other.best_epoch)


def test_without_refit_validation_ratings_choose_the_epoch_but_teach_nothing(split: Split) -> None:
    valid = split.valid.by_user
    turned = replace(split.valid, by_user=replace(valid, values=(6.0 - valid.values).astype(np.float32)))
    hyperparameters = RANDOM.with_changes(refit=False)
    first, second = Trainer(split, hyperparameters), Trainer(replace(split, valid=turned), hyperparameters)
    run(first)
    run(second)
    for name, value in first._fit.weights().items():
        assert torch.equal(value, second._fit.weights()[name])


# -- going on ---------------------------------------------------------------------------------------------------------


def through_json(checkpoint: tuple[Arrays, dict]) -> tuple[Arrays, dict]:  # type: ignore[type-arg]
    """As it comes back from a file."""
    arrays, values = checkpoint
    return {name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(values))


def without_clocks(event: TrainingEvent) -> TrainingEvent:
    clocks = ("seconds", "ratings_per_second", "epoch_seconds_median")
    return replace(event, **{name: 0.0 for name in clocks if hasattr(event, name)})


@pytest.mark.parametrize("optimizer", ["adam", "rprop", "lbfgs"])
@pytest.mark.parametrize("based_on", ["items", "users"])
@pytest.mark.parametrize(
    "broken_off", ["at once", "midway", "before the refit", "in the refit", "after it", "at the end"]
)
def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit(
    optimizer: str, based_on: str, broken_off: str, split: Split
) -> None:
    hyperparameters = RANDOM.with_changes(optimizer=optimizer, based_on=based_on, precision="float32")
    if optimizer == "rprop":
        hyperparameters = hyperparameters.with_changes(learning_rate=0.4)
    whole = Trainer(split, hyperparameters, seed=2)
    expected, ended = run(whole)
    assert sum(isinstance(event, RefitEpochEnded) for event in expected) == ended.best_epoch > 1
    last = len(expected)
    places = {"at once": 1, "midway": 3, "before the refit": 6, "in the refit": 7, "after it": last - 1}
    events_before = places.get(broken_off, last)
    broken = Trainer(split, hyperparameters, seed=2)
    watched = iter(broken)
    events = [next(watched) for _ in range(events_before)]
    checkpoint = through_json(broken.checkpoint())
    assert (checkpoint[1]["refit"] is not None) == (events_before > 6)
    resumed = Trainer(split, hyperparameters, seed=2, checkpoint=checkpoint)
    began, *rest = list(resumed)
    events = events[: last - 1]  # a training that has ended ends again
    assert isinstance(began, TrainingStarted)
    assert began.epoch == len(epochs_of(events))
    assert [without_clocks(event) for event in events + rest] == [without_clocks(event) for event in expected]
    assert_same_model(resumed.trained_model(), whole.trained_model())


def test_asking_for_the_model_on_the_way_changes_nothing_of_what_comes_out(split: Split) -> None:
    hyperparameters = SMALL.with_changes(refit=True)
    asked, alone = Trainer(split, hyperparameters), Trainer(split, hyperparameters)
    for event in asked:
        if event.kind != "started":
            asked.trained_model()
    list(alone)
    np.testing.assert_array_equal(asked.trained_model().decoder_weights, alone.trained_model().decoder_weights)
    with pytest.raises(ValueError, match="refit"):
        asked.change(regularization=1.0)


def test_a_checkpoint_is_a_copy_that_further_training_leaves_alone(split: Split) -> None:
    trainer = Trainer(split, RANDOM)
    watched = iter(trainer)
    for _ in range(3):
        next(watched)
    arrays, values = trainer.checkpoint()
    before, written = {name: array.copy() for name, array in arrays.items()}, json.dumps(values)
    list(watched)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert json.dumps(values) == written


def test_a_resumed_training_keeps_what_was_changed_on_the_way(split: Split) -> None:
    def changed() -> tuple[Trainer, Iterator[TrainingEvent]]:
        trainer = Trainer(split, RANDOM)
        watched = iter(trainer)
        next(watched), next(watched)
        trainer.change(learning_rate=0.002, regularization=50.0, input_dropout=0.0)
        return trainer, watched

    whole, watched = changed()
    list(watched)
    broken, _ = changed()
    resumed = Trainer(split, RANDOM, checkpoint=through_json(broken.checkpoint()))
    assert resumed.hyperparameters.regularization == 50.0
    list(resumed)
    assert_same_model(whole.trained_model(), resumed.trained_model())


def test_what_would_need_a_new_model_cannot_change_on_the_way(split: Split) -> None:
    trainer = Trainer(split, SMALL)
    with pytest.raises(ValueError, match="hidden_units can't change while it trains"):
        trainer.change(hidden_units=3)
    with pytest.raises(InvalidHyperparameterError, match="learning_rate"):
        trainer.change(learning_rate=-1.0)
    assert trainer.hyperparameters == SMALL


# -- how it ends ------------------------------------------------------------------------------------------------------


def test_patience_stops_early_and_the_best_epoch_is_kept(split: Split) -> None:
    hyperparameters = SMALL.with_changes(
        hidden_units=40, regularization=0.0, learning_rate=0.1, schedule="constant", epochs=200, patience=3
    )
    events, ended = run(Trainer(split, hyperparameters))
    epochs = epochs_of(events)
    assert ended.reason == "early_stopped"
    assert ended.epochs_run == len(epochs) < 200
    assert ended.epochs_run == ended.best_epoch + 3
    scores = [event.valid_rmse for event in epochs]
    assert ended.best_epoch == 1 + int(np.argmin(scores))
    assert ended.valid_rmse == min(scores)
    assert [event.is_best for event in epochs] == [score < min(scores[:n], default=9) for n, score in enumerate(scores)]


def test_stop_ends_with_a_test_score_of_the_best_epoch_so_far(split: Split) -> None:
    trainer = Trainer(split, SMALL.with_changes(epochs=50, refit=True))
    events = []
    for event in trainer:
        events.append(event)
        if isinstance(event, EpochEnded) and event.epoch == 3:
            trainer.stop()
    ended = events[-1]
    assert isinstance(ended, TrainingEnded)
    assert ended.reason == "stopped"
    assert ended.epochs_run == 3
    assert not ended.is_refitted
    assert ended.test_rmse is not None
    assert trainer.trained_model().decoder_weights.shape == (60, 6)


def test_stop_before_the_first_epoch_ends_without_a_model(split: Split) -> None:
    trainer = Trainer(split, SMALL)
    trainer.stop()
    events, ended = run(trainer)
    assert len(events) == 2
    assert (ended.reason, ended.best_epoch, ended.test_rmse) == ("stopped", 0, None)
    with pytest.raises(AutoRecError, match="no model"):
        trainer.trained_model()


def test_stop_during_the_refit_keeps_the_model_that_validation_chose(split: Split) -> None:
    trainer = Trainer(split, RANDOM)
    for event in trainer:
        if isinstance(event, RefitEpochEnded):
            assert event.epochs > 1
            trainer.stop()
    assert isinstance(event, TrainingEnded)
    assert event.reason == "stopped"
    assert not event.is_refitted
    plain = Trainer(split, RANDOM.with_changes(refit=False))
    _, ended = run(plain)
    assert event.test_rmse == ended.test_rmse
    assert_same_model(trainer.trained_model(), plain.trained_model())


def test_the_refit_tells_its_error_on_what_it_learns_from(split: Split) -> None:
    events, _ = run(Trainer(split, RANDOM))
    errors = [event.train_rmse for event in events if isinstance(event, RefitEpochEnded)]
    assert errors[-1] < errors[0] < split.train.scale.span


def test_stop_after_the_last_epoch_of_the_refit_has_nothing_left_to_stop(split: Split) -> None:
    trainer = Trainer(split, RANDOM)
    for event in trainer:
        if isinstance(event, RefitEpochEnded) and event.epoch == event.epochs:
            trainer.stop()
    assert isinstance(event, TrainingEnded)
    assert event.reason == "finished"
    assert event.is_refitted


@pytest.mark.parametrize("optimizer", ["adam", "rprop"])
@pytest.mark.parametrize("based_on", ["items", "users"])
def test_a_huge_learning_rate_ends_as_diverged_and_raises_nothing(optimizer: str, based_on: str, split: Split) -> None:
    hyperparameters = SMALL.with_changes(
        optimizer=optimizer,
        based_on=based_on,
        learning_rate=10.0,
        schedule="constant",
        encoder_activation="identity",
        initial_scale=1.0,
        input_scaling=False,
        centering=False,
        precision="float32",
        epochs=30,
        regularization=0.0,
    )
    events, ended = run(Trainer(split, hyperparameters))
    assert ended.reason == "diverged"
    assert ended.epochs_run == len(epochs_of(events)) < 30
    assert "ower the learning rate" in ended.message


@pytest.mark.parametrize("learning_rate", [3.0, 10.0])
@pytest.mark.parametrize("optimizer", ["adam", "rprop", "lbfgs"])
def test_no_learning_rate_raises_anything(learning_rate: float, optimizer: str, split: Split) -> None:
    hyperparameters = SMALL.with_changes(
        optimizer=optimizer, learning_rate=learning_rate, decoder_activation="selu", precision="float32", epochs=8
    )
    _, ended = run(Trainer(split, hyperparameters.with_changes(regularization=10_000.0)))
    assert ended.reason in ("finished", "diverged")
    assert ended.test_rmse is None or math.isfinite(ended.test_rmse)


def test_a_training_that_diverges_late_keeps_the_best_epoch_before(split: Split) -> None:
    trainer = Trainer(split, SMALL.with_changes(encoder_activation="identity", epochs=30, schedule="constant"))
    for event in trainer:
        if isinstance(event, EpochEnded) and event.epoch == 3:
            trainer.change(learning_rate=10.0)
    assert isinstance(event, TrainingEnded)
    assert event.reason == "diverged"
    assert 1 <= event.best_epoch < event.epochs_run < 30
    assert event.test_rmse is not None
    assert event.test_rmse < 2
    assert event.message.startswith(f"Diverged in epoch {event.epochs_run}: lower")


def test_a_refit_learns_from_train_and_validation_and_is_measured_against_baselines_that_do(split: Split) -> None:
    trainer = Trainer(split, SMALL.with_changes(refit=True))
    _, ended = run(trainer)
    model = trainer.trained_model()
    assert ended.is_refitted
    assert model.item_counts.sum() == split.train.num_ratings + split.valid.num_ratings
    plain = Trainer(split, SMALL)
    _, other = run(plain)
    assert plain.trained_model().item_counts.sum() == split.train.num_ratings
    assert ended.baselines["user_item_bias"] != other.baselines["user_item_bias"]
    assert (ended.valid_rmse, ended.train_rmse) == (other.valid_rmse, other.train_rmse)


def test_a_split_without_test_ratings_ends_without_a_test_score(low_rank: tuple[Ratings, np.ndarray]) -> None:
    _, ended = run(Trainer(random_split(low_rank[0], test_fraction=0.0), SMALL))
    assert ended.reason == "finished"
    assert ended.test_rmse is None
    assert ended.test_mae is None


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
