"""For whoever runs a server: how it stands, a backup while people rate, and the way back."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from autorec_core import logs, operating, storage
from autorec_core.cli import main
from autorec_core.errors import InvalidSettingError, NotFoundError, QueueError, StorageError
from autorec_core.runs import RunConfig, RunStore
from autorec_core.visitors import VisitorStore, new_visitor_id


@pytest.fixture
def visitors(autorec_home: Path) -> VisitorStore:
    return VisitorStore(storage.database_url())


def test_status_tells_runs_database_disk_and_memory(visitors: VisitorStore, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(storage.runs_folder())
    run, _ = store.create(RunConfig()), store.create(RunConfig())
    who = new_visitor_id()
    visitors.rate(who, "movielens", 1, 4.0)
    visitors.rate(who, "movielens", 2, 3.0)
    with run.hold():
        assert main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"] == {"running": 1, "waiting": 1, "interrupted": 0, "ended": 0, "deleted": 0}
    assert found["training"] == [{"run_id": run.id, "epoch": 0, "epochs": 20}]
    assert (found["database"]["visitors"], found["database"]["ratings"]) == (1, 2)
    assert found["disk"]["used_bytes"]["runs"] > 0
    assert found["memory"]["available_bytes"] > 0
    assert main(["status"]) == 0
    assert "2 ratings of 1 visitors" in capsys.readouterr().out


def test_status_makes_nothing_and_hides_a_password(autorec_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert operating.status()["database"]["state"] == "not made yet"
    assert not autorec_home.exists()
    monkeypatch.setenv("AUTOREC_DATABASE_URL", "postgresql+nothing://me:secret@nowhere/x")
    assert "secret" not in json.dumps(operating.status())


def test_metrics_are_lines_of_a_name_and_a_number(autorec_home: Path) -> None:
    lines = operating.as_metrics(operating.status(), queued=3, is_training=True).splitlines()
    assert "autorec_queue_length 3" in lines
    assert "autorec_training 1" in lines
    for line in lines:
        float(line.rsplit(" ", 1)[1])


def test_a_backup_made_while_people_rate_is_whole_and_comes_back(visitors: VisitorStore, tmp_path: Path) -> None:
    who, is_done = new_visitor_id(), threading.Event()
    for item in range(50):
        visitors.rate(who, "movielens", item, 4.0)

    def go_on() -> None:
        item = 50
        while not is_done.is_set():
            visitors.rate(who, "movielens", item, 2.0)
            item += 1

    rating = threading.Thread(target=go_on)
    rating.start()
    copy = tmp_path / "copies" / "one.sqlite3"
    count = operating.backup(copy)
    is_done.set()
    rating.join()
    assert count >= 50
    assert [path.name for path in copy.parent.iterdir()] == ["one.sqlite3"]
    visitors.forget(who)
    visitors.rate(who, "movielens", 7, 1.0)
    visitors.close()
    assert operating.restore(copy) == count
    again = VisitorStore(storage.database_url()).ratings_of(who, "movielens")
    assert {item: again[str(item)] for item in range(50)} == dict.fromkeys(range(50), 4.0)
    assert len(again) == count


@pytest.mark.parametrize("wrong", [sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left")])
def test_a_copy_that_the_disk_does_not_take_says_so_and_leaves_all_as_it_was(
    visitors: VisitorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    who = new_visitor_id()
    visitors.rate(who, "movielens", 1, 4.0)
    operating.backup(tmp_path / "copy.sqlite3")
    visitors.rate(who, "movielens", 2, 3.0)
    visitors.close()
    before = sorted(path.name for path in storage.home().iterdir())

    def full(path: object, **_: object) -> sqlite3.Connection:
        raise wrong

    for act in (
        lambda: operating.backup(tmp_path / "another.sqlite3"),
        lambda: operating.restore(tmp_path / "copy.sqlite3"),
    ):
        with monkeypatch.context() as no_room:
            no_room.setattr(operating, "_checked", lambda path: 1)
            no_room.setattr(operating, "_check_unused", lambda path: None)
            no_room.setattr(operating.sqlite3, "connect", full)
            with pytest.raises(StorageError, match=r"(database or disk is full|No space left)\.$"):
                act()
    assert sorted(path.name for path in storage.home().iterdir()) == before
    assert [path.name for path in tmp_path.glob("*another*")] == []
    assert set(VisitorStore(storage.database_url()).ratings_of(who, "movielens")) == {"1", "2"}


def test_a_restore_beside_a_running_server_is_refused(visitors: VisitorStore, tmp_path: Path) -> None:
    visitors.rate(new_visitor_id(), "movielens", 1, 4.0)
    operating.backup(tmp_path / "copy.sqlite3")
    with pytest.raises(QueueError, match="Stop the server"):
        operating.restore(tmp_path / "copy.sqlite3")
    assert visitors.count() == (1, 1)


def test_a_restore_takes_the_place_of_a_damaged_database_and_of_its_log(visitors: VisitorStore, tmp_path: Path) -> None:
    visitors.rate(new_visitor_id(), "movielens", 1, 4.0)
    operating.backup(tmp_path / "copy.sqlite3")
    visitors.close()
    path = storage.home() / "visitors.sqlite3"
    path.write_bytes(b"x" * 5000)
    path.with_name("visitors.sqlite3-wal").write_bytes(b"y" * 5000)
    assert operating.restore(tmp_path / "copy.sqlite3") == 1
    assert VisitorStore(storage.database_url()).count() == (1, 1)
    kept = [found.read_bytes() for found in storage.home().glob("*before-*")]
    assert b"x" * 5000 in kept, "what was there is kept"


def test_what_is_no_backup_is_refused_and_the_database_stays(visitors: VisitorStore, tmp_path: Path) -> None:
    visitors.rate(new_visitor_id(), "movielens", 1, 4.0)
    other = tmp_path / "other.sqlite3"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE something (x)")
    for content, match in ((b"no database", "no database"), (other.read_bytes(), "no database of ratings")):
        (tmp_path / "given").write_bytes(content)
        with pytest.raises(StorageError, match=match):
            operating.restore(tmp_path / "given")
    with pytest.raises(NotFoundError):
        operating.restore(tmp_path / "nothing")
    with pytest.raises(StorageError, match="replaces nothing"):
        operating.backup(other)
    assert visitors.count() == (1, 1)


def test_a_backup_of_nothing_and_of_another_kind_of_database_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", str(tmp_path / "x")]) == 2
    assert "nobody has rated anything" in capsys.readouterr().err
    monkeypatch.setenv("AUTOREC_DATABASE_URL", "postgresql://me@nowhere/x")
    assert main(["backup", str(tmp_path / "x")]) == 2
    assert "pg_dump" in capsys.readouterr().err


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is logged, with the handlers of other tests out of the way."""
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger(logs.NAME), "propagate", False)
    monkeypatch.setattr(logging.getLogger(logs.NAME), "handlers", [])
    return stream


def test_the_log_is_one_json_object_a_line_whatever_a_name_holds(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOREC_LOG", "json")
    logs.prepare(log)
    logging.getLogger("autorec.test").info("kept %s", "a\nname\x1b[31m", extra={"run_id": "r1"})
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("autorec.test").exception("it failed")
    first, second = map(json.loads, log.getvalue().splitlines())
    assert first["message"] == "kept a\nname\x1b[31m"
    assert (first["run_id"], first["level"]) == ("r1", "info")
    assert "ValueError: why" in second["traceback"]
    assert "\x1b" not in log.getvalue()


def test_a_line_for_people_is_one_line_too(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.prepare(log)
    logging.getLogger("autorec.test").info("kept a\nname\x1b[31m", extra={"run_id": "r\n1"})
    assert len(log.getvalue().splitlines()) == 1
    assert "\x1b" not in log.getvalue()
    monkeypatch.setenv("AUTOREC_LOG", "loud")
    with pytest.raises(InvalidSettingError, match="must be text or json, got 'loud'"):
        logs.prepare(sys.stderr)
