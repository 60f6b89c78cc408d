"""Downloads of a server: one a data set, stopped and gone on with, whoever looks on."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import logging
import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from served_files import RATINGS, Server, zipped

from autorec_core import datasets, fetching
from autorec_core import downloads as downloads_module
from autorec_core.datasets import DATASETS
from autorec_core.downloads import Downloads, Standing, speed
from autorec_core.errors import NotFoundError

SECONDS = 30


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Has a data set "ml-tiny" of 0.4 MB."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetching, "_SECONDS_BETWEEN", 0.0)
    running = Server()
    running.content = zipped(ratings_dot_csv=RATINGS, tags_dot_csv=os.urandom(400_000))
    checksum = hashlib.md5(running.content).hexdigest()
    tiny = dataclasses.replace(
        *(DATASETS["ml-25m"],), name="ml-tiny", num_ratings=3, download=running.url, checksum=checksum, size_mb=0.4
    )
    monkeypatch.setitem(DATASETS, "ml-tiny", tiny)
    yield running
    running.close()


@pytest.fixture
def downloads() -> Iterator[Downloads]:
    made = Downloads()
    yield made
    made.close()


def standing(downloads: Downloads) -> Standing:
    found = downloads.standing("ml-tiny")
    assert found is not None
    return found


def test_a_download_is_there_when_it_is_done(server: Server, downloads: Downloads) -> None:
    assert downloads.standing("ml-tiny") is None
    downloads.start("ml-tiny")
    downloads.wait("ml-tiny", SECONDS)
    found = standing(downloads)
    assert (found.state, found.is_active, found.share) == ("done", False, 1.0)
    assert (found.come, found.total) == (len(server.content), len(server.content))
    assert datasets.load("ml-tiny").num_ratings == 3


def test_however_many_ask_it_is_fetched_once(server: Server, downloads: Downloads) -> None:
    server.waits.clear()
    for _ in range(3):
        downloads.start("ml-tiny")
    assert server.held.wait(SECONDS)
    downloads.start("ml-tiny")
    assert standing(downloads).is_active
    server.waits.set()
    downloads.wait("ml-tiny", SECONDS)
    downloads.start("ml-tiny")  # it is here: nothing is to fetch
    downloads.wait("ml-tiny", SECONDS)
    assert standing(downloads).state == "done"
    assert server.asked == [""]


def test_it_is_stopped_and_goes_on_where_it_was(server: Server, downloads: Downloads) -> None:
    server.breaks_after, server.breaks, server.status_after_breaks = 150_000, 1, 503
    downloads.start("ml-tiny")
    downloads.wait("ml-tiny", SECONDS)
    broken = standing(downloads)
    assert (broken.state, broken.come) == ("failed", 150_000)
    assert "the server answers 503" in broken.message
    assert "The 0.1 MB that came are kept" in broken.message or "The 0.2 MB that came are kept" in broken.message

    server.status = 200
    server.asked.clear()
    server.waits.clear()
    downloads.start("ml-tiny")
    assert server.held.wait(SECONDS)
    downloads.cancel("ml-tiny")
    asked = standing(downloads)
    assert (asked.state, asked.is_active) == ("stopping", True)
    server.waits.set()
    downloads.wait("ml-tiny", SECONDS)
    stopped = standing(downloads)
    assert stopped.state == "cancelled"
    assert stopped.come >= 150_000
    assert not datasets.is_ready("ml-tiny")

    downloads.start("ml-tiny")
    downloads.wait("ml-tiny", SECONDS)
    assert standing(downloads).state == "done"
    assert server.asked == ["bytes=150000-", f"bytes={stopped.come}-"]
    assert datasets.load("ml-tiny").num_ratings == 3


def test_a_name_that_no_set_has_starts_nothing(downloads: Downloads) -> None:
    with pytest.raises(NotFoundError, match="No data set is called 'ml-2m'"):
        downloads.start("ml-2m")
    assert downloads.standing("ml-2m") is None
    downloads.cancel("ml-2m")


def test_offline_it_fails_with_a_sentence_that_says_what_works(server: Server, downloads: Downloads) -> None:
    server.close()
    downloads.start("ml-tiny")
    downloads.wait("ml-tiny", SECONDS)
    found = standing(downloads)
    assert found.state == "failed"
    assert found.message.startswith("Can't fetch MovieLens 25M from http://127.0.0.1")
    assert f"use {datasets.BUNDLED}, which needs no network" in found.message
    assert datasets.load(datasets.BUNDLED).num_ratings == 100_004


def test_what_remains_is_told_from_the_speed() -> None:
    assert speed([]) is None
    assert speed([(1.0, 5)]) is None
    assert speed([(1.0, 0), (1.1, 50)]) is None, "too soon to tell"
    assert Standing("x", "running", 40, 100, 20.0).seconds_left == 3.0
    assert Standing("x", "running", 40, 0, 20.0).seconds_left is None
    assert Standing("x", "running", 40, 100, None).seconds_left is None
    assert Standing("x", "running", 40, 100, 0.0).seconds_left is None


def test_speed_is_told_anew_where_a_server_sends_all_of_it_again(
    server: Server, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, told = itertools.count(), []

    def fetch(name: str, show: fetching.Progress, _: object) -> None:
        for come in (100_000, 300_000, 0, 50_000):
            show(come, 400_000)
            told.append(standing(downloads).bytes_per_second)

    monkeypatch.setattr(downloads_module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    monkeypatch.setattr(datasets, "fetch", fetch)
    downloads.start("ml-tiny")
    downloads.wait("ml-tiny", SECONDS)
    assert told == [None, 200_000.0, None, 50_000.0]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_the_apps_own_is_in_its_log_and_ends_the_bar(
    server: Server, downloads: Downloads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fetch(*_: object) -> None:
        raise ZeroDivisionError("of our own making")

    monkeypatch.setattr(logging.getLogger("autorec"), "propagate", True)  # a server's log goes its own way
    monkeypatch.setattr(datasets, "fetch", fetch)
    downloads.start("ml-tiny")
    downloads.wait("ml-tiny", SECONDS)
    assert (standing(downloads).state, standing(downloads).message) == (
        *("failed", "The download ended in an error; see the log."),
    )
    (told,) = caplog.records
    assert told.name == "autorec.downloads"
    assert "of our own making" in caplog.text
