"""Steps: the compiled passes and autograd move the weights alike, and both as the paper's objective says."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from autorec_core import engine, kernels
from autorec_core.fit import Fit
from autorec_core.hyperparameters import ACTIVATIONS, Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.steps import AutogradSteps, CompiledSteps, dropped

EXACT = Hyperparameters(
    hidden_units=6, epochs=4, batch_size=16, input_dropout=0.0, code_dropout=0.0, refit=False, precision="float64"
)
WAYS = [CompiledSteps, AutogradSteps]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def ratings(low_rank: tuple[Ratings, np.ndarray]) -> Ratings:
    return low_rank[0]


def fit_of(way: type, ratings: Ratings, hyperparameters: Hyperparameters, seed: int = 0) -> Fit:
    fit = Fit(ratings, hyperparameters, seed=seed)
    fit._steps = way(fit.model, fit._optimizer, ratings.scale)
    return fit


def gradients_of(fit: Fit) -> dict[str, torch.Tensor]:
    """Of the squared error over all training ratings, by parameter, as autograd finds it."""
    fit.model.zero_grad()
    (fit.model(fit.everything) - fit.everything.targets).square().sum().backward()
    found = {name: leaf.grad.clone() for name, leaf in fit.model.named_parameters() if leaf.grad is not None}
    fit.model.zero_grad(set_to_none=True)
    return found


def gradients_of_first_step(fit: Fit) -> dict[str, torch.Tensor]:
    """What Adam was given in its first step: its first moment is a tenth of it."""
    return {name: fit._optimizer.moments_of(leaf)[0] / 0.1 for name, leaf in fit.model.named_parameters()}


def assert_same_weights(first: Fit, second: Fit, tolerance: float) -> None:
    for name, value in first.weights().items():
        torch.testing.assert_close(second.weights()[name], value, rtol=0, atol=tolerance, msg=name)


# -- both ways are one ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("based_on", ["items", "users"])
@pytest.mark.parametrize(("encoder", "decoder"), list(product(ACTIVATIONS, ACTIVATIONS)))
def test_compiled_steps_move_weights_as_autograd_does(
    encoder: str, decoder: str, based_on: str, ratings: Ratings
) -> None:
    hyperparameters = EXACT.with_changes(
        encoder_activation=encoder, decoder_activation=decoder, based_on=based_on, input_dropout=0.3, code_dropout=0.2
    )
    compiled, reference = (fit_of(way, ratings, hyperparameters) for way in WAYS)
    for _ in range(3):
        ours, theirs = compiled.run_epoch(), reference.run_epoch()
        assert ours.objective == pytest.approx(theirs.objective, rel=1e-9)
        assert ours.train_rmse == pytest.approx(theirs.train_rmse, rel=1e-9)
        assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=1e-7)
    assert_same_weights(compiled, reference, 1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_inner_layer_is_moved_alike_too(activation: str, ratings: Ratings) -> None:
    hyperparameters = EXACT.with_changes(inner_units=3, encoder_activation=activation, regularization=5.0)
    compiled, reference = (fit_of(way, ratings, hyperparameters) for way in WAYS)
    began = compiled.weights()["inner_encoder_weights"]
    for _ in range(3):
        ours, theirs = compiled.run_epoch(), reference.run_epoch()
        assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=1e-7)
        assert ours.objective == pytest.approx(theirs.objective, rel=1e-9)
    assert_same_weights(compiled, reference, 1e-8)
    assert not torch.allclose(compiled.weights()["inner_encoder_weights"], began, atol=1e-3)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("units", [1, 3, 4, 17, 64])
def test_neither_threads_nor_odd_sizes_change_the_numbers(units: int, threads: int, ratings: Ratings) -> None:
    hyperparameters = EXACT.with_changes(hidden_units=units, batch_size=7)
    reference = fit_of(AutogradSteps, ratings, hyperparameters)
    reference.run_epoch()
    torch.set_num_threads(threads)
    compiled = fit_of(CompiledSteps, ratings, hyperparameters)
    compiled.run_epoch()
    assert_same_weights(compiled, reference, 1e-9)


def test_single_precision_stays_near_double(ratings: Ratings) -> None:
    rough, exact = (
        fit_of(CompiledSteps, ratings, EXACT.with_changes(precision=precision)) for precision in ("float32", "float64")
    )
    exact.load_weights({name: value.double() for name, value in rough.weights().items()})
    for _ in range(4):
        ours, theirs = rough.run_epoch(), exact.run_epoch()
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-3)


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_state_of_either_way_goes_on_in_the_other(first: type, second: type, ratings: Ratings) -> None:
    unbroken = fit_of(first, ratings, EXACT)
    for _ in range(2):
        unbroken.run_epoch()
    resumed = fit_of(second, ratings, EXACT, seed=0)
    resumed.load_state(*unbroken.state())
    unbroken.run_epoch()
    resumed.run_epoch()
    assert_same_weights(unbroken, resumed, 1e-9)


def test_the_same_seed_and_threads_give_the_same_bits(ratings: Ratings) -> None:
    torch.set_num_threads(2)
    hyperparameters = EXACT.with_changes(precision="float32", input_dropout=0.5, code_dropout=0.1)
    first, second = (fit_of(CompiledSteps, ratings, hyperparameters) for _ in range(2))
    for _ in range(3):
        first.run_epoch()
        second.run_epoch()
    assert_same_weights(first, second, 0.0)


# -- the objective ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batch_size", [1, 3, 7, 16, 80])
def test_batches_of_any_size_carry_the_same_gradient_and_penalty_between_them(
    batch_size: int, way: type, ratings: Ratings
) -> None:
    """Weighted by their ratings, the batches' gradients and decay add up to those of the paper's objective."""
    hyperparameters = EXACT.with_changes(batch_size=batch_size, regularization=5.0, encoder_regularization_factor=0.5)
    fit = fit_of(way, ratings, hyperparameters)
    expected, began = gradients_of(fit), fit.weights()
    totals = {name: torch.zeros_like(leaf) for name, leaf in began.items()}
    num_batches, seen = len(fit.batches()), 0
    for number in range(num_batches):
        fit = fit_of(way, ratings, hyperparameters)
        batch, num_ratings = fit.batches()[number]
        figures = fit._steps(batch, hyperparameters, (0, 0))
        found = gradients_of_first_step(fit)
        assert float(figures[2]) == pytest.approx(sum(float(g.square().sum()) for g in found.values()), rel=1e-9)
        assert int(figures[3]) == num_ratings
        seen += num_ratings
        for name in totals:
            totals[name] += num_ratings * found[name]
    assert seen == ratings.num_ratings
    assert num_batches == math.ceil(80 / batch_size)
    lambdas = {"encoder_weights": 2.5, "decoder_weights": 5.0}
    for name, total in totals.items():
        penalised = expected[name] + lambdas.get(name, 0.0) * began[name]
        torch.testing.assert_close(total, penalised, rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_step_reports_is_the_error_before_it(way: type, ratings: Ratings) -> None:
    fit = fit_of(way, ratings, EXACT.with_changes(batch_size=80, initial_scale=0.5))
    with torch.no_grad():
        predicted = fit.model(fit.everything)
    squared = float((predicted - fit.everything.targets).square().sum())
    clipped = float((predicted.clamp(1, 5) - fit.everything.targets).square().sum())
    assert squared > clipped + 1e-3, "some predictions leave the scale"
    ((batch, _),) = fit.batches()
    assert fit._steps(batch, fit.hyperparameters, (0, 0))[:2].tolist() == pytest.approx([squared, clipped], rel=1e-9)


# -- which way --------------------------------------------------------------------------------------------------------


def test_compiled_steps_serve_adam_on_sparse_rows(ratings: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "DENSE_FROM", 0.9)
    assert isinstance(Fit(ratings, EXACT, seed=0)._steps, CompiledSteps)
    for changes in ({"optimizer": "rprop"}, {"optimizer": "lbfgs"}, {"loss_over": "all"}):
        assert isinstance(Fit(ratings, EXACT.with_changes(**changes), seed=0)._steps, AutogradSteps)


def test_rows_that_are_nearly_full_are_left_to_whole_products(
    checkerboard: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    density = checkerboard.num_ratings / (20 * 30)
    monkeypatch.setattr(engine, "DENSE_FROM", density - 0.01)
    assert isinstance(Fit(checkerboard, EXACT, seed=0)._steps, AutogradSteps)
    monkeypatch.setattr(engine, "DENSE_FROM", density + 0.01)
    assert isinstance(Fit(checkerboard, EXACT, seed=0)._steps, CompiledSteps)


# -- dropout ----------------------------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_drops_the_share_that_it_is_told() -> None:
    values = torch.ones(400, 500)
    for share in (0.1, 0.5, 0.95):
        left = dropped(values, share, 3)
        assert float((left == 0).double().mean()) == pytest.approx(share, abs=0.005)
        assert float(left.double().mean()) == pytest.approx(1.0, abs=0.03)
        assert set(np.unique(left.numpy())) == {0.0, np.float32(1 / (1 - share))}


def test_dropout_hangs_on_seed_and_position_alone() -> None:
    values, seed = np.arange(1.0, 1001.0), np.uint64(2**63 + 11)
    positions = np.arange(1000, dtype=np.int32)
    order = np.random.default_rng(0).permutation(1000)
    straight, shuffled = np.empty(1000), np.empty(1000)
    kernels.drop(values, positions, seed, 0.4, straight)
    kernels.drop(values[order], positions[order], seed, 0.4, shuffled)
    np.testing.assert_array_equal(shuffled, straight[order])


def test_dropout_of_different_seeds_and_neighbouring_positions_is_unrelated() -> None:
    ones = torch.ones(200_000)
    kept = {seed: (dropped(ones, 0.5, seed) > 0).double().numpy() for seed in (1, 2, 1 + 2**32, 2**64 - 1)}
    for first, second in [(1, 2), (1, 1 + 2**32), (2, 2**64 - 1)]:
        assert abs(np.corrcoef(kept[first], kept[second])[0, 1]) < 0.01
    for lag in (1, 2, 64, 256):
        assert abs(np.corrcoef(kept[1][lag:], kept[1][:-lag])[0, 1]) < 0.01


def test_nothing_is_dropped_at_a_share_of_zero() -> None:
    values = torch.rand(10)
    assert dropped(values, 0.0, 1) is values


# -- threads ----------------------------------------------------------------------------------------------------------

FIRST_STEPS = """
import numpy as np, torch
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
torch.set_num_threads(1)
numbers = np.arange(8)
ratings = Ratings.from_triples(numbers, numbers, numbers % 5 + 1.0, name="eight")
Fit(ratings, Hyperparameters(hidden_units=2, epochs=1, batch_size=4), seed=0).run_epoch()
print(torch.get_num_threads())
"""


def test_the_first_step_of_a_process_leaves_the_number_of_threads_as_it_was_chosen() -> None:
    """On other threads sums are taken in another order, and a run would not be the same in every process."""
    finished = subprocess.run(
        [sys.executable, "-c", FIRST_STEPS],
        env={**os.environ, "NUMBA_NUM_THREADS": "2"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "1"
