"""Rows of the data set as pages show them: the ratings that went in, those held out, and what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from autorec_core.catalogue import Catalogue, display_title
from autorec_core.errors import AutoRecError
from autorec_core.fold_in import FoldIn
from autorec_core.metrics import rmse
from autorec_core.ratings import Compressed, Ratings
from autorec_core.runs import Run
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel
from pages.shared import services
from pages.shared.charts import PARTS
from pages.shared.words import _

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
        catalogue = services.catalogue_of(run.id)
        return {index: movie_name(catalogue, index) for index in first}
    return {index: _("User {id}", id=model.user_ids[index]) for index in first}


def _parts(run_id: str) -> list[tuple[str, Ratings]]:
    """The ratings by what they were to the model that is in use: one that was refitted learnt from validation too."""
    split = services.split_of(run_id)
    is_refitted = (services.run_store().get(run_id).result or {}).get("is_refitted", False)
    return [("train", split.train), ("train" if is_refitted else "validation", split.valid), ("test", split.test)]


@st.cache_data(show_spinner=False, max_entries=200)
def _entries(run_id: str, row: int) -> dict[str, Any]:
    model, split = services.recommender(run_id).model, services.split_of(run_id)
    generator = np.random.default_rng([row, 7])
    shown_to_it = [_matrix(ratings, model).row(row) for part, ratings in _parts(run_id) if part == "train"]
    held_out = [_matrix(ratings, model).row(row) for part, ratings in _parts(run_id) if part != "train"]
    columns, values = (np.concatenate(arrays) for arrays in zip(*shown_to_it, strict=True))
    held_columns, held_values = (np.concatenate(arrays) for arrays in zip(*held_out, strict=True))
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
    return {
        "places": places,
        "given": [given.get(place) for place in places.tolist()],
        "held": [held.get(place) for place in places.tolist()],
        "code": (model.codes[row] - model.codes.mean(0)).tolist(),
        "predicted": predicted[places].tolist(),
    }


def entries(run: Run, model: TrainedModel, row: int) -> dict[str, Any]:
    """A choice of a row's entries for `cards.row_through_network`, the same at every call."""
    found = dict(_entries(run.id, row))
    places = found.pop("places").tolist()
    if model.by_items:
        labels = [_("user {id}", id=model.user_ids[place]) for place in places]
        caption = _("{shown} of {all:,} people, the known ones favoured.", shown=len(places), all=len(model.user_ids))
    else:
        labels = [display_title(str(model.items.titles[place])) for place in places]
        caption = _("{shown} of {all:,} movies, the known ones favoured.", shown=len(places), all=len(model.items))
    return {**found, "names": labels, "caption": caption}


def observed(run_id: str, *, user: int | None = None, item: int | None = None) -> pd.DataFrame:
    """All ratings of one user or one item with what the model predicts.

    Args:
        run_id: of the model.
        user: a user index, or None.
        item: an item index, or None.

    Returns:
        Columns `name`, `given`, `predicted` and `part` (train, validation, test).
    """
    found = _observed(run_id, user, item)
    if user is None:
        found["name"] = [_("user {id}", id=user_id) for user_id in found["name"].tolist()]
    return found


@st.cache_data(show_spinner=False, max_entries=200)
def _observed(run_id: str, user: int | None, item: int | None) -> pd.DataFrame:
    """What `observed` gives, with people by their ids alone."""
    model = services.recommender(run_id).model
    split = services.split_of(run_id)
    frames = []
    for part, ratings in (("train", split.train), ("validation", split.valid), ("test", split.test)):
        if user is not None:
            others, values = ratings.by_user.row(user)
            predicted = model.predict_pairs(np.full(len(others), user), others)
            catalogue = services.catalogue_of(run_id)
            labels = [movie_name(catalogue, index) for index in others.tolist()]
        else:
            others, values = ratings.by_item.row(item or 0)
            predicted = model.predict_pairs(others, np.full(len(others), item))
            labels = [str(user_id) for user_id in model.user_ids[others].tolist()]
        frames.append(pd.DataFrame({"name": labels, "given": values, "predicted": predicted, "part": part}))
    return pd.concat(frames, ignore_index=True)


def parts_of(table: pd.DataFrame) -> list[str]:
    """Which parts of the split occur in what `observed` gave, in their order."""
    return [part for part in PARTS if (table["part"] == part).any()]


def rmse_by_part(table: pd.DataFrame) -> dict[str, tuple[int, float]]:
    """Number of ratings and RMSE of each part that occurs in what `observed` gave."""
    return {
        part: (len(some), rmse(some["predicted"].to_numpy(), some["given"].to_numpy()))
        for part in parts_of(table)
        for some in [table[table["part"] == part]]
    }


def worst_first(table: pd.DataFrame) -> pd.DataFrame:
    """What `observed` gave, with the error, those predicted worst first."""
    with_error = table.assign(error=table["predicted"] - table["given"])
    return with_error.iloc[np.argsort(-with_error["error"].abs().to_numpy(), kind="stable")]


def yours(fold_in: FoldIn, catalogue: Catalogue) -> pd.DataFrame:
    """A visitor's ratings and what the model makes of them, the largest surprises first.

    Returns:
        Columns `movie` (all different), `given`, `left_out`, `given_back` and `surprise` (given less left out), in
        rating units.
    """
    table = pd.DataFrame(
        {
            "movie": _different([movie_name(catalogue, index) for index in fold_in.item_indices.tolist()]),
            "given": fold_in.ratings,
            "left_out": fold_in.left_out,
            "given_back": fold_in.given_back,
        }
    )
    table["surprise"] = table["given"] - table["left_out"]
    return table.iloc[np.argsort(-table["surprise"].abs().to_numpy(), kind="stable")]


def movie_name(catalogue: Catalogue, index: int) -> str:
    """A movie as people write it, with its year where it is known."""
    year = int(catalogue.items.years[index])
    return f"{catalogue.display_titles[index]} ({year})" if year else str(catalogue.display_titles[index])


def _different(names: list[str]) -> list[str]:
    """The names, those that came before numbered: a chart would put two of the same name on one line.

    >>> _different(["Emma", "Alien", "Emma"])
    ['Emma', 'Alien', 'Emma [2]']
    """
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} [{seen[name]}]")
    return found


def movies_found(catalogue: Catalogue, query: str) -> dict[int, str]:
    """Movies that a search finds, by item index, most rated first."""
    found = catalogue.search(query)[:MOST_NAMES].tolist()
    return {
        index: _(
            "{name} – {count:,} training ratings", name=movie_name(catalogue, index), count=catalogue.counts[index]
        )
        for index in found
    }


def users_found(model: TrainedModel, query: str) -> dict[int, str]:
    """Users whose id begins with a text, by user index: an exact hit first, then those with most training ratings."""
    wanted = query.strip()
    ids = model.user_ids.astype(str)
    hits = np.flatnonzero(np.char.startswith(ids, wanted)) if wanted else np.arange(len(ids))
    order = np.lexsort((-model.user_counts[hits], ids[hits] != wanted))
    found = hits[order][:MOST_NAMES].tolist()
    return {
        index: _("User {id} – {count:,} training ratings", id=ids[index], count=model.user_counts[index])
        for index in found
    }
