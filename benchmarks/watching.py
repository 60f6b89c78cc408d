"""What does watching a training cost it?

    python -m benchmarks.watching [RATINGS] [--preset large] [--epochs 20] [--pairs 5] [--page]

Trains the same run with and without the pictures that the Train page draws, in turns, so that both meet the same
machine, and compares the medians from the first event to the last: seconds, and seconds of the processor, which other
work on the machine blurs less. RATINGS is a file or folder of
MovieLens's; the bundled data where it is left out. With `--page`, a session has the Train page open meanwhile and draws
it twice a second, as a browser's would.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autorec_core import datasets
from autorec_core.events import TrainingEvent
from autorec_core.hyperparameters import PRESETS, Hyperparameters, preset
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.snapshots import KINDS, Album
from autorec_core.training import Trainer

ROOT = Path(__file__).resolve().parent.parent


def seconds_of(run: Run, *, is_watched: bool) -> tuple[float, float]:
    """Trains a run; returns seconds and processor seconds between its first event and its last epoch."""
    marks: list[tuple[float, float]] = []

    def control(trainer: Trainer, event: TrainingEvent, save: Callable[[], None]) -> bool:
        marks.append((time.perf_counter(), time.process_time()))
        return True

    record(run, control, is_watched=is_watched)
    return marks[-1][0] - marks[0][0], marks[-1][1] - marks[0][1]


class OpenPage(threading.Thread):
    """A session that draws the Train page twice a second until it is told to stop."""

    def __init__(self, run: Run) -> None:
        super().__init__(daemon=True)
        self.run_id = run.id
        self.drawn = 0
        self.is_closing = threading.Event()

    def run(self) -> None:
        """Draws."""
        from streamlit.testing.v1 import AppTest

        app: Any = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.session_state["_watched_run_id"] = self.run_id
        app.run().switch_page("pages/train.py")
        while not self.is_closing.wait(0.5):
            app.run()
            self.drawn += 1


def main() -> None:
    """Measures, and prints the two medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", nargs="?", help="a file or folder of ratings (default: the bundled data)")
    parser.add_argument("--preset", choices=PRESETS, default="balanced")
    parser.add_argument("--epochs", type=int, help="epochs (default: the preset's)")
    parser.add_argument("--pairs", type=int, default=5, help="trainings of each kind (default: 5)")
    parser.add_argument("--page", action="store_true", help="a session has the page open meanwhile")
    asked = parser.parse_args()
    source = Source(ratings=str(Path(asked.ratings).resolve())) if asked.ratings else Source(dataset=datasets.BUNDLED)
    hyperparameters = preset(asked.preset).with_changes(refit=False)
    if asked.epochs:
        hyperparameters = hyperparameters.with_changes(epochs=asked.epochs)
    with tempfile.TemporaryDirectory() as home:
        os.environ["AUTOREC_HOME"] = home
        os.environ.pop("AUTOREC_DATABASE_URL", None)
        measure(RunStore(Path(home) / "runs"), source, hyperparameters, asked.pairs, asked.page)


def measure(store: RunStore, source: Source, hyperparameters: Hyperparameters, pairs: int, has_page: bool) -> None:
    """Trains in turns and prints what came of it."""
    times: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    kept = {}
    for turn in range(2 * pairs + 1):
        is_watched = turn % 2 == 0
        run = store.create(RunConfig(source=source, hyperparameters=hyperparameters, kind="starter"))
        page = OpenPage(run) if has_page and is_watched else None
        if page is not None:
            page.start()
        seconds = seconds_of(run, is_watched=is_watched)
        if page is not None:
            page.is_closing.set()
            page.join()
        if turn:  # the first one warms up
            times[is_watched].append(seconds)
        if is_watched:
            kept = {kind: len(Album(run.folder).epochs(kind)) for kind in KINDS}
            size = sum(path.stat().st_size for path in Album(run.folder).folder.iterdir()) / 1e6
        store.delete(run.id)
    for place, what in enumerate(("seconds", "of the processor")):
        each = {is_watched: [pair[place] for pair in times[is_watched]] for is_watched in (False, True)}
        without, watched = statistics.median(each[False]), statistics.median(each[True])
        print(f"{what:<17} without {without:6.2f}, watched {watched:6.2f}: {100 * (watched / without - 1):+.1f} %")
    print(f"kept: {kept}, {size:.0f} MB")


if __name__ == "__main__":
    main()
