"""Who the lesson is about: the visitor, or a user of the data who stands in; and their row in the steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings
from autorec_core.runs import Run
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel
from autorec_core.walkthrough import Row, joined, row_through
from pages.shared import rows, services, visit
from pages.shared.words import _

ENOUGH = 5
"""Ratings that a visitor needs to be the example."""
STAND_IN_RATINGS = 40
"""A user who stands in has about so many."""


@dataclass(frozen=True, eq=False)
class Reader:
    """The person whose ratings are the example."""

    user: int | None
    """User index of who stands in; None for the visitor."""
    items: IntArray
    """(n,) rated items that the model knows, most rated first."""
    ratings: FloatArray
    """(n,) their ratings."""
    num_own: int
    """Ratings of the visitor that the model knows."""

    @property
    def is_visitor(self) -> bool:
        """Whether it is the visitor."""
        return self.user is None


@dataclass(frozen=True, eq=False)
class Example:
    """All that the steps of the lesson speak of."""

    run: Run
    """Whose model it is."""
    model: TrainedModel
    """The model in use."""
    split: Split
    """Its ratings."""
    learnt: Compressed
    """What it learnt from, a row a row of the model."""
    reader: Reader
    """Who the example is."""
    row_name: str
    """What the row is called."""
    row: Row
    """The row, on its way."""
    held: tuple[IntArray, FloatArray]
    """Columns and ratings of the row that were held out."""
    own_column: int | None
    """The reader's column in the row; None where they have none (a visitor is not in the data) or all are theirs."""
    own_item: int
    """The reader's movie that the example turns on."""
    own_rating: float
    """What the reader gave it."""

    def column_name(self, column: int) -> str:
        """What a column of the row is called."""
        if self.model.by_items:
            return _("user {id}", id=self.model.user_ids[column])
        return rows.movie_name(services.catalogue_of(self.run.id), column)


def learnt_parts(run: Run, split: Split) -> list[Ratings]:
    """The parts of a split that a run's model learnt from."""
    return [split.train, split.valid] if (run.result or {}).get("is_refitted") else [split.train]


@st.cache_resource(show_spinner=False, max_entries=4)
def learnt_from(run_id: str) -> Compressed:
    """What a run's model learnt from, a row a row of the model; once a run."""
    run = services.run_store().get(run_id)
    split = services.split_of(run_id)
    return joined(learnt_parts(run, split), by_items=services.recommender(run_id).model.by_items)


def current(model: TrainedModel, learnt: Compressed) -> Reader:
    """The visitor where they rated enough that the model knows, else a user of the data with a fair number."""
    given = visit.given()
    own = len(given.item_indices)
    if own >= ENOUGH:
        user, items, ratings = None, given.item_indices, given.ratings
    else:
        user = int(np.argmin(np.abs(model.user_counts - STAND_IN_RATINGS)))
        if model.by_items:
            chosen = learnt.indices == user
            items, ratings = learnt.rows[chosen], learnt.values[chosen]
        else:
            items, ratings = learnt.row(user)
    order = np.argsort(-model.item_counts[items], kind="stable")
    return Reader(user, np.asarray(items)[order], np.asarray(ratings, dtype=np.float64)[order], own)


def example(run: Run, model: TrainedModel, split: Split, place: int) -> Example:
    """The row that goes through the steps.

    Args:
        run: whose model it is.
        model: of the run.
        split: of the run.
        place: which of the reader's movies, from 0, most rated first.
    """
    learnt = learnt_from(run.id)
    reader = current(model, learnt)
    place = min(place, len(reader.items) - 1)
    item, rating = int(reader.items[place]), float(reader.ratings[place])
    catalogue = services.catalogue_of(run.id)
    nothing = (np.zeros(0, dtype=np.int64), np.zeros(0))
    if model.by_items:
        columns, ratings = learnt.row(item)
        held = split.test.by_item.row(item)
        name, own_column = rows.movie_name(catalogue, item), reader.user
    else:
        columns, ratings = reader.items, reader.ratings
        held = nothing if reader.user is None else split.test.by_user.row(reader.user)
        name, own_column = whose(model, reader), item
    return Example(
        run=run,
        model=model,
        split=split,
        learnt=learnt,
        reader=reader,
        row_name=name,
        row=row_through(model, columns, ratings),
        held=(np.asarray(held[0]), np.asarray(held[1], dtype=np.float64)),
        own_column=own_column,
        own_item=item,
        own_rating=rating,
    )


def whose(model: TrainedModel, reader: Reader) -> str:
    """The reader by name."""
    return _("you") if reader.user is None else _("user {id}", id=model.user_ids[reader.user])
