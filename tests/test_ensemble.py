"""Two models averaged."""

from __future__ import annotations

import numpy as np
import pytest

from autorec_core.ensemble import Ensemble
from autorec_core.fold_in import FoldIn
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import rmse
from autorec_core.ratings import Ratings
from autorec_core.recommender import Recommender
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")
ITEMS, RATINGS = [0, 1, 2, 3, 4], [5.0, 1.0, 4.5, 2.0, 5.0]
_BEFORE: dict[str, tuple[Split, Recommender, Recommender]] = {}


@pytest.fixture
def both(checkerboard: Ratings) -> tuple[Split, Recommender, Recommender]:
    """The split, and a model of each base that learnt from it."""
    if not _BEFORE:
        split, found = random_split(checkerboard, seed=2), []
        for based_on in ("items", "users"):
            values = Hyperparameters(based_on=based_on, hidden_units=8, epochs=15, regularization=1, refit=False)
            trainer = Trainer(split, values)
            list(trainer)
            found.append(Recommender(trainer.trained_model()))
        _BEFORE["both"] = (split, found[0], found[1])
    return _BEFORE["both"]


@pytest.fixture
def met(both: tuple[Split, Recommender, Recommender]) -> tuple[FoldIn, FoldIn, FoldIn]:
    """A visitor as each model meets them, and as both do."""
    _, by_items, by_users = both
    ensemble = Ensemble(by_items, by_users)
    return (*(part.fold_in(ITEMS, RATINGS) for part in (by_items, by_users)), ensemble.fold_in(ITEMS, RATINGS))


def test_a_prediction_is_the_mean_of_both(met: tuple[FoldIn, FoldIn, FoldIn]) -> None:
    one, other, together = met
    assert together.raw == pytest.approx((one.raw + other.raw) / 2)
    assert (together.predicted_ratings <= 5).all()
    assert np.abs(one.raw - other.raw).max() > 0.05  # else nothing was averaged


def test_a_rating_moves_it_as_leaving_that_rating_out_does(
    both: tuple[Split, Recommender, Recommender], met: tuple[FoldIn, FoldIn, FoldIn]
) -> None:
    ensemble, together = Ensemble(*both[1:]), met[2]
    targets = np.array([7, 8, 20])
    effects = together.effects(targets)
    for place in range(len(ITEMS)):
        kept = [other for other in range(len(ITEMS)) if other != place]
        without = ensemble.fold_in([ITEMS[k] for k in kept], [RATINGS[k] for k in kept])
        expected = together.predicted_ratings[targets] - without.predicted_ratings[targets]
        assert effects[:, place] == pytest.approx(expected, abs=1e-6)


def test_the_more_both_differ_the_smaller_is_the_error_of_their_mean(met: tuple[FoldIn, FoldIn, FoldIn]) -> None:
    one, other, together = met
    mean = (one.variance + other.variance) / 2
    assert (together.variance <= mean).all()
    assert (together.variance >= mean / 2).all()
    order = np.argsort(np.abs(one.raw - other.raw))
    saved = (mean - together.variance)[order]
    assert saved[-1] == saved.max() > saved[0]


def test_its_error_on_the_test_ratings_is_measured_with_those_of_its_parts(
    both: tuple[Split, Recommender, Recommender],
) -> None:
    split, by_items, by_users = both
    one, other, together = Ensemble(by_items, by_users).rmse_on(split.test)
    rows = split.test.by_user
    predicted = [part.model.predict_pairs(rows.rows, rows.indices) for part in (by_items, by_users)]
    assert one == pytest.approx(rmse(predicted[0], rows.values))
    assert other == pytest.approx(rmse(predicted[1], rows.values))
    assert together == pytest.approx(rmse((predicted[0] + predicted[1]) / 2, rows.values))


def test_it_recommends_with_reasons_as_a_model_does(both: tuple[Split, Recommender, Recommender]) -> None:
    ensemble = Ensemble(*both[1:])
    found = ensemble.recommend(ensemble.fold_in(ITEMS, RATINGS), count=5)
    assert len(found) == 5
    assert not {one.item_index for one in found} & set(ITEMS)
    assert all(one.because for one in found)


def test_it_is_made_of_one_of_each_base(both: tuple[Split, Recommender, Recommender]) -> None:
    _, by_items, by_users = both
    for wrong in ((by_users, by_items), (by_items, by_items)):
        with pytest.raises(ValueError, match="item-based and a user-based"):
            Ensemble(*wrong)
