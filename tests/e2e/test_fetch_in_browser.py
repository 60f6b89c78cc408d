"""Get more data: without a network it says so; a download is stopped, gone on with, and its set is looked at.

Its server has limits so low that one can walk past them.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from conftest import ROOT, App, serve, unfold, visitor
from playwright.sync_api import Browser, Locator, Page, expect
from served_files import MOVIES, RATINGS, Server, zipped

from benchmarks.live_browser import STARTER

FROM_HERE = """
import dataclasses, sys
from streamlit.web import cli
from autorec_core import datasets, fetching
url, checksum, *others = sys.argv[1:]
small = dataclasses.replace(datasets.DATASETS["ml-latest-small"], download=url, checksum=checksum)
datasets.DATASETS["ml-latest-small"] = small
fetching._SECONDS_BETWEEN = 0.0
sys.argv = ["streamlit", *others]
cli.main()
"""
"""The app, with one set that comes from this machine."""

LIMITS = {
    "AUTOREC_MAX_EPOCHS": "500",
    "AUTOREC_MAX_IN_LINE": "1",
    "AUTOREC_MAX_QUEUE": "1",
    "AUTOREC_MAX_UPLOADS": "1",
    "AUTOREC_MAX_UPLOAD_MB": "1",
}

NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whatever is fetched through it finds no network."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    """What stands for GroupLens: a set of three ratings in a megabyte."""
    running = Server()
    filling = os.urandom(1_000_000)
    running.content = zipped(ratings_dot_csv=RATINGS, movies_dot_csv=MOVIES, README_dot_txt=filling)
    yield running
    running.close()


@pytest.fixture(scope="module")
def fetching_app(elsewhere: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server that finds one set on this machine, and no network for all others."""
    folder = tmp_path_factory.mktemp("fetching")
    subprocess.run([sys.executable, "-c", STARTER, str(folder / "home" / "runs")], cwd=ROOT, check=True)
    checksum = hashlib.md5(elsewhere.content).hexdigest()
    with serve(
        folder,
        program=["-c", FROM_HERE, elsewhere.url, checksum],
        https_proxy=NOWHERE,
        no_proxy="127.0.0.1",
        PYTHONPATH=str(ROOT),
        **LIMITS,
    ) as found:
        yield found


@pytest.fixture
def shelf(fetching_app: App, browser: Browser) -> Iterator[Page]:
    """The page, newly opened."""
    with visitor(fetching_app, browser) as page:
        page.goto(f"{fetching_app.url}/datasets")
        yield page


def row(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-set_{name}")


def test_each_set_has_its_size_terms_and_checksum_before_anything_is_fetched(shelf: Page) -> None:
    expect(shelf.get_by_text(re.compile(r"GB are free on the disk"))).to_be_visible()
    for name, size in (("ml-100k", "4.9 MB"), ("ml-1m", "5.9 MB"), ("ml-25m", "262.0 MB"), ("ml-32m", "239.0 MB")):
        expect(row(shelf, name)).to_contain_text(size)
        expect(row(shelf, name)).to_contain_text(re.compile(r"MD5 [0-9a-f]{32}"))
        expect(row(shelf, name)).to_contain_text("For research")
        expect(row(shelf, name).get_by_role("button", name="Download")).to_be_visible()
    expect(row(shelf, "ml-latest-small-2016")).to_contain_text("needs no network")


def test_without_a_network_it_says_so_and_the_bundled_set_stays(shelf: Page) -> None:
    row(shelf, "ml-1m").get_by_role("button", name="Download").click()
    told = row(shelf, "ml-1m").get_by_role("alert")
    expect(told).to_contain_text("Can't fetch MovieLens 1M")
    expect(told).to_contain_text("use ml-latest-small-2016, which needs no network")
    expect(row(shelf, "ml-1m").get_by_role("button", name="Download")).to_be_enabled()
    row(shelf, "ml-latest-small-2016").get_by_role("button", name="Look at it").click()
    expect(shelf.get_by_test_id("stMetricValue").first).to_have_text("100,004")


def test_a_download_is_stopped_gone_on_with_and_looked_at(shelf: Page, elsewhere: Server) -> None:
    small = row(shelf, "ml-latest-small")
    elsewhere.waits.clear()
    small.get_by_role("button", name="Download").click()
    expect(small.get_by_test_id("stProgress")).to_contain_text(re.compile(r"^0\.5 of 1\.0 MB"))
    small.get_by_role("button", name="Stop").click()
    expect(small.get_by_role("button", name="Stop")).to_be_disabled()  # understood; until the server lets go
    expect(small.get_by_test_id("stProgress")).to_contain_text("stopping")
    elsewhere.waits.set()
    go_on = small.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible()
    expect(small).to_contain_text(re.compile(r"0\.\d of 1\.0 MB are here"))
    go_on.click()
    expect(small.get_by_text("here", exact=True)).to_be_visible()
    assert elsewhere.asked[0] == ""
    assert re.fullmatch(r"bytes=[1-9]\d+-", elsewhere.asked[1])
    small.get_by_role("button", name="Look at it").click()
    expect(shelf.get_by_test_id("stMetricValue").first).to_have_text("3")
    expect(shelf.get_by_text("from GroupLens")).to_be_visible()


def test_past_each_limit_of_the_server_a_sentence_says_so(fetching_app: App, browser: Browser) -> None:
    def start(page: Page, query: str, pace: str = "") -> None:
        page.goto(f"{fetching_app.url}/train?preset=quick&{query}")
        if pace:
            unfold(page.get_by_role("combobox", name="Pace"))
            page.get_by_role("option", name=pace, exact=True).click()
        button = page.get_by_role("button", name="Start training")
        expect(button).to_be_enabled()
        button.click()

    def told(page: Page) -> Locator:
        return page.locator(".live-state")

    with visitor(fetching_app, browser) as first, visitor(fetching_app, browser) as second:
        start(first, "epochs=501")
        expect(told(first)).to_contain_text("On this server epochs must be at most 500, got 501.")
        start(first, "epochs=500", "1 epoch a second")  # longer than the rest takes; a pause would step aside
        expect(told(first)).to_contain_text("Training epoch")
        start(first, "epochs=1")
        expect(told(first)).to_contain_text("as many trainings in line as a visitor may: 1.")
        start(second, "epochs=1")
        expect(told(second)).to_contain_text("Waiting: 1 run before yours.")
        with visitor(fetching_app, browser) as third:
            start(third, "epochs=1")
            expect(told(third)).to_contain_text("The line is full: it has room for 1.")
            third.goto(f"{fetching_app.url}/upload")
            expect(third.get_by_text("1MB per file").first).to_be_visible()
            expect(third.get_by_text("A file may have 1 MB here")).to_be_visible()
            file = third.locator("input[type=file]").first
            file.set_input_files({"name": "large.csv", "mimeType": "text/csv", "buffer": b"a,b,c\n" * 200_000})
            expect(third.get_by_test_id("stFileChip")).to_contain_text("File must be 1.0MB or smaller.")
            rows = "\n".join(f"{user},{item},{1 + user % 5}" for user in range(20) for item in range(20))
            mine = {"name": "mine.csv", "mimeType": "text/csv", "buffer": f"user,item,rating\n{rows}".encode()}
            for said in ("Kept. mine.csv", "as many sets as this server keeps for a visitor: 1."):
                file.set_input_files(mine)
                third.get_by_role("button", name="Keep it").click()
                expect(third.get_by_text(said)).to_be_visible()
        first.get_by_role("button", name="Stop", exact=True).click()
