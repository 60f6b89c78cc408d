"""Where a model errs: every figure against the same one worked out with pandas."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_ratings import ratings_of

from autorec_core import list_quality, ranking, report, residuals
from autorec_core.ratings import Items, RatingScale
from autorec_core.residuals import Scored
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel


@pytest.fixture(scope="module")
def scored() -> Scored:
    """600 made test ratings of 40 users and 50 movies."""
    generator = np.random.default_rng(1)
    count = 600
    given = generator.integers(1, 11, count) / 2
    predicted = np.clip(3.4 + 0.5 * (given - 3.4) + generator.normal(0, 0.7, count), 0.5, 5)
    return Scored(
        users=generator.integers(0, 40, count),
        items=generator.integers(0, 50, count),
        given=given,
        predicted=predicted,
        averages=np.clip(predicted + generator.normal(0, 0.3, count), 0.5, 5),
        user_counts=generator.integers(0, 300, count),
        item_counts=generator.integers(0, 40, count),
        scale=RatingScale(0.5, 5, 0.5),
    )


@pytest.fixture(scope="module")
def items() -> Items:
    genres = [("Drama",), ("Drama", "Comedy"), ("Horror",), ()]
    return Items(
        ids=np.arange(50),
        titles=np.array([f"Movie {number}" for number in range(50)]),
        years=np.full(50, 1999, dtype=np.int32),
        genres=tuple(genres[number % 4] for number in range(50)),
    )


def as_frame(scored: Scored) -> pd.DataFrame:
    frame = pd.DataFrame(
        {name: getattr(scored, name) for name in ("users", "items", "given", "predicted", "averages", "item_counts")}
    )
    return frame.assign(square=(frame["predicted"] - frame["given"]) ** 2)


def test_errors_by_popularity_are_those_of_pandas(scored: Scored) -> None:
    frame = as_frame(scored)
    labels = ["0", "1", "2–3", "4–7", "8–15", "16–31", "32–63"]
    bins = pd.cut(frame["item_counts"], [-1, 0, 1, 3, 7, 15, 31, 63], labels=labels)
    expected = frame.groupby(bins, observed=True)["square"].agg(["size", "mean"])
    groups = residuals.by_count(scored, scored.item_counts)
    assert [one.label for one in groups] == expected.index.tolist()
    assert [one.num_ratings for one in groups] == expected["size"].tolist()
    assert [one.rmse**2 for one in groups] == pytest.approx(expected["mean"].tolist())


def test_the_groups_add_up_to_the_whole(scored: Scored) -> None:
    number, rmse = residuals.totals(residuals.by_count(scored, scored.user_counts))
    assert number == len(scored)
    assert rmse == pytest.approx(math.sqrt(as_frame(scored)["square"].mean()))
    assert residuals.totals(residuals.by_rating(scored))[1] == pytest.approx(rmse)


def test_a_movie_of_two_genres_counts_in_both_and_one_of_none_in_its_own_group(scored: Scored, items: Items) -> None:
    frame = as_frame(scored)
    names = {place: list(genres) or [residuals.NO_GENRE] for place, genres in enumerate(items.genres)}
    exploded = frame.assign(genre=frame["items"].map(names)).explode("genre")
    expected = exploded.groupby("genre")["square"].agg(["size", "mean"])
    groups = {one.label: one for one in residuals.by_genre(scored, items)}
    assert set(groups) == set(expected.index)
    for name, row in expected.iterrows():
        assert groups[str(name)].num_ratings == row["size"]
        assert groups[str(name)].rmse ** 2 == pytest.approx(row["mean"])


def test_errors_by_rating_have_the_sign_of_predicted_less_given(scored: Scored) -> None:
    frame = as_frame(scored)
    expected = (frame["predicted"] - frame["given"]).groupby(frame["given"]).mean()
    found = {float(one.label): one.mean_error for one in residuals.by_rating(scored)}
    assert found == pytest.approx(expected.to_dict())


def test_the_interval_of_an_rmse_holds_it_and_narrows_with_the_number(scored: Scored) -> None:
    few = residuals.group(scored, "few", np.arange(len(scored)) < 30)
    many = residuals.group(scored, "many", np.ones(len(scored), dtype=bool))
    assert few.low < few.rmse < few.high
    assert few.high - few.low > many.high - many.low


def test_an_empty_group_has_no_figures(scored: Scored) -> None:
    nothing = residuals.group(scored, "none", np.zeros(len(scored), dtype=bool))
    assert nothing.num_ratings == 0
    assert math.isnan(nothing.rmse)


def test_calibration_classes_are_those_of_pandas(scored: Scored) -> None:
    frame = as_frame(scored)
    edges = np.linspace(0.5, 5, 10)
    classes = pd.cut(frame["predicted"], [*edges[:-1], 5.0001], right=False)
    expected = frame.groupby(classes, observed=True)[["predicted", "given"]].mean()
    found = residuals.calibration(scored, 9)
    assert [one.predicted for one in found] == pytest.approx(expected["predicted"].tolist())
    assert [one.given for one in found] == pytest.approx(expected["given"].tolist())
    assert sum(one.num_ratings for one in found) == len(scored)
    assert residuals.slope(scored) == pytest.approx(np.polyfit(frame["predicted"], frame["given"], 1)[0])


def test_the_confusion_is_that_of_pandas(scored: Scored) -> None:
    frame = as_frame(scored)
    rounded = np.clip(np.floor(2 * frame["predicted"] + 0.5) / 2, 0.5, 5)
    levels, counts = residuals.confusion(scored)
    expected = pd.crosstab(frame["given"], rounded).reindex(index=levels, columns=levels, fill_value=0)
    assert counts.tolist() == expected.to_numpy().tolist()


def test_a_fine_scale_is_cut_into_ten_pieces() -> None:
    assert residuals.levels_of(RatingScale(0, 100, 0.1)).tolist() == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]
    assert residuals.levels_of(RatingScale(1, 5, 1)).tolist() == [1, 2, 3, 4, 5]


def test_the_worst_come_first_with_what_stood_behind_them(scored: Scored) -> None:
    model: Any = SimpleNamespace(item_means=np.full(50, 3.5), user_biases=np.zeros(40))
    found = residuals.worst(scored, model, 10)
    frame = as_frame(scored).sort_values("square", ascending=False, kind="stable").head(10)
    assert [one.given for one in found] == frame["given"].tolist()
    assert [one.item_count for one in found] == frame["item_counts"].tolist()


@pytest.mark.parametrize(
    ("user_count", "item_count", "given", "cause"),
    [(0, 50, 3.0, "unseen"), (50, 2, 3.0, "few_of_movie"), (3, 50, 3.0, "few_of_user"), (50, 50, 0.5, "unusual")],
)
def test_a_miss_says_its_cause(user_count: int, item_count: int, given: float, cause: str) -> None:
    one = Scored(
        users=np.array([0]),
        items=np.array([0]),
        given=np.array([given]),
        predicted=np.array([3.5]),
        averages=np.array([3.5]),
        user_counts=np.array([user_count]),
        item_counts=np.array([item_count]),
        scale=RatingScale(0.5, 5, 0.5),
    )
    model: Any = SimpleNamespace(item_means=np.array([3.5]), user_biases=np.zeros(1))
    assert residuals.worst(one, model)[0].causes == (cause,)


# -- lists ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ranked() -> tuple[TrainedModel, Split]:
    """A split of made ratings, and a stand-in for a model: the movies' averages and a little noise."""
    generator = np.random.default_rng(2)
    matrix = np.clip(np.round(2 * generator.normal(3.6, 1.0, (60, 90))) / 2, 0.5, 5)
    observed = generator.random(matrix.shape) < np.linspace(0.05, 0.6, 90)
    observed[np.arange(60), np.arange(60)] = True
    observed[0] = True
    split = random_split(ratings_of(matrix, name="made", scale=RatingScale(0.5, 5, 0.5), observed=observed), seed=0)
    train = split.train
    counts = train.by_item.counts
    means = (np.bincount(train.by_item.rows, weights=train.by_item.values, minlength=90) + 5 * train.mean) / (
        counts + 5
    )
    model = SimpleNamespace(
        by_items=True,
        items=train.items,
        scale=train.scale,
        item_means=means,
        item_counts=counts,
        user_biases=np.zeros(train.num_users),
        user_counts=train.by_user.counts,
        codes=generator.standard_normal((train.num_items, 3)),
        decoder_weights=0.2 * generator.standard_normal((train.num_users, 3)),
        decoder_bias=np.zeros(train.num_users),
        offsets=means,
        link=lambda z: z,
    )
    return model, split  # type: ignore[return-value]


def test_lists_at_ten_are_those_of_the_report(ranked: tuple[TrainedModel, Split]) -> None:
    model, split = ranked
    found = list_quality.measure(model, split, longest=12)
    expected = report.rank_all(
        {
            "autorec": lambda chosen: report.scores_of(model, chosen),
            "popularity": lambda chosen: np.broadcast_to(model.item_counts, (len(chosen), len(model.items))),
        },
        split,
        listed=10,
    )
    assert found.num_users == expected["num_users"]
    assert found.relevant_from == expected["relevant_from"] == 4.0
    for way in ("autorec", "popularity"):
        row = found.at(way, 10)
        for name in ("ndcg", "recall", "coverage", "novelty"):
            assert getattr(row, name) == pytest.approx(expected[way][name])
    assert len(found.rows) == 3 * 12


def test_different_movies_are_counted_at_every_length() -> None:
    lists = np.array([[4, 1, 2], [4, 2, -1], [0, -1, -1]])
    found = list_quality.distinct_up_to(lists, 6)
    assert found.tolist() == [2, 4, 4]
    assert found.tolist() == [ranking.coverage(lists[:, :k], 6)[0] for k in (1, 2, 3)]
