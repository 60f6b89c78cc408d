"""Meeting a visitor: what item- and user-based models promise alike, and what each one promises besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from autorec_core import fold_in as fold_in_module
from autorec_core.errors import InvalidRatingsError
from autorec_core.fold_in import FoldIn
from autorec_core.hyperparameters import ACTIVATIONS, Hyperparameters
from autorec_core.new_rows import forward_rows
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.rehearsal import KNOWN_COUNTS, user_based_errors
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

ITEMS = [4, 17, 30, 31, 52, 79, 0]
GIVEN = [5.0, 1.0, 3.5, 2.0, 4.0, 1.5, 3.0]
Train = Callable[..., TrainedModel]
LEARNS = Hyperparameters(
    hidden_units=6,
    encoder_activation="identity",
    epochs=120,
    learning_rate=0.02,
    regularization=0.5,
    input_dropout=0.2,
    code_dropout=0.0,
    refit=False,
    input_presence=0.0,  # who rated what is planted at random
)
"""Enough to find the planted pattern."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=1)


@pytest.fixture(scope="module")
def trained_before() -> dict[str, TrainedModel]:
    """Models are read-only, so what one test trained serves the others."""
    return {}


@pytest.fixture
def train(split: Split, trained_before: dict[str, TrainedModel]) -> Train:
    def trained(**changes: object) -> TrainedModel:
        name = repr(changes)
        if name not in trained_before:
            trainer = Trainer(split, LEARNS.with_changes(**changes))
            list(trainer)
            trained_before[name] = trainer.trained_model()
        return trained_before[name]

    return trained


class Contract:
    """What any fold-in promises."""

    based_on = ""

    @pytest.fixture
    def model(self, train: Train) -> TrainedModel:
        return train(based_on=self.based_on)

    @pytest.fixture
    def recommender(self, model: TrainedModel) -> Recommender:
        return Recommender(model)

    @pytest.fixture
    def met(self, recommender: Recommender) -> FoldIn:
        return recommender.fold_in(ITEMS, GIVEN)

    def test_the_effect_of_each_rating_is_what_meeting_the_visitor_without_it_shows(
        self, recommender: Recommender, met: FoldIn
    ) -> None:
        targets = np.arange(80)
        effects = met.effects(targets)
        assert effects.shape == (80, 7)
        assert np.abs(effects).max() > 0.01
        for j in range(7):
            without = recommender.fold_in(ITEMS[:j] + ITEMS[j + 1 :], GIVEN[:j] + GIVEN[j + 1 :])
            difference = met.predicted_ratings - without.predicted_ratings
            np.testing.assert_allclose(effects[:, j], difference, rtol=0, atol=1e-8)
            np.testing.assert_allclose(met.left_out[j], without.predicted_ratings[ITEMS[j]], rtol=0, atol=1e-8)

    def test_effects_are_exact_at_the_ends_of_the_scale_too(self, recommender: Recommender) -> None:
        items, given = [3, 8, 21, 60], [5.0, 5.0, 5.0, 5.0]
        effects = recommender.fold_in(items, given).effects(np.arange(80))
        for j in range(4):
            without = recommender.fold_in(np.delete(items, j), np.delete(given, j))
            whole = recommender.fold_in(items, given)
            difference = whole.predicted_ratings - without.predicted_ratings
            np.testing.assert_allclose(effects[:, j], difference, rtol=0, atol=1e-8)

    def test_the_effect_of_an_only_rating_is_the_step_from_knowing_nothing(self, recommender: Recommender) -> None:
        one, nothing = recommender.fold_in([9], [1.0]), recommender.fold_in([], [])
        difference = one.predicted_ratings - nothing.predicted_ratings
        np.testing.assert_allclose(one.effects(np.arange(80))[:, 0], difference, rtol=0, atol=1e-8)
        assert one.left_out[0] == pytest.approx(nothing.predicted_ratings[9], abs=1e-8)

    def test_the_order_of_the_ratings_does_not_matter(self, recommender: Recommender, met: FoldIn) -> None:
        turned = recommender.fold_in(ITEMS[::-1], GIVEN[::-1])
        np.testing.assert_allclose(turned.raw, met.raw, rtol=0, atol=1e-6)
        np.testing.assert_allclose(turned.variance, met.variance, rtol=0, atol=1e-9)

    def test_shapes_and_types_are_as_promised(self, met: FoldIn) -> None:
        assert (met.raw.dtype, met.raw.shape) == (np.float64, (80,))
        assert (met.predicted_ratings.dtype, met.predicted_ratings.shape) == (np.float64, (80,))
        assert met.variance.shape == (80,)
        assert met.given_back.shape == met.left_out.shape == (7,)
        assert met.effects(np.array([], dtype=int)).shape == (0, 7)

    def test_predictions_and_intervals_stay_on_the_scale_and_the_interval_holds_the_prediction(
        self, met: FoldIn
    ) -> None:
        for level in (0.01, 0.5, 0.8, 0.99):
            low, high = met.interval(level)
            assert (low >= 1).all()
            assert (high <= 5).all()
            assert (low <= met.predicted_ratings).all()
            assert (met.predicted_ratings <= high).all()
            inside = (met.raw > 1) & (met.raw < 5)
            assert (low[inside] < high[inside]).all()

    def test_a_surer_interval_is_wider(self, met: FoldIn) -> None:
        narrow, wide = met.interval(0.5), met.interval(0.95)
        assert (narrow[0] >= wide[0]).all()
        assert (narrow[1] <= wide[1]).all()

    def test_a_visitor_without_ratings_is_met(self, recommender: Recommender) -> None:
        nothing = recommender.fold_in([], [])
        assert np.isfinite(nothing.raw).all()
        assert (nothing.variance > 0).all()
        assert nothing.given_back.shape == nothing.left_out.shape == (0,)
        assert nothing.effects(np.arange(80)).shape == (80, 0)

    def test_a_visitor_who_rated_everything_is_met(self, recommender: Recommender) -> None:
        everything = recommender.fold_in(np.arange(80), np.tile([1.0, 5.0], 40))
        assert np.isfinite(everything.raw).all()
        assert (everything.variance > 0).all()
        assert everything.effects(np.arange(80)).shape == (80, 80)

    def test_a_high_rating_raises_its_own_movie_and_a_low_one_lowers_it(self, recommender: Recommender) -> None:
        high, low = recommender.fold_in([7], [5.0]), recommender.fold_in([7], [1.0])
        assert high.raw[7] > recommender.fold_in([], []).raw[7] > low.raw[7]

    def test_meeting_a_visitor_changes_neither_model_nor_what_was_given(self, recommender: Recommender) -> None:
        items, given = np.array(ITEMS), np.array(GIVEN)
        codes = recommender.model.codes.copy()
        first = recommender.fold_in(items, given).raw.copy()
        recommender.fold_in([1, 2], [1.0, 5.0]).effects(np.arange(80))
        np.testing.assert_array_equal(recommender.fold_in(items, given).raw, first)
        np.testing.assert_array_equal(recommender.model.codes, codes)
        assert (items.tolist(), given.tolist()) == (ITEMS, GIVEN)

    @pytest.mark.parametrize("items", [[3, 3], [0, 5, 0]])
    def test_a_movie_rated_twice_is_refused(self, recommender: Recommender, items: list[int]) -> None:
        with pytest.raises(InvalidRatingsError, match="rated twice"):
            recommender.fold_in(items, [3.0] * len(items))

    @pytest.mark.parametrize("rating", [0.0, 0.999, 5.001, -1.0, float("nan"), float("inf"), float("-inf")])
    def test_a_rating_off_the_scale_is_refused(self, recommender: Recommender, rating: float) -> None:
        with pytest.raises(InvalidRatingsError, match="outside 1 to 5"):
            recommender.fold_in([3, 4], [3.0, rating])

    def test_items_and_ratings_must_be_parallel(self, recommender: Recommender) -> None:
        with pytest.raises(ValueError, match="as many items as ratings"):
            recommender.fold_in([1, 2], [3.0])

    def test_knowing_more_of_a_planted_user_brings_the_predictions_nearer(
        self, recommender: Recommender, low_rank: tuple[Ratings, np.ndarray]
    ) -> None:
        generator = np.random.default_rng(5)
        errors = []
        for count in (0, 5, 40):
            total = 0.0
            for user in range(20):
                known = generator.permutation(80)[:count]
                met = recommender.fold_in(known, low_rank[1][user, known])
                total += float(((met.predicted_ratings - low_rank[1][user]) ** 2).mean())
            errors.append(total)
        assert errors[0] > errors[1] > errors[2]


class TestItemBasedFoldIn(Contract):
    based_on = "items"

    def test_every_rating_makes_every_prediction_surer(self, recommender: Recommender) -> None:
        before = recommender.fold_in([], []).variance
        for count in range(1, len(ITEMS) + 1):
            variance = recommender.fold_in(ITEMS[:count], GIVEN[:count]).variance
            assert (variance <= before + 1e-12).all()
            assert variance[ITEMS[count - 1]] < before[ITEMS[count - 1]]
            before = variance
        assert (before >= recommender.model.noise_variances - 1e-12).all()

    def test_without_ratings_there_is_the_prior(self, recommender: Recommender) -> None:
        prior = fold_in_module.Prior(recommender.model)
        nothing = recommender.fold_in([], [])
        np.testing.assert_allclose(nothing.raw, prior.expected, rtol=0, atol=1e-12)
        expected = prior.variance + recommender.model.noise_variances
        np.testing.assert_allclose(nothing.variance, expected, rtol=0, atol=1e-12)

    def test_the_posterior_is_that_of_the_weights_written_out(self, model: TrainedModel) -> None:
        """The same Gaussian, solved in the space of the weights instead of the ratings'."""
        prior = fold_in_module.Prior(model)
        assert np.ptp(model.item_noise) > 0.1  # movies differ
        rated, noise = prior.factors[ITEMS], model.noise_variances
        covariance = np.linalg.inv(np.eye(rated.shape[1]) + (rated.T / noise[ITEMS]) @ rated)
        mean = covariance @ rated.T @ ((np.array(GIVEN) - prior.expected[ITEMS]) / noise[ITEMS])
        met = Recommender(model).fold_in(ITEMS, GIVEN)
        np.testing.assert_allclose(met.raw, prior.expected + prior.factors @ mean, rtol=0, atol=1e-8)
        variance = np.einsum("ik,kl,il->i", prior.factors, covariance, prior.factors) + noise
        np.testing.assert_allclose(met.variance, variance, rtol=0, atol=1e-8)

    def test_both_ways_to_the_variance_agree_where_they_meet(self, model: TrainedModel) -> None:
        prior = fold_in_module.Prior(model)
        for count in (6, 7, 8):  # 6 hidden units and the constant: the switch is at 7
            items, given = np.arange(count), np.linspace(1, 5, count)
            rated, noise = prior.factors[items], model.noise_variances
            covariance = np.linalg.inv(np.eye(7) + (rated.T / noise[items]) @ rated)
            variance = np.einsum("ik,kl,il->i", prior.factors, covariance, prior.factors) + noise
            met = Recommender(model).fold_in(items, given)
            np.testing.assert_allclose(met.variance, variance, rtol=0, atol=1e-8)

    def test_the_prior_covariance_can_be_a_covariance(self, model: TrainedModel) -> None:
        assert np.linalg.eigvalsh(model.population_covariance).min() > 0
        np.testing.assert_allclose(model.population_covariance, model.population_covariance.T)

    @pytest.mark.parametrize("decoder", ACTIVATIONS)
    @pytest.mark.parametrize("centering", [True, False])
    def test_every_output_activation_can_meet_a_visitor(self, train: Train, decoder: str, centering: bool) -> None:
        model = train(decoder_activation=decoder, centering=centering, epochs=4)
        met = Recommender(model).fold_in(ITEMS, GIVEN)
        assert np.isfinite(met.raw).all()
        assert (met.variance > 0).all()


class TestUserBasedFoldIn(Contract):
    based_on = "users"

    def test_a_user_of_the_training_data_is_reconstructed_as_the_network_does(
        self, model: TrainedModel, split: Split
    ) -> None:
        for user in (0, 3, 41):
            items, ratings = split.train.by_user.row(user)
            met = Recommender(model).fold_in(items, ratings)
            np.testing.assert_allclose(met.raw, model.reconstruct_rows(np.array([user]))[0], rtol=0, atol=1e-4)

    @pytest.mark.parametrize("centering", [True, False])
    @pytest.mark.parametrize("input_scaling", [True, False])
    @pytest.mark.parametrize("input_presence", [0.0, 1.5])
    @pytest.mark.parametrize("decoder", ["identity", "sigmoid", "selu"])
    def test_so_is_it_with_every_reading_of_the_input(
        self, train: Train, split: Split, centering: bool, input_scaling: bool, input_presence: float, decoder: str
    ) -> None:
        model = train(
            based_on="users",
            centering=centering,
            input_scaling=input_scaling,
            input_presence=input_presence,
            decoder_activation=decoder,
            epochs=3,
        )
        items, ratings = split.train.by_user.row(3)
        raw = forward_rows(model, items, ratings[None].astype(float))[0]
        np.testing.assert_allclose(raw, model.reconstruct_rows(np.array([3]))[0], rtol=0, atol=1e-4)

    def test_users_met_together_are_met_as_if_alone(self, model: TrainedModel) -> None:
        items = np.array(ITEMS)
        rows = np.array([GIVEN, GIVEN[::-1], GIVEN])
        known = np.array([[True] * 7, [True] * 7, [True, False, True, True, False, False, True]])
        together = forward_rows(model, items, rows, known)
        for row, chosen, expected in zip(rows, known, together, strict=True):
            alone = forward_rows(model, items[chosen], row[chosen][None])[0]
            np.testing.assert_allclose(alone, expected, rtol=0, atol=1e-12)

    def test_a_rating_of_zero_is_known_and_not_the_same_as_none(self, model: TrainedModel) -> None:
        from_zero = replace(model, scale=RatingScale(0, 5, 1))
        recommender = Recommender(from_zero)
        zero, nothing = recommender.fold_in([5], [0.0]), recommender.fold_in([], [])
        assert np.abs(zero.raw - nothing.raw).max() > 1e-3

    def test_the_variance_is_the_measured_error_between_the_counts_too(self, model: TrainedModel) -> None:
        assert model.fold_in_counts.tolist() == list(KNOWN_COUNTS)
        recommender = Recommender(model)
        for count, expected in zip(model.fold_in_counts, model.fold_in_variances, strict=True):
            met = recommender.fold_in(np.arange(count), np.full(count, 3.0))
            np.testing.assert_allclose(met.variance, expected, rtol=1e-12)
        between = recommender.fold_in(np.arange(7), np.full(7, 3.0)).variance[0]
        low, high = sorted(model.fold_in_variances[[3, 4]])
        assert low <= between <= high
        beyond = recommender.fold_in(np.arange(70), np.full(70, 3.0)).variance[0]
        assert beyond == model.fold_in_variances[-1]

    def test_errors_are_measured_on_validation_and_the_same_each_time(self, model: TrainedModel, split: Split) -> None:
        counts, variances = user_based_errors(model, split)
        again = user_based_errors(model, split)
        np.testing.assert_array_equal(variances, again[1])
        np.testing.assert_array_equal(counts, KNOWN_COUNTS)
        assert (variances > 0).all()
        fewer = user_based_errors(model, split, users_read=5)[1]
        assert np.isfinite(fewer).all()
        valid = split.valid.by_user
        total = 0.0
        for user in np.flatnonzero((valid.counts > 0) & (split.train.by_user.counts > 0)):
            targets, given = valid.row(int(user))
            raw = forward_rows(model, np.zeros(0, dtype=int), np.zeros((1, 0)))[0]
            total += float(((np.clip(raw[targets], 1, 5) - given) ** 2).sum())
        assert variances[0] == pytest.approx(total / split.valid.num_ratings, rel=1e-5)


def test_very_many_ratings_are_met_by_the_smaller_system_with_the_same_result(train: Train) -> None:
    recommender = Recommender(train())
    many = np.arange(60), np.resize(np.arange(2, 11) / 2, 60)
    assert len(many[0]) > recommender.prior.factors.shape[1]
    met = recommender.fold_in(*many)
    rated, noise = recommender.prior.factors[:60], recommender.model.noise_variances[:60]
    plain = np.linalg.inv(rated @ rated.T + np.diag(noise))
    assert np.allclose(met._inverse, plain, atol=1e-9)
