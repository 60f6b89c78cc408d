"""The studies of visitors count what they say: lost ratings, and who was in the data."""

from __future__ import annotations

import numpy as np

from autorec_core.ratings import Ratings
from autorec_core.splits import random_split
from benchmarks.fold_in import people_of, with_known
from benchmarks.kills import losses, unanswered


def entry(saved: bool, item: str, value: float | None) -> dict[str, object]:
    return {"saved": saved, "id": item, "value": value}


def test_a_rating_that_was_shown_as_saved_and_is_gone_is_lost() -> None:
    log = [entry(False, "7", 4.5), entry(True, "7", 4.5)]
    assert len(losses(log, {})) == len(losses(log, {"7": 3.0})) == 1
    assert losses(log, {"7": 4.5}) == []


def test_a_later_click_may_have_taken_its_place_and_an_earlier_one_may_not() -> None:
    log = [entry(False, "7", 1.0), entry(False, "7", 4.5), entry(True, "7", 4.5), entry(False, "7", 2.0)]
    assert losses(log, {"7": 4.5}) == losses(log, {"7": 2.0}) == []
    assert len(losses(log, {"7": 1.0})) == 1


def test_what_was_never_shown_as_saved_need_not_be_kept_and_is_counted() -> None:
    log = [entry(False, "7", 1.0), entry(False, "8", 2.0), entry(True, "8", 2.0)]
    assert losses(log, {"8": 2.0}) == []
    assert unanswered(log) == 1


def test_retraining_sees_the_training_ratings_and_the_known_ones_and_no_scored_one(
    low_rank: tuple[Ratings, np.ndarray],
) -> None:
    ratings = low_rank[0]
    split = random_split(ratings, seed=3, holdout_users=0.15)
    people = list(people_of(split))
    assert len(people) > 5
    anew = with_known(ratings, split, {user: known[:2] for user, _, known in people})
    assert anew.train.num_ratings == split.train.num_ratings + 2 * len(people)
    for user, scored, known in people:
        items, _ = ratings.by_user.row(user)
        seen = set(anew.train.by_user.row(user)[0].tolist())
        assert seen == set(items[known[:2]].tolist())
        assert not seen & set(items[scored].tolist())
    others = np.setdiff1d(np.arange(ratings.num_users), [user for user, _, _ in people])
    for user in others.tolist():
        assert anew.train.by_user.row(user)[0].tolist() == split.train.by_user.row(user)[0].tolist()
