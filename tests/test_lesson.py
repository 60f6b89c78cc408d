"""What the steps of the lesson say of models that were trained otherwise than the default."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any, cast

import numpy as np
import pytest
from made_models import model_of

from autorec_core import averages, excerpts
from autorec_core.ratings import Compressed, RatingScale
from autorec_core.walkthrough import row_through
from pages.shared import figures, lesson, lesson_network, lesson_training, lesson_use
from pages.shared.reader import Example, Reader

VECTORS = np.linspace(0.1, 0.9, 24).reshape(8, 3)
"""Eight movies, three hidden units."""


def about(**changes: Any) -> Example:
    """A visitor who rated four movies, by a model of eight movies and five users (or the other way round)."""
    model = model_of(VECTORS, based_on=changes.pop("based_on", "items"))
    model = replace(model, hyperparameters=model.hyperparameters.with_changes(**changes))
    num_rows, num_columns = (8, 5) if model.by_items else (5, 8)
    learnt = Compressed(
        indptr=2 * np.arange(num_rows + 1),
        indices=np.tile(np.array([0, 2], dtype=np.int32), num_rows),
        values=np.tile([4.0, 3.0], num_rows),
        num_columns=num_columns,
    )
    return Example(
        run=cast("Any", None),
        model=model,
        split=cast("Any", None),
        learnt=learnt,
        reader=Reader(None, np.arange(4), np.array([5.0, 4.0, 3.0, 2.0]), 4),
        row_name="Movie 1",
        row=row_through(model, *learnt.row(0)),
        held=(np.zeros(0, dtype=np.int64), np.zeros(0)),
        own_column=None,
        own_item=0,
        own_rating=5.0,
    )


def test_a_mean_is_added_back_only_where_it_was_taken_off() -> None:
    assert "is added back" in lesson_network.decode_says(about())
    assert "added back" not in lesson_network.decode_says(about(centering=False))


def test_what_is_done_to_the_ratings_is_what_the_model_does() -> None:
    raw = {"centering": False, "input_presence": 0.0, "input_scaling": False}
    assert "ratings, as they were given, are" in lesson_network.encode_says(about(**raw))
    told = lesson_network.encode_says(about(**raw | {"input_scaling": True, "input_presence": 2.0}))
    assert "ratings, with 2 added for being there at all, divided by the root of their number, are" in told


@pytest.mark.parametrize("optimizer", ["rprop", "lbfgs"])
def test_a_batch_is_all_rows_where_all_are_taken_at_once(optimizer: str) -> None:
    by_adam, by_all = about(batch_size=3), about(batch_size=3, optimizer=optimizer)
    assert "3 rows give one" in lesson_training.batch_says(by_adam)
    assert [what for _, what in lesson_training.batch_shapes(by_adam)] == [
        "3 rows, as this model was trained",
        "about 6 ratings in a batch",
        "3 in an epoch",
    ]
    assert "so was this model trained" in lesson_training.batch_says(by_all)
    assert [what for _, what in lesson_training.batch_shapes(by_all)] == [
        "8 rows, as this model was trained",
        "about 16 ratings in a batch",
        "1 in an epoch",
    ]


def test_batches_are_of_the_models_own_first_step_only_where_it_began_at_the_means() -> None:
    own = lesson_training.batch_says(about())
    assert "at the first step, when all weights are still 0" in own
    for began, said in (
        ({"lean_on_averages": True}, "averages of both sides"),
        ({"centering": False}, "without the means"),
    ):
        told = lesson_training.batch_says(about(**began))
        assert "of a network that begins at each row's mean" in told
        assert said in told


def test_formulas_are_those_of_the_base() -> None:
    items, users = about().model, about(based_on="users").model
    assert "r^{(i)}" in lesson.formula_of("vector", items)
    assert "r^{(u)}" in lesson.formula_of("vector", users)
    assert lesson.formula_of("loss", items) == lesson.formula_of("loss", users)
    assert lesson.formula_of("fold_in", items) != lesson.formula_of("fold_in", users)


def test_a_mean_over_the_movies_averages_has_its_formula() -> None:
    leaning = about(based_on="users", lean_on_averages=True)
    assert r"(r_j - \bar r_j)" in lesson.formula_of("mask", leaning.model)
    assert "beyond the movies' averages" in lesson_network.mask_shapes(leaning)[1][1]
    assert r"(r_j - \bar r_j)" not in lesson.formula_of("mask", about(lean_on_averages=True).model)


def test_a_movies_mean_that_is_drawn_to_its_prior_says_how_far_and_towards_what() -> None:
    example = about(lean_on_averages=True)
    prior = averages.ItemPrior(level=-0.5, slope=0.2, damping=4.25)
    drawn = replace(example, model=replace(example.model, item_prior=np.array(astuple(prior))))
    assert r"(r_j - b_j - e)" in lesson.formula_of("mask", drawn.model)
    assert "with 4.2 ratings' worth" in lesson_network.mask_says(drawn)
    expected = example.model.global_mean + float(prior.expected(np.array([len(example.row.columns)]))[0])
    assert lesson_network.mask_shapes(drawn)[2][1].startswith(f"{expected:.3f}, what movies with so many")
    assert lesson.formula_of("mask", replace(drawn.model, item_prior=np.zeros(0))) != lesson.DRAWN
    (lines,) = excerpts.of_step(lesson.lines_of("mask", drawn.model))
    assert (lines.module, lines.function) == ("averages", "ItemPrior.deviations")
    assert lesson.lines_of("mask", example.model) == "mask"


def test_the_noise_of_a_rating_is_each_movies_own() -> None:
    example = about()
    noisy = replace(example.model, item_noise=np.array([0.5, 1.0, 1.5, 2.0, 9, 9, 9, 9], dtype=np.float32))
    assert "0.400 to 1.600" in lesson_use.fold_in_shapes(replace(example, model=noisy))[-1][1]


@pytest.mark.parametrize(
    "scale", [RatingScale(-10, 0, 1), RatingScale(0, 1_000_000, 1), RatingScale(0, 100, 1)], ids=str
)
def test_the_loss_is_drawn_on_any_scale(scale: RatingScale, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    monkeypatch.setattr(figures, "draw", lambda _chart, table, _key, see: lengths.append(len(table)))
    example = about()
    lesson_training.loss(replace(example, model=replace(example.model, scale=scale)))
    assert 200 < lengths[0] < 400


@pytest.mark.parametrize(
    ("error", "said"), [(0.0, "that is where the network is"), (0.4, "a shift of -0.4: the network")]
)
def test_the_loss_is_smallest_where_it_is(error: float, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(figures, "draw", lambda _chart, _table, _key, see: seen.append(see))
    example = about()
    ratings = example.row.reconstruction[example.row.columns] - error
    lesson_training.loss(replace(example, row=replace(example.row, ratings=ratings)))
    assert said in seen[0]
