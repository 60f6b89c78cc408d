"""The core's objects for the pages: made once a process, shared by all sessions."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from threadpoolctl import threadpool_limits

from autorec_core import datasets, settings, shelf, storage
from autorec_core.asking import Questions
from autorec_core.catalogue import Catalogue
from autorec_core.errors import AutoRecError, StorageError
from autorec_core.hyperparameters import DEFAULT_PRESET, preset
from autorec_core.jobs import JobRunner
from autorec_core.layouts import Layouts
from autorec_core.matching import Links, TitleIndex
from autorec_core.ratings import FloatArray, IntArray, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.snapshots import Watched
from autorec_core.splits import Split
from autorec_core.uploads import UploadStore
from autorec_core.visitors import VisitorStore
from pages.shared import state
from pages.shared.words import _

LESSON = "lesson"
"""The kind of a run that is trained to be seen through, for everybody."""

SECONDS_TO_TRY_AGAIN = 20.0
"""After the starter model could not be begun."""
_beginning = threading.Lock()
_runner_of_process: list[JobRunner] = []
_layouts_of_process: list[Layouts] = []


@st.cache_resource(show_spinner=False)
def run_store() -> RunStore:
    """The runs on disk."""
    return RunStore(storage.runs_folder())


@st.cache_resource(show_spinner=False)
def upload_store() -> UploadStore:
    """The ratings that visitors brought."""
    return UploadStore(storage.uploads_folder())


@st.cache_resource(show_spinner=False)
def jobs() -> JobRunner:
    """The line of trainings with its warm worker."""
    limits = settings.limits()
    runner = JobRunner(run_store(), max_queued=limits.queue, max_per_owner=limits.in_line)
    _runner_of_process.append(runner)
    runner.start()
    return runner


def begin() -> str:
    """Once a process: starts the worker, and the starter model where there is no model for everybody yet.

    What stood in the way may be gone later, as a full disk: it is tried again from time to time.

    Returns:
        What stands in the starter's way, as a sentence; nothing where all is well.
    """
    with _beginning:
        why, at = _begin()
        if why and time.monotonic() - at > SECONDS_TO_TRY_AGAIN:
            _begin.clear()
            why, at = _begin()
    return why


@st.cache_resource(show_spinner=False)
def _begin() -> tuple[str, float]:
    """What `begin` returns, and when it was tried, on the monotonic clock."""
    return _start_starter(), time.monotonic()


def _start_starter() -> str:
    # Sessions share the processors: a product of one page must not wait for threads that another has busy.
    threadpool_limits(1, user_api="blas")
    runner = jobs()
    shelf.clean_up(run_store())
    if any(run.config.kind == "starter" and is_usable(run) for run in run_store().all() if not shelf.is_deleted(run)):
        return ""
    try:
        started = starter_run()
        if started is None or started.state == "ended":  # ended without a model that can be read
            source = Source(dataset=datasets.BUNDLED)
            runner.submit(
                RunConfig(source=source, hyperparameters=preset(DEFAULT_PRESET), preset=DEFAULT_PRESET, kind="starter")
            )
        elif started.state != "running":
            runner.resume(started.id)
    except AutoRecError as error:
        return error.sentence
    return ""


def close_jobs() -> None:
    """Saves the training and ends the worker; called when the server stops."""
    while _runner_of_process:
        _runner_of_process.pop().close()
    while _layouts_of_process:
        _layouts_of_process.pop().close()


@st.cache_resource(show_spinner=False)
def layouts() -> Layouts:
    """Makes maps that take a while."""
    made = Layouts()
    _layouts_of_process.append(made)
    return made


@st.cache_resource(show_spinner=False)
def visitor_store() -> VisitorStore:
    """The visitors' ratings."""
    return VisitorStore(storage.database_url())


@st.cache_resource(show_spinner=False, max_entries=8)
def recommender(run_id: str) -> Recommender:
    """A run's model in use."""
    return Recommender(run_store().get(run_id).load_model())


@st.cache_resource(show_spinner=False, max_entries=4)
def questions(run_id: str) -> Questions | None:
    """What can be asked with a run's model; None for a user-based one."""
    using = recommender(run_id)
    return None if using.prior is None else Questions(using.model, using.prior)


def is_usable(run: Run) -> bool:
    """Whether a run has a model that can be read."""
    if not run.has_model:
        return False
    try:
        recommender(run.id)
    except AutoRecError:
        return False
    return True


@st.cache_resource(show_spinner=False, max_entries=8)
def catalogue_of(run_id: str) -> Catalogue:
    """The movies that a run's model knows."""
    model = recommender(run_id).model
    return Catalogue(model.items, model.item_counts, model.item_means)


@st.cache_resource(show_spinner=False)
def bundled_catalogue() -> Catalogue:
    """The movies of the bundled data set: what can be rated before there is a model."""
    ratings = datasets.load(datasets.BUNDLED)
    by_item = ratings.by_item
    totals = np.bincount(by_item.rows, weights=by_item.values, minlength=ratings.num_items)
    return Catalogue(ratings.items.shared(), by_item.counts, (totals + 5 * ratings.mean) / (by_item.counts + 5))


@st.cache_resource(show_spinner=False, max_entries=4)
def title_index(run_id: str | None, catalogue: str) -> TitleIndex:
    """The movies of a run's model, or the bundled ones, to be found by what other sites call them."""
    movies = bundled_catalogue() if run_id is None else catalogue_of(run_id)
    is_movielens = catalogue == datasets.find(datasets.BUNDLED).catalogue
    known = datasets.links(catalogue)
    return TitleIndex(
        movies.items,
        movies.counts,
        ids_are_movielens=is_movielens,
        links=Links(imdb=known["imdb"], tmdb=known["tmdb"]),
    )


def split_of(run_id: str) -> Split:
    """The ratings that a run learnt from, was chosen by and was scored on."""
    with st.spinner(_("Loading the ratings …")):
        return _split_of(run_id)


@st.cache_resource(show_spinner=False, max_entries=4)
def _split_of(run_id: str) -> Split:
    run = run_store().get(run_id)
    split = run.config.split()
    known = ((run.result or {}).get("split") or {}).get("fingerprint")
    if known not in (None, split.train.fingerprint):
        raise StorageError(
            "The ratings of run {run} have changed since; what it learnt from can't be shown.", run=run_id
        )
    return split


@st.cache_resource(show_spinner=False, max_entries=8)
def watched(run_id: str) -> Watched:
    """The pictures of a run's network, as far as they are kept."""
    return Watched(run_store().get(run_id).folder)


def can_see(run: Run) -> bool:
    """Whether this visitor may see a run: their own, and those of nobody, unless it is deleted."""
    return run.config.owner in (None, state.owner()) and not shelf.is_deleted(run)


def own_runs() -> list[Run]:
    """The trainings that this visitor may see, newest first; without those of a lesson, which are nobody's model."""
    owners = (None, state.owner())  # once: who somebody is takes a look into their cookies
    found = (run for run in run_store().all() if run.config.search is None and run.config.kind != LESSON)
    return [run for run in found if run.config.owner in owners and not shelf.is_deleted(run)]


def lesson_run(config: RunConfig) -> Run | None:
    """The newest training of a lesson with this configuration, whenever it was asked for, or None."""
    lessons = (run for run in run_store().all() if run.config.kind == LESSON)
    return next((run for run in lessons if replace(run.config, created=config.created) == config), None)


def own_searches() -> list[Run]:
    """The searches of this visitor, newest first."""
    owner = state.owner()
    found = (run for run in run_store().all() if run.config.search is not None)
    return [run for run in found if run.config.owner == owner and not shelf.is_deleted(run)]


def deleted_runs() -> list[Run]:
    """This visitor's own runs that are deleted and can still be taken back, newest first."""
    owner = state.owner()
    return [run for run in run_store().all() if run.config.owner == owner and shelf.is_deleted(run)]


def current_run() -> Run | None:
    """The run whose model is in use.

    What the visitor chose; else the newest of their own that beats the averages; else the app's own starter; else any.
    """
    chosen = state.chosen_run_id()
    if chosen is not None:
        try:
            run = run_store().get(chosen)
        except AutoRecError:
            run = None
        if run is not None and can_see(run) and is_usable(run):
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
    return next((run for run in (*good, *starters, *found) if is_usable(run)), None)


def starter_run() -> Run | None:
    """The newest model that the app trains by itself, or None."""
    starters = (run for run in run_store().all() if run.config.kind == "starter")
    return next((run for run in starters if not shelf.is_deleted(run)), None)


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
    return bundled_catalogue() if run is None else catalogue_of(run.id)


def current_scale() -> RatingScale:
    """The rating scale of the current model, or of the bundled ratings."""
    run = current_run()
    return datasets.find(datasets.BUNDLED).scale if run is None else recommender(run.id).model.scale


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
    by_id = visitor_store().ratings_of(state.visitor_id(), catalogue_name())
    items = current_catalogue().items
    known = [(index, rating) for item_id, rating in by_id.items() if (index := items.find(item_id)) is not None]
    run = current_run()
    ratings = np.array([rating for _, rating in known], dtype=np.float64)
    if run is not None:
        ratings = recommender(run.id).model.scale.clip(ratings)
    return Given(by_id, np.array([index for index, _ in known], dtype=np.int64), ratings)


def rate(catalogue: str, item_id: str, rating: float | None) -> None:
    """Keeps or clears a rating of this visitor; it is committed when this returns.

    Raises:
        StorageError: the database did not take it.
    """
    if rating is None:
        visitor_store().clear(state.visitor_id(), catalogue, item_id)
    else:
        visitor_store().rate(state.visitor_id(), catalogue, item_id, rating)


def rating_of(catalogue: str, item_id: str) -> float | None:
    """What this visitor gave a movie, or None. Raises StorageError."""
    return visitor_store().rating_of(state.visitor_id(), catalogue, item_id)


def passed_over(reason: str) -> IntArray:
    """Item indices that this visitor passed over for a reason, in the current catalogue, the latest first.

    Raises:
        StorageError: the database does not answer.
    """
    items = current_catalogue().items
    ids = visitor_store().passed_over(state.visitor_id(), catalogue_name(), reason)
    return np.array([found for item_id in ids if (found := items.find(item_id)) is not None], dtype=np.int64)


def pass_over(item_id: str, reason: str) -> None:
    """Remembers that this visitor does not want a movie, or has not seen it. Raises StorageError."""
    visitor_store().pass_over(state.visitor_id(), catalogue_name(), item_id, reason)


def take_up_again(reason: str, item_id: str | None = None) -> None:
    """Forgets what `pass_over` remembered, of one movie or of all. Raises StorageError."""
    visitor_store().take_up_again(state.visitor_id(), catalogue_name(), reason, item_id)
