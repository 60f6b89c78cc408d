"""Ratings: stored means observed, ids stand apart from indices, and nothing can be changed."""

from __future__ import annotations

import dataclasses
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorec_core.errors import InvalidRatingsError, NotFoundError
from autorec_core.ratings import Items, Ratings, RatingScale, distinct_ids, union
from tests.conftest import TOY

FIVE = RatingScale(1, 5, 1)


def triples(*rows: tuple[object, object, float], name: str = "few", scale: RatingScale | None = FIVE) -> Ratings:
    users, items, values = zip(*rows, strict=True)
    return Ratings.from_triples(users, items, values, name=name, scale=scale)


def as_dict(ratings: Ratings) -> dict[tuple[object, object], float]:
    users = ratings.user_ids[ratings.by_user.rows].tolist()
    items = ratings.items.ids[ratings.by_user.indices].tolist()
    return dict(zip(zip(users, items, strict=True), ratings.by_user.values.tolist(), strict=True))


def test_the_toy_holds_what_was_written(toy: Ratings) -> None:
    assert (toy.num_ratings, toy.num_users, toy.num_items) == (15, 6, 5)
    assert as_dict(toy) == {
        (user + 1, 10 * (item + 1)): value
        for user, row in enumerate(TOY)
        for item, value in enumerate(row)
        if value != 0
    }
    assert toy.mean == pytest.approx(sum(map(sum, TOY)) / 15)
    assert toy.density == 15 / 30
    assert repr(toy) == "Ratings('toy': 15 ratings, 6 users x 5 items, 50.00 % known, scale 1 to 5)"


def test_rows_have_ascending_columns_in_whatever_order_the_triples_come(toy: Ratings) -> None:
    rows = [(user, item, value) for (user, item), value in as_dict(toy).items()]
    shuffled = triples(*reversed(rows), name="toy")
    assert shuffled.fingerprint == toy.fingerprint
    for compressed in (shuffled.by_user, shuffled.by_item):
        for row in range(compressed.num_rows):
            assert (np.diff(compressed.row(row)[0]) > 0).all()


def test_timestamps_follow_their_ratings(toy: Ratings) -> None:
    assert toy.timestamps is not None
    expected = 1000 + 10 * toy.by_user.rows + toy.by_user.indices
    np.testing.assert_array_equal(toy.timestamps, expected)
    chosen = toy.by_user.values >= 4
    selected = toy.select(chosen).timestamps
    assert selected is not None
    np.testing.assert_array_equal(selected, expected[chosen])


def test_by_item_is_the_same_ratings_seen_from_the_items(toy: Ratings) -> None:
    users, values = toy.by_item.row(0)
    assert users.tolist() == [0, 1, 3]
    assert values.tolist() == [5, 4, 1]
    assert toy.by_item.counts.tolist() == [3, 3, 2, 3, 4]
    assert toy.by_item.num_columns == toy.num_users
    assert toy.by_user.counts.tolist() == [3, 2, 2, 3, 3, 2]


def test_a_rating_of_zero_is_observed() -> None:
    ratings = triples((1, 1, 0.0), (1, 2, 5.0), scale=RatingScale(0, 5, 1))
    assert ratings.num_ratings == 2
    assert as_dict(ratings)[(1, 1)] == 0.0
    assert ratings.by_item.counts.tolist() == [1, 1]


def test_items_know_their_titles_and_an_unknown_one_shows_its_id(toy: Ratings) -> None:
    assert toy.items.titles.tolist() == ["Matrix, The", "Toy Story", "Alien", "Amélie", "50"]
    assert toy.items.years.tolist() == [1999, 1995, 1979, 2001, 0]
    assert toy.items.genres[4] == ()
    assert toy.items.genre_names == ("Action", "Animation", "Comedy", "Horror", "Romance", "Sci-Fi")


@pytest.mark.parametrize("given_id", [30, "30", " 30 ", np.int64(30), np.int32(30)], ids=repr)
def test_an_item_is_found_by_its_id_as_number_or_text(toy: Ratings, given_id: object) -> None:
    assert toy.items.index(given_id) == 2


@pytest.mark.parametrize(
    "given_id", [31, "31", "Alien", "", "-", "--30", "²", "30.0", None, 5000 * "1"], ids=lambda one: repr(one)[:9]
)
def test_an_id_that_is_not_there_is_not_found(toy: Ratings, given_id: object) -> None:
    assert toy.items.find(given_id) is None
    with pytest.raises(NotFoundError, match="among these 5"):
        toy.items.index(given_id)


def test_text_ids_work_as_well_as_numbers() -> None:
    ratings = triples(("ann", "tt2", 3), ("bob", "tt1", 4), ("ann", "tt1", 5))
    assert ratings.user_ids.tolist() == ["ann", "bob"]
    assert ratings.items.ids.tolist() == ["tt1", "tt2"]
    assert ratings.items.index("tt2") == 1
    assert ratings.items.titles.tolist() == ["tt1", "tt2"]
    assert ratings.user_index("bob") == 1


def test_a_user_is_found_by_number_or_text(toy: Ratings) -> None:
    assert toy.user_index(6) == toy.user_index("6") == 5
    with pytest.raises(NotFoundError, match="No user has the id '7' among these 6"):
        toy.user_index(7)


def test_select_keeps_users_items_and_indices(toy: Ratings) -> None:
    chosen = toy.by_user.rows == 2
    only_third = toy.select(chosen)
    assert only_third.num_ratings == 2
    assert (only_third.num_users, only_third.num_items) == (6, 5)
    assert only_third.by_user.counts.tolist() == [0, 0, 2, 0, 0, 0]
    assert only_third.by_user.row(2)[0].tolist() == [1, 2]
    assert toy.num_ratings == 15


def test_nothing_selected_is_valid_and_its_mean_is_the_middle_of_the_scale(toy: Ratings) -> None:
    nothing = toy.select(np.zeros(15, dtype=bool))
    assert nothing.num_ratings == 0
    assert nothing.mean == 3.0
    assert nothing.by_item.counts.sum() == 0


def test_no_array_can_be_written_to(toy: Ratings) -> None:
    arrays = [toy.user_ids, toy.items.ids, toy.items.titles, toy.items.years, toy.timestamps]
    for compressed in (toy.by_user, toy.by_item, toy.select(toy.by_user.values > 2).by_user):
        arrays += [compressed.indptr, compressed.indices, compressed.values]
    for array in arrays:
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy.name = "other"  # type: ignore[misc]


def test_the_callers_own_arrays_are_neither_locked_nor_kept() -> None:
    users, items, values = np.array([1, 2]), np.array([1, 1]), np.array([3, 4], dtype=np.float32)
    ratings = Ratings.from_triples(users, items, values, name="own", scale=FIVE)
    users[0], items[0], values[0] = 9, 9, 1
    assert as_dict(ratings) == {(1, 1): 3.0, (2, 1): 4.0}


def test_the_fingerprint_tells_any_change_and_only_that(toy: Ratings) -> None:
    rows = [(user, item, value) for (user, item), value in as_dict(toy).items()]
    same = triples(*rows, name="another name")
    assert same.fingerprint == toy.fingerprint
    changed = [(*rows[0][:2], 3.0), *rows[1:]]
    other_scale = triples(*rows, scale=RatingScale(0.5, 5, 0.5))
    fingerprints = {toy.fingerprint, triples(*changed).fingerprint, triples(*rows[1:]).fingerprint}
    assert len(fingerprints | {other_scale.fingerprint}) == 4


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(1, 1, 3), (1, 2, 6)], "few: 1 ratings are outside 1 to 5, the first is 6."),
        ([(1, 1, 3), (1, 2, 0.5)], "few: 1 ratings are outside 1 to 5, the first is 0.5."),
        ([(1, 1, 3), (1, 2, float("nan"))], "few has ratings that are not finite numbers."),
        ([(1, 1, 3), (1, 2, float("inf"))], "few has ratings that are not finite numbers."),
        ([(1, 1, 3), (1, 2, 1e300)], "few has ratings that are not finite numbers."),
        ([(1, 1, 3), (1, 1, 3)], "few: 1 ratings are for a user and item that already have one. Keep one of each."),
    ],
    ids=["above", "below", "nan", "inf", "too large", "twice"],
)
def test_ratings_that_can_not_be_are_refused_in_a_sentence(rows: list[tuple[int, int, float]], says: str) -> None:
    with pytest.raises(InvalidRatingsError) as caught:
        triples(*rows)
    assert str(caught.value) == says


def test_no_ratings_at_all_are_refused() -> None:
    with pytest.raises(InvalidRatingsError, match="empty has no ratings"):
        Ratings.from_triples([], [], [], name="empty")


def test_lists_of_different_lengths_are_the_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="2 users, 2 items and 1 values are not parallel"):
        Ratings.from_triples([1, 2], [1, 2], [3], name="short")


def test_a_scale_clips_without_changing_kind() -> None:
    clipped = FIVE.clip(np.array([-2.0, 3.3, 9.0], dtype=np.float32))
    assert clipped.dtype == np.float32
    np.testing.assert_allclose(clipped, [1.0, 3.3, 5.0])
    assert (FIVE.span, str(FIVE)) == (4.0, "1 to 5")


@pytest.mark.parametrize(
    "ends", [(5, 1, 1), (1, 1, 1), (1, 5, 0), (1, 5, -1), (1, float("inf"), 1), (float("nan"), 5, 1)]
)
def test_a_scale_that_is_none_is_refused(ends: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidRatingsError, match="A rating scale needs finite numbers with low < high"):
        RatingScale(*ends)


def test_a_guessed_scale_spans_the_values_in_steps_of_their_finest_gap() -> None:
    assert RatingScale.guess(np.array([2.0, 8.0, 2.5])) == RatingScale(2, 8, 0.5)
    assert RatingScale.guess(np.array([4.0, 4.0])) == RatingScale(4, 5)
    assert RatingScale.guess(np.array([])) == RatingScale(1, 2)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=40))
def test_distinct_ids_are_those_of_numpy_however_far_apart(ids: list[int]) -> None:
    for given_ids in (ids, [each % 50 for each in ids]):  # far apart, and close together
        expected, places = np.unique(given_ids, return_inverse=True)
        found, index = distinct_ids(given_ids)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(index, places)
        assert found.dtype == np.int64


def test_the_union_names_which_ratings_came_from_which() -> None:
    first = triples((1, 10, 5), (2, 20, 3), name="first")
    second = triples((1, 30, 2), (3, 10, 4), name="second")
    whole, (in_first, in_second) = union(first, [second])
    assert as_dict(whole) == as_dict(first) | as_dict(second)
    assert as_dict(whole.select(in_first)) == as_dict(first)
    assert as_dict(whole.select(in_second)) == as_dict(second)
    assert (in_first ^ in_second).all()
    assert (whole.name, whole.num_users, whole.num_items) == ("first", 3, 3)


def test_the_union_keeps_titles_of_both_and_prefers_the_first(toy: Ratings) -> None:
    other = Ratings.from_triples(
        [1, 1],
        [40, 60],
        [2, 3],
        name="other",
        scale=FIVE,
        titles={40: ("Wrong", 1900, ()), 60: ("Up", 2009, ("Comedy",))},
    )
    whole, _ = union(toy, [other])
    assert whole.items.titles.tolist() == ["Matrix, The", "Toy Story", "Alien", "Amélie", "50", "Up"]
    assert whole.items.years.tolist() == [1999, 1995, 1979, 2001, 0, 2009]


def test_the_union_has_timestamps_only_where_both_have() -> None:
    def stamped(user: int, at: int | None) -> Ratings:
        stamps = None if at is None else [at]
        return Ratings.from_triples([user], [1], [3], name="stamped", scale=FIVE, timestamps=stamps)

    whole, _ = union(stamped(2, 22), [stamped(1, 11)])
    assert whole.timestamps is not None
    assert whole.timestamps.tolist() == [11, 22]
    assert union(stamped(2, 22), [stamped(1, None)])[0].timestamps is None


def test_numeric_ids_meet_text_ids_as_text() -> None:
    numbers = Ratings.from_triples([1, 2], [7, 8], [3, 4], name="numbers", scale=FIVE, titles={7: ("Seven", 1995, ())})
    words = triples(("1", "new", 5), ("ann", "7", 2), name="words")
    whole, (in_numbers, in_words) = union(numbers, [words])
    assert as_dict(whole) == {("1", "7"): 3, ("2", "8"): 4, ("1", "new"): 5, ("ann", "7"): 2}
    assert (in_numbers.sum(), in_words.sum()) == (2, 2)
    assert whole.items.titles[whole.items.index("7")] == "Seven"


def test_a_rating_in_both_is_refused_with_an_example(toy: Ratings) -> None:
    with pytest.raises(InvalidRatingsError) as caught:
        union(toy, [triples((9, 10, 3), (4, 10, 2), name="test")])
    assert str(caught.value) == (
        "1 ratings are in more than one of toy, test, the first of user 4 for item 10. Keep each in one of them."
    )


def test_another_scale_is_refused(toy: Ratings) -> None:
    with pytest.raises(InvalidRatingsError, match="test: 1 ratings are outside 1 to 5, the scale of toy"):
        union(toy, [triples((9, 10, 7), name="test", scale=RatingScale(1, 10))])


def items_of(*titles: str, years: tuple[int, ...] = (1999, 2001), genres: tuple[str, ...] = ("Drama",)) -> Items:
    return Items(
        ids=np.arange(len(titles)),
        titles=np.array(titles),
        years=np.array(years, dtype=np.int32),
        genres=(genres,) * len(titles),
    )


def test_items_that_are_the_same_are_held_once_and_no_longer_than_they_are_used() -> None:
    first = items_of("Alien", "Brazil").shared()
    assert items_of("Alien", "Brazil").shared() is first
    gone = weakref.ref(first)
    del first
    assert gone() is None
    later = items_of("Alien", "Brazil")
    assert later.shared() is later


def test_items_that_differ_in_anything_are_not_taken_for_each_other() -> None:
    first = items_of("Alien", "Brazil").shared()
    others = (
        items_of("Alien", "Brazil!"),
        items_of("Alien", "Brazil", years=(1999, 2002)),
        items_of("Alien", "Brazil", genres=("Comedy",)),
        items_of("AlienBr", "azil"),
    )
    for other in others:
        assert other.shared() is other
    assert first.titles.tolist() == ["Alien", "Brazil"]
