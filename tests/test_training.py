"""Training: that everything comes down, and how it ends."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from statistics import median

import numpy as np
import pytest
from made_ratings import merged
from trained import RANDOM, SMALL, assert_same_model, epochs_of, run

from autorec_core import baselines
from autorec_core.errors import AutoRecError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded, TrainingStarted
from autorec_core.fit import EpochFigures, Fit
from autorec_core.hyperparameters import ACTIVATIONS, Hyperparameters
from autorec_core.metrics import mae, rmse
from autorec_core.ranks import Ranks
from autorec_core.ratings import Ratings
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


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
    _, again = run(Trainer(split, hyperparameters.with_changes(refit=True)))
    assert (again.reason, again.best_epoch) == ("early_stopped", ended.best_epoch)
    assert again.is_refitted


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
    assert event.baselines == ended.baselines, "of the ratings that the model learnt from"
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


# -- what it says -----------------------------------------------------------------------------------------------------


def test_each_end_says_what_ended_it_and_what_to_do(split: Split) -> None:
    def said(trainer: Trainer, *, stop_after: int | None = None, why: str | None = None) -> TrainingEnded:
        for event in trainer:
            if isinstance(event, EpochEnded) and event.epoch == stop_after:
                trainer.stop() if why is None else trainer.stop(why)
        assert isinstance(event, TrainingEnded)
        return event

    ended = said(Trainer(split, SMALL))
    best = f"epoch {ended.best_epoch} was the best on validation"
    assert ended.message == f"All 4 epochs are done; {best}."
    ended = said(Trainer(split, SMALL.with_changes(epochs=1)))
    assert ended.message == "1 epoch is done; epoch 1 was the best on validation."
    ended = said(Trainer(split, SMALL.with_changes(refit=True)))
    again = f"The model was fitted again to train and validation, up to epoch {ended.best_epoch}."
    assert ended.message == f"All 4 epochs are done; {best}. {again}"
    overfits = {"regularization": 0.0, "learning_rate": 0.1, "schedule": "constant", "hidden_units": 40}
    ended = said(Trainer(split, SMALL.with_changes(epochs=200, patience=3, **overfits)))
    assert ended.message == f"No better epoch in 3; epoch {ended.best_epoch} was the best on validation."
    ended = said(Trainer(split, SMALL), stop_after=1)
    assert ended.message == "Stopped after epoch 1; epoch 1 was the best on validation."
    ended = said(Trainer(split, SMALL), stop_after=1, why="The time is up.")
    assert ended.message == "The time is up. Stopped after epoch 1; epoch 1 was the best on validation."
    ended = said(Trainer(split, SMALL), stop_after=4, why="The time is up.")
    assert ended.message == f"All 4 epochs are done; {best}."
    trainer = Trainer(split, SMALL)
    trainer.stop("The time is up.")
    assert said(trainer).message == "Stopped before the first epoch ended."
    huge = {"initial_scale": 1.0, "learning_rate": 10.0, "encoder_activation": "identity", "centering": False}
    ended = said(Trainer(split, SMALL.with_changes(epochs=30, schedule="constant", regularization=0.0, **huge)))
    assert ended.best_epoch == 0
    assert ended.message == "The training diverged: the error left every bound. Lower the learning rate."
    assert (ended.train_rmse, ended.valid_rmse, ended.test_rmse, ended.test_mae) == (None, None, None, None)
    assert ended.num_test_fallback == 0
    none_counted = Trainer(split, SMALL)._end("finished")
    assert none_counted.message == "No epoch gave a finite validation RMSE. Lower the learning rate."


def test_the_beginning_says_how_much_there_is_to_learn_from(split: Split) -> None:
    trainer = Trainer(split, SMALL)
    started = next(iter(trainer))
    assert isinstance(started, TrainingStarted)
    assert (started.epoch, started.epochs) == (0, 4)
    assert (started.num_train, started.num_valid, started.num_test) == (
        split.train.num_ratings,
        split.valid.num_ratings,
        split.test.num_ratings,
    )
    fitted = baselines.fit_all(split.train)
    assert started.baselines == trainer.valid_baselines == baselines.rmse_of_all(fitted, split.valid)


def test_each_epoch_and_the_end_say_how_long_and_how_fast_it_was(split: Split) -> None:
    trainer = Trainer(split, SMALL.with_changes(epochs=5, schedule="constant", learning_rate=0.01))
    events, ended = run(trainer)
    epochs = epochs_of(events)
    assert [event.learning_rate for event in epochs] == [0.01] * 5
    for event in epochs:
        assert event.seconds > 0
        assert event.ratings_per_second == pytest.approx(split.train.num_ratings / event.seconds)
    seconds = [event.seconds for event in epochs]
    assert ended.seconds == pytest.approx(sum(seconds))
    assert ended.epoch_seconds_median == median(seconds)
    assert ended.ratings_per_second == pytest.approx(split.train.num_ratings / median(seconds))
    assert ended.baselines == baselines.rmse_of_all(baselines.fit_all(split.train), split.test)
    model, test = trainer.trained_model(), split.test.by_user
    predicted = model.predict_pairs(test.rows, test.indices)
    assert ended.test_rmse == rmse(predicted, test.values)
    assert ended.test_mae == mae(predicted, test.values)
    train = split.train.by_user
    fitted = model.predict_pairs(train.rows, train.indices)
    assert ended.train_rmse == pytest.approx(rmse(fitted, train.values), abs=1e-5)
    stopped = Trainer(split, SMALL)
    stopped.stop()
    _, ended = run(stopped)
    assert (ended.seconds, ended.epoch_seconds_median) == (0, 0)
    assert ended.ratings_per_second == pytest.approx(split.train.num_ratings * 1e9)


def test_each_epoch_of_the_refit_is_counted(split: Split) -> None:
    events, ended = run(Trainer(split, RANDOM))
    refits = [event for event in events if isinstance(event, RefitEpochEnded)]
    assert [event.epoch for event in refits] == list(range(1, ended.best_epoch + 1))
    assert {event.epochs for event in refits} == {ended.best_epoch}
    assert all(event.seconds > 0 for event in refits)
    assert ended.baselines == baselines.rmse_of_all(baselines.fit_all(merged(split)), split.test)


def test_the_norm_of_the_gradient_and_divergence_are_told_while_it_trains(split: Split) -> None:
    trainer = Trainer(split, SMALL.with_changes(encoder_activation="identity", epochs=30, schedule="constant"))
    assert trainer.gradient_norm is None
    for event in trainer:
        if isinstance(event, EpochEnded):
            assert trainer.gradient_norm is not None
            if event.epoch == 3:
                assert 0 < trainer.gradient_norm < math.inf
                assert not trainer.has_diverged
                trainer.change(learning_rate=10.0)
    assert trainer.has_diverged


def test_what_can_not_change_is_named_together(split: Split) -> None:
    trainer = Trainer(split, SMALL.with_changes(refit=True))
    with pytest.raises(ValueError, match=r"^batch_size, hidden_units can't change while it trains; start a new run\.$"):
        trainer.change(hidden_units=3, batch_size=7, learning_rate=0.1)
    run(trainer)
    with pytest.raises(
        ValueError, match=r"^The refit repeats the epochs that validation chose; nothing can change in it\.$"
    ):
        trainer.change(learning_rate=0.1)
    fresh = Trainer(split, SMALL)
    with pytest.raises(
        AutoRecError, match=r"^This training has no model: no epoch ended with a finite validation RMSE\.$"
    ):
        fresh.trained_model()


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_who_and_what_is_unknown_to_training_is_scored_by_its_averages(based_on: str, checkerboard: Ratings) -> None:
    """In validation, which chooses, as in the test."""
    users, items = checkerboard.by_user.rows, checkerboard.by_user.indices
    is_cold = (users == 3) | (items == 4)
    draw = np.random.default_rng(0).random(len(users))
    in_test, in_valid = draw < 0.2, (draw >= 0.2) & (draw < 0.5)
    parts = (
        checkerboard.select(~is_cold & ~in_test & ~in_valid),
        checkerboard.select(in_valid),
        checkerboard.select(in_test),
    )
    split = Split(*parts, holdout=None, seed=0)
    trainer = Trainer(split, SMALL.with_changes(based_on=based_on, epochs=3))
    _, ended = run(trainer)
    model = trainer.trained_model()
    for part, told in ((split.valid, ended.valid_rmse), (split.test, ended.test_rmse)):
        rows, columns, given = part.by_user.rows, part.by_user.indices, part.by_user.values
        assert model.needs_fallback(rows, columns).any()
        assert not model.needs_fallback(rows, columns).all()
        assert told == pytest.approx(rmse(model.predict_pairs(rows, columns), given), abs=1e-5)
    assert ended.num_test_fallback == (in_test & is_cold).sum()


class _Others(Ranks):
    """Other processes, one of which wants to stop when it was asked a number of times."""

    def any(self, flag: bool) -> bool:
        asked.append(flag)
        return flag or len(asked) > 2


asked: list[bool] = []


def test_who_trains_it_together_is_asked_before_each_epoch_and_may_stop_it(split: Split) -> None:
    asked.clear()
    others = _Others()
    trainer = Trainer(split, SMALL.with_changes(refit=True), ranks=others)
    _, ended = run(trainer)
    assert (ended.reason, ended.epochs_run) == ("stopped", 2)
    assert ended.message == f"Stopped after epoch 2; epoch {ended.best_epoch} was the best on validation."
    assert trainer._fit.ranks is trainer.ranks is others
    assert trainer._new_refit().ranks is others
    assert trainer._new_refit().seed == 0
    seventh = Trainer(split, SMALL.with_changes(epochs=1), seed=7)
    run(seventh)
    assert seventh._new_refit().seed == 7


def test_a_refit_that_diverges_leaves_the_model_that_validation_chose(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Trainer(split, RANDOM.with_changes(refit=False))
    _, expected = run(plain)
    assert expected.best_epoch > 1
    trainer, run_epoch = Trainer(split, RANDOM), Fit.run_epoch

    def diverging(fit: Fit) -> EpochFigures:
        figures = run_epoch(fit)
        return replace(figures, is_finite=fit is trainer.current_fit or fit.epoch < 2)

    monkeypatch.setattr(Fit, "run_epoch", diverging)
    events, ended = run(trainer)
    assert [event.epoch for event in events if isinstance(event, RefitEpochEnded)] == [1]
    assert (ended.reason, ended.is_refitted) == ("finished", False)
    assert (ended.message, ended.test_rmse) == (expected.message, expected.test_rmse)
    assert_same_model(trainer.trained_model(), plain.trained_model())
