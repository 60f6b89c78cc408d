"""The visitors' ratings: kept before anybody says saved, whatever happens to the process."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from autorec_core import visitors
from autorec_core.errors import StorageError
from autorec_core.visitors import VisitorStore, is_visitor_id, new_visitor_id, owner_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "visitors.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[VisitorStore]:
    opened = VisitorStore(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a second later."""
    seconds = iter(range(1_000_000, 2_000_000))
    monkeypatch.setattr(visitors.time, "time", lambda: float(next(seconds)))


def test_a_rating_is_found_again_by_this_store_and_by_a_new_one(store: VisitorStore, path: Path) -> None:
    store.rate("ann", "movielens", 7, 4.5)
    assert store.ratings_of("ann", "movielens") == {"7": 4.5}
    again = VisitorStore(f"sqlite:///{path}")
    assert again.ratings_of("ann", "movielens") == {"7": 4.5}
    again.close()


def test_a_later_rating_takes_the_place_of_an_earlier_one(store: VisitorStore, path: Path) -> None:
    for rating in (1.0, 5.0, 2.5):
        store.rate("ann", "movielens", 7, rating)
    assert store.ratings_of("ann", "movielens") == {"7": 2.5}
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM visitor_ratings").fetchone() == (1,)
    connection.close()


def test_a_rating_of_zero_is_a_rating(store: VisitorStore) -> None:
    store.rate("ann", "movielens", 7, 0.0)
    assert store.ratings_of("ann", "movielens") == {"7": 0.0}


def test_an_item_is_the_same_by_number_and_by_text(store: VisitorStore) -> None:
    store.rate("ann", "movielens", 7, 1.0)
    store.rate("ann", "movielens", "7", 2.0)
    assert store.ratings_of("ann", "movielens") == {"7": 2.0}


@pytest.mark.usefixtures("_clock")
def test_the_newest_come_first_and_rating_again_makes_new(store: VisitorStore) -> None:
    for item in ("a", "b", "c"):
        store.rate("ann", "movielens", item, 3.0)
    assert list(store.ratings_of("ann", "movielens")) == ["c", "b", "a"]
    store.rate("ann", "movielens", "a", 4.0)
    assert list(store.ratings_of("ann", "movielens")) == ["a", "c", "b"]


def test_clearing_takes_one_rating_and_nobody_elses(store: VisitorStore) -> None:
    for visitor in ("ann", "bob"):
        for catalogue in ("movielens", "books"):
            store.rate(visitor, catalogue, 7, 3.0)
            store.rate(visitor, catalogue, 8, 4.0)
    store.clear("ann", "movielens", 7)
    assert store.ratings_of("ann", "movielens") == {"8": 4.0}
    for visitor, catalogue in (("ann", "books"), ("bob", "movielens"), ("bob", "books")):
        assert store.ratings_of(visitor, catalogue) == {"7": 3.0, "8": 4.0}


def test_clearing_what_is_not_there_is_no_error(store: VisitorStore) -> None:
    store.clear("ann", "movielens", 7)
    assert store.ratings_of("ann", "movielens") == {}


def test_forgetting_takes_all_of_one_visitor_for_good(store: VisitorStore, path: Path) -> None:
    for item in range(3):
        store.rate("ann", "movielens", item, 3.0)
    store.rate("ann", "books", 1, 3.0)
    store.rate("bob", "movielens", 1, 3.0)
    assert store.forget("ann") == 4
    assert store.forget("ann") == 0
    assert store.ratings_of("ann", "movielens") == store.ratings_of("ann", "books") == {}
    assert store.ratings_of("bob", "movielens") == {"1": 3.0}


@pytest.mark.parametrize("text", ["'; DROP TABLE visitor_ratings; --", "Amélie 💥", "%", "", " "])
def test_any_text_is_only_text(text: str, store: VisitorStore) -> None:
    store.rate(text, text, text, 3.0)
    assert store.ratings_of(text, text) == {text: 3.0}
    assert store.ratings_of("ann", text) == {}


def test_many_threads_lose_nothing(store: VisitorStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.rate(f"visitor {n % 4}", "movielens", n, 3.0), range(80)))
    assert sum(len(store.ratings_of(f"visitor {n}", "movielens")) for n in range(4)) == 80


WRITER = """
import sys
from autorec_core.visitors import VisitorStore
store = VisitorStore(sys.argv[1])
number = int(sys.argv[2])
while True:
    store.rate("ann", "movielens", number, 1 + number % 5)
    print(number, flush=True)
    number += 1
"""


def test_a_process_that_is_killed_while_it_writes_loses_no_rating_that_it_acknowledged(path: Path) -> None:
    url = f"sqlite:///{path}"
    acknowledged: list[int] = []
    for round_ in range(3):
        command = [sys.executable, "-c", WRITER, url, str(1000 * round_)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
        assert writer.stdout is not None
        for _ in range(20 + 7 * round_):
            acknowledged.append(int(writer.stdout.readline()))
        writer.kill()  # SIGKILL: no handler, no flush, no goodbye
        acknowledged += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        assert writer.wait() == -signal.SIGKILL
        store = VisitorStore(url)
        kept = store.ratings_of("ann", "movielens")
        store.close()
        assert {str(number): 1 + number % 5 for number in acknowledged}.items() <= kept.items()
        assert len(kept) <= len(acknowledged) + round_ + 1  # at most one a round was kept and not yet said to be
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_locked_database_says_so_and_takes_the_rating_once_it_is_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "SECONDS_TO_WAIT", 0.05)
    store = VisitorStore(f"sqlite:///{path}")
    store.rate("ann", "movielens", 7, 2.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for attempt, what in (
        (lambda: store.rate("ann", "movielens", 7, 5.0), "save the rating"),
        (lambda: store.clear("ann", "movielens", 7), "remove the rating"),
        (lambda: store.forget("ann"), "remove the ratings"),
    ):
        with pytest.raises(StorageError) as raised:
            attempt()
        expected = f"Could not {what}: the database is locked by another program. Nothing was lost; try again."
        assert str(raised.value) == expected
    assert store.ratings_of("ann", "movielens") == {"7": 2.0}  # readers do not wait for the writer
    other.execute("ROLLBACK")
    other.close()
    store.rate("ann", "movielens", 7, 5.0)
    assert store.ratings_of("ann", "movielens") == {"7": 5.0}
    store.close()


def test_a_short_lock_is_waited_for(store: VisitorStore, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    release.start()
    store.rate("ann", "movielens", 7, 5.0)
    release.join()
    other.close()
    assert store.ratings_of("ann", "movielens") == {"7": 5.0}


def test_a_read_only_database_is_read_and_refuses_to_write_in_a_sentence(store: VisitorStore, path: Path) -> None:
    store.rate("ann", "movielens", 7, 2.0)
    store.close()
    read_only = VisitorStore(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert read_only.ratings_of("ann", "movielens") == {"7": 2.0}
    with pytest.raises(StorageError) as raised:
        read_only.rate("ann", "movielens", 7, 5.0)
    expected = "Could not save the rating: the database is read-only. Nothing was lost; try again."
    assert str(raised.value) == expected
    assert read_only.ratings_of("ann", "movielens") == {"7": 2.0}
    read_only.close()


def test_a_store_opens_while_another_program_writes(store: VisitorStore, path: Path) -> None:
    store.rate("ann", "movielens", 7, 2.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    reader = VisitorStore(f"sqlite:///{path}")
    assert reader.ratings_of("ann", "movielens") == {"7": 2.0}
    reader.close()
    other.execute("ROLLBACK")
    other.close()


def test_a_full_disk_refuses_in_a_sentence_and_keeps_what_was_there(
    store: VisitorStore,
) -> None:
    def no_more_pages(connection: sqlite3.Connection, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    store.rate("ann", "movielens", 7, 2.0)
    sa.event.listen(store._engine, "checkout", lambda connection, record, _: no_more_pages(connection, record))

    def rate_many() -> None:
        for number in range(1_000):
            store.rate("ann" * 20, "c" * 200, f"{number:0200}", 3.0)

    with pytest.raises(StorageError, match=r"^Could not save the rating: the disk is full\. Nothing was lost"):
        rate_many()
    assert store.ratings_of("ann", "movielens") == {"7": 2.0}


@pytest.mark.parametrize("content", [b"this is not a database, " * 50, b"SQLite format 3\x00" + b"\xff" * 5_000])
def test_a_file_that_is_no_database_is_refused_in_a_sentence_and_left_alone(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"^The ratings' database can't be opened: .+\.$"):
        VisitorStore(f"sqlite:///{path}")
    assert path.read_bytes() == content


@pytest.mark.parametrize("url", ["nonsense", "nosuch://database", "postgresql://127.0.0.1:1/none?connect_timeout=1"])
def test_a_database_that_is_not_there_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(StorageError, match=r"^The ratings' database can't be opened: .+\.$"):
        VisitorStore(url)


def test_a_folder_that_cannot_be_made_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="Can't make the folder"):
        VisitorStore(f"sqlite:///{tmp_path}/file/visitors.sqlite3")


def test_missing_folders_are_made(tmp_path: Path) -> None:
    store = VisitorStore(f"sqlite:///{tmp_path}/some/where/visitors.sqlite3")
    store.rate("ann", "movielens", 7, 2.0)
    store.close()
    assert stat.S_ISREG((tmp_path / "some/where/visitors.sqlite3").stat().st_mode)


def test_a_database_of_a_newer_app_is_left_alone(store: VisitorStore, path: Path) -> None:
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(StorageError, match=r"newer version \(99\).*Update the app"):
        VisitorStore(f"sqlite:///{path}")


def test_several_processes_may_make_the_database_at_once(path: Path) -> None:
    line = "import sys; from autorec_core.visitors import VisitorStore; VisitorStore(sys.argv[1]).rate('a', 'b', 1, 3)"
    command = [sys.executable, "-c", line, f"sqlite:///{path}"]
    folder = Path(__file__).parents[1]
    several = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder) for _ in range(4)]
    for process in several:
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint


def test_ids_are_unguessable_and_told_from_anything_else() -> None:
    ids = {new_visitor_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_visitor_id(visitor) for visitor in ids)
    one = ids.pop()
    for wrong in ("", one[:-1], one + "a", one[:-1] + "!", one + "\n", f" {one}", "../" + one[3:], "é" * 43):
        assert not is_visitor_id(wrong)


def test_an_owner_is_the_same_each_time_and_does_not_hold_the_id() -> None:
    one, other = new_visitor_id(), new_visitor_id()
    assert owner_of(one) == owner_of(one) != owner_of(other)
    assert len(owner_of(one)) == 16
    assert owner_of(one) not in one


class TestImport:
    """Many ratings at once, taken back whole."""

    ME, HERE = "m" * 43, "movielens"

    def test_added_ratings_win_over_earlier_ones_and_leave_the_others(self, store: VisitorStore) -> None:
        store.rate(self.ME, self.HERE, 1, 2.0)
        store.rate(self.ME, self.HERE, 2, 3.0)
        store.rate_many(self.ME, self.HERE, {"2": (4.0, None), "3": (5.0, 100.0)}, replace=False)
        assert store.ratings_of(self.ME, self.HERE) == {"1": 2.0, "2": 4.0, "3": 5.0}
        assert store.moments_of(self.ME, self.HERE)["3"] == 100.0

    def test_replaced_ratings_are_gone_but_only_of_this_catalogue(self, store: VisitorStore) -> None:
        store.rate(self.ME, self.HERE, 1, 2.0)
        store.rate(self.ME, "another", 1, 2.0)
        store.rate_many(self.ME, self.HERE, {"3": (5.0, None)}, replace=True)
        assert store.ratings_of(self.ME, self.HERE) == {"3": 5.0}
        assert store.ratings_of(self.ME, "another") == {"1": 2.0}

    @pytest.mark.parametrize("replace", [True, False])
    def test_undo_gives_back_what_was_there_to_the_moment(self, store: VisitorStore, replace: bool) -> None:
        store.rate(self.ME, self.HERE, 1, 2.0)
        store.rate(self.ME, self.HERE, 2, 3.0)
        before = store.ratings_of(self.ME, self.HERE), store.moments_of(self.ME, self.HERE)
        assert not store.can_undo_import(self.ME, self.HERE)
        store.rate_many(self.ME, self.HERE, {"2": (4.0, None), "3": (5.0, None)}, replace=replace)
        assert store.can_undo_import(self.ME, self.HERE)
        assert store.undo_import(self.ME, self.HERE)
        assert (store.ratings_of(self.ME, self.HERE), store.moments_of(self.ME, self.HERE)) == before
        assert not store.undo_import(self.ME, self.HERE)

    def test_an_import_that_fails_half_way_leaves_all_as_it_was(self, store: VisitorStore) -> None:
        store.rate(self.ME, self.HERE, 1, 2.0)
        bad = {"2": (4.0, None), "3": (float("nan"), None)}  # no database takes NaN where a number must be
        with pytest.raises(StorageError):
            store.rate_many(self.ME, self.HERE, bad, replace=True)
        assert store.ratings_of(self.ME, self.HERE) == {"1": 2.0}
        assert not store.can_undo_import(self.ME, self.HERE)


def test_what_is_passed_over_is_remembered_by_reason_and_taken_up_again(store: VisitorStore) -> None:
    me, here = "m" * 43, "movielens"
    store.pass_over(me, here, 7, "not interested")
    store.pass_over(me, here, 7, "not interested")
    store.pass_over(me, here, 8, "not seen")
    assert store.passed_over(me, here, "not interested") == ["7"]
    assert store.passed_over(me, here, "not seen") == ["8"]
    store.take_up_again(me, here, "not interested", 7)
    store.take_up_again(me, here, "not seen")
    assert store.passed_over(me, here, "not interested") == store.passed_over(me, here, "not seen") == []
    with pytest.raises(ValueError, match="one of"):
        store.pass_over(me, here, 7, "bored")


def test_everything_of_a_visitor_is_given_out_without_the_id_and_forgotten_from_every_table(
    store: VisitorStore,
) -> None:
    me, other = "m" * 43, "o" * 43
    for visitor in (me, other):
        store.rate(visitor, "movielens", 1, 2.0)
        store.rate_many(visitor, "movielens", {"2": (4.0, None)}, replace=False)
        store.pass_over(visitor, "movielens", 7, "not seen")
    everything = store.everything_of(me)
    with_visitors = {table.name for table in visitors._metadata.sorted_tables if "visitor_id" in table.columns}
    assert set(everything) == with_visitors
    assert all(rows and "visitor_id" not in rows[0] for rows in everything.values())
    assert me not in json.dumps(everything)
    assert store.forget(me) == 2
    assert not any(store.everything_of(me).values())
    assert store.ratings_of(other, "movielens") == {"1": 2.0, "2": 4.0}
