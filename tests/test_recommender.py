"""Recommendations: what may be recommended, in which order, why, and what is like what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from autorec_core.errors import InvalidRatingsError, NotFoundError
from autorec_core.hyperparameters import ACTIVATIONS, Hyperparameters
from autorec_core.ratings import Items, Ratings, RatingScale
from autorec_core.recommender import Filter, Recommender
from autorec_core.splits import random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer
from benchmarks.batch import made_model

YEARS = np.array([0 if index % 10 == 9 else 1970 + index for index in range(30)], dtype=np.int32)
GENRES = tuple(((), ("Drama",), ("Comedy", "Drama"), ("Horror",))[index % 4] for index in range(30))
EVEN_TASTE = [0, 1, 2, 3, 4, 5], [5.0, 1.0, 5.0, 1.0, 5.0, 1.0]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained_before() -> dict[str, TrainedModel]:
    return {}


@pytest.fixture(params=["items", "users"])
def recommender(
    request: pytest.FixtureRequest, checkerboard: Ratings, trained_before: dict[str, TrainedModel]
) -> Recommender:
    """Of a model that has learnt the two tastes; items have years and genres."""
    based_on = request.param
    if based_on not in trained_before:
        items = replace(checkerboard.items, years=YEARS, genres=GENRES)
        hyperparameters = Hyperparameters(
            based_on=based_on,
            hidden_units=8,
            epochs=80,
            regularization=0.5,
            input_dropout=0.2,
            learning_rate=0.03,
            refit=False,
        )
        trainer = Trainer(random_split(replace(checkerboard, items=items), seed=2), hyperparameters)
        list(trainer)
        trained_before[based_on] = trainer.trained_model()
    return Recommender(trained_before[based_on])


def test_a_visitor_of_one_taste_is_recommended_what_that_taste_likes(recommender: Recommender) -> None:
    best = recommender.recommend(recommender.fold_in(*EVEN_TASTE), count=8)
    assert [item.item_index % 2 for item in best] == [0] * 8
    items, ratings = EVEN_TASTE
    other = recommender.recommend(recommender.fold_in(items, [6 - rating for rating in ratings]), count=8)
    assert [item.item_index % 2 for item in other] == [1] * 8


def test_what_is_rated_is_never_recommended(recommender: Recommender) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    everything = recommender.recommend(met, count=1000)
    assert sorted(item.item_index for item in everything) == list(range(6, 30))
    rated_all = recommender.fold_in(np.arange(30), np.full(30, 5.0))
    assert recommender.recommend(rated_all) == []


def test_the_best_come_first_by_the_prediction_before_clipping(recommender: Recommender) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    everything = recommender.recommend(met, count=1000)
    raw = [met.raw[item.item_index] for item in everything]
    assert raw == sorted(raw, reverse=True)
    predicted = [item.predicted_rating for item in everything]
    assert predicted == sorted(predicted, reverse=True)
    assert recommender.recommend(met, count=3) == everything[:3]
    assert recommender.recommend(met, count=0) == []


def test_a_recommendation_says_what_the_model_knows(recommender: Recommender) -> None:
    met, model = recommender.fold_in(*EVEN_TASTE), recommender.model
    low, high = met.interval()
    for item in recommender.recommend(met, count=1000):
        index = item.item_index
        assert item.item_id == index + 1
        assert type(item.item_id) is int
        assert item.title == str(index + 1)
        assert (item.year, item.genres) == (int(YEARS[index]), GENRES[index])
        assert item.predicted_rating == met.predicted_ratings[index]
        assert item.interval == (low[index], high[index])
        assert item.interval[0] <= item.predicted_rating <= item.interval[1]
        assert item.mean_rating == pytest.approx(float(model.item_means[index]))
        assert item.num_ratings == model.item_counts[index]


def test_reasons_are_the_visitors_ratings_that_moved_it_most(recommender: Recommender) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    for item in recommender.recommend(met, count=5, reasons=4):
        effects = met.effects(np.array([item.item_index]))[0]
        moved = [reason.effect for reason in item.because]
        assert len(moved) == 4
        assert moved == [*sorted(one for one in moved if one > 0)[::-1], *sorted(one for one in moved if one <= 0)]
        assert min(map(abs, moved)) >= np.sort(np.abs(effects))[2] - 1e-12
        for reason in item.because:
            place = EVEN_TASTE[0].index(reason.item_index)
            assert reason.rating == EVEN_TASTE[1][place]
            assert reason.effect == pytest.approx(effects[place], abs=1e-12)
            assert reason.item_id == reason.item_index + 1
            assert reason.title == str(reason.item_id)


def test_reasons_number_at_most_what_was_rated_or_asked(recommender: Recommender) -> None:
    one = recommender.recommend(recommender.fold_in([3], [5.0]), count=2, reasons=3)
    assert [len(item.because) for item in one] == [1, 1]
    none = recommender.recommend(recommender.fold_in([], []), count=2)
    assert [item.because for item in none] == [(), ()]
    unasked = recommender.recommend(recommender.fold_in(*EVEN_TASTE), count=2, reasons=0)
    assert [item.because for item in unasked] == [(), ()]


def test_unasked_there_are_ten_recommendations_with_three_reasons_and_ten_similar_movies(
    recommender: Recommender,
) -> None:
    met = recommender.fold_in(*EVEN_TASTE)
    assert [len(item.because) for item in recommender.recommend(met)] == [3] * 10
    assert [len(item.because) for item in recommender.describe(met, np.array([7]))] == [3]
    assert len(recommender.similar(7)) == 10


def test_reasons_that_moved_it_as_much_come_in_the_order_in_which_they_were_rated(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    rated = np.arange(29)[::-1]
    met = recommender.fold_in(rated, np.full(29, 3.0))
    moved = np.where(np.arange(29) % 2 == 0, 0.5, -0.25)
    monkeypatch.setattr(met, "effects", lambda targets: np.tile(moved, (len(targets), 1)))
    (only,) = recommender.recommend(met, reasons=29)
    assert [reason.item_index for reason in only.because] == [*rated[::2], *rated[1::2]]


@pytest.mark.parametrize(
    ("moved", "count", "told"),
    [
        ([-0.5, 0.3, -0.4, 0.1], 3, [0.3, -0.5, -0.4]),
        ([-0.5, 0.1, -0.4, 0.2, -0.3], 3, [0.2, -0.5, -0.4]),  # what speaks for it is heard, if only once
        ([-0.5, 0.003, -0.4, -0.3], 3, [-0.5, -0.4, -0.3]),  # but not what no one would notice
        ([-0.5, 0.1], 1, [-0.5]),
    ],
)
def test_what_raised_a_prediction_is_told_before_what_lowered_it(
    moved: list[float], count: int, told: list[float], recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = recommender.fold_in(np.arange(len(moved)), np.full(len(moved), 3.0))
    monkeypatch.setattr(met, "effects", lambda targets: np.tile(moved, (len(targets), 1)))
    (only,) = recommender.recommend(met, count=1, reasons=count)
    assert [reason.effect for reason in only.because] == told


@pytest.mark.parametrize("items", [[-1], [30], [2, 30], [-1, 2], [-1, 40]])
def test_an_index_that_no_movie_has_is_refused(items: list[int], recommender: Recommender) -> None:
    with pytest.raises(NotFoundError) as caught:
        recommender.fold_in(items, [3.0] * len(items))
    assert str(caught.value) == "Item indices go from 0 to 29; `items.index(item_id)` gives them."
    recommender.fold_in([0, 29], [3.0, 3.0])


def test_what_is_wrong_with_the_ratings_is_told(recommender: Recommender) -> None:
    with pytest.raises(InvalidRatingsError) as caught:
        recommender.fold_in([3, 3], [3.0, 3.0])
    assert str(caught.value) == "An item is rated twice. Keep one rating of each."
    with pytest.raises(InvalidRatingsError) as caught:
        recommender.fold_in([3, 4], [3.0, 5.5])
    assert str(caught.value) == "A rating is outside 1 to 5: [3.0, 5.5]."
    for items, ratings in (([1, 2], [3.0]), ([[1], [2]], [[3.0], [3.0]]), ([[1], [2]], [3.0, 3.0])):
        with pytest.raises(ValueError, match="as many items as ratings") as wrong:
            recommender.fold_in(np.array(items), np.array(ratings))
        shapes = f"{np.shape(items)} and {np.shape(ratings)}"
        assert str(wrong.value) == f"Needs as many items as ratings, got {shapes}."
    assert recommender.fold_in([2, 3], [1, 5]).ratings.tolist() == [1.0, 5.0]  # the ends are on the scale


def test_what_users_of_the_data_gave_is_on_its_scale(recommender: Recommender) -> None:
    """Data hold ratings in single precision, where 4.9 is a little more, and 0.7 a little less."""
    uneven = Recommender(replace(recommender.model, scale=RatingScale(0.7, 4.9, 0.7)))
    for ends in (np.array([0.7, 4.9], dtype=np.float32), np.array([0.7, 4.9])):
        assert len(uneven.fold_in([2, 3], ends).ratings) == 2
    for beyond in (0.69, 4.91, np.nan, 1e300):
        with pytest.raises(InvalidRatingsError):
            uneven.fold_in([2], [beyond])


def test_whole_numbers_are_ratings_too(recommender: Recommender) -> None:
    items, ratings = EVEN_TASTE
    whole, met = recommender.fold_in(items, [int(rating) for rating in ratings]), recommender.fold_in(items, ratings)
    assert whole.ratings.dtype == np.float64
    np.testing.assert_array_equal(whole.raw, met.raw)


@pytest.mark.parametrize(
    ("chosen", "passes"),
    [
        (Filter(), lambda index, count: True),
        (Filter(genres=frozenset({"Horror"})), lambda index, count: "Horror" in GENRES[index]),
        (Filter(genres=frozenset({"Horror", "Comedy"})), lambda index, count: index % 4 in (2, 3)),
        (Filter(genres=frozenset({"Western"})), lambda index, count: False),
        (Filter(without=frozenset({"Horror", "Western"})), lambda index, count: "Horror" not in GENRES[index]),
        (
            Filter(genres=frozenset({"Comedy"}), without=frozenset({"Horror"})),
            lambda index, count: "Comedy" in GENRES[index] and "Horror" not in GENRES[index],
        ),
        (Filter(years=(1975, 1985)), lambda index, count: 1975 <= YEARS[index] <= 1985),
        (Filter(years=(1980, 1980)), lambda index, count: YEARS[index] == 1980),
        (Filter(min_ratings=13), lambda index, count: count >= 13),
        (Filter(max_ratings=12), lambda index, count: count <= 12),
        (Filter(max_ratings=0), lambda index, count: count == 0),
        (Filter(min_ratings=13, max_ratings=13), lambda index, count: count == 13),
        (
            Filter(genres=frozenset({"Drama"}), years=(1970, 1990), min_ratings=11, max_ratings=14),
            lambda index, count: "Drama" in GENRES[index] and 1970 <= YEARS[index] <= 1990 and 11 <= count <= 14,
        ),
    ],
)
def test_only_what_passes_the_filter_is_recommended(chosen: Filter, passes, recommender: Recommender) -> None:  # type: ignore[no-untyped-def]
    met = recommender.fold_in(*EVEN_TASTE)
    found = {item.item_index for item in recommender.recommend(met, count=1000, filter=chosen)}
    counts = recommender.model.item_counts
    assert found == {index for index in range(6, 30) if passes(index, counts[index])}


def test_a_filter_leaves_the_models_counts_alone(recommender: Recommender) -> None:
    counts = recommender.model.item_counts.copy()
    Filter(min_ratings=3, max_ratings=12, years=(1970, 1980)).matches(recommender.model)
    np.testing.assert_array_equal(recommender.model.item_counts, counts)


def test_ties_go_to_the_better_known_movie(recommender: Recommender) -> None:
    model = recommender.model
    even = {name: np.zeros_like(getattr(model, name)) for name in ("codes", "decoder_weights", "decoder_bias")}
    level = {"item_means": np.full(30, 3, dtype=np.float32), "offsets": np.zeros_like(model.offsets)}
    alike = Recommender(replace(model, **even, **level))  # movies that nothing tells apart
    met = alike.fold_in([0], [5.0])
    assert np.ptp(met.raw) == 0
    counts = [item.num_ratings for item in alike.recommend(met, count=1000)]
    assert counts == sorted(counts, reverse=True)
    assert np.ptp(counts) > 0


@pytest.mark.parametrize("decoder", ["identity", "sigmoid"])
def test_a_short_list_of_many_movies_is_the_beginning_of_all_of_them_in_order(decoder: str) -> None:
    model = made_model(5_000, 16)
    model = replace(model, hyperparameters=model.hyperparameters.with_changes(decoder_activation=decoder))
    pairs = np.repeat(model.codes[::2], 2, axis=0)  # nearer to each other than single precision can tell
    pairs[1::2] *= 1 + np.float32(2e-7)
    alike = np.repeat(model.item_means[::2], 2)
    recommender = Recommender(replace(model, codes=pairs, item_means=alike, offsets=model.link.inverse(alike)))
    generator = np.random.default_rng(3)
    for count in (1, 2, 7, 100, 4_000):
        rated = generator.choice(5_000, 12, replace=False)
        met = recommender.fold_in(rated, generator.integers(1, 11, 12) / 2)
        order = np.lexsort((-model.item_counts, -met.raw))
        expected = order[~np.isin(order, rated)][:count]
        found = recommender.recommend(met, count=count, reasons=0)
        np.testing.assert_allclose(met.raw[[one.item_index for one in found]], met.raw[expected], rtol=0, atol=1e-12)
        assert not any(one.because for one in found)


@pytest.mark.parametrize("decoder", ACTIVATIONS)
def test_predictions_in_single_precision_are_no_further_off_than_is_said(decoder: str) -> None:
    made = made_model(3_000, 32)
    model = replace(made, hyperparameters=made.hyperparameters.with_changes(decoder_activation=decoder))
    recommender = Recommender(replace(model, offsets=model.link.inverse(model.item_means)))
    for count in (0, 1, 40):
        met = recommender.fold_in(np.arange(count), np.tile([0.5, 5.0], count)[:count])
        about, off = met.about()
        assert about.dtype == np.float32
        assert np.abs(about - met.raw).max() <= off < 1e-3
        assert count == 0 or (about != met.raw).any()
        np.testing.assert_allclose(met.raw_of(np.array([7, 2_999, 0])), met.raw[[7, 2_999, 0]], rtol=0, atol=1e-12)


def test_similar_movies_are_of_the_same_taste_and_never_the_movie_itself(recommender: Recommender) -> None:
    for item in range(30):
        nearest = recommender.similar(item, count=5)
        assert len(nearest) == 5
        assert item not in [index for index, _ in nearest]
        cosines = [cosine for _, cosine in nearest]
        assert cosines == sorted(cosines, reverse=True)
        assert all(-1.0001 <= cosine <= 1.0001 for cosine in cosines)
        assert all(index % 2 == item % 2 for index, _ in nearest)


def test_asking_for_more_similar_movies_than_there_are_gives_all_others_once(recommender: Recommender) -> None:
    nearest = recommender.similar(7, count=1000)
    assert sorted(index for index, _ in nearest) == [index for index in range(30) if index != 7]
    assert all(np.isfinite(cosine) for _, cosine in nearest)


def test_similarity_is_the_same_both_ways(recommender: Recommender) -> None:
    there, back = dict(recommender.similar(3, count=29)), dict(recommender.similar(12, count=29))
    assert there[12] == pytest.approx(back[3], abs=1e-6)


def test_the_recommender_knows_the_models_items(recommender: Recommender) -> None:
    assert isinstance(recommender.items, Items)
    assert recommender.items is recommender.model.items


def test_a_short_list_is_the_head_of_the_whole_one(recommender: Recommender) -> None:
    met = recommender.fold_in([3, 5, 8], [5.0, 1.0, 4.0])
    whole = recommender.recommend(met, count=10_000)
    assert len(whole) == len(recommender.items) - 3
    for count in (0, 1, 7, len(whole)):
        head = recommender.recommend(met, count=count)
        assert [each.item_index for each in head] == [each.item_index for each in whole[:count]]
    low, high = met.interval()
    for each in whole:
        assert each.interval == pytest.approx((low[each.item_index], high[each.item_index]), abs=1e-12)
