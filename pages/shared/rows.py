"""Rows of the data set as pages show them: the ratings that went in, those held out, and what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core.catalogue import display_title
from autorec_core.errors import AutoRecError
from autorec_core.ratings import Compressed, Ratings
from autorec_core.runs import Run
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel
from pages.shared import services

CELLS = 96
"""Entries of a row that the picture shows."""
SHARE_GIVEN = 0.45
"""Share of them that are known, where there are as many: a fair share would be a nearly empty picture."""
MOST_NAMES = 200


def split_or_none(run: Run) -> Split | None:
    """The run's ratings, or None where they are no longer to be had (a file that was moved)."""
    try:
        return services.split_of(run.id)
    except AutoRecError:
        return None


def _matrix(ratings: Ratings, model: TrainedModel) -> Compressed:
    return ratings.by_item if model.by_items else ratings.by_user


def names(run: Run, model: TrainedModel) -> dict[int, str]:
    """The rows with most ratings, by index: movies for an item-based model, else users."""
    counts = model.item_counts if model.by_items else model.user_counts
    first = np.argsort(-counts, kind="stable")[:MOST_NAMES].tolist() if split_or_none(run) is not None else []
    if model.by_items:
        return {
            index: f"{display_title(str(model.items.titles[index]))} ({model.items.years[index]})" for index in first
        }
    return {index: f"User {model.user_ids[index]}" for index in first}


@st.cache_data(show_spinner=False, max_entries=200)
def _entries(run_id: str, row: int) -> dict[str, Any]:
    model, split = services.recommender(run_id).model, services.split_of(run_id)
    generator = np.random.default_rng([row, 7])
    columns, values = _matrix(split.train, model).row(row)
    held_columns = np.concatenate([_matrix(part, model).row(row)[0] for part in (split.valid, split.test)])
    held_values = np.concatenate([_matrix(part, model).row(row)[1] for part in (split.valid, split.test)])
    num_columns = _matrix(split.train, model).num_columns
    shown = min(CELLS, num_columns)
    some_held = generator.permutation(len(held_columns))[: shown // 8]
    some_given = generator.permutation(len(columns))[: int(SHARE_GIVEN * shown)]
    known = {*columns.tolist(), *held_columns.tolist()}
    unknown = np.array([column for column in range(num_columns) if column not in known], dtype=np.int64)
    rest = shown - len(some_held) - len(some_given)
    some_unknown = generator.permutation(unknown)[:rest]
    places = np.sort(np.concatenate([columns[some_given], held_columns[some_held], some_unknown]).astype(np.int64))
    given = dict(zip(columns.tolist(), values.tolist(), strict=True))
    held = dict(zip(held_columns.tolist(), held_values.tolist(), strict=True))
    predicted = model.predict_item(row) if model.by_items else model.predict_user(row)
    if model.by_items:
        labels = [f"user {model.user_ids[place]}" for place in places]
    else:
        labels = [display_title(str(model.items.titles[place])) for place in places]
    return {
        "names": labels,
        "given": [given.get(place) for place in places.tolist()],
        "held": [held.get(place) for place in places.tolist()],
        "caption": f"{shown} of {num_columns:,} {'people' if model.by_items else 'movies'}, the known ones favoured.",
        "code": model.codes[row].tolist(),
        "predicted": predicted[places].tolist(),
    }


def entries(run: Run, model: TrainedModel, row: int) -> dict[str, Any]:
    """A choice of a row's entries for `cards.row_through_network`, the same at every call."""
    return _entries(run.id, row)


@st.cache_data(show_spinner=False, max_entries=200)
def observed(run_id: str, *, user: int | None = None, item: int | None = None) -> pd.DataFrame:
    """All ratings of one user or one item with what the model predicts.

    Args:
        run_id: of the model.
        user: a user index, or None.
        item: an item index, or None.

    Returns:
        Columns `name`, `given`, `predicted` and `part` (train, validation, test).
    """
    model, split = services.recommender(run_id).model, services.split_of(run_id)
    frames = []
    for part, ratings in (("train", split.train), ("validation", split.valid), ("test", split.test)):
        if user is not None:
            others, values = ratings.by_user.row(user)
            predicted = model.predict_pairs(np.full(len(others), user), others)
            labels = [display_title(title) for title in model.items.titles[others].tolist()]
        else:
            assert item is not None
            others, values = ratings.by_item.row(item)
            predicted = model.predict_pairs(others, np.full(len(others), item))
            labels = [f"user {user_id}" for user_id in model.user_ids[others].tolist()]
        frames.append(pd.DataFrame({"name": labels, "given": values, "predicted": predicted, "part": part}))
    return pd.concat(frames, ignore_index=True)
