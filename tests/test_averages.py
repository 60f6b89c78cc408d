"""The averages that small sets lean on: levels of users and items, each item's drawn towards what is expected of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autorec_core import averages, baselines
from autorec_core.averages import ItemPrior
from autorec_core.ratings import FloatArray, Ratings, RatingScale

SCALE = RatingScale(-100, 100, 0.001)  # so wide that nothing planted is cut


def planted(
    *, slope: float = 0.0, spread: float = 0.5, noise: float = 1.0, num_items: int = 400, seed: int = 0
) -> tuple[Ratings, FloatArray]:
    """Ratings of 300 users, half of the items rated by a few; and the items' true levels."""
    generator = np.random.default_rng(seed)
    counts = np.concatenate([generator.integers(1, 4, num_items // 2), generator.integers(20, 80, num_items // 2)])
    levels = slope * (np.log1p(counts) - np.log1p(counts).mean()) + spread * generator.normal(size=num_items)
    users = np.concatenate([generator.choice(300, count, replace=False) for count in counts])
    items = np.repeat(np.arange(num_items), counts)
    of_users = 0.7 * generator.normal(size=300)
    values = 3 + of_users[users] + levels[items] + noise * generator.normal(size=len(users))
    return Ratings.from_triples(users, items, values.round(3), name="planted", scale=SCALE), levels


def test_levels_are_those_that_their_own_ratings_give() -> None:
    """Each level follows from the other side's: a fixed point, so that a row that is read anew is read as before."""
    ratings, _ = planted(slope=0.3)
    found = averages.fit(ratings)
    by_item, by_user, mean = ratings.by_item, ratings.by_user, ratings.mean
    for item in (0, 7, 399):
        users, given = by_item.row(item)
        prior, total = found.item_prior, float((given - mean - found.user_biases[users]).sum())
        expected = prior.level + prior.slope * np.log1p(len(users))
        by_hand = (total + prior.damping * expected) / (len(users) + prior.damping)
        assert found.item_biases[item] == pytest.approx(by_hand, abs=1e-4)
    for user in (0, 299):
        items, given = by_user.row(user)
        by_hand = (given - mean - found.item_biases[items]).sum() / (len(items) + baselines.DAMPING)
        assert found.user_biases[user] == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.4, -0.4])
def test_the_prior_is_found(slope: float) -> None:
    found = [averages.fit(planted(slope=slope, seed=seed)[0]).item_prior for seed in range(5)]
    assert np.mean([prior.slope for prior in found]) == pytest.approx(slope, abs=0.05)


@pytest.mark.parametrize(("spread", "noise"), [(0.5, 1.0), (1.0, 1.0), (0.5, 2.0)])
def test_an_item_is_drawn_as_far_as_items_are_alike_and_ratings_scatter(spread: float, noise: float) -> None:
    dampings = [averages.fit(planted(spread=spread, noise=noise, seed=s)[0]).item_prior.damping for s in range(5)]
    assert np.mean(dampings) == pytest.approx((noise / spread) ** 2, rel=0.25)


def test_where_popular_items_are_rated_higher_rare_ones_are_told_better_than_by_damped_means() -> None:
    for seed in range(3):
        ratings, levels = planted(slope=0.4, seed=seed)
        ours, plain = averages.fit(ratings), baselines.fit_all(ratings)["user_item_bias"]
        counts, missed = ratings.by_item.counts, []
        for bias in (ours, plain):
            errors = bias.item_biases - levels
            errors -= np.average(errors, weights=counts)  # what all have in common the mean and the users can carry
            missed.append(np.sqrt(np.mean(errors[:200] ** 2)))
        assert missed[0] < 0.8 * missed[1]


def test_an_item_without_ratings_is_what_its_prior_expects() -> None:
    ratings, _ = planted(slope=0.4)
    unrated = ratings.select(ratings.by_user.indices != 5)
    found = averages.fit(unrated)
    assert found.item_biases[5] == pytest.approx(found.item_prior.level, abs=1e-12)
    assert found.item_prior.level < found.item_biases.mean()


def test_a_handful_of_ratings_says_next_to_nothing_of_the_prior() -> None:
    generator = np.random.default_rng(0)
    few = Ratings.from_triples(
        generator.permutation(30), generator.integers(0, 12, 30), generator.integers(1, 6, 30), name="few"
    )
    prior = averages.fit(few).item_prior
    assert abs(prior.slope) < 0.1
    assert prior.damping == pytest.approx(baselines.DAMPING, rel=0.6)


def test_ratings_that_are_all_the_same_are_their_mean() -> None:
    ratings, _ = planted()
    same = replace(ratings, by_user=replace(ratings.by_user, values=np.full_like(ratings.by_user.values, 4.0)))
    found = averages.fit(same)
    np.testing.assert_allclose(found.predict_pairs(np.arange(300), np.arange(300)), 4.0, atol=1e-9)


def test_no_prior_and_the_plain_damping_give_the_damped_mean() -> None:
    counts, totals = np.array([0, 1, 10]), np.array([0.0, 2.0, -5.0])
    np.testing.assert_allclose(ItemPrior(0.0, 0.0, 5.0).deviations(counts, totals), [0, 2 / 6, -5 / 15])
