"""Is a rating that the page showed as saved ever lost? The server is killed in the middle of rapid clicks, many times.

    python -m benchmarks.kills [--rounds 200] [--database URL] [--seed 0]

Each round is a real server and a real page: Chromium opens the Rate page, half stars of its cards are clicked at random
every 60 ms, and the server's process gets SIGKILL at a random moment: up to 0.3 s after the page has shown a random
number of ratings as saved, 0 to 8. The
page notes what was clicked and what it showed as saved, with the value. Then the database is read. A rating is lost
where the database has neither the value last shown as saved for a movie nor one that was clicked after it. Every 20th
round a new server must also show what the database holds.

So that a round takes seconds, the servers are forked from a process that has imported everything, and the worker that
trains, which has no part in rating, is not started; the page then offers the bundled movies. A database by URL is used
as it is; without one it is a new SQLite file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, TimeoutError, sync_playwright

from autorec_core.visitors import VisitorStore
from benchmarks.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 300
PATIENCE = 20
"""Seconds that the page may take to show so many."""
MOST_SHOWN, LONGEST = 8, 0.3
"""Ratings shown as saved, and seconds after those, at most, before the server is killed."""
LOOK_AGAIN = 20
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

NURSERY = """
import ctypes, os, signal, sys
sys.path.insert(0, os.getcwd())
from streamlit.web import cli
from autorec_core import jobs
import app, pages.shared.ask, pages.shared.live, pages.shared.stars
jobs.JobRunner.start = lambda self: None
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for port in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it goes when this process goes
        del sys.modules["app"]
        cli.main(["run", "app.py", "--server.address", "127.0.0.1", "--server.port", port.strip()])
        os._exit(0)
    print(child, flush=True)
"""

FIND_GRID = """(node) => {
    const within = (node) => {
      if (node.querySelector?.(".card .stars")) return node.querySelector(".grid");
      for (const child of node.querySelectorAll?.("*") ?? []) {
        const found = child.shadowRoot && within(child.shadowRoot);
        if (found) return found;
      }
      return null;
    };
    return within(node);
  }"""
"""JavaScript that finds the grid of cards, in whichever shadow it lies."""

CLICK = (
    """seed => {
  const grid = ("""
    + FIND_GRID
    + """)(document), cards = [...grid.querySelectorAll(".card")];
  const log = (window.log = []);
  const now = (card) => {
    const stars = card.querySelector(".stars");
    return stars.getAttribute("aria-valuetext") === "not rated" ? null : Number(stars.getAttribute("aria-valuenow"));
  };
  new MutationObserver((mutations) => {
    const changed = new Set(mutations.map(({ target }) => target.closest?.(".card")).filter(Boolean));
    for (const card of changed) {
      const shown = card.querySelector(".state").textContent;
      if (shown.startsWith("✓")) log.push({ saved: true, id: card.dataset.item, value: now(card) });
    }
  }).observe(grid, { subtree: true, childList: true });
  let state = seed;
  const draw = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * below);
  };
  const click = () => {
    const card = cards[draw(cards.length)], stars = card.querySelector(".stars"), place = stars.getBoundingClientRect();
    if (card.querySelector(".state").textContent.startsWith("saving") && draw(5)) return; // mostly another movie
    const before = now(card), share = (draw(10) + 0.5) / 10;
    stars.dispatchEvent(new MouseEvent("click", { clientX: place.left + share * place.width, bubbles: true }));
    if (now(card) !== before) log.push({ saved: false, id: card.dataset.item, value: now(card) });
  };
  click();
  window.clicking = setInterval(click, 60);
}"""
)


@dataclass
class Count:
    """What was seen in all rounds."""

    rounds: int = 0
    clicked: int = 0
    """Ratings that were clicked."""
    shown: int = 0
    """Times that a rating was shown as saved."""
    unanswered: int = 0
    """Ratings clicked last of a movie that the page had not yet shown as saved; they need not be kept."""
    lost: list[str] = field(default_factory=list)
    """A sentence for each lost one."""


class Servers:
    """Starts servers, one after the other, and kills them.

    Args:
        home: the folder of what the app keeps.
        database: URL of the visitors' database.

    Attributes:
        port: at which each of them listens.
        url: its address.
    """

    def __init__(self, home: Path, database: str) -> None:
        environment = {**os.environ, "AUTOREC_HOME": str(home), "AUTOREC_DATABASE_URL": database}
        self.port = free_port()  # always the same, so that the browser need not fetch and compile all scripts anew
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (home / "servers.log").open("wb")
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._read()

    def _read(self) -> str:
        assert self._nursery.stdout is not None
        line = self._nursery.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"The server can't be started: {Path(self._log.name).read_text()}")
        return line

    def start(self) -> int:
        """Process id of a server that answers."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(f"{self.port}\n")
        self._nursery.stdin.flush()
        process, until = int(self._read()), time.monotonic() + SECONDS
        while time.monotonic() < until and Path(f"/proc/{process}").exists():
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return process
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"No server answers: {Path(self._log.name).read_text()}")

    @staticmethod
    def kill(process: int) -> None:
        """SIGKILL; returns when the process is gone."""
        os.kill(process, signal.SIGKILL)
        while Path(f"/proc/{process}").exists():
            time.sleep(0.002)

    def close(self) -> None:
        """Ends what starts the servers."""
        self._nursery.kill()
        self._nursery.wait()
        self._log.close()


def losses(log: Sequence[dict[str, Any]], kept: dict[str, float]) -> list[str]:
    """The ratings that were shown as saved and are neither kept nor overwritten by a later click.

    Args:
        log: clicks (`saved` false) and what was shown as saved (true), in order, each with `id` and `value`.
        kept: item id -> rating in the database.
    """
    found = []
    for item in {entry["id"] for entry in log if entry["saved"]}:
        of_item = [entry for entry in log if entry["id"] == item]
        last = max(place for place, entry in enumerate(of_item) if entry["saved"])
        allowed = [entry["value"] for entry in of_item[last:]]
        if kept.get(item) not in allowed:
            found.append(f"movie {item} was shown as saved with {of_item[last]['value']}, kept is {kept.get(item)}")
    return found


def unanswered(log: Sequence[dict[str, Any]]) -> int:
    """Movies whose last entry is a click."""
    return sum(not saved for saved in {entry["id"]: entry["saved"] for entry in log}.values())


def one_round(servers: Servers, page: Page, context: BrowserContext, store: VisitorStore, seed: int) -> Any:
    """A server's life and death; returns what the page noted, and what the database holds."""
    generator = random.Random(seed)
    process = servers.start()
    page.goto(f"{servers.url}/rate")
    page.locator(".card .stars").first.wait_for()
    page.evaluate(CLICK, seed)
    wanted = generator.randint(0, MOST_SHOWN)
    enough = "wanted => window.log.filter(entry => entry.saved).length >= wanted"
    with contextlib.suppress(TimeoutError):  # a slow machine: it is killed all the same
        page.wait_for_function(enough, arg=wanted, polling=10, timeout=1000 * PATIENCE)
    time.sleep(generator.uniform(0, LONGEST))
    servers.kill(process)
    log = page.evaluate("() => (clearInterval(window.clicking), window.log)")
    visitor = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "autorec_visitor")
    return log, store.ratings_of(visitor, "movielens")


def looked_at_again(servers: Servers, page: Page, kept: dict[str, float]) -> list[str]:
    """What a new server shows otherwise than the database holds."""
    process = servers.start()
    page.goto(f"{servers.url}/rate")
    page.locator(".card .stars").first.wait_for()
    shown = page.locator(".card").evaluate_all(
        "cards => cards.map(card => [card.dataset.item, card.querySelector('.value').textContent])"
    )
    servers.kill(process)
    return [
        f"movie {item} is shown with {text or None}, kept is {kept.get(item)}"
        for item, text in shown
        if (float(text) if text else None) != kept.get(item)
    ]


def measured(rounds: int, database: str | None, seed: int, tell: int = 5) -> Count:
    """Kills so many servers."""
    count = Count()
    home = Path(tempfile.mkdtemp(prefix="autorec-kills-"))
    url = database or f"sqlite:///{home / 'visitors.sqlite3'}"
    servers, store = Servers(home, url), VisitorStore(url)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
            context = browser.new_context()
            context.set_default_timeout(1000 * SECONDS)
            page = context.new_page()
            for number in range(rounds):
                log, kept = one_round(servers, page, context, store, seed * 100_000 + number)
                count.rounds += 1
                count.clicked += sum(not entry["saved"] for entry in log)
                count.shown += sum(entry["saved"] for entry in log)
                count.unanswered += unanswered(log)
                count.lost += losses(log, kept)
                if number % LOOK_AGAIN == LOOK_AGAIN - 1:
                    count.lost += looked_at_again(servers, page, kept)
                if number % tell == tell - 1:
                    print(told(count), flush=True)
            browser.close()
    finally:
        servers.close()
        store.close()
        shutil.rmtree(home, ignore_errors=True)
    return count


def told(count: Count) -> str:
    """A line of what was seen."""
    return (
        f"{count.rounds} kills: {count.clicked:,} ratings clicked, {count.shown:,} times shown as saved, "
        f"{count.unanswered:,} clicked and not yet shown as saved; lost of those shown as saved: {len(count.lost)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the line; the status is 1 where a rating was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="how often a server is killed (default: 200)")
    parser.add_argument("--database", help="URL of the visitors' database (default: a new SQLite file)")
    parser.add_argument("--seed", type=int, default=0, help="of clicks and moments (default: 0)")
    asked = parser.parse_args(arguments)
    count = measured(asked.rounds, asked.database, asked.seed)
    print(*count.lost, told(count), sep="\n")
    return int(bool(count.lost))


if __name__ == "__main__":
    sys.exit(main())
