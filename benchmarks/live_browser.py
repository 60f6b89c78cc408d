"""What a person meets of the live show, measured in Chromium: when the first point comes, and that nothing blinks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120

STARTER = """
from pathlib import Path
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore
import sys
config = RunConfig(hyperparameters=Hyperparameters(hidden_units=16, epochs=3, refit=False), kind="starter")
record(RunStore(Path(sys.argv[1])).create(config), lambda *_: True)
"""
"""A small model in place of the app's own first one, so that nothing has to wait for that."""

REMOVALS = """async ({epochs, seconds, most}) => {
    // Everything on the page, and what components keep in roots of their own.
    const removed = [], watching = [];
    const note = (records) => records.forEach((record) => record.removedNodes.forEach((node) => {
        if (node.nodeType !== Node.ELEMENT_NODE) return;
        const inTooltip = record.target.closest?.("#vg-tooltip-element, [role=tooltip]");
        // A picture's axes are drawn anew as its numbers grow; the picture itself must stay.
        const inPicture = record.target.closest?.("svg, .vega-embed summary");
        if (!inTooltip && !inPicture) removed.push(node.outerHTML.slice(0, 200));
    }));
    const watch = (root) => {
        const observer = new MutationObserver(note);
        observer.observe(root, {childList: true, subtree: true});
        watching.push(observer);
        root.querySelectorAll("*").forEach((one) => one.shadowRoot && watch(one.shadowRoot));
    };
    watch(document.querySelector("[data-testid=stMain]"));
    const done = () => +document.querySelector(".live-numbers b").innerText.replace(",", "");
    const first = done();
    const began = performance.now();
    const passed = () => (performance.now() - began) / 1000;
    while ((done() < first + epochs || passed() < seconds) && passed() < most)
        await new Promise(requestAnimationFrame);
    watching.forEach((observer) => observer.disconnect());
    return {removed, epochs: done() - first};
}"""
"""Lists what is taken out of the page until so many epochs and seconds have passed, or the most seconds."""

FIRST_POINT = """async () => {
    // The press, and then each frame until the first epoch is written beside the curve, and of another run than before.
    const shown = () => document.querySelector(".live-numbers")?.dataset.run, before = shown();
    const button = document.querySelector(".st-key-start button");
    const began = performance.now();
    button.click();
    const isThere = () => {
        const number = document.querySelector(".live-numbers b"), state = document.querySelector(".live-state");
        return shown() !== before && state?.classList.contains("running") && +number?.innerText.replace(",", "") >= 1;
    };
    while (!isThere() && performance.now() - began < 60000) await new Promise(requestAnimationFrame);
    return (performance.now() - began) / 1000;
}"""


def late(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(values, 95))


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(np.median(values))


@contextmanager
def served(home: Path) -> Iterator[str]:
    """A server of its own; yields its address."""
    subprocess.run([sys.executable, "-c", STARTER, str(home / "runs")], cwd=ROOT, check=True)
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "AUTOREC_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def opened(url: str, query: str) -> Iterator[Page]:
    """The Train page in Chromium, with the controls as the query says, ready to start."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(1000 * SECONDS)
        page = context.new_page()
        page.goto(f"{url}/train?{query}")
        page.wait_for_selector(".st-key-start button:not([disabled])")
        page.wait_for_selector(".live-numbers b")
        yield page
        browser.close()


def stop(page: Page) -> None:
    """Stops the training that the page shows, and waits until it has ended."""
    page.locator(".st-key-transport_stop button").first.click()
    page.wait_for_selector(".live-state.ended")
    page.wait_for_selector("[data-test-script-state=notRunning]")


def start(page: Page) -> float:
    """Starts a training; returns the seconds until its first point."""
    return float(page.evaluate(FIRST_POINT))


def seconds_to_first_point(home: Path, times: int) -> list[float]:
    """Seconds from the press of Start to the first point, of trainings one after the other; the first warms up."""
    found = []
    with served(home / "browser") as url, opened(url, "preset=quick&epochs=2000") as page:
        for turn in range(times + 1):
            seconds = start(page)
            if turn:
                found.append(seconds)
            stop(page)
    return found


def removals(home: Path, seconds: float) -> tuple[list[str], int]:
    """What is taken out of the page while a training runs for so long, as HTML, and the epochs meanwhile."""
    with served(home / "removals") as url, opened(url, "preset=quick&epochs=2000") as page:
        start(page)
        page.locator(".st-key-pace input").click()
        page.get_by_role("option", name="10 epochs a second").click()  # so that it lasts
        page.wait_for_timeout(5000)  # the axes widen in the first seconds
        seen: dict[str, Any] = page.evaluate(REMOVALS, {"epochs": 5, "seconds": seconds, "most": 2 * seconds + 60})
        stop(page)
    return list(seen["removed"]), int(seen["epochs"])
