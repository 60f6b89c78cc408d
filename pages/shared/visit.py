"""What the core's objects are to whoever looks: their runs, the model in use, its movies, their ratings of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core import datasets, shelf
from autorec_core.catalogue import Catalogue
from autorec_core.errors import AutoRecError
from autorec_core.ratings import FloatArray, IntArray, RatingScale
from autorec_core.runs import Run
from pages.shared import services, state


def can_see(run: Run) -> bool:
    """Whether this visitor may see a run: their own, and those of nobody, unless it is deleted."""
    return run.config.owner in (None, state.owner()) and not shelf.is_deleted(run)


def own_runs() -> list[Run]:
    """The trainings that this visitor may see, newest first; without those of a lesson, which are nobody's model."""
    owners = (None, state.owner())  # once: who somebody is takes a look into their cookies
    found = (
        run for run in services.run_store().all() if run.config.search is None and run.config.kind != services.LESSON
    )
    return [run for run in found if run.config.owner in owners and not shelf.is_deleted(run)]


def own_searches() -> list[Run]:
    """The searches of this visitor, newest first."""
    owner = state.owner()
    found = (run for run in services.run_store().all() if run.config.search is not None)
    return [run for run in found if run.config.owner == owner and not shelf.is_deleted(run)]


def deleted_runs() -> list[Run]:
    """This visitor's own runs that are deleted and can still be taken back, newest first."""
    owner = state.owner()
    return [run for run in services.run_store().all() if run.config.owner == owner and shelf.is_deleted(run)]


def current_run() -> Run | None:
    """The run whose model is in use.

    What the visitor chose; else the newest of their own that beats the averages; else the app's own starter; else any.
    """
    chosen = state.chosen_run_id()
    if chosen is not None:
        try:
            run = services.run_store().get(chosen)
        except AutoRecError:
            run = None
        if run is not None and can_see(run) and services.is_usable(run):
            return run
    return run_unasked()


def run_unasked(*, without: str | None = None) -> Run | None:
    """The run whose model is in use where the visitor chose none, as `current_run` has it.

    Args:
        without: id of a run that is passed over, as if it had never been trained.
    """
    found = [run for run in own_runs() if run.id != without]
    good = (run for run in found if run.config.owner is not None and run.beats_averages)
    starters = (run for run in found if run.config.kind == "starter")
    return next((run for run in (*good, *starters, *found) if services.is_usable(run)), None)


def catalogue_name() -> str:
    """Which item ids the current model has."""
    run = current_run()
    dataset = datasets.BUNDLED if run is None else run.config.source.dataset
    if dataset is not None:
        return datasets.find(dataset).catalogue
    assert run is not None
    return f"run:{run.id}"


def current_catalogue() -> Catalogue:
    """The movies of the current model, or the bundled ones."""
    run = current_run()
    return services.bundled_catalogue() if run is None else services.catalogue_of(run.id)


def current_scale() -> RatingScale:
    """The rating scale of the current model, or of the bundled ratings."""
    run = current_run()
    return datasets.find(datasets.BUNDLED).scale if run is None else services.recommender(run.id).model.scale


@dataclass(frozen=True)
class Given:
    """The visitor's ratings as the current model sees them."""

    by_id: dict[str, float]
    """Item id as text -> rating, newest first."""
    item_indices: IntArray
    """(n,) those that the model knows, newest first."""
    ratings: FloatArray
    """(n,) their ratings, clipped to the model's scale."""

    @property
    def num_unknown(self) -> int:
        """Ratings of movies that the model does not know."""
        return len(self.by_id) - len(self.item_indices)


def given() -> Given:
    """This visitor's ratings of the current catalogue.

    Raises:
        StorageError: the database does not answer.
    """
    by_id = services.visitor_store().ratings_of(state.visitor_id(), catalogue_name())
    items = current_catalogue().items
    known = [(index, rating) for item_id, rating in by_id.items() if (index := items.find(item_id)) is not None]
    run = current_run()
    ratings = np.array([rating for _, rating in known], dtype=np.float64)
    if run is not None:
        ratings = services.recommender(run.id).model.scale.clip(ratings)
    return Given(by_id, np.array([index for index, _ in known], dtype=np.int64), ratings)


def rate(catalogue: str, item_id: str, rating: float | None) -> None:
    """Keeps or clears a rating of this visitor; it is committed when this returns.

    Raises:
        StorageError: the database did not take it.
    """
    if rating is None:
        services.visitor_store().clear(state.visitor_id(), catalogue, item_id)
    else:
        services.visitor_store().rate(state.visitor_id(), catalogue, item_id, rating)


def rating_of(catalogue: str, item_id: str) -> float | None:
    """What this visitor gave a movie, or None. Raises StorageError."""
    return services.visitor_store().rating_of(state.visitor_id(), catalogue, item_id)


def passed_over(reason: str) -> IntArray:
    """Item indices that this visitor passed over for a reason, in the current catalogue, the latest first.

    Raises:
        StorageError: the database does not answer.
    """
    items = current_catalogue().items
    ids = services.visitor_store().passed_over(state.visitor_id(), catalogue_name(), reason)
    return np.array([found for item_id in ids if (found := items.find(item_id)) is not None], dtype=np.int64)


def pass_over(item_id: str, reason: str) -> None:
    """Remembers that this visitor does not want a movie, or has not seen it. Raises StorageError."""
    services.visitor_store().pass_over(state.visitor_id(), catalogue_name(), item_id, reason)


def take_up_again(reason: str, item_id: str | None = None) -> None:
    """Forgets what `pass_over` remembered, of one movie or of all. Raises StorageError."""
    services.visitor_store().take_up_again(state.visitor_id(), catalogue_name(), reason, item_id)
