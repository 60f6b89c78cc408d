"""The studies of visitors count what they say: lost ratings, and who was in the data."""

from __future__ import annotations

import numpy as np
import pytest

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.splits import random_split
from benchmarks import fold_in
from benchmarks.fold_in import measured, people_of, with_known
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


def test_another_draw_has_the_same_ratings_scored_and_others_known_first(low_rank: tuple[Ratings, np.ndarray]) -> None:
    split = random_split(low_rank[0], seed=3, holdout_users=0.15)
    first, plain, second, third = (list(people_of(split, *draw)) for draw in ((), (0,), (1,), (2,)))
    for (user, scored, known), one, two, three in zip(first, plain, second, third, strict=True):
        for other_user, other_scored, other_known in (one, two, three):
            assert other_user == user
            assert other_scored.tolist() == scored.tolist()
            assert sorted(other_known.tolist()) == sorted(known.tolist())
        assert one[2].tolist() == known.tolist()
        assert len({tuple(each.tolist()) for each in (known, two[2], three[2])}) == 3


def test_more_draws_change_what_few_ratings_come_to_and_not_what_all_do_nor_retraining(
    low_rank: tuple[Ratings, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Hyperparameters(hidden_units=2, epochs=2)
    monkeypatch.setattr(fold_in, "hyperparameters_for", lambda num_ratings: quick)
    once, often = (measured(low_rank[0], 3, 1, draws, True, (2, None)) for draws in (1, 3))
    for name in ("fold-in", "averages"):
        assert once[name][0] != often[name][0]
        assert once[name][1] == often[name][1]
    assert once[fold_in.FIRST] == once["fold-in"] == often[fold_in.FIRST]
    assert once["retraining"] == often["retraining"]
    without = measured(low_rank[0], 3, 1, 3, False, (2, None))
    assert np.isnan(without["retraining"]).all()
    assert without["fold-in"] == often["fold-in"]
    assert without["held"] == often["held"]


@pytest.mark.parametrize(("left_out", "gap"), [(False, "-0.0500 (0.0141)"), (True, "left out")])
def test_the_table_says_how_far_the_first_draw_is_from_retraining(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], left_out: bool, gap: str
) -> None:
    def found(ratings: Ratings, seed: int, groups: int, draws: int, retrains: bool) -> dict[str, list[float]]:
        assert (groups, draws, retrains) == (1, 4, not left_out)
        retrained = 1.0 if retrains else float("nan")
        values = {"fold-in": 0.9, "retraining": retrained, "averages": 1.1, fold_in.FIRST: 0.94 + 0.02 * seed}
        return {name: [value] * len(fold_in.KNOWN) for name, value in values.items()} | {"held": [0.8] * 8}

    monkeypatch.setattr(fold_in, "measured", found)
    fold_in.main(["--seeds", "2", "--draws", "4", *["--without-retraining"] * left_out])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-8].split()[:2] == ["1", "0.9000"]
    assert gap in lines[-8]
    assert lines[-1].split()[-1] == "80.0%"
