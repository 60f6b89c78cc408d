"""What is there at one moment and gone at the next: runs, databases, folders, room on the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import shelf, storage
from autorec_core.errors import AutoRecError, NotFoundError, StorageError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobRunner
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore
from autorec_core.visitors import VisitorStore, new_visitor_id, owner_of
from pages.shared import curve, live, services, state

ROOT = Path(__file__).parent.parent
WHO = new_visitor_id()


@pytest.fixture(autouse=True)
def _fresh_services(autorec_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(JobRunner, "start", lambda self: None)  # no worker is needed
    monkeypatch.setattr(JobRunner, "_start_worker", lambda self: None)
    st.cache_resource.clear()
    yield
    services.close_jobs()
    st.cache_resource.clear()


# -- the database -----------------------------------------------------------------------------------------------------


def test_a_rating_is_kept_where_it_is_found_again_after_the_database_was_deleted(autorec_home: Path) -> None:
    """A file that is deleted lives on for whoever has it open: what was written to it would be called saved."""
    url = storage.database_url()
    store = VisitorStore(url)
    store.rate(WHO, "movielens", 1, 5.0)
    shutil.rmtree(autorec_home)
    store.rate(WHO, "movielens", 2, 3.0)
    assert store.ratings_of(WHO, "movielens") == VisitorStore(url).ratings_of(WHO, "movielens") == {"2": 3.0}


def test_a_database_that_was_replaced_by_another_is_the_one_that_is_read(tmp_path: Path) -> None:
    first, second = (VisitorStore(f"sqlite:///{tmp_path / name}") for name in ("first", "second"))
    first.rate(WHO, "movielens", 1, 5.0)
    second.rate(WHO, "movielens", 2, 3.0)
    for store in (first, second):
        store.close()
    os.replace(tmp_path / "second", tmp_path / "first")
    assert first.ratings_of(WHO, "movielens") == {"2": 3.0}


def test_many_at_once_find_the_new_database(autorec_home: Path) -> None:
    store = VisitorStore(storage.database_url())
    store.rate(WHO, "movielens", 0, 5.0)
    shutil.rmtree(autorec_home)
    wrong: list[BaseException] = []

    def rate(number: int) -> None:
        try:
            store.rate(WHO, "movielens", number, 3.0)
        except AutoRecError as error:
            wrong.append(error)

    threads = [threading.Thread(target=rate, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert set(VisitorStore(storage.database_url()).ratings_of(WHO, "movielens")) == set(map(str, range(1, 9)))


# -- the home folder --------------------------------------------------------------------------------------------------


def test_a_home_may_be_a_link_and_what_is_kept_is_where_it_leads(tmp_path: Path, autorec_home: Path) -> None:
    place = tmp_path / "a disk"
    place.mkdir()
    autorec_home.symlink_to(place)
    VisitorStore(storage.database_url()).rate(WHO, "movielens", 1, 5.0)
    run = RunStore(storage.runs_folder()).create(RunConfig())
    shelf.delete(run)
    assert (place / "visitors.sqlite3").exists()
    assert (place / "runs" / run.id / "deleted").exists()


def test_a_link_that_leads_nowhere_is_told_and_nothing_is_kept_in_its_place(tmp_path: Path, autorec_home: Path) -> None:
    place = tmp_path / "not mounted"
    autorec_home.symlink_to(place)
    told = r"autorec-home is a link to .*not mounted, which is not there\. Bring it back, or choose another"
    for act in (
        lambda: VisitorStore(storage.database_url()),
        lambda: RunStore(storage.runs_folder()).create(RunConfig()),
    ):
        with pytest.raises(StorageError, match=told):
            act()
    assert not place.exists()


# -- the disk ---------------------------------------------------------------------------------------------------------


def no_room(path: Path, content: object) -> None:
    raise StorageError("Can't write {path}: {reason}.", path=path, reason="No space left on device")


def test_a_run_for_which_there_is_no_room_leaves_no_folder(autorec_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "replace_file", no_room)
    with pytest.raises(StorageError, match="No space left"):
        RunStore(storage.runs_folder()).create(RunConfig())
    assert list(storage.runs_folder().iterdir()) == []


def test_the_starter_that_a_full_disk_kept_from_beginning_begins_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as full:
        full.setattr(storage, "replace_file", no_room)
        assert "No space left" in services.begin()
    assert "No space left" in services.begin(), "not at each look, but from time to time"
    monkeypatch.setattr(services, "SECONDS_TO_TRY_AGAIN", 0.0)
    assert services.begin() == ""
    assert services.begin() == ""
    assert [run.config.kind for run in services.run_store().all()] == ["starter"]


# -- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def run() -> Run:
    """An ended training of this visitor's."""
    values = Hyperparameters(hidden_units=2, epochs=1, batch_size=1024, refit=False)
    made = RunStore(storage.runs_folder()).create(RunConfig(hyperparameters=values, owner=owner_of(WHO)))
    record(made, lambda *_: True)
    return made


def opened(page: str, watched: str | None = None) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["_watched_run_id"] = watched
    app.run()
    app = app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


@pytest.mark.parametrize("vanishes", ["moved to the deleted ones", "from the disk"])
def test_the_train_page_says_that_its_training_is_gone(
    run: Run, vanishes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "visitor_id", lambda: WHO)
    told = "The training that was shown here has been deleted."
    assert told not in [info.value for info in opened("train", run.id).info]
    if vanishes == "from the disk":
        shutil.rmtree(run.folder)
    else:
        shelf.delete(run)
    assert told in [info.value for info in opened("train", run.id).info]
    assert told not in [info.value for info in opened("train").info], "who never watched it need not know"


def test_a_tick_of_a_run_that_is_gone_draws_the_page_anew(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where another server trains it, and its folder is deleted: this one asks the disk how it stands."""

    def anew() -> None:
        raise InterruptedError

    monkeypatch.setattr(st, "rerun", anew)
    monkeypatch.setattr(state, "live", lambda key, default: default)
    shutil.rmtree(run.folder)
    with pytest.raises(NotFoundError):
        services.jobs().status(run.id)
    with pytest.raises(InterruptedError):
        live._tick(run, (True, run.id), curve.Behind({}, {}, live.read))


def at_once(acts: list) -> list[AutoRecError]:
    """Does all at the same moment; what was refused. Anything else fails the test."""
    refused: list[AutoRecError] = []
    other: list[BaseException] = []
    together = threading.Barrier(len(acts))

    def do(act) -> None:
        together.wait()
        try:
            act()
        except AutoRecError as error:
            refused.append(error)
        except BaseException as error:
            other.append(error)

    threads = [threading.Thread(target=do, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other == []
    return refused


def test_two_who_delete_a_run_at_once_and_take_it_back_at_once_leave_it_whole(run: Run) -> None:
    result = run.result
    for _ in range(10):
        assert at_once([lambda: shelf.delete(run)] * 2) == []
        assert shelf.is_deleted(run)
        assert at_once([lambda: shelf.restore(run)] * 2) == []
        assert not shelf.is_deleted(run)
        assert at_once([lambda: shelf.delete(run), lambda: shelf.restore(run)]) == []
        shelf.restore(run)
    assert RunStore(storage.runs_folder()).get(run.id).result == result
    assert {path.name for path in run.folder.iterdir()} >= {"run.json", "events.jsonl", "model.json"}
    assert not [path for path in run.folder.iterdir() if path.name.startswith(".deleted")]


def test_who_removes_a_run_second_leaves_no_folder_where_the_first_found_it_not_empty(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the lock that the second waits for is made anew after the first has removed all other files."""
    hold = Run.hold

    @contextlib.contextmanager
    def with_the_first_done(self: Run) -> Iterator[None]:
        with hold(self):
            for path in self.folder.iterdir():
                if path.name != "lock":
                    path.unlink()
            yield

    monkeypatch.setattr(Run, "hold", with_the_first_done)
    with pytest.raises(StorageError, match="No such file"):
        RunStore(storage.runs_folder()).delete(run.id)
    assert not run.folder.exists()


def test_of_two_servers_that_remove_a_run_for_good_one_does_and_the_other_says_so(run: Run) -> None:
    stores = [RunStore(storage.runs_folder()) for _ in range(2)]
    refused = at_once([lambda store=store: store.delete(run.id) for store in stores])
    assert len(refused) <= 1
    assert not run.folder.exists()
    with pytest.raises(NotFoundError):
        stores[0].get(run.id)
    with pytest.raises(StorageError, match="No such file"):
        shelf.delete(run)
    shelf.restore(run)  # an Undo that another tab still shows: there is nothing to take back
    assert not run.folder.exists()
