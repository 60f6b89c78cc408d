"""The prior of users: what expectation-maximisation finds, and what it must survive."""

from __future__ import annotations

import numpy as np
import pytest

from autorec_core import population
from autorec_core.population import Population, with_constant
from autorec_core.ratings import Compressed, Ratings, RatingScale
from autorec_core.trained_model import Link

LINEAR = Link("identity", 0.0, 1.0)
MEAN = np.array([0.5, -0.3, 3.0])
COVARIANCE = np.array([[0.5, 0.2, 0.0], [0.2, 0.3, 0.05], [0.0, 0.05, 0.2]])
NOISE = 0.05


def planted(num_users: int = 250, num_items: int = 60, share: float = 0.5) -> tuple[np.ndarray, np.ndarray, Compressed]:
    """Codes (num_items, 2), the users' weights (num_users, 3) and their ratings with noise."""
    generator = np.random.default_rng(3)
    codes = generator.normal(0, 1, (num_items, 2))
    weights = generator.multivariate_normal(MEAN, COVARIANCE, num_users)
    matrix = weights @ with_constant(codes).T + generator.normal(0, np.sqrt(NOISE), (num_users, num_items))
    users, items = np.nonzero(generator.random(matrix.shape) < share)
    ratings = Ratings.from_triples(users, items, matrix[users, items], name="planted", scale=RatingScale(-20, 20, 1))
    return codes, weights, ratings.by_user


def fit(codes: np.ndarray, weights: np.ndarray, by_user: Compressed, **arguments: object) -> Population:
    given = {"offsets": np.zeros(len(codes)), "link": LINEAR, "noise_variance": NOISE} | arguments
    offsets, link, noise = given.pop("offsets"), given.pop("link"), given.pop("noise_variance")
    return population.fit(codes, offsets, link, weights, by_user, noise, **given)  # type: ignore[arg-type]


def test_the_planted_users_are_found_again() -> None:
    found = fit(*planted())
    np.testing.assert_allclose(found.mean, MEAN, rtol=0, atol=0.12)
    np.testing.assert_allclose(found.covariance, COVARIANCE, rtol=0, atol=0.12)


def test_decoder_rows_shrunk_by_a_penalty_do_not_shrink_the_prior() -> None:
    codes, weights, by_user = planted()
    shrunk = np.column_stack([0.5 * weights[:, :2], weights[:, 2]])
    found = fit(codes, shrunk, by_user)
    np.testing.assert_allclose(found.mean, MEAN, rtol=0, atol=0.15)
    assert found.covariance[0, 0] > 0.35
    np.testing.assert_allclose(np.cov(shrunk.T)[0, 0], 0.125, atol=0.05)


def test_offsets_are_taken_off_what_the_users_have_to_explain() -> None:
    codes, weights, by_user = planted()
    offsets = np.random.default_rng(1).normal(0, 1, len(codes))
    moved = Compressed(by_user.indptr, by_user.indices, by_user.values + offsets[by_user.indices], by_user.num_columns)
    plain, other = fit(codes, weights, by_user), fit(codes, weights, moved, offsets=offsets)
    np.testing.assert_allclose(other.mean, plain.mean, rtol=0, atol=1e-5)
    np.testing.assert_allclose(other.covariance, plain.covariance, rtol=0, atol=1e-5)


def test_one_round_is_the_textbook_posterior_of_each_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "ITERATIONS", 1)
    codes, weights, by_user = planted(num_users=12, share=0.2)
    features = with_constant(codes)
    rated = np.flatnonzero(by_user.counts)
    mean = weights[rated].mean(0)
    prior = (weights[rated] - mean).T @ (weights[rated] - mean) / len(rated) + 1e-6 * np.eye(3)
    means, covariances = [], []
    for user in rated:
        items, given = by_user.row(int(user))
        seen = features[items]
        covariances.append(np.linalg.inv(np.linalg.inv(prior) + seen.T @ seen / NOISE))
        means.append(covariances[-1] @ (seen.T @ (given - seen @ mean)) / NOISE)
    found = fit(codes, weights, by_user)
    shift = np.mean(means, axis=0)
    np.testing.assert_allclose(found.mean, mean + shift, rtol=0, atol=1e-8)
    expected = np.mean(covariances, axis=0) + (np.array(means) - shift).T @ (np.array(means) - shift) / len(rated)
    np.testing.assert_allclose(found.covariance, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "relu", "selu"])
def test_the_covariance_is_always_one(activation: str) -> None:
    codes, weights, by_user = planted(num_users=40)
    link = Link.of(activation, RatingScale(-20, 20, 1))
    found = fit(codes, 0.01 * weights, by_user, link=link)
    np.testing.assert_array_equal(found.covariance, found.covariance.T)
    assert np.linalg.eigvalsh(found.covariance).min() > -1e-12
    assert np.isfinite(found.mean).all()


def test_many_users_and_ratings_are_drawn_from_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "USERS_READ", 60)
    monkeypatch.setattr(population, "RATINGS_READ", 10)
    first, again, other = (fit(*planted(), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.mean, again.mean)
    np.testing.assert_array_equal(first.covariance, again.covariance)
    assert not np.array_equal(first.mean, other.mean)
    np.testing.assert_allclose(first.mean, MEAN, rtol=0, atol=0.3)


def test_users_without_ratings_do_not_count() -> None:
    codes, weights, by_user = planted(num_users=50)
    more = Compressed(
        np.concatenate([by_user.indptr, [by_user.indptr[-1]] * 30]), by_user.indices, by_user.values, len(codes)
    )
    strange = np.concatenate([weights, np.full((30, 3), 100.0)])
    plain, other = fit(codes, weights, by_user), fit(codes, strange, more)
    np.testing.assert_allclose(other.mean, plain.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(other.covariance, plain.covariance, rtol=0, atol=1e-12)


def test_a_single_user_and_no_user_leave_a_usable_prior() -> None:
    codes, weights, by_user = planted(num_users=1)
    alone = fit(codes, weights, by_user)
    assert np.isfinite(alone.mean).all()
    assert np.isfinite(np.linalg.cholesky(alone.covariance + 1e-9 * np.eye(3))).all()
    nobody = Compressed(np.zeros(2, dtype=np.int64), by_user.indices[:0], by_user.values[:0], len(codes))
    empty = fit(codes, weights, nobody)
    assert empty.mean.tolist() == [0, 0, 0]
    np.testing.assert_allclose(empty.covariance, 1e-6 * np.eye(3))


def test_the_constant_is_the_last_feature() -> None:
    features = with_constant(np.array([[1, 2], [3, 4]], dtype=np.float32))
    assert features.dtype == np.float64
    assert features.tolist() == [[1, 2, 1], [3, 4, 1]]
