"""Chance and going on: the same seed is the same training, and a resumed one is the uninterrupted one bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from trained import RANDOM, SMALL, assert_same_model, epochs_of, run

from autorec_core.errors import InvalidHyperparameterError
from autorec_core.events import RefitEpochEnded, TrainingEvent, TrainingStarted
from autorec_core.fit import Arrays
from autorec_core.splits import Split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


# -- chance -----------------------------------------------------------------------------------------------------------


# Not centred, it has much to learn, so that a late epoch is the best one.
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


def test_a_checkpoint_before_the_first_epoch_says_that_there_is_nothing_yet(split: Split) -> None:
    trainer = Trainer(split, SMALL)
    _, values = trainer.checkpoint()
    assert (values["epoch"], values["best_epoch"], values["best_valid_rmse"]) == (0, 0, None)
    assert values["epoch_seconds"] == []
    assert values["has_diverged"] is trainer.has_diverged is False
    assert values["refit"] is None
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_a_training_that_has_diverged_has_diverged_when_it_is_taken_up_again(split: Split) -> None:
    hyperparameters = SMALL.with_changes(encoder_activation="identity", epochs=30, schedule="constant")
    trainer = Trainer(split, hyperparameters)
    for event in trainer:
        if event.kind == "epoch" and event.epoch == 2:
            trainer.change(learning_rate=10.0)
    resumed = Trainer(split, hyperparameters, checkpoint=through_json(trainer.checkpoint()))
    assert resumed.has_diverged is trainer.has_diverged is True
    assert [without_clocks(event) for event in list(resumed)[1:]] == [without_clocks(event)]
