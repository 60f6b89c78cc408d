"""Movies that divide people, told from those that do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_ratings import ratings_of

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.item_noise import relative_noise
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.runs import RunConfig, RunStore
from autorec_core.splits import random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer


def test_noise_is_the_mean_squared_error_over_that_of_all_damped_towards_it() -> None:
    errors, items = np.array([1.0, -1.0, 3.0, 0.0]), np.array([0, 0, 2, 2])
    mean = (1 + 1 + 9) / 4
    expected = [(2 + 5 * mean) / (7 * mean), 1.0, (9 + 5 * mean) / (7 * mean)]
    assert relative_noise(errors, items, 3) == pytest.approx(expected)


@pytest.mark.parametrize("errors", [[], [0.0, 0.0]])
def test_without_errors_all_are_alike(errors: list[float]) -> None:
    assert relative_noise(np.array(errors), np.zeros(len(errors), dtype=int), 3).tolist() == [1, 1, 1]


@pytest.fixture(scope="module")
def divided() -> TrainedModel:
    """Trained where the first half of the movies is rated at random and the other half by everybody alike."""
    generator = np.random.default_rng(5)
    matrix = np.full((80, 20), 4.0)
    matrix[:, :10] = generator.integers(1, 6, (80, 10))
    ratings: Ratings = ratings_of(
        matrix, name="divided", scale=RatingScale(1, 5, 1), observed=generator.random((80, 20)) < 0.7
    )
    trainer = Trainer(random_split(ratings, seed=1), Hyperparameters(hidden_units=4, epochs=10, regularization=5))
    list(trainer)
    return trainer.trained_model()


def test_a_trained_model_knows_which_movies_divide_people(divided: TrainedModel) -> None:
    assert divided.item_noise[:10].min() > 1 > divided.item_noise[10:].max()
    assert divided.noise_variances == pytest.approx(divided.residual_variance * divided.item_noise)


def test_an_interval_is_as_wide_as_its_movie_is_noisy_and_a_noisy_rating_tells_less(divided: TrainedModel) -> None:
    using = Recommender(divided)
    low, high = using.fold_in([0], [5.0]).interval(0.5)
    assert (high - low)[1:10].min() > (high - low)[10:].max()
    noisier = replace(divided, item_noise=np.where(np.arange(20) == 0, 9.0, divided.item_noise))
    heeded, hardly = using.fold_in([0], [1.0]), Recommender(noisier).fold_in([0], [1.0])
    nothing = using.fold_in([], []).raw
    assert (np.abs(hardly.raw - nothing) <= np.abs(heeded.raw - nothing)).all()
    assert np.abs(hardly.raw - nothing).max() < np.abs(heeded.raw - nothing).max()


def test_noise_is_kept_with_the_model_and_a_model_without_it_takes_all_as_alike(
    divided: TrainedModel, tmp_path: Path
) -> None:
    store = RunStore(tmp_path)
    for model in (divided, replace(divided, item_noise=np.zeros(0, dtype=np.float32))):
        run = store.create(RunConfig())
        run.save_model(model)
        found = run.load_model()
        assert found.item_noise.tolist() == model.item_noise.tolist()
        assert len(found.noise_variances) == 20
    assert found.noise_variances == pytest.approx(np.full(20, divided.residual_variance))
