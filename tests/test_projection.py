"""Movies as points: what a map keeps, and what lies near what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_models import model_of

from autorec_core import projection


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_components_are_the_directions_that_vectors_differ_in() -> None:
    generator = np.random.default_rng(3)
    turn = np.linalg.qr(generator.normal(size=(8, 8)))[0]
    hidden = generator.normal(size=(500, 8)) * [9, 4, 1, 0.01, 0.01, 0.01, 0.01, 0.01]
    found = projection.principal_components(hidden @ turn.T + 5)
    for axis in range(3):
        assert abs(projection.goes_with(found.places[:, axis], hidden[:, axis])) > 0.99
    assert found.shares == pytest.approx((81 / 98, 16 / 98, 1 / 98), rel=0.2)
    assert found.places.mean(0) == pytest.approx(np.zeros(3), abs=1e-3)


def test_a_map_is_not_mirrored_by_chance() -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 4)) * [5, 2, 1, 0.1]
    first = projection.principal_components(vectors).places
    again = projection.principal_components(vectors[::-1]).places[::-1]
    assert first == pytest.approx(again, abs=1e-4)


def test_fewer_units_than_axes_leave_the_others_at_nothing() -> None:
    found = projection.principal_components(np.random.default_rng(0).normal(size=(20, 2)))
    assert (found.places[:, 2] == 0).all()
    assert found.shares[2] == 0
    assert sum(found.shares) == pytest.approx(1)


@pytest.mark.parametrize(("based_on", "name"), [("items", "codes"), ("users", "decoder_weights")])
def test_a_movie_is_its_code_or_the_weights_that_write_it(based_on: str, name: str) -> None:
    model = model_of(np.random.default_rng(0).normal(size=(30, 4)), based_on=based_on)
    source = getattr(model, name)
    assert projection.movie_vectors(model) == pytest.approx(source - source.mean(0), abs=1e-6)


def test_only_the_most_rated_movies_of_a_wide_set_are_shown_and_none_without_ratings() -> None:
    model = model_of(np.zeros((6, 2)))
    model = replace(model, item_counts=np.array([3, 0, 9, 1, 5, 0]))
    assert projection.shown_items(model).tolist() == [0, 2, 3, 4]
    assert projection.shown_items(model, most=2).tolist() == [2, 4]


def test_the_nearest_are_those_of_a_search_through_all() -> None:
    directions = unit(np.random.default_rng(5).normal(size=(1500, 6))).astype(np.float32)
    rows, distances = projection.nearest(directions, 4)
    assert rows[:, 0].tolist() == list(range(1500))
    assert (np.diff(distances, axis=1) >= 0).all()
    for row in (0, 1023, 1024, 1499):
        away = np.linalg.norm(directions - directions[row], axis=1)
        assert rows[row, 1:].tolist() == np.argsort(away)[1:4].tolist()
        assert distances[row, 1:] == pytest.approx(np.sort(away)[1:4], abs=1e-3)


def test_all_are_near_where_there_are_few() -> None:
    rows, _distances = projection.nearest(np.eye(3, dtype=np.float32), 3)
    assert [sorted(row) for row in rows.tolist()] == [[0, 1, 2]] * 3


def test_genres_that_lie_to_one_side_are_told_before_those_that_are_everywhere() -> None:
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(300, 5))
    is_of = generator.random((300, 4)) < 0.2
    vectors[is_of[:, 2]] += [3, 0, 0, 0, 0]
    is_of[:, 3] = vectors[:, 0] < 2  # most movies: a side that nearly all are on is none
    assert projection.telling_genres(unit(vectors), is_of, 1) == [2]
    assert 3 not in projection.telling_genres(unit(vectors), is_of, 4)


def test_a_genre_without_a_movie_is_not_told() -> None:
    is_of = np.zeros((10, 2), dtype=bool)
    is_of[:3, 1] = True
    assert projection.telling_genres(unit(np.random.default_rng(0).normal(size=(10, 3))), is_of, 2) == [1]


def test_somebody_stands_among_the_movies_that_are_like_those_they_like() -> None:
    directions = unit(np.array([[1, 0.01], [1, 0.02], [1, -0.01], [0, 1], [0.01, 1.0]]))
    places = np.array([[10, 0], [11, 0], [12, 0], [-50, 3], [-51, 3.0]])
    assert projection.centre_among(directions, places, np.array([0, 1]), count=3) == pytest.approx([11, 0])
    assert projection.centre_among(directions, places, np.array([3]), count=2) == pytest.approx([-50.5, 3])


def test_what_does_not_vary_goes_with_nothing() -> None:
    assert projection.goes_with(np.ones(5), np.arange(5.0)) == 0
    assert projection.goes_with(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1)
