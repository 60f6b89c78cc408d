"""What may move a weight, and what may not: unknown entries, zeros, the penalty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_ratings import ratings_of, with_unrated
from trained import SMALL, run

from autorec_core.engine import Batch
from autorec_core.fit import Fit
from autorec_core.hyperparameters import ACTIVATIONS
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.splits import random_split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def gradients_of(fit: Fit) -> dict[str, torch.Tensor]:
    """Of the squared error over all training ratings, by parameter."""
    fit.model.zero_grad()
    (fit.model(fit.everything) - fit.everything.targets).square().sum().backward()
    return {name: leaf.grad.clone() for name, leaf in fit.model.named_parameters() if leaf.grad is not None}


# -- what may move a weight -------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("decoder", ACTIVATIONS)
def test_the_reconstruction_of_everything_is_that_of_the_observed_where_it_is_observed(
    decoder: str, low_rank: tuple[Ratings, np.ndarray]
) -> None:
    fit = Fit(low_rank[0], SMALL.with_changes(decoder_activation=decoder), seed=0)
    fit.run_epoch()
    assert (fit.model.decoder_bias != 0).any()
    batch, codes = fit.everything, fit.codes()
    assert (batch.offsets != 0).all()
    with torch.no_grad():
        whole = fit.model.decoder_everywhere(codes, batch)
        observed = fit.model.decoder(codes, batch)
    assert whole.shape == (80, 60)
    torch.testing.assert_close(whole[batch.rows, batch.columns.long()], observed, rtol=0, atol=1e-12)


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


# -- weights that are only looked at ----------------------------------------------------------------------------------


def test_weights_that_were_held_are_put_back_even_when_the_look_at_them_fails(checkerboard: Ratings) -> None:
    fit = Fit(checkerboard, SMALL, seed=3)
    before = fit.weights()
    zeros = {name: torch.zeros_like(value) for name, value in before.items()}

    def look() -> None:
        with fit.holding(zeros):
            assert not any(bool(value.any()) for value in fit.weights().values())
            raise MemoryError

    with pytest.raises(MemoryError):
        look()
    for name, value in fit.weights().items():
        assert torch.equal(value, before[name]), name
