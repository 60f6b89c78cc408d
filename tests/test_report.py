"""All figures of a model: each against the same thing worked out another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autorec_core import ranking, report
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import rmse
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def trained(split: Split, based_on: str) -> TrainedModel:
    trainer = Trainer(split, Hyperparameters(based_on=based_on, hidden_units=6, epochs=15))
    list(trainer)
    return trainer.trained_model()


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=2)


@pytest.fixture(params=["items", "users"])
def model(request: pytest.FixtureRequest, split: Split) -> TrainedModel:
    return trained(split, request.param)


def test_groups_share_out_the_test_ratings_and_their_errors(model: TrainedModel, split: Split) -> None:
    found = report.report(model, split)
    for name in ("by_user_activity", "by_item_popularity"):
        groups = [of for of in found[name].values() if of["num_test"]]
        assert sum(of["num_test"] for of in groups) == found["num_test"] == split.test.num_ratings
        total = sum(of["num_test"] * of["rmse"] ** 2 for of in groups)
        assert math.sqrt(total / found["num_test"]) == pytest.approx(found["rmse"])
    assert sum(of["members"] for of in found["by_user_activity"].values()) == split.train.num_users


def test_the_rmse_is_that_of_the_models_predictions(model: TrainedModel, split: Split) -> None:
    test = split.test.by_user
    assert report.report(model, split)["rmse"] == rmse(model.predict_pairs(test.rows, test.indices), test.values)


def test_scores_are_the_reconstructions_of_every_pair(model: TrainedModel) -> None:
    users = np.array([4, 0, 7])
    items = np.arange(len(model.items))
    scores = report.scores_of(model, users)
    for place, user in enumerate(users):
        pairs = model.reconstruct_pairs(np.full(len(items), user), items)
        cold = model.needs_fallback(np.full(len(items), user), items)
        np.testing.assert_allclose(scores[place][~cold], pairs[~cold], rtol=1e-4)


def test_who_has_no_training_rating_gets_the_movies_means(split: Split) -> None:
    new = Ratings.from_triples([9999, 9999], split.test.items.ids[:2], [3, 4], name="new", scale=split.test.scale)
    joined = random_split(split.train, test=new)
    model = trained(joined, "items")
    user = joined.test.user_index(9999)
    np.testing.assert_allclose(report.scores_of(model, np.array([user]))[0], model.item_means)


def test_a_way_that_knows_the_test_ratings_is_perfect_and_its_opposite_finds_nothing(split: Split) -> None:
    liked = np.zeros((split.train.num_users, split.train.num_items))
    test = split.test.by_user
    liked[test.rows, test.indices] = test.values >= report.relevant_from(split.train.scale)
    found = report.rank_all({"knows": lambda u: liked[u], "avoids": lambda u: -liked[u]}, split, listed=5)
    assert (found["knows"]["ndcg"], found["knows"]["recall"]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (found["avoids"]["ndcg"], found["avoids"]["recall"]) == (0.0, 0.0)
    assert found["num_users"] == (liked.sum(1) > 0).sum()


def test_what_was_rated_for_training_or_validation_is_not_listed(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    known = np.zeros((split.train.num_users, split.train.num_items))
    for part in (split.train.by_user, split.valid.by_user):
        known[part.rows, part.indices] = 1
    listed = []
    top = ranking.top
    monkeypatch.setattr(ranking, "top", lambda *asked: listed.append(top(*asked)) or listed[-1])
    report.rank_all({"known first": lambda users: known[users]}, split, listed=3)
    users = np.flatnonzero(split.test.by_user.counts)
    assert len(listed[0]) == len(users)
    assert known[users[:, None], listed[0]].sum() == 0


def test_users_in_several_parts_come_to_the_same(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).normal(size=(split.train.num_users, split.train.num_items))
    whole = report.rank_all({"noise": lambda users: noise[users]}, split)
    monkeypatch.setattr(report, "USERS_AT_ONCE", 7)
    parts = report.rank_all({"noise": lambda users: noise[users]}, split)
    assert parts["noise"] == pytest.approx(whole["noise"])


def test_popularity_is_less_novel_than_chance(split: Split) -> None:
    counts = split.train.by_item.counts
    noise = np.random.default_rng(0).normal(size=(split.train.num_users, split.train.num_items))
    found = report.rank_all(
        {"popular": lambda users: np.tile(counts, (len(users), 1)), "chance": lambda users: noise[users]}, split
    )
    assert found["popular"]["novelty"] < found["chance"]["novelty"]
    assert found["popular"]["coverage"] < found["chance"]["coverage"]


@pytest.mark.parametrize(
    ("scale", "rating"), [((1, 5, 1), 4.0), ((0.5, 5, 0.5), 4.0), ((1, 10, 1), 8.0), ((0, 1, 1), 1.0)]
)
def test_a_relevant_rating_is_one_that_can_be_given(scale: tuple[float, float, float], rating: float) -> None:
    assert report.relevant_from(RatingScale(*scale)) == rating


def test_people_held_out_are_in_the_report_where_there_are_some(low_rank: tuple[Ratings, np.ndarray]) -> None:
    split = random_split(low_rank[0], seed=2, holdout_users=0.2)
    model = trained(split, "items")
    found = report.report(model, split)
    assert set(found["fold_in"]) == set(found["intervals"]) == {"1", "5", "10", "20", "all"}
    text = "\n".join(report.text_of(found))
    assert f"{found['fold_in']['all']['autorec']:.4f}" in text
    assert f"80%: {found['intervals']['5']['80%']:.1%}" in text


def test_the_text_has_the_figures_and_says_what_was_not_measured(model: TrainedModel, split: Split) -> None:
    found = report.report(model, split)
    text = "\n".join(report.text_of(found))
    assert f"test RMSE {found['rmse']:.4f}" in text
    assert f"{found['ranking']['autorec']['ndcg']:.4f}" in text
    assert "No users were held out" in text
    assert "nan" not in text
