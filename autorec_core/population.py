"""How users differ, learnt from all of them: the prior that a new user is met with.

Given the items' codes, a user is a weight vector `w` with `rating = link(features @ w + offset) + noise`. The users of
the training data are taken as draws `w ~ N(mean, covariance)`; expectation-maximisation finds the mean and covariance
that make their ratings likeliest. Unlike the covariance of the trained decoder rows, it is not shrunk by the penalty,
and users with few ratings do not blur it.

Source: empirical Bayes for linear mixed models (Laird & Ware 1982); the link is taken to first order around the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from autorec_core.ratings import Compressed, FloatArray, IntArray
from autorec_core.trained_model import Link

USERS_READ = 300
"""Users that the prior is learnt from; more change it little and cost time."""
RATINGS_READ = 100
"""Ratings read of each such user."""
ITERATIONS = 2
"""Rounds of expectation-maximisation; it starts from the decoder rows, so a few do."""


@dataclass(frozen=True, eq=False)
class Population:
    """A normal distribution of user weights over `[code, 1]`."""

    mean: FloatArray
    """(hidden_units + 1,) float64."""
    covariance: FloatArray
    """(hidden_units + 1, hidden_units + 1) float64, positive definite."""


def with_constant(codes: FloatArray) -> FloatArray:
    """(num_items, hidden_units + 1) float64: the codes with a column of ones for the bias."""
    return np.concatenate([codes, np.ones((len(codes), 1))], axis=1, dtype=np.float64)


def fit(
    codes: FloatArray,
    offsets: FloatArray,
    link: Link,
    decoder_rows: FloatArray,
    by_user: Compressed,
    noise_variance: float,
    *,
    seed: int = 0,
) -> Population:
    """Learns the distribution of users from their training ratings.

    Args:
        codes: (num_items, hidden_units) codes of the items.
        offsets: (num_items,) added to the pre-activations.
        link: the output activation on the rating scale.
        decoder_rows: (num_users, hidden_units + 1) trained weights and biases `[w, b]`; where the search starts.
        by_user: the training ratings, a row a user.
        noise_variance: of a rating around its prediction, in squared rating units.
        seed: of the choice of users and ratings, where there are many.

    Returns:
        The population; where no user has a rating, mean 0 and next to no covariance.
    """
    features = with_constant(codes)
    generator = np.random.default_rng([seed, 2])
    rated = np.flatnonzero(by_user.counts > 0)
    mean: FloatArray = decoder_rows[rated].mean(0, dtype=np.float64) if len(rated) else np.zeros(features.shape[1])
    deviations = decoder_rows[rated] - mean
    covariance: FloatArray = deviations.T @ deviations / max(1, len(rated)) + 1e-6 * np.eye(features.shape[1])
    if len(rated) > USERS_READ:
        rated = generator.choice(rated, USERS_READ, replace=False)
    users = []
    for user in rated:
        items, ratings = by_user.row(int(user))
        if len(items) > RATINGS_READ:
            chosen = generator.choice(len(items), RATINGS_READ, replace=False)
            items, ratings = items[chosen], ratings[chosen]
        users.append((items, ratings))
    # These products are too small for threads, which would wait for each other more than they work.
    with threadpool_limits(1, user_api="blas"):
        for _ in range(ITERATIONS if users else 0):
            mean, covariance = _improved(mean, covariance, features, offsets, link, users, noise_variance)
    return Population(mean=mean, covariance=covariance)


def _improved(
    mean: FloatArray,
    covariance: FloatArray,
    features: FloatArray,
    offsets: FloatArray,
    link: Link,
    users: list[tuple[IntArray, FloatArray]],
    noise_variance: float,
) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance after one more round of expectation-maximisation."""
    z = features @ mean + offsets
    expected, slopes = link(z), link.slope(z)
    weights = np.empty((len(users), features.shape[1]))
    precision = np.zeros_like(covariance)
    for index, (items, ratings) in enumerate(users):
        seen = features[items] * slopes[items, None]  # (n, k + 1)
        spread = seen @ covariance @ seen.T + noise_variance * np.eye(len(items))  # (n, n)
        solved = np.linalg.solve(spread, np.column_stack([seen, ratings - expected[items]]))
        weights[index] = covariance @ (seen.T @ solved[:, -1])
        precision += seen.T @ solved[:, :-1]
    shift = weights.mean(0)
    spread_of_means = (weights - shift).T @ (weights - shift) / len(users)
    covariance = covariance - covariance @ precision @ covariance / len(users) + spread_of_means
    covariance = (covariance + covariance.T) / 2
    return mean + shift, covariance
