"""The visitors' ratings: kept before anybody says saved, whatever happens to the process."""

from __future__ import annotations

import json
import math
import secrets
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import own_postgres
import pytest
import sqlalchemy as sa

from autorec_core import visitor_schema, visitors
from autorec_core.errors import InvalidRatingsError, StorageError
from autorec_core.visitors import VisitorStore, is_visitor_id, new_visitor_id, owner_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """For what only a file can suffer."""
    return tmp_path / "visitors.sqlite3"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server for all tests of this file."""
    with own_postgres.running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database: a file, or a schema of its own on the server."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('path')}"
    schema, address = f"test_{secrets.token_hex(8)}", request.getfixturevalue("server")
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    engine.dispose()
    return f"{address}?options=-csearch_path%3D{schema}"


@pytest.fixture
def store(url: str) -> Iterator[VisitorStore]:
    opened = VisitorStore(url)
    yield opened
    opened.close()


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """Another program at the same database; what it writes is kept at the end."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program is in the middle of changing the ratings."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("LOCK TABLE visitor_ratings IN EXCLUSIVE MODE")
        yield
        connection.rollback()
    engine.dispose()


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a second later."""
    seconds = iter(range(1_000_000, 2_000_000))
    monkeypatch.setattr(visitors.time, "time", lambda: float(next(seconds)))


def test_a_rating_is_found_again_by_this_store_and_by_a_new_one(store: VisitorStore, url: str) -> None:
    store.rate("ann", "movielens", 7, 4.5)
    assert store.ratings_of("ann", "movielens") == {"7": 4.5}
    again = VisitorStore(url)
    assert again.ratings_of("ann", "movielens") == {"7": 4.5}
    again.close()


def test_a_later_rating_takes_the_place_of_an_earlier_one(store: VisitorStore, url: str) -> None:
    for rating in (1.0, 5.0, 2.5):
        store.rate("ann", "movielens", 7, rating)
    assert store.ratings_of("ann", "movielens") == {"7": 2.5}
    with connected(url) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM visitor_ratings").scalar() == 1


def test_a_rating_of_zero_is_a_rating(store: VisitorStore) -> None:
    assert store.rating_of("ann", "movielens", 7) is None
    store.rate("ann", "movielens", 7, 0.0)
    assert store.rating_of("ann", "movielens", "7") == 0.0
    assert store.rating_of("bob", "movielens", 7) is store.rating_of("ann", "books", 7) is None
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


def test_the_newest_come_first_though_the_clock_was_set_back(
    store: VisitorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for item, clock in (("a", 1.7e9), ("b", 1.7e9 + 1), ("c", 1.7e9 - 3600), ("a", 1.7e9 - 3599), ("d", 1.7e9 + 2)):
        monkeypatch.setattr(visitors.time, "time", lambda clock=clock: clock)
        store.rate("ann", "movielens", item, 3.0)
    assert list(store.ratings_of("ann", "movielens")) == ["d", "a", "c", "b"]
    monkeypatch.setattr(visitors.time, "time", lambda: 1.7e9 - 3600)
    store.rate("bob", "movielens", "a", 3.0)
    assert store.moments_of("bob", "movielens") == {"a": 1.7e9 - 3600}, "another's ratings say nothing of one's own"


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


def test_forgetting_takes_all_of_one_visitor_for_good(store: VisitorStore) -> None:
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


def test_a_process_that_is_killed_while_it_writes_loses_no_rating_that_it_acknowledged(url: str) -> None:
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
    if url.startswith("sqlite"):
        with connected(url) as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_locked_database_says_so_and_takes_the_rating_once_it_is_free(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "SECONDS_TO_WAIT", 0.05)
    store = VisitorStore(url if url.startswith("sqlite") else f"{url}&connect_timeout=5")
    store.rate("ann", "movielens", 7, 2.0)
    with locked(url):
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
    store.rate("ann", "movielens", 7, 5.0)
    assert store.ratings_of("ann", "movielens") == {"7": 5.0}
    store.close()


def test_a_short_lock_is_waited_for(store: VisitorStore, url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        with locked(url):
            rated = pool.submit(store.rate, "ann", "movielens", 7, 5.0)
            with pytest.raises(TimeoutError):
                rated.result(timeout=0.2)
        rated.result(timeout=60)
    assert store.ratings_of("ann", "movielens") == {"7": 5.0}


def test_a_read_only_database_is_read_and_refuses_to_write_in_a_sentence(store: VisitorStore, url: str) -> None:
    store.rate("ann", "movielens", 7, 2.0)
    store.close()
    if url.startswith("sqlite"):
        read_only = VisitorStore(f"{url.replace('sqlite:///', 'sqlite:///file:')}?mode=ro&uri=true")
    else:
        read_only = VisitorStore(f"{url}%20-cdefault_transaction_read_only%3Don")
    assert read_only.ratings_of("ann", "movielens") == {"7": 2.0}
    with pytest.raises(StorageError) as raised:
        read_only.rate("ann", "movielens", 7, 5.0)
    expected = "Could not save the rating: the database is read-only. Nothing was lost; try again."
    assert str(raised.value) == expected
    assert read_only.ratings_of("ann", "movielens") == {"7": 2.0}
    read_only.close()


def test_a_store_opens_while_another_program_writes(store: VisitorStore, url: str) -> None:
    store.rate("ann", "movielens", 7, 2.0)
    with locked(url):
        reader = VisitorStore(url)
        assert reader.ratings_of("ann", "movielens") == {"7": 2.0}
        reader.close()


def test_a_full_disk_refuses_in_a_sentence_and_keeps_what_was_there(path: Path) -> None:
    store = VisitorStore(f"sqlite:///{path}")

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
    store.close()


@pytest.mark.parametrize("content", [b"this is not a database, " * 50, b"SQLite format 3\x00" + b"\xff" * 5_000])
def test_a_file_that_is_no_database_is_refused_in_a_sentence_and_left_alone(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"^The ratings' database can't be opened: .+\.$"):
        VisitorStore(f"sqlite:///{path}")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "url",
    ["nonsense", "nosuch://database", "postgresql+psycopg://127.0.0.1:1/none", "postgresql+nosuch://127.0.0.1/none"],
)
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


def test_a_database_of_a_newer_app_is_left_alone(store: VisitorStore, url: str) -> None:
    store.close()
    with connected(url) as connection:
        connection.exec_driver_sql("UPDATE schema_version SET version = 99")
    with pytest.raises(StorageError, match=r"newer version \(99\).*Update the app"):
        VisitorStore(url)


def test_several_processes_may_make_the_database_at_once(url: str) -> None:
    line = "import sys; from autorec_core.visitors import VisitorStore; VisitorStore(sys.argv[1]).rate('a', 'b', 1, 3)"
    command = [sys.executable, "-c", line, url]
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

        def fail(connection: object, cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO visitor_ratings"):
                raise sa.exc.OperationalError(statement, None, Exception("the server is gone"))

        sa.event.listen(store._engine, "before_cursor_execute", fail)
        with pytest.raises(StorageError, match="the server is gone"):
            store.rate_many(self.ME, self.HERE, {"2": (4.0, None)}, replace=True)
        assert store.ratings_of(self.ME, self.HERE) == {"1": 2.0}
        assert not store.can_undo_import(self.ME, self.HERE)

    @pytest.mark.parametrize("bad", [(math.nan, None), (math.inf, None), (3.0, math.nan)])
    def test_what_is_no_number_is_never_kept(self, store: VisitorStore, bad: tuple[float, float | None]) -> None:
        with pytest.raises(InvalidRatingsError, match="finite"):
            store.rate_many(self.ME, self.HERE, {"2": (4.0, None), "3": bad}, replace=True)
        with pytest.raises(InvalidRatingsError, match="finite"):
            store.rate(self.ME, self.HERE, 1, math.nan)
        assert store.ratings_of(self.ME, self.HERE) == {}


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
    with_visitors = {table.name for table in visitor_schema._metadata.sorted_tables if "visitor_id" in table.columns}
    assert set(everything) == with_visitors
    assert all(rows and "visitor_id" not in rows[0] for rows in everything.values())
    assert me not in json.dumps(everything)
    assert store.forget(me) == 2
    assert not any(store.everything_of(me).values())
    assert store.ratings_of(other, "movielens") == {"1": 2.0, "2": 4.0}


OLDEST = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version))",
    "CREATE TABLE visitor_ratings (visitor_id VARCHAR(64) NOT NULL, catalogue VARCHAR(200) NOT NULL, "
    "item_id VARCHAR(200) NOT NULL, rating FLOAT NOT NULL, rated_at FLOAT NOT NULL, "
    "PRIMARY KEY (visitor_id, catalogue, item_id))",
    "INSERT INTO schema_version VALUES (1)",
    "INSERT INTO visitor_ratings VALUES ('ann', 'movielens', '7', 4.5, 1700000000.25)",
    "INSERT INTO visitor_ratings VALUES ('ann', 'movielens', '8', 0.5, 1700000001.5)",
    "INSERT INTO visitor_ratings VALUES ('bob', 'books', 'Amélie', 3, 1600000000)",
)
"""What the first version of the app wrote."""


class TestOlderDatabases:
    """What an older app wrote is all there afterwards."""

    @pytest.fixture
    def old(self, url: str) -> str:
        with connected(url) as connection:
            for statement in OLDEST:
                connection.exec_driver_sql(statement)
        return url

    def test_all_ratings_of_the_first_version_are_there_and_new_things_can_be_kept(self, old: str) -> None:
        for _ in range(2):  # a second time there is nothing to do
            store = VisitorStore(old)
            assert store.ratings_of("ann", "movielens") == {"8": 0.5, "7": 4.5}
            assert store.moments_of("ann", "movielens") == {"7": 1700000000.25, "8": 1700000001.5}
            assert store.ratings_of("bob", "books") == {"Amélie": 3.0}
            store.pass_over("ann", "movielens", 9, "not seen")
            assert store.passed_over("ann", "movielens", "not seen") == ["9"]
            store.close()
        with connected(old) as connection:
            assert visitor_schema.version_of(connection) == len(visitor_schema.STEPS)

    def test_a_step_that_fails_leaves_the_database_as_it_was(self, old: str) -> None:
        engine = sa.create_engine(old)
        harmful = (
            *visitor_schema.STEPS[:1],
            ("CREATE TABLE news (number INTEGER)", "DELETE FROM visitor_ratings", "CREATE NONSENSE"),
        )
        with pytest.raises(sa.exc.DBAPIError):
            visitor_schema.bring_up_to_date(engine, harmful)
        with engine.connect() as connection:
            assert visitor_schema.version_of(connection) == 1
            assert connection.exec_driver_sql("SELECT count(*) FROM visitor_ratings").scalar() == 3
            assert not sa.inspect(connection).has_table("news")
        engine.dispose()

    def test_a_further_step_is_taken_once_and_keeps_what_is_there(self, store: VisitorStore, url: str) -> None:
        store.rate("ann", "movielens", 7, 4.5)
        engine = sa.create_engine(url)
        longer = (*visitor_schema.STEPS, ("ALTER TABLE visitor_ratings ADD COLUMN note VARCHAR(20)",))
        for _ in range(2):
            visitor_schema.bring_up_to_date(engine, longer)
        with engine.connect() as connection:
            assert visitor_schema.version_of(connection) == len(longer)
            assert "note" in {column["name"] for column in sa.inspect(connection).get_columns("visitor_ratings")}
        engine.dispose()
        assert store.ratings_of("ann", "movielens") == {"7": 4.5}

    def test_the_steps_make_the_tables_that_the_app_reads(self, store: VisitorStore, url: str) -> None:
        def look(connection: sa.Connection) -> dict[str, object]:
            inspector = sa.inspect(connection)
            return {
                table: (
                    [(one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(table)],
                    inspector.get_pk_constraint(table)["constrained_columns"],
                )
                for table in inspector.get_table_names()
                if table != "schema_version"
            }

        with connected(url) as connection:
            made = look(connection)
            for name in made:
                connection.exec_driver_sql(f"DROP TABLE {name}")
        with connected(url) as connection:
            visitor_schema._metadata.create_all(connection)
            assert made == look(connection)
