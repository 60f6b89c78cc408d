"""Rows of a data set and of a visitor as the Reconstruction page shows them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autorec_core.catalogue import Catalogue
from autorec_core.ratings import Items, Ratings
from pages.shared import rows


@pytest.fixture
def catalogue(toy: Ratings) -> Catalogue:
    return Catalogue(toy.items, toy.by_item.counts, np.full(toy.num_items, 3.0))


def fold_in(**arrays: Any) -> Any:
    return SimpleNamespace(**{name: np.array(values) for name, values in arrays.items()})


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": ["a", "b", "c", "d"],
            "given": [5.0, 3.0, 1.0, 4.0],
            "predicted": [4.0, 3.0, 3.5, 4.5],
            "part": ["test", "train", "train", "test"],
        }
    )


def test_the_largest_surprise_comes_first(catalogue: Catalogue) -> None:
    found = rows.yours(
        fold_in(item_indices=[0, 1, 2], ratings=[4.0, 1.0, 5.0], left_out=[3.5, 4.0, 4.0], given_back=[3.8, 3.0, 4.5]),
        catalogue,
    )
    assert found["movie"].tolist() == ["Toy Story (1995)", "Alien (1979)", "The Matrix (1999)"]
    assert found["surprise"].tolist() == [-3.0, 1.0, 0.5]


def test_two_movies_of_one_name_are_told_apart(toy: Ratings) -> None:
    items = Items(
        ids=np.array([1, 2]),
        titles=np.array(["Emma", "Emma"]),
        years=np.array([1996, 1996], dtype=np.int32),
        genres=((), ()),
    )
    catalogue = Catalogue(items, np.array([1, 1]), np.array([3.0, 3.0]))
    found = rows.yours(
        fold_in(item_indices=[0, 1], ratings=[4.0, 1.0], left_out=[3.0, 3.0], given_back=[3.0, 3.0]), catalogue
    )
    assert found["movie"].nunique() == 2


def test_the_error_of_each_part_is_its_own() -> None:
    parts = rows.rmse_by_part(table())
    assert list(parts) == ["train", "test"]
    assert parts["train"] == (2, pytest.approx(np.sqrt(2.5**2 / 2)))
    assert parts["test"] == (2, pytest.approx(np.sqrt((1 + 0.25) / 2)))


def test_the_worst_prediction_comes_first_with_its_sign() -> None:
    worst = rows.worst_first(table())
    assert worst["name"].tolist()[:2] == ["c", "a"]
    assert worst["error"].tolist()[:2] == [2.5, -1.0]


def test_users_are_found_by_how_their_id_begins_the_exact_one_first() -> None:
    model: Any = SimpleNamespace(user_ids=np.array([1, 5, 15, 150, 151]), user_counts=np.array([9, 9, 1, 50, 70]))
    assert [name.split(" – ")[0] for name in rows.users_found(model, " 15 ").values()] == [
        "User 15",
        "User 151",
        "User 150",
    ]
    assert next(iter(rows.users_found(model, ""))) == 4
    assert rows.users_found(model, "9") == {}


def test_movies_are_found_by_words_of_their_title(catalogue: Catalogue) -> None:
    (name,) = rows.movies_found(catalogue, "matrix").values()
    assert name == "The Matrix (1999) – 3 training ratings"
    assert rows.movies_found(catalogue, "nothing like it") == {}
