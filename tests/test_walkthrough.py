"""The lesson's arithmetic against the model's own, and against refits."""

from __future__ import annotations

import numpy as np
import pytest
from made_ratings import ratings_of

from autorec_core import pitfalls, residuals, small_autorec, walkthrough
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.small_autorec import Recipe
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer


def made() -> Ratings:
    """50 users x 70 movies, four in ten known, of rank 2 with noise."""
    generator = np.random.default_rng(3)
    matrix = 3.0 + generator.uniform(-1, 1, (50, 2)) @ generator.uniform(-1, 1, (2, 70))
    matrix = np.clip(np.round(2 * (matrix + generator.normal(0, 0.2, matrix.shape))) / 2, 0.5, 5)
    observed = generator.random(matrix.shape) < 0.4
    observed[np.arange(50), np.arange(50)] = True
    observed[0, :] = True
    return ratings_of(matrix, name="made", scale=RatingScale(0.5, 5, 0.5), observed=observed)


@pytest.fixture(scope="module", params=["items", "users", "items that lean on averages", "users that lean on averages"])
def trained(request: pytest.FixtureRequest) -> tuple[TrainedModel, Split]:
    """A small model that has learnt something, of either base, with and without averages to begin at."""
    split = random_split(made(), seed=1)
    based_on, *leans = request.param.split(" ", 1)
    chosen = Hyperparameters(
        based_on=based_on,
        lean_on_averages=bool(leans),
        hidden_units=6,
        epochs=40,
        batch_size=8,
        refit=False,
        regularization=1.0,
    )
    trainer = Trainer(split, chosen, seed=0)
    for _event in trainer:
        pass
    return trainer.trained_model(), split


def test_codes_read_anew_are_the_trained_ones(trained: tuple[TrainedModel, Split]) -> None:
    model, split = trained
    matrix = walkthrough.joined([split.train], by_items=model.by_items)
    codes, offsets = walkthrough.codes_of(model, matrix, np.arange(len(model.codes)))
    assert codes == pytest.approx(model.codes, abs=1e-5)
    assert offsets == pytest.approx(model.offsets, abs=1e-5)


def test_a_row_goes_through_as_in_the_model(trained: tuple[TrainedModel, Split]) -> None:
    model, split = trained
    matrix = walkthrough.joined([split.train], by_items=model.by_items)
    row = walkthrough.row_through(model, *matrix.row(3))
    assert row.reconstruction == pytest.approx(model.reconstruct_rows(np.array([3]))[0], abs=1e-4)
    assert walkthrough.code_after(model, row, len(row.columns)) == pytest.approx(row.code, abs=1e-5)
    missing = [np.abs(walkthrough.decoded_with(model, row, units) - row.reconstruction).max() for units in (6, 0)]
    assert missing[0] < 1e-6
    assert missing[1] > 1e-5, "with no unit speaking, nothing of this row but its mean comes back"


def test_joined_parts_hold_each_rating_once(trained: tuple[TrainedModel, Split]) -> None:
    _, split = trained
    matrix = walkthrough.joined([split.train, split.valid, split.test], by_items=True)
    whole = made().by_item
    assert matrix.indptr.tolist() == whole.indptr.tolist()
    assert matrix.indices.tolist() == whole.indices.tolist()
    assert matrix.values.tolist() == whole.values.tolist()


def test_the_masked_loss_is_over_known_entries_and_the_other_over_all(trained: tuple[TrainedModel, Split]) -> None:
    model, split = trained
    row = walkthrough.row_through(model, *walkthrough.joined([split.train], by_items=model.by_items).row(3))
    masked, everywhere = walkthrough.shifted_losses(row, np.array([0.0, -1.0]))
    moved = row.reconstruction - 1
    filled = np.zeros(len(moved))
    filled[row.columns] = row.ratings
    assert masked[1] == pytest.approx(((moved[row.columns] - row.ratings) ** 2).mean())
    assert everywhere[1] == pytest.approx(((moved - filled) ** 2).mean())


def test_a_rating_left_out_of_the_ridge_is_what_a_refit_without_it_says() -> None:
    generator = np.random.default_rng(4)
    codes, targets = generator.standard_normal((12, 4)), generator.standard_normal(12)
    strength = 3.0
    _, left_out = walkthrough.ridge_path(codes, targets, np.array([strength]))
    errors = []
    for place in range(12):
        others = np.arange(12) != place
        c, t = codes[others], targets[others]
        deviations = c - c.mean(0)
        weights = np.linalg.solve(deviations.T @ deviations + strength / 2 * np.eye(4), deviations.T @ (t - t.mean()))
        errors.append(t.mean() + (codes[place] - c.mean(0)) @ weights - targets[place])
    assert left_out[0] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    twice = [(codes, targets), (codes[:6], targets[:6])]
    of_many = walkthrough.ridge_path_of_many(twice, np.array([strength]))[1][0]
    of_second = walkthrough.ridge_path(codes[:6], targets[:6], np.array([strength]))[1][0]
    assert of_many == pytest.approx(np.sqrt((12 * left_out[0] ** 2 + 6 * of_second**2) / 18))


def test_a_batch_of_all_rows_agrees_wholly_and_a_small_one_less(trained: tuple[TrainedModel, Split]) -> None:
    _, split = trained
    matrix = walkthrough.joined([split.train], by_items=True)
    found = walkthrough.batch_agreement(matrix, [2, 70], draws=5)
    assert [cosine for size, cosine in found if size == 70] == pytest.approx([1.0] * 5)
    assert max(cosine for size, cosine in found if size == 2) < 0.99


def test_the_rating_that_is_predicted_is_never_told(trained: tuple[TrainedModel, Split]) -> None:
    model, _ = trained
    items = np.array([1, 5, 9])
    one = walkthrough.meeting(Recommender(model), items, np.array([4.0, 2.0, 0.5]))
    other = walkthrough.meeting(Recommender(model), items, np.array([4.0, 2.0, 5.0]))
    assert one == other
    assert [met.known for met in one] == [0, 1, 2]


# -- ways to fool oneself ---------------------------------------------------------------------------------------------


def test_a_leak_of_nothing_is_the_honest_figure(trained: tuple[TrainedModel, Split]) -> None:
    model, split = trained
    users, items, given = split.test.by_user.rows, split.test.by_user.indices, split.test.by_user.values
    known = ~model.needs_fallback(users, items)
    (honest, leaked), number = pitfalls.leaks(model, [split.train], split.test, [0.0, 1.0])
    predicted = model.predict_pairs(users[known], items[known])
    assert number == known.sum()
    assert honest.rmse == pytest.approx(np.sqrt(((predicted - given[known]) ** 2).mean()), abs=1e-5)
    assert leaked.rmse < honest.rmse


def test_the_mean_of_users_rmses_is_not_the_pooled_one(trained: tuple[TrainedModel, Split]) -> None:
    model, split = trained
    scored = residuals.score(model, split.test)
    found = pitfalls.per_user(scored)
    by_hand = [np.sqrt((scored.error[scored.users == user] ** 2).mean()) for user in sorted(set(scored.users.tolist()))]
    assert found.mean == pytest.approx(np.mean(by_hand))
    assert found.pooled == pytest.approx(np.sqrt((scored.error**2).mean()))
    assert found.counts.sum() == split.test.num_ratings


def story(**changes: object) -> small_autorec.Story:
    return small_autorec.train(random_split(made(), seed=1), [Recipe(batch_size=16, regularization=2.0, **changes)])[0]  # type: ignore[arg-type]


def test_the_small_network_learns_under_what_the_mean_misses_by() -> None:
    found = story(epochs=60)
    assert found.valid_rmse[-1] < found.mean_rmse
    assert found.test_errors.shape == (60, random_split(made(), seed=1).test.num_ratings)


def test_a_filled_matrix_reports_less_error_than_it_has() -> None:
    filled = story(fill=3.0)
    assert filled.reported[-1] < 0.8 * filled.valid_rmse[-1]
    honest = story()
    assert honest.reported[-1] > 0.7 * honest.valid_rmse[-1]


def test_a_gradient_of_the_small_network_is_that_of_its_loss() -> None:
    generator = np.random.default_rng(5)
    weights = [generator.standard_normal(shape) for shape in ((5, 2), (2,), (5, 2), (5,))]
    inputs, targets = generator.standard_normal((3, 5)), generator.standard_normal((3, 5))
    mask = (generator.random((3, 5)) < 0.5).astype(float)
    _, gradients = small_autorec._gradients(weights, inputs, targets, mask)
    for weight, gradient in zip(weights, gradients, strict=True):
        for place in np.ndindex(weight.shape):
            before = weight[place]
            losses = []
            for step in (1e-5, -1e-5):
                weight[place] = before + step
                losses.append(small_autorec._gradients(weights, inputs, targets, mask)[0])
            weight[place] = before
            assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 4e-5, abs=1e-5)  # half the gradient


def test_lambda_weighs_half_the_squared_weights_beside_the_squared_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[np.ndarray, list[np.ndarray]]] = []

    def note(weights: list[np.ndarray], _moments: object, gradients: list[np.ndarray], *_others: object) -> None:
        taken.append((weights[0].copy(), gradients))

    monkeypatch.setattr(small_autorec, "_adam", note)
    split = random_split(made(), seed=1)
    for regularization in (0.0, 6.0):  # all rows in one batch, the same first weights
        small_autorec.train(split, [Recipe(batch_size=5000, epochs=1, regularization=regularization)])
    (weights, without), (_same, with_it) = taken
    count = split.train.num_ratings
    # Twice the difference, of the loss a rating: the derivative of 6 / 2 times the squared weights.
    assert 2 * count * (with_it[0] - without[0]) == pytest.approx(6.0 * weights, abs=1e-3)
    assert with_it[1] == pytest.approx(without[1])
    assert with_it[3] == pytest.approx(without[3])


def test_all_of_lambda_a_batch_is_more_than_its_share_but_for_one_batch() -> None:
    one = {"epochs": 3, "batch_size": 16}
    shared, whole = story_of(**one), story_of(**one, penalty_per_batch=True)
    assert not np.allclose(shared.valid_rmse, whole.valid_rmse)
    one["batch_size"] = 70
    shared, whole = story_of(**one), story_of(**one, penalty_per_batch=True)
    assert shared.valid_rmse == pytest.approx(whole.valid_rmse)


def story_of(**changes: object) -> small_autorec.Story:
    return small_autorec.train(random_split(made(), seed=1), [Recipe(regularization=40.0, **changes)])[0]  # type: ignore[arg-type]


def test_a_test_that_chooses_never_looks_worse_and_a_large_one_gains_less() -> None:
    found = story(epochs=30)
    num_test = found.test_errors.shape[1]
    (small, large, whole, more), honest = small_autorec.picked_on_test(found, [10, 100, num_test, num_test + 1])
    assert small < large < whole <= honest
    # All test ratings are one test, however often it is drawn: the lowest RMSE of any epoch.
    assert whole == more == pytest.approx(found.test_rmse.min())
    assert honest == pytest.approx(found.test_rmse[np.argmin(found.valid_rmse)])


def test_what_a_test_gains_by_choosing_is_what_it_gains_in_a_plain_loop() -> None:
    found = story(epochs=10)
    chosen, generator = int(np.argmin(found.valid_rmse)), np.random.default_rng(8)
    gains = []
    for _ in range(3000):
        some = found.test_errors[:, generator.choice(found.test_errors.shape[1], 20, replace=False)]
        rmses = np.sqrt((some**2).mean(1))
        gains.append(rmses[chosen] - rmses.min())
    (flattered,), honest = small_autorec.picked_on_test(found, [20], draws=3000)
    assert honest - flattered == pytest.approx(np.mean(gains), abs=float(5 * np.std(gains) / 3000**0.5))
