"""Every figure that is promised of the live show, measured: one command, one table, with the machine that it is of.

    python -m benchmarks.live_show [--quick] [--only start tick watching others removals weights link]

Each row is of a part of its own, which can be asked for alone:

- start: from the press of Start to the first point of the curve, in Chromium, the worker warm (`live_browser`).
- tick: one drawing of all that is live, as large as MovieLens 1M with 500 hidden units, and the bytes sent for it
  (`live_server`; the ratings are made by `make_ratings`).
- watching: how much longer a training takes where a session has its page open (`live_server`).
- others: how long the server takes over the pages of other sessions while a training runs (`live_server`).
- removals: what is taken out of the page in a minute of training, seen by a MutationObserver (`live_browser`).
- weights: an uninterrupted, a paused and a resumed run end with the same weights (`live_same`).
- link: what a link says, trained here, and the copied script by itself, give the same curve (`live_same`).

Measure on a quiet machine: whatever else runs on it is measured too. `--quick` takes each few times, to see that it
works; its figures are worth nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import live_browser, live_same, live_server
from benchmarks.machine import machine


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    """Is measured."""
    wanted: str
    """The figure that is promised."""
    found: str
    """The figure that was measured."""
    holds: bool
    """Whether it is what was promised."""


def start_row(home: Path, quick: bool) -> Row:
    """From Start to the first point."""
    seconds = live_browser.seconds_to_first_point(home, 3 if quick else 40)
    late = live_browser.late(seconds)
    found = f"p95 {late:.2f} s, median {live_browser.middle(seconds):.2f} s of {len(seconds)}"
    return Row("from Start to the first point, warm worker", "p95 under 1 s", found, late < 1)


def tick_row(home: Path, quick: bool) -> Row:
    """One drawing of all that is live."""
    ticks = live_server.ticks(home, "100k" if quick else "1m", 6 if quick else 120)
    late, most = 1000 * live_browser.late(ticks.seconds), live_browser.late(ticks.sizes) / 1e3
    found = (
        f"p95 {late:.0f} ms, {1000 * live_browser.late(ticks.processor):.0f} ms of the processor; "
        f"{most:.0f} KB, median {live_browser.middle(ticks.sizes) / 1e3:.0f} KB, of {len(ticks.sizes)}"
    )
    what = "one live tick, server side (all panels, ML-1M, k = 500)"
    return Row(what, "p95 under 60 ms; under 60 KB sent", found, late < 60 and most < 60)


def watching_row(home: Path, quick: bool) -> Row:
    """What an open page costs a training."""
    slower = live_server.slower_by_watching(home, 1 if quick else 7, 8 if quick else 60)
    found = f"{100 * slower:+.1f} %, medians of {1 if quick else 7} each, in turns"
    return Row("training slowed by watching it (page open against no page)", "under 10 %", found, slower < 0.1)


def others_row(home: Path, quick: bool) -> Row:
    """Other sessions' pages while one trains."""
    seconds = live_server.pages_while_training(home, 2 if quick else 30)
    worst = max(seconds, key=lambda page: live_browser.late(seconds[page]))
    every = [one for page in seconds.values() for one in page]
    late = 1000 * live_browser.late(every)
    found = (
        f"p95 {late:.0f} ms, median {1000 * live_browser.middle(every):.0f} ms of {len(every)}; "
        f"{worst}: p95 {1000 * live_browser.late(seconds[worst]):.0f} ms"
    )
    return Row("other sessions' page runs while one trains", "p95 under 400 ms", found, late < 400)


def removals_row(home: Path, quick: bool) -> Row:
    """What is taken out of the page."""
    removed, epochs = live_browser.removals(home, 6 if quick else 60)
    for node in removed[:5]:
        print("removed:", node)
    found = f"{len(removed)} in {epochs} epochs"
    return Row("DOM removals of a live element over 60 s of training", "0", found, not removed and epochs > 0)


def weights_row(home: Path, quick: bool) -> Row:
    """Runs that were held and runs that were not."""
    same = live_same.weights_are_the_same(home)
    found = "the same, bit for bit" if same else "they differ"
    return Row("a resumed, a paused and an uninterrupted run", "the same weights", found, same)


def link_row(home: Path, quick: bool) -> Row:
    """A link and a script against the run that they are of."""
    largest = live_same.largest_difference(home)
    found = f"largest difference of a validation RMSE: {largest:.1e}"
    return Row("a shared link or a copied script", "the same validation curve to 1e-6", found, largest <= 1e-6)


ROWS: dict[str, Callable[[Path, bool], Row]] = {
    "start": start_row,
    "tick": tick_row,
    "watching": watching_row,
    "others": others_row,
    "removals": removals_row,
    "weights": weights_row,
    "link": link_row,
}


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | promised | measured | |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.wanted} | {row.found} | {'holds' if row.holds else 'FAILS'} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Measures what was asked for, each part in a home folder of its own, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few times each, to see that it works")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), help="parts (default: all)")
    asked = parser.parse_args()
    os.environ.pop("AUTOREC_DATABASE_URL", None)
    on = machine(f"torch {torch.__version__}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AUTOREC_HOME"] = folder
        for name in ROWS:
            if name in asked.only:
                rows.append(ROWS[name](Path(folder), asked.quick))
                print(f"{name}: {rows[-1].found}", flush=True)
        live_server.close()
    print(f"\n{on}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
