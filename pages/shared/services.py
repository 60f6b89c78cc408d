"""The core's objects for the pages: made once a process, shared by all sessions."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

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
from autorec_core.recommender import Recommender
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.snapshots import Watched
from autorec_core.splits import Split
from autorec_core.uploads import UploadStore
from autorec_core.visitors import VisitorStore
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


def lesson_run(config: RunConfig) -> Run | None:
    """The newest training of a lesson with this configuration, whenever it was asked for, or None."""
    lessons = (run for run in run_store().all() if run.config.kind == LESSON)
    return next((run for run in lessons if replace(run.config, created=config.created) == config), None)


def starter_run() -> Run | None:
    """The newest model that the app trains by itself, or None."""
    starters = (run for run in run_store().all() if run.config.kind == "starter")
    return next((run for run in starters if not shelf.is_deleted(run)), None)
