"""Splits: disjoint, whole, drawn from the seed alone."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autorec_core.errors import InvalidHyperparameterError, InvalidRatingsError
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.splits import Split, random_split

FIVE = RatingScale(1, 5, 1)


def keys(part: Ratings | None) -> set[tuple[object, object, float]]:
    if part is None:
        return set()
    users = part.user_ids[part.by_user.rows].tolist()
    items = part.items.ids[part.by_user.indices].tolist()
    return set(zip(users, items, part.by_user.values.tolist(), strict=True))


def users_of(part: Ratings | None) -> set[object]:
    return {user for user, _, _ in keys(part)}


def parts(split: Split) -> list[Ratings | None]:
    return [split.train, split.valid, split.test, split.holdout]


def assert_shares_out(split: Split, *wholes: Ratings) -> None:
    """Every rating is in exactly one part."""
    assert sum(len(keys(part)) for part in parts(split)) == sum(whole.num_ratings for whole in wholes)
    assert set().union(*map(keys, parts(split))) == set().union(*map(keys, wholes))


def test_a_tenth_is_for_testing_and_a_tenth_of_the_rest_for_validating(checkerboard: Ratings) -> None:
    split = random_split(checkerboard)
    assert checkerboard.num_ratings == 480
    assert (split.test.num_ratings, split.valid.num_ratings, split.train.num_ratings) == (48, 43, 389)
    assert split.holdout is None
    assert_shares_out(split, checkerboard)


def test_all_parts_speak_of_the_same_users_and_items(checkerboard: Ratings) -> None:
    split = random_split(checkerboard, holdout_users=0.2)
    for part in parts(split):
        assert part is not None
        assert part.user_ids is checkerboard.user_ids
        assert part.items is checkerboard.items


def test_the_seed_decides_alone(checkerboard: Ratings) -> None:
    first, again, other = (random_split(checkerboard, seed=seed, holdout_users=0.1) for seed in (3, 3, 4))
    assert [keys(part) for part in parts(first)] == [keys(part) for part in parts(again)]
    assert keys(first.test) != keys(other.test)
    assert users_of(first.holdout) != users_of(other.holdout)
    assert first.seed == 3


def test_what_a_seed_draws_never_changes(checkerboard: Ratings) -> None:
    """Figures that were published with it hold for these parts alone."""
    split = random_split(checkerboard, holdout_users=0.1)
    assert split.seed == 0
    assert users_of(split.holdout) == {13, 17}
    assert sorted(keys(split.test))[:5] == [(1, 4, 1.0), (1, 24, 1.0), (2, 5, 1.0), (2, 22, 5.0), (3, 29, 5.0)]
    assert sorted(keys(split.valid))[:5] == [(1, 8, 1.0), (1, 25, 5.0), (2, 16, 5.0), (2, 19, 1.0), (2, 20, 5.0)]


def test_the_global_random_state_is_neither_used_nor_touched(checkerboard: Ratings) -> None:
    before = np.random.get_state()[1]
    first = random_split(checkerboard)
    np.testing.assert_array_equal(before, np.random.get_state()[1])
    np.random.seed(99)
    assert keys(random_split(checkerboard).train) == keys(first.train)


def test_held_out_users_are_in_no_other_part(checkerboard: Ratings) -> None:
    split = random_split(checkerboard, holdout_users=0.25)
    held_out = users_of(split.holdout)
    assert len(held_out) == 5
    for part in (split.train, split.valid, split.test):
        assert not users_of(part) & held_out
    assert len(keys(split.holdout)) == sum(1 for user, _, _ in keys(checkerboard) if user in held_out)
    assert_shares_out(split, checkerboard)


def test_a_user_with_one_rating_is_never_held_out() -> None:
    users, items = [1, 2, 2, 3, 4, 4, 5], [1, 1, 2, 1, 3, 1, 1]
    ratings = Ratings.from_triples(users, items, [3] * 7, name="lonely", scale=FIVE)
    for seed in range(20):
        assert users_of(random_split(ratings, seed=seed, holdout_users=0.4).holdout) == {2, 4}


def test_a_small_share_of_users_is_at_least_one(toy: Ratings) -> None:
    assert len(users_of(random_split(toy, holdout_users=0.01).holdout)) == 1


def test_too_few_users_with_two_ratings_are_told() -> None:
    ratings = Ratings.from_triples([1, 2, 3, 4, 4], [1, 1, 1, 1, 2], [3] * 5, name="lonely", scale=FIVE)
    with pytest.raises(InvalidRatingsError) as caught:
        random_split(ratings, holdout_users=0.5)
    assert str(caught.value) == "holdout_users of 0.5 needs 2 users with two ratings or more; lonely has 1."


def test_no_test_fraction_means_no_test_ratings(toy: Ratings) -> None:
    split = random_split(toy, test_fraction=0.0)
    assert split.test.num_ratings == 0
    assert split.train.num_ratings + split.valid.num_ratings == 15


def test_there_is_always_something_to_validate_on(toy: Ratings) -> None:
    assert random_split(toy, valid_fraction=0.001).valid.num_ratings == 1


def test_an_own_test_set_is_kept_whole_and_the_fraction_unused(toy: Ratings) -> None:
    test = Ratings.from_triples([1, 9], [30, 60], [4, 2], name="own", scale=FIVE)
    split = random_split(toy, test=test, test_fraction=0.5)
    assert keys(split.test) == {(1, 30, 4.0), (9, 60, 2.0)}
    assert split.train.num_ratings + split.valid.num_ratings == 15
    assert_shares_out(split, toy, test)
    assert split.train.num_users == split.test.num_users == 7
    assert split.train.items is split.test.items


def test_an_own_test_set_does_not_change_what_is_drawn_to_validate_on(checkerboard: Ratings) -> None:
    stranger = Ratings.from_triples([99], [5], [3], name="own", scale=FIVE)
    with_own = random_split(checkerboard, test=stranger)
    without = random_split(checkerboard, test_fraction=0.0)
    assert keys(with_own.valid) == keys(without.valid)


def test_test_ratings_of_users_held_out_go_with_them(checkerboard: Ratings) -> None:
    in_test = np.arange(checkerboard.num_ratings) % 4 == 0
    train, test = checkerboard.select(~in_test), checkerboard.select(in_test)
    split = random_split(train, test=test, holdout_users=0.25)
    held_out = users_of(split.holdout)
    assert len(held_out) == 5
    assert not users_of(split.test) & held_out
    assert not users_of(split.train) & held_out
    assert keys(split.holdout) == {key for key in keys(checkerboard) if key[0] in held_out}
    assert keys(split.test) == {key for key in keys(test) if key[0] not in held_out}
    assert_shares_out(split, train, test)


def test_a_test_rating_that_is_also_for_training_is_refused(toy: Ratings) -> None:
    leak = Ratings.from_triples([1], [10], [5], name="own", scale=FIVE)
    with pytest.raises(InvalidRatingsError, match="in more than one of toy, own, the first of user 1 for item 10"):
        random_split(toy, test=leak)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("test_fraction", value) for value in (-0.1, 0.91, math.nan)),
        *(("valid_fraction", value) for value in (0.0, 1.0, math.nan)),
        *(("holdout_users", value) for value in (-0.1, 0.95, math.inf)),
    ],
)
def test_a_fraction_outside_its_range_is_named(toy: Ratings, name: str, value: float) -> None:
    with pytest.raises(InvalidHyperparameterError, match="must be between") as caught:
        random_split(toy, **{name: value})
    low = 0.001 if name == "valid_fraction" else 0
    assert str(caught.value) == f"{name} must be between {low:g} and 0.9, got {value:g}."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("test_fraction", value) for value in (0.0, 0.9)),
        *(("valid_fraction", value) for value in (0.001, 0.9)),
        *(("holdout_users", value) for value in (0.0, 0.9)),
    ],
)
def test_the_ends_of_its_range_are_in_it(checkerboard: Ratings, name: str, value: float) -> None:
    assert_shares_out(random_split(checkerboard, **{name: value}), checkerboard)


def test_a_negative_seed_is_refused(toy: Ratings) -> None:
    with pytest.raises(InvalidHyperparameterError, match=r"^seed must be 0 or more, got -1\.$"):
        random_split(toy, seed=-1)


def test_too_few_ratings_to_split_are_told() -> None:
    one = Ratings.from_triples([1], [1], [3], name="one", scale=FIVE)
    with pytest.raises(InvalidRatingsError) as caught:
        random_split(one)
    assert str(caught.value) == "one has 1 ratings to split; too few to train, validate and test on."
    three = Ratings.from_triples([1, 1, 2], [1, 2, 1], [3, 4, 5], name="three", scale=FIVE)
    parts_of_three = random_split(three, test_fraction=0.34)
    assert [part.num_ratings for part in (parts_of_three.test, parts_of_three.valid, parts_of_three.train)] == [1] * 3


def times_of(part: Ratings) -> list[int]:
    assert part.timestamps is not None
    return part.timestamps.tolist()


def test_by_time_the_newest_tenth_is_for_testing_and_the_newest_of_the_rest_for_validating(toy: Ratings) -> None:
    split = random_split(toy, by_time=True, test_fraction=0.2, valid_fraction=0.25)
    assert [part.num_ratings for part in (split.test, split.valid, split.train)] == [3, 3, 9]
    assert min(times_of(split.test)) > max(times_of(split.valid))
    assert min(times_of(split.valid)) > max(times_of(split.train))
    assert_shares_out(split, toy)


def test_by_time_the_seed_decides_only_between_ratings_of_the_same_second(toy: Ratings) -> None:
    first, other = (random_split(toy, by_time=True, seed=seed) for seed in (0, 1))
    assert [keys(part) for part in parts(first)] == [keys(part) for part in parts(other)]
    at_once = replace(toy, timestamps=np.zeros(15, dtype=np.int64))
    assert len({frozenset(keys(random_split(at_once, by_time=True, seed=seed).test)) for seed in range(8)}) > 1


def test_ratings_of_the_same_second_are_drawn_as_if_there_was_no_time(checkerboard: Ratings) -> None:
    at_once = replace(checkerboard, timestamps=np.full(480, 7, dtype=np.int64))
    drawn, by_time = random_split(checkerboard, seed=2), random_split(at_once, seed=2, by_time=True)
    assert [keys(part) for part in parts(by_time)] == [keys(part) for part in parts(drawn)]
    # Of two seconds, the newer one is used up first, in the order drawn.
    seconds = np.arange(480) % 2
    drawn_order = np.random.default_rng([2, 0]).permutation(480)
    newest_first = np.concatenate([drawn_order[seconds[drawn_order] == second] for second in (1, 0)])
    by_time = random_split(replace(checkerboard, timestamps=seconds), seed=2, by_time=True)
    for part, expected in ((by_time.test, newest_first[:48]), (by_time.valid, newest_first[48:91])):
        assert keys(part) == keys(checkerboard.select(np.isin(np.arange(480), expected)))


def test_unless_it_is_asked_for_time_decides_nothing(toy: Ratings) -> None:
    without = random_split(replace(toy, timestamps=None))
    assert [keys(part) for part in parts(random_split(toy))] == [keys(part) for part in parts(without)]


def test_by_time_an_own_test_set_leaves_the_newest_of_the_others_to_validate_on(toy: Ratings) -> None:
    in_test = np.arange(15) % 5 == 0
    train = toy.select(~in_test)
    split = random_split(train, test=toy.select(in_test), by_time=True, valid_fraction=0.25)
    assert keys(split.test) == keys(toy.select(in_test))
    assert min(times_of(split.valid)) > max(times_of(split.train))


def test_by_time_people_are_still_held_out_whole(toy: Ratings) -> None:
    split = random_split(toy, by_time=True, holdout_users=0.2)
    assert len(users_of(split.holdout)) == 1
    assert not users_of(split.holdout) & users_of(split.test)
    assert_shares_out(split, toy)


def test_ratings_without_timestamps_can_not_be_split_by_time(checkerboard: Ratings) -> None:
    with pytest.raises(InvalidRatingsError) as caught:
        random_split(checkerboard, by_time=True)
    assert str(caught.value) == (
        "checkerboard can't be split by time: not every rating has a timestamp. Give a column timestamp with the "
        "seconds since 1970, or split at random."
    )


@settings(max_examples=40)
@given(
    st.sets(st.tuples(st.integers(1, 8), st.integers(1, 8)), min_size=3, max_size=64),
    st.integers(0, 100),
    st.floats(0, 0.9),
    st.floats(0.001, 0.9),
    st.floats(0, 0.5),
)
def test_whatever_is_asked_every_rating_is_in_one_part_or_a_sentence_says_why(
    pairs: set[tuple[int, int]], seed: int, test: float, valid: float, holdout: float
) -> None:
    users, items = zip(*sorted(pairs), strict=True)
    ratings = Ratings.from_triples(users, items, [3] * len(pairs), name="any", scale=FIVE)
    asked = {"seed": seed, "test_fraction": test, "valid_fraction": valid, "holdout_users": holdout}
    eligible = sum(count >= 2 for count in ratings.by_user.counts)
    if holdout > 0 and max(1, round(holdout * ratings.num_users)) > eligible:
        with pytest.raises(InvalidRatingsError, match="needs"):
            random_split(ratings, **asked)
        return
    with contextlib.suppress(InvalidRatingsError):  # too few are left
        split = random_split(ratings, **asked)
        assert_shares_out(split, ratings)
        assert min(split.train.num_ratings, split.valid.num_ratings) >= 1
