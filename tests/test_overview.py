"""The matrix as a picture: every rating stands where its user and movie are, in each order, with its part."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import TOY

from autorec_core.overview import ORDERS, TEST, TRAIN, VALID, Overview, edges, overview, parts_of
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.splits import random_split


def dense(seen: Overview) -> np.ndarray:
    """(num_rows, num_columns) levels, -1 where nothing is known."""
    matrix = np.full((len(seen.users), len(seen.items)), -1)
    for row in range(len(seen.users)):
        places = slice(int(seen.indptr[row]), int(seen.indptr[row + 1]))
        assert (np.diff(seen.columns[places].astype(int)) > 0).all()
        matrix[row, seen.columns[places]] = seen.levels[places]
    return matrix


def expected(seen: Overview) -> np.ndarray:
    matrix = np.array(TOY)[np.ix_(seen.users, seen.items)]
    return np.where(matrix == 0, -1, np.rint((matrix - 1) / 4 * 254))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("chosen", [None, [True, False, True, False, False]])
def test_each_rating_stands_in_its_row_and_column(toy: Ratings, order: str, chosen: list[bool] | None) -> None:
    seen = overview(toy, order=order, chosen=None if chosen is None else np.array(chosen))
    np.testing.assert_array_equal(dense(seen), expected(seen))
    assert seen.every == 1
    if chosen is None:
        assert sorted(seen.users) == list(range(6))
        assert sorted(seen.items) == list(range(5))
    else:
        assert sorted(seen.items) == [0, 2]
        assert sorted(seen.users) == [0, 1, 2, 3, 4], "who rated none of them has no row"


def test_by_activity_the_most_rated_come_first(toy: Ratings) -> None:
    seen = overview(toy, order="activity")
    assert seen.users.tolist() == [0, 3, 4, 1, 2, 5]  # 3, 3, 3, 2, 2, 2 ratings
    assert seen.items.tolist() == [4, 0, 1, 3, 2]  # 4, 3, 3, 3, 2 ratings


def test_by_time_movies_go_by_year_and_users_by_their_first_rating(toy: Ratings) -> None:
    seen = overview(toy, order="time")
    assert seen.items.tolist() == [2, 1, 0, 3, 4], "1979, 1995, 1999, 2001, and the unknown last"
    assert seen.users.tolist() == [0, 1, 2, 3, 4, 5], "times are 1000 + 10 * user + movie"


def test_users_without_a_rating_do_not_shift_the_times_of_others() -> None:
    ratings = Ratings.from_triples(
        [1, 2, 3], [1, 1, 1], [1, 2, 3], name="x", scale=RatingScale(1, 5, 1), timestamps=[30, 10, 20]
    )
    assert overview(ratings, order="time").users.tolist() == [1, 2, 0]
    some = ratings.select(np.array([True, False, True]))
    assert overview(some, order="time").users.tolist() == [2, 0]


def test_parts_are_those_of_the_split(toy: Ratings) -> None:
    split = random_split(toy, seed=3, test_fraction=0.2, valid_fraction=0.2)
    parts = parts_of(toy, split)
    for part, some in ((TRAIN, split.train), (VALID, split.valid), (TEST, split.test)):
        assert toy.select(parts == part).fingerprint == some.fingerprint
    seen = overview(toy, order="activity", parts=parts)
    for row, user in enumerate(seen.users.tolist()):
        places = slice(int(seen.indptr[row]), int(seen.indptr[row + 1]))
        own = toy.by_user.indptr[user] + np.arange(toy.by_user.counts[user])
        by_item = dict(zip(toy.by_user.indices[own].tolist(), parts[own].tolist(), strict=True))
        assert [by_item[int(item)] for item in seen.items[seen.columns[places]]] == seen.parts[places].tolist()


def test_tiles_count_each_rating_once(checkerboard: Ratings) -> None:
    seen = overview(checkerboard)
    for shape in ((1, 1), (4, 7), (20, 30)):
        tiles = seen.density(*shape)
        assert tiles.shape == shape
        assert tiles.sum() == checkerboard.num_ratings
    np.testing.assert_array_equal(seen.density(20, 30), dense(seen) >= 0)
    rows, columns = edges(20, 3), edges(30, 4)
    known = dense(seen) >= 0
    assert seen.density(3, 4)[1, 2] == known[rows[1] : rows[2], columns[2] : columns[3]].sum()


def test_of_too_many_ratings_every_so_many_th_user_is_shown_whole(checkerboard: Ratings) -> None:
    seen = overview(checkerboard, most_ratings=200)
    assert seen.every == 3  # 480 ratings
    assert len(seen.users) == 7
    assert len(seen.items) == 30
    for row, user in enumerate(seen.users):
        assert seen.indptr[row + 1] - seen.indptr[row] == checkerboard.by_user.counts[user]


def test_a_choice_of_no_movie_is_an_empty_picture(toy: Ratings) -> None:
    seen = overview(toy, chosen=np.zeros(5, dtype=bool))
    assert (len(seen.users), len(seen.items), len(seen.columns)) == (0, 0, 0)


def test_an_unknown_order_is_refused(toy: Ratings) -> None:
    with pytest.raises(ValueError, match="order must be one of activity, time, id, got 'size'"):
        overview(toy, order="size")
