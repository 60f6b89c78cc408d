"""Intervals reach as far as validation ratings say, and for a visitor just as far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from made_models import model_of
from made_ratings import ratings_of

from autorec_core import reach
from autorec_core.array_files import load, save
from autorec_core.ensemble import Ensemble
from autorec_core.errors import StorageError
from autorec_core.evaluation import interval_shares
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import FloatArray, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.rehearsal import KNOWN_COUNTS
from autorec_core.runs import RunConfig, RunStore
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

LEARNS = Hyperparameters(hidden_units=4, epochs=8, regularization=5, refit=False)

VECTORS = np.random.default_rng(4).normal(0, 0.3, (6, 2))

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def split() -> Split:
    """Four people in five are predictable to a tenth of a rating, the fifth rates at random; a quarter is held out."""
    generator = np.random.default_rng(8)
    middle = 5 + generator.normal(0, 0.2, 240)[:, None] + generator.normal(0, 1.5, 30)
    noise = np.where(np.arange(240) % 5 == 0, 2.5, 0.1)[:, None] * generator.normal(0, 1, (240, 30))
    matrix = np.clip(np.round((middle + noise) * 10) / 10, 0, 10)
    ratings = ratings_of(
        matrix, name="few odd people", scale=RatingScale(0, 10, 0.1), observed=generator.random((240, 30)) < 0.7
    )
    return random_split(ratings, seed=2, holdout_users=0.25, valid_fraction=0.2)


@pytest.fixture(scope="module", params=["items", "users"])
def trained(request: pytest.FixtureRequest, split: Split) -> TrainedModel:
    trainer = Trainer(split, LEARNS.with_changes(based_on=request.param), seed=3)
    list(trainer)
    return trainer.trained_model()


@pytest.mark.parametrize("level", [0.01, 0.3, 0.5, 0.8, 0.95, 0.999])
def test_a_model_that_has_measured_nothing_takes_a_normal_distribution(level: float) -> None:
    assert model_of(VECTORS).reach(level) == NormalDist().inv_cdf(0.5 + level / 2)


def test_a_reach_is_the_measured_one_and_between_and_beyond_has_the_shape_of_a_normal_distribution() -> None:
    model = replace(model_of(VECTORS), interval_levels=np.array([0.5, 0.8]), interval_reaches=np.array([0.4, 1.1]))
    assert model.reach(0.5) == pytest.approx(0.4)
    assert model.reach(0.8) == pytest.approx(1.1)
    normal = {level: NormalDist().inv_cdf(0.5 + level / 2) for level in (0.2, 0.5, 0.7, 0.8, 0.99)}
    assert model.reach(0.2) == pytest.approx(0.4 * normal[0.2] / normal[0.5])
    share = (normal[0.7] - normal[0.5]) / (normal[0.8] - normal[0.5])
    assert model.reach(0.7) == pytest.approx(0.4 + share * (1.1 - 0.4))
    assert model.reach(0.99) == pytest.approx(1.1 * normal[0.99] / normal[0.8])
    reaches = [model.reach(level) for level in np.linspace(0.01, 0.99, 99)]
    assert (np.diff(reaches) > 0).all()


def test_an_interval_goes_as_far_as_the_model_says() -> None:
    plain = model_of(VECTORS)
    wider = replace(plain, interval_levels=np.array([0.8]), interval_reaches=np.array([2 * plain.reach(0.8)]))
    scale = RatingScale(-100, 100)  # so that nothing is clipped
    low, high = Recommender(replace(plain, scale=scale)).fold_in([1], [3.0]).interval()
    further = Recommender(replace(wider, scale=scale)).fold_in([1], [3.0])
    np.testing.assert_allclose(further.interval()[1] - further.interval()[0], 2 * (high - low))
    np.testing.assert_allclose(further.raw, (low + high) / 2)


def test_what_is_measured_is_what_a_visitor_with_those_ratings_would_have_got(
    trained: TrainedModel, split: Split
) -> None:
    errors, number = reach.standardised_errors(trained, split)
    using, generator = Recommender(trained), np.random.default_rng([split.seed, 3])
    train, valid, expected = split.train.by_user, split.valid.by_user, []
    for user in np.flatnonzero((valid.counts > 0) & (train.counts > 0)).tolist():
        order = generator.permutation(train.counts[user])
        items, ratings = (of[order] for of in train.row(user))
        targets, given = valid.row(user)
        for count in KNOWN_COUNTS:
            met = using.fold_in(items[:count], ratings[:count])
            expected += (np.abs(met.raw[targets] - given) / np.sqrt(met.variance[targets])).tolist()
    np.testing.assert_allclose(errors, expected, rtol=1e-4)
    assert number * len(KNOWN_COUNTS) == len(errors)
    assert number == split.valid.num_ratings  # each user of this set has training ratings


def test_the_reaches_are_quantiles_of_that_damped_by_fifty_ratings(trained: TrainedModel, split: Split) -> None:
    errors, number = reach.standardised_errors(trained, split)
    levels, reaches = reach.measured(trained, split)
    assert levels.tolist() == [0.5, 0.8, 0.95]
    normal = [NormalDist().inv_cdf(0.5 + level / 2) for level in levels]
    expected = (number * np.quantile(errors, levels) + 50 * np.array(normal)) / (number + 50)
    np.testing.assert_allclose(reaches, expected, rtol=1e-9)
    np.testing.assert_array_equal(trained.interval_levels, levels)
    np.testing.assert_array_equal(trained.interval_reaches, reaches)


def test_without_validation_ratings_of_known_users_there_is_a_normal_distribution(
    trained: TrainedModel, split: Split
) -> None:
    nothing = replace(split, valid=split.valid.select(np.zeros(split.valid.num_ratings, dtype=bool)))
    levels, reaches = reach.measured(trained, nothing)
    np.testing.assert_allclose(reaches, [NormalDist().inv_cdf(0.5 + level / 2) for level in levels])


def test_where_a_few_people_are_odd_intervals_hold_what_they_say_of_people_never_seen(
    trained: TrainedModel, split: Split
) -> None:
    ours = interval_shares(Recommender(trained), split)
    normal = interval_shares(Recommender(replace(trained, interval_levels=np.zeros(0))), split)
    for known in ("1", "5", "10", "all"):
        off = abs(ours[known]["80%"] - 0.8)
        assert off < 0.05
        assert off < abs(normal[known]["80%"] - 0.8)  # which takes everybody to be as odd as people are on average


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_a_refitted_model_keeps_what_was_measured_before_it_saw_validation(split: Split, based_on: str) -> None:
    models = []
    for refit in (False, True):
        trainer = Trainer(split, LEARNS.with_changes(based_on=based_on, refit=refit, epochs=3), seed=3)
        list(trainer)
        models.append(trainer.trained_model())
    plain, refitted = models
    assert not np.array_equal(plain.codes, refitted.codes)
    np.testing.assert_array_equal(plain.interval_reaches, refitted.interval_reaches)
    assert not np.array_equal(reach.measured(refitted, split)[1], plain.interval_reaches)


def test_where_all_ratings_are_alike_the_reaches_are_numbers() -> None:
    alike = ratings_of(np.full((30, 12), 3.0), name="alike", scale=RatingScale(1, 5, 1))
    for based_on in ("items", "users"):
        trainer = Trainer(random_split(alike, seed=1), LEARNS.with_changes(based_on=based_on, epochs=2))
        list(trainer)
        assert np.isfinite(trainer.trained_model().interval_reaches).all()


def test_an_ensemble_reaches_as_far_as_its_parts_do_on_average() -> None:
    parts = [
        replace(
            model_of(VECTORS, based_on=based_on), interval_levels=np.array([0.8]), interval_reaches=np.array([measured])
        )
        for based_on, measured in (("items", 1.0), ("users", 2.0))
    ]
    scaled = [Recommender(replace(part, scale=RatingScale(-100, 100))) for part in parts]
    met = Ensemble(*scaled).fold_in([1], [3.0])
    low, high = met.interval()
    np.testing.assert_allclose((high - low) / 2, 1.5 * np.sqrt(met.variance))


@pytest.fixture
def stored(tmp_path: Path, trained: TrainedModel) -> Iterator[tuple[Path, RunStore, str]]:
    store = RunStore(tmp_path)
    run = store.create(RunConfig())
    run.save_model(trained)
    return run.folder / "model.safetensors", store, run.id


def test_reaches_are_kept_with_the_model_to_the_last_digit(
    stored: tuple[Path, RunStore, str], trained: TrainedModel
) -> None:
    found = stored[1].get(stored[2]).load_model()
    np.testing.assert_array_equal(found.interval_levels, trained.interval_levels)
    np.testing.assert_array_equal(found.interval_reaches, trained.interval_reaches)
    both = [Recommender(model).fold_in([2, 5], [3.0, 9.0]).interval() for model in (found, trained)]
    np.testing.assert_array_equal(*both)


def test_a_model_file_from_before_has_normal_intervals_and_one_cut_short_is_refused(
    stored: tuple[Path, RunStore, str],
) -> None:
    path, store, run_id = stored
    arrays, _ = load(path, "The model")
    before: dict[str, FloatArray] = {name: a for name, a in arrays.items() if not name.startswith("interval_")}
    save(path, before)
    assert store.get(run_id).load_model().reach(0.8) == NormalDist().inv_cdf(0.9)
    save(path, before | {"interval_levels": arrays["interval_levels"]})
    with pytest.raises(StorageError, match="interval_reaches"):
        store.get(run_id).load_model()
