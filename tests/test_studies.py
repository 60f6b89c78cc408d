"""The studies behind the defaults: their sets are what they say, and an idea that changes nothing gains nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import benchmarks.averages
from autorec_core import averages, baselines
from autorec_core.defaults import hyperparameters_for
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import rmse
from autorec_core.ratings import Ratings
from autorec_core.splits import random_split
from autorec_core.steps import AutogradSteps
from autorec_core.training import Trainer
from benchmarks import rule, small_sets, tried

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = Hyperparameters(hidden_units=4, epochs=4, batch_size=16, refit=False, precision="float64")


def test_parts_have_about_their_size_and_no_user_or_item_without_a_rating(
    low_rank: tuple[Ratings, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_sets, "SIZES", (300,))
    found = list(small_sets.parts_of(low_rank[0], 5))
    assert [part.how for part in found] == ["users", "users and items", "single ratings"]
    for part in found:
        assert part.ratings.num_ratings == pytest.approx(300, rel=0.25)
        assert part.ratings.by_user.counts.min() > 0
        assert part.ratings.by_item.counts.min() > 0
    again = list(small_sets.parts_of(low_rank[0], 5))
    assert [part.ratings.fingerprint for part in again] == [part.ratings.fingerprint for part in found]
    other = list(small_sets.parts_of(low_rank[0], 6))
    assert not {part.ratings.fingerprint for part in other} & {part.ratings.fingerprint for part in found}


def test_made_sets_are_on_their_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_sets, "MADE_SIZES", (500,))
    found = list(small_sets.made(0))
    assert len(found) == len(small_sets.PATTERNS) * len(small_sets.SCALES)
    for one in found:
        assert one.ratings.num_ratings == pytest.approx(500, rel=0.25)
        assert one.ratings.scale == small_sets.SCALES[one.how]
        assert one.ratings.by_user.values.max() <= one.ratings.scale.high


def test_averages_are_held_against_the_bias_on_the_same_split(low_rank: tuple[Ratings, np.ndarray]) -> None:
    found = benchmarks.averages.differences(low_rank[0], 3)
    assert list(found) == list(benchmarks.averages.WAYS)
    split = random_split(low_rank[0], seed=3)
    test, scale = split.test.by_user, low_rank[0].scale
    scored = [
        rmse(scale.clip(one.predict_pairs(test.rows, test.indices)), test.values)
        for one in (averages.fit(split.train), baselines.fit_all(split.train)["user_item_bias"])
    ]
    assert found["as they are"] == pytest.approx((scored[0] - scored[1]) / scale.span)
    assert len(set(found.values())) == len(found)
    assert averages.BELIEF_IN_NO_SLOPE < benchmarks.averages.CERTAIN  # nothing stays patched


def test_the_table_tells_mean_worst_how_many_lie_where_and_how_surely() -> None:
    row = {"kind": "k", "how": "h", "size": 500, "based_on": "items"}
    rows = [{**row, "difference": -0.01, "errors_above": -3.0}, {**row, "difference": 0.002, "errors_above": 1.7}]
    rows += [{**one, "based_on": "users", "difference": 1e-8, "errors_above": 0.0} for one in rows]
    text = small_sets.markdown_of(rows)
    assert "| k | h | 500 | -0.40% | +0.20% | 1, 0, 1 | 1.7 | +0.00% | +0.00% | 0, 2, 0 | 0.0 |" in text
    assert "what does not differ: 1 of 4." in text


def test_standard_errors_are_those_of_the_paired_difference() -> None:
    ours, bias = np.array([0.3, -0.1, 0.2, 0.0]), np.array([0.1, 0.1, 0.1, 0.1])
    assert small_sets.errors_above(ours, bias) == pytest.approx(0.025 / (np.std([0.08, 0, 0.03, -0.01]) / 2))
    assert small_sets.errors_above(-ours, ours + 1e-9) == 0.0


def test_a_training_is_held_against_the_bias_fitted_to_the_same_ratings(low_rank: tuple[Ratings, np.ndarray]) -> None:
    small = small_sets.SmallSet("k", "h", 1000, low_rank[0])
    leaning, free = (small_sets.result(small, SMALL.with_changes(lean_on_averages=one), 0) for one in (True, False))
    split = random_split(small.ratings, seed=0)
    test, scale = split.test.by_user, small.ratings.scale
    begun, bias = averages.fit(split.train), baselines.fit_all(split.train)["user_item_bias"]
    expected = [rmse(scale.clip(one.predict_pairs(test.rows, test.indices)), test.values) for one in (begun, bias)]
    assert [leaning["test"], leaning["bias"]] == pytest.approx(expected, abs=1e-6)  # so few epochs show nothing
    assert (leaning["errors_above"] > 0) == (expected[0] > expected[1])
    assert free["test"] < free["bias"] - 1e-2
    assert free["errors_above"] < -1.0


def test_the_short_table_has_a_line_for_every_way_of_drawing_together_and_one_for_all_scales() -> None:
    rows = [
        {"kind": kind, "how": how, "size": 500, "based_on": base, "difference": 0.01 * number, "errors_above": 1.0}
        for kind, ways in {"m": ("users", "single ratings"), "noise alone": ("1 to 5", "0 to 100")}.items()
        for number, how in enumerate(ways)
        for base in small_sets.BASES
    ]
    text = small_sets.markdown_of(small_sets.together(rows))
    assert "| m | every way | 500 | +0.50% | +1.00% | 0, 1, 1 | 1.0 |" in text
    assert "| noise alone | every scale | 500 | +0.50% | +1.00% | 0, 1, 1 | 1.0 |" in text
    assert len(text.splitlines()) == 2 + 2 + 1 + 2


def test_without_leaning_a_small_set_differs_in_nothing_else() -> None:
    small = next(small_sets.made(0))
    leaning, plain = (small_sets.chosen_for(small, "items", leaning=leaning) for leaning in (True, False))
    assert leaning.lean_on_averages
    assert plain == leaning.with_changes(lean_on_averages=False)


def test_a_part_of_a_set_is_of_whole_users(low_rank: tuple[Ratings, np.ndarray]) -> None:
    ratings = low_rank[0]
    part = rule.part_of(ratings, ratings.num_ratings // 3)
    counts = part.by_user.counts
    assert set(np.flatnonzero(counts)) < set(range(ratings.num_users))
    np.testing.assert_array_equal(counts[counts > 0], ratings.by_user.counts[counts > 0])
    assert part.num_ratings == pytest.approx(ratings.num_ratings / 3, rel=0.2)
    assert rule.part_of(ratings, 10**9).num_ratings == ratings.num_ratings


def test_trials_lie_around_the_rule() -> None:
    generator, base = np.random.default_rng(0), Hyperparameters()
    for _ in range(30):
        found = rule.around(base, generator)
        for name, factor in rule.FACTORS.items():
            assert 1 / factor * 0.99 <= getattr(found, name) / getattr(base, name) <= factor * 1.01
        assert found.refit == base.refit


def test_a_count_penalty_of_power_nothing_is_the_default_and_another_is_not(
    low_rank: tuple[Ratings, np.ndarray],
) -> None:
    split = random_split(low_rank[0], seed=0)
    trainer = Trainer(split, SMALL)
    trainer._fit._steps = AutogradSteps(trainer._fit.model, trainer._fit._optimizer, split.train.scale)
    plain = tried.plain(trainer)
    assert tried.with_count_penalty(0.0, Trainer(split, SMALL)) == pytest.approx(plain, abs=1e-12)
    strong = SMALL.with_changes(regularization=200.0)
    assert tried.with_count_penalty(1.0, Trainer(split, strong)) != pytest.approx(
        tried.plain(Trainer(split, strong)), abs=1e-6
    )


def test_averages_leave_the_training_as_it_was(low_rank: tuple[Ratings, np.ndarray]) -> None:
    split = random_split(low_rank[0], seed=0)
    alone = Trainer(split, SMALL)
    list(alone)
    for way in (tried.with_average, tried.with_moving_average):
        watched = Trainer(split, SMALL)
        assert way(watched) <= alone._best_valid
        for name, value in watched.current_fit.weights().items():
            torch.testing.assert_close(value, alone.current_fit.weights()[name], rtol=0, atol=0)


def test_the_average_with_users_is_that_of_both_models_predictions(low_rank: tuple[Ratings, np.ndarray]) -> None:
    split = random_split(low_rank[0], seed=0)
    trainer = Trainer(split, SMALL.with_changes(refit=False))
    found = tried.with_users(trainer)
    by_users = hyperparameters_for(low_rank[0].num_ratings, "users").with_changes(refit=False)
    other = Trainer(split, by_users)
    list(other)
    rows = split.valid.by_user
    one, two = (each.trained_model().predict_pairs(rows.rows, rows.indices) for each in (trainer, other))
    misses = (one.astype(float) + two) / 2 - rows.values
    assert found == pytest.approx(float(np.sqrt(np.mean(misses**2))), abs=1e-6)
    assert found != pytest.approx(trainer._best_valid, abs=1e-4)


def test_an_idea_is_named_by_a_word_and_the_default_comes_along() -> None:
    assert tried.ideas_of(["INNER"]) == ["the default", "an inner layer of half the units"]
    assert tried.ideas_of([]) == list(tried.IDEAS)


def test_test_ratings_are_out_of_reach(low_rank: tuple[Ratings, np.ndarray]) -> None:
    split, seen = random_split(low_rank[0], seed=0), []

    def way(trainer: Trainer) -> float:
        seen.append(trainer.split)
        assert isinstance(trainer.current_fit, Fit)
        return 1.0

    tried.score(split, SMALL, way)
    assert seen[0].test.num_ratings == 0
    assert seen[0].train is split.train
