"""How long does the server take over a page while a training runs?

    python -m benchmarks.page_latency [--reruns 60] [--ratings 20]

Two times, each from a whole rerun of the real page script in a session of its own, on the bundled data, while the
training worker is busy with another run on the same machine:

- recommendations: a rating is changed in the database, and the page is run again: sidebar, filters, fold-in, the list
  with its reasons, the file to download. Everything that a visitor waits for but the network and the browser.
- live tick: the part of the Train page that is drawn twice a second: state, buttons, numbers and curve.

The session is Streamlit's own AppTest, which runs the script as the server does and then also reads back all elements;
that reading is not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 60


def timed(times: list[float], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which also notes how long each call takes, in seconds."""

    def run(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            times.append(time.perf_counter() - began)

    return run


def report(name: str, times: list[float]) -> None:
    """Prints the times of a page, the first one left out: it fills the caches."""
    milliseconds = 1000 * np.array(times[1:])
    middle, late, worst = np.percentile(milliseconds, [50, 95, 100])
    print(f"{name:<18} {len(milliseconds):>4} times  median {middle:6.1f} ms  p95 {late:6.1f} ms  most {worst:6.1f} ms")


def main() -> None:
    """Measures, and prints a line a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reruns", type=int, default=60, help="how often each page is run (default: 60)")
    parser.add_argument("--ratings", type=int, default=20, help="how many movies the visitor rated (default: 20)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["AUTOREC_HOME"] = home
        os.environ.pop("AUTOREC_DATABASE_URL", None)
        measure(asked.reruns, asked.ratings)


def measure(reruns: int, num_ratings: int) -> None:
    """Trains a model, starts another training, and runs both pages meanwhile."""
    from streamlit.runtime.scriptrunner import script_runner
    from streamlit.testing.v1 import AppTest

    from autorec_core.hyperparameters import Hyperparameters
    from autorec_core.runs import RunConfig
    from autorec_core.visitors import new_visitor_id, owner_of
    from pages.shared import live, services, visit

    visitor = new_visitor_id()
    services.begin()  # the starter model trains
    runner = services.jobs()
    starter = services.starter_run()
    assert starter is not None
    wait_until(lambda: starter.has_model and starter.ended is not None)
    busy = runner.submit(RunConfig(hyperparameters=Hyperparameters(epochs=2_000), owner=owner_of(visitor)))
    wait_until(lambda: busy.last_epoch is not None)

    movies = services.bundled_catalogue().search()[:num_ratings]
    ids = services.bundled_catalogue().items.ids[movies].tolist()
    for place, item_id in enumerate(ids):
        services.visitor_store().rate(visitor, visit.catalogue_name(), str(item_id), 1 + place % 9 / 2)

    def session(page: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
        app.session_state["_visitor_id"] = visitor
        return app.run().switch_page(f"pages/{page}.py")

    times: list[float] = []
    script_runner.exec_func_with_error_handling = timed(times, script_runner.exec_func_with_error_handling)
    app = session("recommendations")
    times.clear()
    for turn in range(reruns):
        item_id = str(ids[turn % len(ids)])
        services.visitor_store().rate(visitor, visit.catalogue_name(), item_id, 1 + turn % 9 / 2)
        app.run()
    assert not app.exception
    assert any("because you gave" in part.proto.body for part in app.get("html")), "No recommendation was drawn."
    report("recommendations", times)

    ticks: list[float] = []
    live._tick = timed(ticks, live._tick)
    app = session("train")
    ticks.clear()
    for _ in range(reruns):
        app.run()
    assert not app.exception
    report("live tick", ticks)
    state = runner.status(busy.id).state
    last = busy.last_epoch
    print(f"The training meanwhile: {state}, {0 if last is None else last.epoch} epochs done.")
    assert state == "running"
    runner.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Returns when it is so; within ten minutes."""
    until = time.monotonic() + 600
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError("The training did not get there within ten minutes.")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
