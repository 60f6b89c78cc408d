"""A list as the visitor wants it: without a wish by prediction, and each wish moves it where it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autorec_core.fold_in import FoldIn
from autorec_core.ordering import Wishes, ordered, own_ratings
from autorec_core.recommender import Recommender
from autorec_core.trained_model import TrainedModel

pytestmark = pytest.mark.usefixtures("one_thread")
ITEMS, GIVEN = [4, 17, 30, 52], [5.0, 1.0, 3.5, 2.0]


@pytest.fixture
def recommender(low_rank_model: TrainedModel) -> Recommender:
    return Recommender(replace(low_rank_model, item_counts=np.arange(1, 81)))


@pytest.fixture
def met(recommender: Recommender) -> FoldIn:
    return recommender.fold_in(ITEMS, GIVEN)


EVERYTHING = np.ones(80, dtype=bool)


def test_without_a_wish_the_list_is_that_of_the_predictions(recommender: Recommender, met: FoldIn) -> None:
    found = ordered(recommender, met, EVERYTHING, Wishes(), 12)
    assert found.tolist() == [one.item_index for one in recommender.recommend(met, count=12)]


@pytest.mark.parametrize("wishes", [Wishes(), Wishes(1, 1, 1), Wishes(-1, -1, 0.5)])
def test_what_is_rated_or_not_allowed_is_never_on_the_list(
    recommender: Recommender, met: FoldIn, wishes: Wishes
) -> None:
    allowed = np.arange(80) % 2 == 0
    found = ordered(recommender, met, allowed, wishes, 100).tolist()
    assert sorted(found) == [item for item in range(0, 80, 2) if item not in ITEMS]


def test_of_equal_predictions_the_adventurous_list_begins_with_the_uncertain_and_the_safe_one_ends_with_them(
    recommender: Recommender, met: FoldIn
) -> None:
    met.raw = np.full(80, 3.0)
    adventurous, plain, safe = (
        ordered(recommender, met, EVERYTHING, Wishes(adventure=wish), 80) for wish in (1, 0, -1)
    )
    if recommender.model.by_items:
        uncertain = met.variance - recommender.model.noise_variances  # of the prediction, without a rating's noise
        assert (np.diff(uncertain[adventurous]) <= 1e-12).all()
        assert (np.diff(uncertain[safe]) >= -1e-12).all()
        assert uncertain[adventurous[0]] > uncertain[safe[0]]
    else:  # its uncertainty is the same for all
        assert adventurous.tolist() == plain.tolist() == safe.tolist()


def test_the_obscure_list_has_fewer_ratings_and_the_popular_one_more(recommender: Recommender, met: FoldIn) -> None:
    def popularity(obscurity: float) -> float:
        found = ordered(recommender, met, EVERYTHING, Wishes(obscurity=obscurity), 15)
        return float(recommender.model.item_counts[found].mean())

    assert popularity(1) < popularity(0) < popularity(-1)


def test_the_diverse_list_has_less_alike_and_begins_with_the_same_movie(recommender: Recommender, met: FoldIn) -> None:
    def likeness(found: np.ndarray) -> float:
        cosines = recommender.directions[found] @ recommender.directions[found].T
        return float(cosines[np.triu_indices(len(found), 1)].mean())

    plain, diverse = (ordered(recommender, met, EVERYTHING, Wishes(diversity=wish), 8) for wish in (0, 1))
    assert plain[0] == diverse[0]
    assert likeness(diverse) < likeness(plain)


@pytest.mark.parametrize("bad", [{"adventure": 2}, {"obscurity": -1.1}, {"diversity": -0.1}, {"diversity": 1.5}])
def test_a_wish_out_of_range_is_told(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be between"):
        Wishes(**bad)


def test_own_ratings_are_told_with_what_was_expected_without_them(recommender: Recommender, met: FoldIn) -> None:
    told = own_ratings(recommender, met)
    assert [one.item_index for one in told] == ITEMS
    for place, one in enumerate(told):
        others = [item for item in ITEMS if item != one.item_index]
        without = recommender.fold_in(others, [g for i, g in zip(ITEMS, GIVEN, strict=True) if i != one.item_index])
        assert one.expected == pytest.approx(without.predicted_ratings[one.item_index], abs=1e-6)
        assert one.surprise == pytest.approx(GIVEN[place] - one.expected)
        moved = np.abs(met.predicted_ratings - without.predicted_ratings).mean()
        assert one.influence == pytest.approx(moved, abs=1e-6)
    assert own_ratings(recommender, recommender.fold_in([], [])) == []
