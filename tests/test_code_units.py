"""What hidden units look for, on networks whose units are set by hand."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
import torch
from made_models import model_of

from autorec_core import code_units, watching
from autorec_core.code_units import LEAST, MOST, CodeUnits, read_units
from autorec_core.trained_model import TrainedModel

NUM_MOVIES = 400
HORROR, COMEDY = np.arange(NUM_MOVIES) % 10 == 0, np.arange(NUM_MOVIES) % 10 == 1
NOISE, FOR_HORROR, AGAINST_COMEDY, FOR_THE_SEVENTIES, DEAD, SATURATED = range(6)
YEARS = np.where(np.arange(NUM_MOVIES) % 20 == 3, 1975, 1995)


def planted(based_on: str = "items") -> TrainedModel:
    """Six units: one of noise, three that each look for one thing, a dead and a saturated one."""
    generator = np.random.default_rng(4)
    codes = generator.uniform(0.3, 0.4, (NUM_MOVIES, 6))
    codes[HORROR, FOR_HORROR] += 0.5
    codes[COMEDY, AGAINST_COMEDY] -= 0.25
    codes[YEARS == 1975, FOR_THE_SEVENTIES] += 0.3
    codes[:, DEAD] = 0.5
    codes[:, SATURATED] = 0.999 - 0.001 * generator.random(NUM_MOVIES)
    genres = tuple(
        ("Horror",) if scary else ("Comedy", "Drama") if funny else ("Drama",)
        for scary, funny in zip(HORROR, COMEDY, strict=True)
    )
    return model_of(codes, genres=genres, years=YEARS, based_on=based_on)


@pytest.fixture(scope="module")
def units() -> CodeUnits:
    return read_units(planted())


def test_a_unit_planted_for_a_genre_is_told_by_it(units: CodeUnits) -> None:
    end, group = units.favourite(FOR_HORROR) or (-1, -1)
    assert (end, units.groups[group]) == (MOST, "Horror")
    assert units.ends[MOST, FOR_HORROR] == 40
    assert units.found[MOST, FOR_HORROR, group] == 40
    assert units.expected(MOST, FOR_HORROR)[group] == pytest.approx(4)
    assert units.lifts()[MOST, FOR_HORROR, group] == pytest.approx(10)
    assert set(units.extremes(FOR_HORROR, MOST, 40).tolist()) == set(np.flatnonzero(HORROR).tolist())


def test_a_unit_planted_against_a_genre_is_told_by_its_other_end(units: CodeUnits) -> None:
    end, group = units.favourite(AGAINST_COMEDY) or (-1, -1)
    assert (end, units.groups[group]) == (LEAST, "Comedy")
    assert HORROR[units.extremes(AGAINST_COMEDY, LEAST, 40)].sum() == 0


def test_a_unit_may_look_for_a_decade(units: CodeUnits) -> None:
    end, group = units.favourite(FOR_THE_SEVENTIES) or (-1, -1)
    assert (end, units.groups[group]) == (MOST, "1970s")
    assert group >= units.num_genres
    assert units.traits[FOR_THE_SEVENTIES, code_units.TRAITS.index("year")] < -0.8


@pytest.mark.parametrize("unit", [NOISE, DEAD, SATURATED])
def test_noise_and_units_out_of_use_favour_nothing(units: CodeUnits, unit: int) -> None:
    assert units.favourite(unit) is None


def test_units_out_of_use_are_named_and_come_last(units: CodeUnits) -> None:
    assert units.states == ("", "", "", "", "dead", "saturated")
    assert units.order().tolist()[0] == FOR_HORROR
    assert units.order().tolist()[-2:] == [DEAD, SATURATED]


def test_dead_and_saturated_mean_what_they_mean_while_a_training_is_watched() -> None:
    generator = np.random.default_rng(0)
    codes = (0.5 + generator.normal(size=(300, 60)) * np.linspace(0, 2, 60)).clip(0, 1).astype(np.float32)
    for activation in ("sigmoid", "tanh", "relu"):
        states = code_units.states_of(codes, activation)
        _means, _spreads, num_dead, num_saturated = watching._units(torch.from_numpy(codes), activation)
        assert (states.count("dead"), states.count("saturated")) == (num_dead, num_saturated)
    assert num_dead


def test_a_user_based_model_is_read_by_its_decoder() -> None:
    units = read_units(planted("users"))
    end, group = units.favourite(FOR_HORROR) or (-1, -1)
    assert (end, units.groups[group]) == (MOST, "Horror")


def test_movies_that_cannot_be_told_apart_are_no_end() -> None:
    """A rectifier is silent for most movies: which of those come first is the order of their ids."""
    codes = np.zeros((NUM_MOVIES, 1))
    codes[:7, 0] = np.arange(7) + 1.0
    units = read_units(model_of(codes, genres=(("Drama",),) * NUM_MOVIES, years=YEARS))
    assert units.ends[MOST, 0] == 7
    assert units.ends[LEAST, 0] == 0
    assert (units.p_values[LEAST] == 1).all()


def test_movies_with_few_ratings_are_left_out_where_there_are_others() -> None:
    model = planted()
    counts = model.item_counts.copy()
    counts[:100] = code_units.LEAST_RATINGS - 1
    assert read_units(replace(model, item_counts=counts)).items.tolist() == list(range(100, NUM_MOVIES))


def test_the_tail_is_the_sum_of_all_ways_to_draw() -> None:
    tail = code_units.hypergeometric_tail(30, np.array([0, 4, 30]), 7)
    for row, size in enumerate((0, 4, 30)):
        for x in range(8):
            ways = sum(comb(size, k) * comb(30 - size, 7 - k) for k in range(x, 8))
            assert tail[row, x] == pytest.approx(ways / comb(30, 7), abs=1e-12)


def test_rates_of_false_discovery_hold_for_noise() -> None:
    """Of tests with nothing behind them hardly any is called a discovery; of planted ones, all are."""
    generator = np.random.default_rng(2)
    p = generator.random((20, 50))
    p[0] = 1e-7
    rates = code_units.false_discovery_rates(p)
    assert (rates[0] < 0.01).all()
    assert (rates[1:] < 0.01).sum() <= 2
    assert (rates >= p).all()
    order = np.argsort(p.ravel())
    assert (np.diff(rates.ravel()[order]) >= 0).all()
