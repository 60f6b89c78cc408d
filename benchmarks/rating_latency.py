"""How long from a click on a star until the page says saved? In a real browser, with all cards of the Rate page.

    python -m benchmarks.rating_latency [--clicks 40]

From the key that gives a movie three or four stars to the moment when its card says "✓ saved": the way to the server,
the commit, what a rating changes drawn anew, and the way back. Server and Chromium share the machine; the starter model
has trained before, and `--while-training` counts the clicks of somebody who does not wait for that.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.kills import CHROMIUM, FIND_GRID, SECONDS, Servers

PRESS = (
    """async (clicks) => {
  const grid = ("""
    + FIND_GRID
    + """)(document), cards = [...grid.querySelectorAll(".card")], times = [];
  for (let place = 0; place < clicks; place++) {
    const card = cards[place % cards.length], stars = card.querySelector(".stars"), note = card.querySelector(".state");
    const key = stars.getAttribute("aria-valuetext").startsWith("3") ? "4" : "3";
    const began = performance.now();
    stars.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await new Promise((done) => {
      const observer = new MutationObserver(() => {
        if (note.textContent !== "✓ saved") return;
        observer.disconnect();
        done();
      });
      observer.observe(note, { childList: true });
    });
    times.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 100));
  }
  return [cards.length, times];
}"""
)


def measured(clicks: int, while_training: bool) -> tuple[int, list[float]]:
    """Number of cards on the page, and the milliseconds of each click."""
    home = Path(tempfile.mkdtemp(prefix="autorec-latency-"))
    servers = Servers(home, f"sqlite:///{home / 'visitors.sqlite3'}")
    try:
        process = servers.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(1000 * SECONDS)
            page.goto(f"{servers.url}/rate")
            if not while_training:
                page.get_by_text("Test RMSE").wait_for()
            page.locator(".card .stars").first.wait_for()
            page.evaluate(PRESS, 5)  # the first ones fill caches
            cards, times = page.evaluate(PRESS, clicks)
            browser.close()
        servers.kill(process)
    finally:
        servers.close()
        shutil.rmtree(home, ignore_errors=True)
    return cards, times


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=40)
    parser.add_argument("--while-training", action="store_true")
    chosen = parser.parse_args(arguments)
    cards, times = measured(chosen.clicks, chosen.while_training)
    middle, late, most = np.percentile(times, [50, 95, 100])
    print(f"{cards} cards, {len(times)} clicks: median {middle:.0f} ms, p95 {late:.0f} ms, most {most:.0f} ms")


if __name__ == "__main__":
    main()
