"""A real server with a home folder of its own, and a real browser that walks through it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from autorec_core import datasets
from autorec_core.runs import RunStore
from autorec_core.visitors import VisitorStore, new_visitor_id
from benchmarks.live_browser import STARTER
from benchmarks.ports import free_port

ROOT = Path(__file__).parent.parent.parent
SECONDS = float(os.environ.get("E2E_SECONDS", "40"))
"""How long anything may take before it counts as missing; nothing waits for as long as this when all is well. A machine
that is busy with much else may be given more by `E2E_SECONDS`."""
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class App:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    home: Path
    log: Path

    def workers(self) -> list[int]:
        """Process ids of its training workers."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]

    def give(self, page: Page, ratings: dict[str, float]) -> None:
        """Makes a page's visitor somebody who has rated movies of the bundled set, named by their ids."""
        known = new_visitor_id()
        page.context.add_cookies([{"name": "autorec_visitor", "value": known, "url": self.url}])
        store = VisitorStore(f"sqlite:///{self.home / 'visitors.sqlite3'}")
        for item_id, rating in ratings.items():
            store.rate(known, datasets.find(datasets.BUNDLED).catalogue, item_id, rating)

    def free_the_line(self) -> None:
        """Ends what a test that failed has left running, so that the next one need not wait behind it."""
        until = time.monotonic() + 5
        while any(run.state == "running" for run in RunStore(self.home / "runs").all()):
            if time.monotonic() > until:  # it was not stopped: another worker takes over, with the next in line
                for worker in self.workers():
                    os.kill(worker, signal.SIGKILL)
                until = time.monotonic() + 5
            time.sleep(0.05)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks all tests of this folder as browser tests."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server for all browser tests; each test is another visitor."""
    folder = tmp_path_factory.mktemp("server")
    subprocess.run([sys.executable, "-c", STARTER, str(folder / "home" / "runs")], cwd=ROOT, check=True)
    with serve(folder) as found:
        yield found


@contextmanager
def serve(folder: Path, *, program: Sequence[str] = ("-m", "streamlit"), **environment: str) -> Iterator[App]:
    """A server with `home` in a folder, until it is no longer needed.

    Args:
        folder: of its home and its log.
        program: what Python is to run, which is told what Streamlit would be told.
        environment: variables beside those of this process.
    """
    port, log = free_port(), folder / "server.log"
    command = [sys.executable, *program, "run", "app.py", "--server.address", "127.0.0.1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "AUTOREC_HOME": str(folder / "home"), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(process, f"http://127.0.0.1:{port}/_stcore/health", log)
        yield App(process, f"http://127.0.0.1:{port}", folder / "home", log)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the system's where there is one, else Playwright's own."""
    expect.set_options(timeout=1000 * SECONDS)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
        yield found
        found.close()


@contextmanager
def visitor(app: App, browser: Browser) -> Iterator[Page]:
    """A new visitor's page. Whatever it asks for must come from the app's own server; no training is left behind."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 1000},
        accept_downloads=True,
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(1000 * SECONDS)
    outside: list[str] = []
    own = (app.url, app.url.replace("http", "ws"), "data:", "blob:")
    context.on("request", lambda request: None if request.url.startswith(own) else outside.append(request.url))
    try:
        yield context.new_page()
    finally:
        context.close()
        app.free_the_line()
    assert outside == []


def unfold(box: Locator) -> None:
    """Opens a box of choices once it stands still: a list that opens while the page moves under it closes at once."""
    expect(box).to_be_enabled()
    box.scroll_into_view_if_needed()
    box.evaluate(
        """box => new Promise(done => {
            let before, frames = 0;
            const look = () => {
                const { top } = box.getBoundingClientRect();
                frames = top === before ? frames + 1 : 0;
                before = top;
                if (frames < 15) requestAnimationFrame(look); else done();
            };
            look();
        })"""
    )
    box.click()


@pytest.fixture
def page(app: App, browser: Browser) -> Iterator[Page]:
    """A new visitor's page."""
    with visitor(app, browser) as found:
        yield found
