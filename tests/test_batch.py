"""Lists for many visitors in one call are the lists that each would get alone."""

from __future__ import annotations

import numpy as np
import pytest

from autorec_core import batch
from autorec_core.batch import recommend_many, visitors_of
from autorec_core.errors import InvalidRatingsError, NotFoundError
from autorec_core.recommender import Filter, Recommender
from autorec_core.trained_model import TrainedModel

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def recommender(low_rank_model: TrainedModel) -> Recommender:
    return Recommender(low_rank_model)


def histories(num_items: int) -> list[dict[int, float]]:
    """Visitors with no, few, many and all ratings."""
    generator = np.random.default_rng(3)
    found = []
    for number in (0, 1, 5, 20, num_items - 3, num_items, 2, 9):
        items = generator.choice(num_items, number, replace=False)
        found.append({int(item): float(generator.integers(2, 11)) / 2 for item in items})
    return found


@pytest.mark.parametrize("block_bytes", [1, 1000, 10**9])
@pytest.mark.parametrize("wanted", [None, Filter(min_ratings=20)])
def test_each_visitor_gets_the_list_that_they_would_get_alone(
    recommender: Recommender, block_bytes: int, wanted: Filter | None
) -> None:
    everybody = histories(len(recommender.items))
    visitors = visitors_of(everybody, len(recommender.items))
    lists = recommend_many(recommender, visitors, count=7, filter=wanted, block_bytes=block_bytes)
    assert lists.item_indices.shape == (len(everybody), 7)
    for place, history in enumerate(everybody):
        alone = recommender.recommend(
            recommender.fold_in(list(history), list(history.values())), count=7, filter=wanted, reasons=0
        )
        found = lists.item_indices[place][lists.item_indices[place] >= 0].tolist()
        assert found == [one.item_index for one in alone]
        predicted = lists.predicted_ratings[place][: len(found)]
        assert np.allclose(predicted, [one.predicted_rating for one in alone], atol=1e-5)
        assert np.isnan(lists.predicted_ratings[place][len(found) :]).all()


def test_nobody_gets_nothing_and_no_list_is_longer_than_the_catalogue(recommender: Recommender) -> None:
    num_items = len(recommender.items)
    assert recommend_many(recommender, visitors_of([], num_items), count=5).item_indices.shape == (0, 5)
    assert recommend_many(recommender, visitors_of([{}], num_items), count=0).item_indices.shape == (1, 0)
    whole = recommend_many(recommender, visitors_of([{}], num_items), count=10**6)
    assert sorted(whole.item_indices[0].tolist()) == list(range(num_items))


def test_no_more_visitors_are_scored_at_a_time_than_a_block_holds(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    for kind in (batch._ByItems, batch._ByUsers):
        scores = kind.scores
        monkeypatch.setattr(
            kind, "scores", lambda self, rows, scores=scores: sizes.append(len(rows)) or scores(self, rows)
        )
    num_items = len(recommender.items)
    recommend_many(recommender, visitors_of([{0: 3.0}] * 10, num_items), block_bytes=4 * num_items * 4)
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize(
    ("history", "error"), [({10**6: 3.0}, NotFoundError), ({-1: 3.0}, NotFoundError), ({1: 9.0}, InvalidRatingsError)]
)
def test_what_one_visitor_cannot_rate_is_told(
    recommender: Recommender, history: dict[int, float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        recommend_many(recommender, visitors_of([{0: 3.0}, history], len(recommender.items)))


def test_an_item_twice_in_a_row_is_told(recommender: Recommender) -> None:
    visitors = visitors_of([{0: 3.0, 1: 3.0}], len(recommender.items))
    visitors.indices[1] = 0
    with pytest.raises(InvalidRatingsError, match="twice"):
        recommend_many(recommender, visitors)
