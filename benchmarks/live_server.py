"""What the live show costs the server, measured on the real page scripts while a training runs in its worker.

A session is Streamlit's own AppTest, which runs the script as the server does; what it then reads back is not counted.
The training runs in the worker process that the server starts, so both share the machine as they do in earnest.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from autorec_core.hyperparameters import DEFAULT_PRESET, Hyperparameters, preset
from autorec_core.runs import Run, RunConfig, Source
from autorec_core.visitors import new_visitor_id, owner_of
from benchmarks import make_ratings
from benchmarks.page_latency import timed, wait_until
from pages.shared import frame, live, services, visit

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120
LEAST_REFERRED = 10_000
"""Bytes of a message from which on a server sends it to a browser once, and a reference after that."""
A_REFERENCE = 100
"""Bytes of such a reference, about."""
RATED = 20
"""Movies that the visitor has rated."""
SMALL = make_ratings.Size(943, 1_682, 100_000)


@dataclass
class Ticks:
    """What drawing all that is live took, once a tick."""

    seconds: list[float] = field(default_factory=list)
    """By the clock."""
    processor: list[float] = field(default_factory=list)
    """Of the processor, in the thread that draws."""
    sizes: list[float] = field(default_factory=list)
    """Bytes of the messages to the browser."""


def close() -> None:
    """Ends the worker."""
    services.close_jobs()


def session(visitor: str, page: str, run: Run | None = None) -> AppTest:
    """A visitor's session with a page open, and on the Train page a run."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
    app.session_state["_visitor_id"] = visitor
    if run is not None:
        app.session_state["_watched_run_id"] = run.id
    app.run()
    return app if page == "home" else app.switch_page(f"pages/{page}.py").run()


@contextmanager
def training(config: RunConfig) -> Iterator[Run]:
    """A training that is under way and has been looked at; it is stopped afterwards."""
    services.begin()
    runner = services.jobs()
    starter = services.starter_run()
    assert starter is not None
    wait_until(lambda: starter.has_model and starter.ended is not None)
    run = runner.submit(config)
    wait_until(lambda: run.last_epoch is not None and bool(services.watched(run.id).looks()))
    try:
        yield run
        assert runner.status(run.id).state == "running", "The training ended while it was watched."
    finally:
        runner.stop(run.id)
        wait_until(lambda: not runner.status(run.id).is_active)


def ratings_of(home: Path, size: str) -> Path:
    """A file of made ratings, as large as MovieLens 1M ("1m") or 100K ("100k")."""
    path = home / f"{size}.parquet"
    names = ("user", "item", "rating")
    blocks = make_ratings.rating_blocks(make_ratings.SIZES.get(size, SMALL))
    pq.write_table(pa.concat_tables(pa.table(dict(zip(names, block, strict=True))) for block in blocks), path)
    return path


def ticks(home: Path, size: str, times: int) -> Ticks:
    """Draws all live panels of a training, for a visitor with ratings, so many times half a second apart."""
    found, visitor = Ticks(), new_visitor_id()
    hyperparameters = Hyperparameters(hidden_units=500, epochs=2000, batch_size=256, patience=0)
    source = Source(ratings=str(ratings_of(home, size)))
    seen: set[bytes] = set()
    is_ticking = False

    def count(message: Any) -> None:
        if is_ticking:
            text = message.SerializeToString()
            key = hashlib.sha256(message.delta.SerializeToString()).digest()
            found.sizes[-1] += A_REFERENCE if len(text) >= LEAST_REFERRED and key in seen else len(text)
            seen.add(key)

    def tick(*arguments: Any) -> None:
        nonlocal is_ticking
        found.sizes.append(0)
        is_ticking = True
        at, processor_at = time.perf_counter(), time.thread_time()
        try:
            draw(*arguments)
        finally:
            is_ticking = False
            found.seconds.append(time.perf_counter() - at)
            found.processor.append(time.thread_time() - processor_at)

    draw = live._tick
    with training(RunConfig(source=source, hyperparameters=hyperparameters, owner=owner_of(visitor))) as run:
        scene = services.watched(run.id).scene()
        assert scene is not None
        for place, item in enumerate(np.argsort(-scene.item_counts)[:RATED]):
            item_id = str(scene.items.ids[item])
            services.visitor_store().rate(visitor, f"run:{run.id}", item_id, 1 + place % 9 / 2)
        live._tick = tick  # type: ignore[assignment]
        ForwardMsgQueue.on_before_enqueue_msg(count)
        try:
            app = session(visitor, "train", run)
            for part in (found.seconds, found.processor, found.sizes):
                part.clear()  # the first ones fill the caches
            for _ in range(times):
                time.sleep(live.SECONDS_A_TICK)
                app.run()
                assert not app.exception
        finally:
            live._tick = draw
            ForwardMsgQueue.on_before_enqueue_msg(None)
    return found


class OpenPage(threading.Thread):
    """A session that draws all that is live of a run twice a second until it is told to stop."""

    def __init__(self, visitor: str, run: Run) -> None:
        super().__init__(daemon=True)
        self._app = session(visitor, "train", run)
        self.is_closing = threading.Event()

    def run(self) -> None:
        """Draws."""
        while not self.is_closing.wait(live.SECONDS_A_TICK):
            self._app.run()


def slower_by_watching(home: Path, pairs: int, epochs: int) -> float:
    """How much longer a training takes where its page is open, as a share: medians of trainings in turns."""
    visitor = new_visitor_id()
    services.begin()
    runner = services.jobs()
    hyperparameters = preset(DEFAULT_PRESET).with_changes(epochs=epochs, refit=False, patience=0)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(2 * pairs + 1):
        is_open = turn % 2 == 0
        run = runner.submit(RunConfig(hyperparameters=hyperparameters, owner=owner_of(visitor)))
        page = OpenPage(visitor, run) if is_open else None
        if page is not None:
            page.start()
        wait_until(lambda run=run: not runner.status(run.id).is_active)  # type: ignore[misc]
        if page is not None:
            page.is_closing.set()
            page.join()
        assert run.result is not None
        took = run.result["seconds"]["total"] - run.result["seconds"]["load"]
        if turn:  # the first one warms up
            seconds[is_open].append(took)
    return float(np.median(seconds[True]) / np.median(seconds[False]) - 1)


def pages_while_training(home: Path, times: int) -> dict[str, list[float]]:
    """Seconds that the server takes over each page of other sessions while one trains and is watched, by page."""
    trainer, other = new_visitor_id(), new_visitor_id()
    found: dict[str, list[float]] = {}
    runs: list[float] = []
    whole: Callable[..., Any] = script_runner.exec_func_with_error_handling
    config = RunConfig(hyperparameters=Hyperparameters(epochs=2_000, patience=0), owner=owner_of(trainer))
    with training(config) as run:
        catalogue = services.bundled_catalogue()
        for place, movie in enumerate(catalogue.search()[:RATED]):
            item_id = str(catalogue.items.ids[movie])
            services.visitor_store().rate(other, visit.catalogue_name(), item_id, 1 + place % 9 / 2)
        # In a process of its own: two AppTests at a time in one process take each other's pages for theirs.
        watching = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live_server", trainer, run.id],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert watching.stdin is not None
        assert watching.stdout is not None
        watching.stdout.readline()  # its page is open
        script_runner.exec_func_with_error_handling = timed(runs, whole)
        try:
            for page in frame.PAGES:
                app = session(other, page)
                runs.clear()
                for _ in range(times):
                    app.run()
                    assert not app.exception, f"{page}: {app.exception[0].value}"
                found[page] = list(runs)
        finally:
            script_runner.exec_func_with_error_handling = whole
            watching.stdin.close()
            watching.wait(SECONDS)
    return found


def main() -> None:
    """Draws all that is live of a run, for a visitor, until the standard input ends; for `pages_while_training`."""
    visitor, run_id = sys.argv[1:]
    page = OpenPage(visitor, services.run_store().get(run_id))
    page.start()
    print("open", flush=True)
    sys.stdin.read()
    page.is_closing.set()
    page.join()
    close()


if __name__ == "__main__":
    main()
