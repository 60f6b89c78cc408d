"""Means with intervals: Student's t against the numbers that every table has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autorec_core.confidence import Mean, student_t


@pytest.mark.parametrize(
    ("level", "degrees", "t"),
    [(0.95, 1, 12.7062), (0.95, 2, 4.3027), (0.95, 4, 2.7764), (0.95, 9, 2.2622), (0.99, 3, 5.8409), (0.8, 30, 1.3104)],
)
def test_t_is_what_every_table_says(level: float, degrees: int, t: float) -> None:
    assert student_t(level, degrees) == pytest.approx(t, abs=5e-5)


def test_t_of_many_degrees_is_normal() -> None:
    assert student_t(0.95, 4_000) == pytest.approx(1.96, abs=1e-3)


@pytest.mark.parametrize(("level", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0), (math.nan, 3)])
def test_a_level_or_degree_that_makes_no_sense_is_refused(level: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="Needs a level"):
        student_t(level, degrees)


def test_an_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    found = [Mean.of(generator.normal(3.0, 2.0, 5).tolist()) for _ in range(2_000)]
    held = np.mean([abs(one.mean - 3.0) <= (one.half_width or 0) for one in found])
    assert held == pytest.approx(0.95, abs=0.015)


def test_one_measurement_says_nothing_of_its_spread_and_none_nothing_at_all() -> None:
    assert Mean.of([2.0]) == Mean(2.0, None, None, 1)
    assert math.isnan(Mean.of([]).mean)
