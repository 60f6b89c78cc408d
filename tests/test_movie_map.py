"""What the map is told: places, colours, and what stands on its page."""

from __future__ import annotations

import base64
import csv
import io

import numpy as np
import pytest
from made_models import model_of

from autorec_core.catalogue import Catalogue
from autorec_core.code_units import read_units
from pages.shared import atlas, movie_map, units_charts, units_view


def test_places_are_moved_to_the_middle_and_keep_their_shape() -> None:
    places = np.random.default_rng(0).normal(size=(900, 2)) * [40, 10] + 300
    fitted = movie_map.fitted(places)
    assert fitted.shape == (900, 3)
    assert (fitted[:, 2] == 0).all()
    assert (np.abs(fitted).max(axis=1) <= 1).mean() == pytest.approx(0.97, abs=0.005)
    ratio = np.diff(fitted[:, :2], axis=0) / np.diff(places, axis=0)
    assert ratio == pytest.approx(np.full_like(ratio, ratio[0, 0]), rel=0.01), "one scale for both axes"


def test_a_movie_of_several_genres_has_the_colour_of_the_rarest() -> None:
    is_of = np.array([[True, True], [True, False], [True, False], [False, False]])
    colouring = movie_map.by_genre(is_of, ["Action", "War"])
    assert colouring.of.tolist() == [1, 0, 0, movie_map.BLANK]
    assert colouring.entries == [("Action", 3), ("War", 1)]


def test_a_ramp_spans_nearly_all_values_and_leaves_unknown_ones_blank() -> None:
    years = np.array([0, *range(1900, 2001)])
    colouring = movie_map.by_number(years, years > 0, "Year", ".0f")
    assert colouring.ramp == ("Year", "1905", "1995")
    assert colouring.of[0] == movie_map.BLANK
    assert colouring.of[1] == colouring.of[4] == 0
    assert colouring.of[-1] == 254
    assert (np.diff(colouring.of[1:].astype(int)) >= 0).all()


def test_numbers_are_sent_as_the_script_reads_them() -> None:
    sent = movie_map.as_text(np.array([[1.5, -2.0, 3.25]]))
    assert np.frombuffer(base64.b64decode(sent), "<f4").tolist() == [1.5, -2.0, 3.25]


@pytest.mark.parametrize("sent", [None, "3", 2.5, -1, 10])
def test_what_a_browser_sends_is_taken_only_where_it_is_a_movie(sent: object) -> None:
    assert movie_map._within(sent, 10) == -1


@pytest.mark.parametrize(
    ("counts", "drawn", "told"),
    [
        ([3, 1], 2, "2 movies are drawn."),
        (
            [3, 0, 0],
            1,
            "1 movie is drawn. 2 are left out: without a training rating a movie has no code of its own.",
        ),
        (
            [5, 4, 1, 0],
            2,
            "2 movies are drawn. 1 is left out: without a training rating a movie has no code of its own. "
            "1 with the fewest ratings is left out, so that the others can be told apart.",
        ),
    ],
)
def test_the_map_says_how_many_movies_it_has_and_why_not_all(counts: list[int], drawn: int, told: str) -> None:
    assert atlas.how_many(np.array(counts), drawn) == told


def test_the_file_of_a_map_has_a_line_a_movie_with_its_place() -> None:
    model = model_of(np.random.default_rng(0).normal(size=(12, 3)), genres=(("Drama", "War"),) * 12)
    catalogue = Catalogue(model.items, model.item_counts, model.item_means)
    places = np.arange(36.0).reshape(12, 3)
    written = atlas.as_csv(catalogue, np.array([2, 5]), places[[2, 5]], 2, np.full(12, 4.0))
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [(row["item_id"], row["x"], row["y"], row["genres"]) for row in rows] == [
        ("3", "6.0", "7.0", "Drama|War"),
        ("6", "15.0", "16.0", "Drama|War"),
    ]
    assert "z" not in rows[0]


class TestUnits:
    def test_a_unit_is_told_in_words_and_numbers(self) -> None:
        is_horror = np.arange(400) % 10 == 0
        codes = np.random.default_rng(0).uniform(0.3, 0.4, (400, 2))
        codes[is_horror, 1] += 0.4
        genres = tuple(("Horror",) if scary else ("Drama",) for scary in is_horror)
        model = model_of(codes, genres=genres)
        units, catalogue = read_units(model), Catalogue(model.items, model.item_counts, model.item_means)
        assert units_view.label(units, 1) == "Unit 2 · Horror ×10.0"
        assert units_view.label(units, 0) == "Unit 1 · nothing tested"
        assert "**40 are Horror**; 4.0 would be by chance" in units_view.sentence(units, 1, True)
        assert "1 of its units favour a genre most clearly, 0 a decade. None is dead" in units_view.summary(units, True)
        assert units_view.by_favourite(units) == [1, 0]
        table = units_view.overview_table(units, [1, 0])
        assert set(table["number"]) == {2}
        assert set(table["place"]) == {0}
        assert units_view.group_table(units, 1)["group"].tolist()[0] == "Horror"
        rows = list(csv.DictReader(io.StringIO(units_view.unit_csv(units, catalogue, 1))))
        assert [row["genres"] for row in rows[:40]] == ["Horror"] * 40
        whole = list(csv.DictReader(io.StringIO(units_view.units_csv(units))))
        assert len(whole) == 2 * 2 * len(units.groups)

    def test_units_of_a_set_without_genres_and_years_are_held_against_neither(self) -> None:
        units = read_units(model_of(np.random.default_rng(0).uniform(0.3, 0.4, (400, 2))))
        told = f"{units_view.summary(units, True)} {units_view.traits(units, 0)}"
        assert "names no genres or years" in told
        assert "favour" not in told
        assert "with the year" not in told

    def test_the_picture_of_a_unit_has_all_movies_and_its_group(self) -> None:
        is_war = np.arange(400) % 8 == 0
        codes = np.random.default_rng(0).uniform(0.3, 0.4, (400, 1))
        codes[is_war, 0] += 0.4
        units = read_units(model_of(codes, genres=tuple(("War",) if one else ("Drama",) for one in is_war)))
        drawn = units_charts.spread(units, 0, units.groups.index("War"), True, "#000000").to_dict()
        (rows,) = drawn["datasets"].values()
        for who in ("all movies", "War"):
            assert sum(row["share"] for row in rows if row["who"] == who) == pytest.approx(100)
