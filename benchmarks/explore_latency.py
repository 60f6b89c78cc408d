"""How long does the server take over the Data page when another genre, decade, order or set is chosen?

    python -m benchmarks.explore_latency [NAME ...] [--reruns 20]

Each time is that of a whole rerun of the real page script, on the bundled set or on those that are named and here,
with a choice that was not drawn before, so that nothing comes from a cache. The session is Streamlit's own AppTest;
what it reads back afterwards is not counted. Beside the seconds on the wall stand those of the processor, which other
work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from autorec_core import datasets
from autorec_core.statistics import Choice, Statistics
from pages.shared import explore

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Measures, and prints two lines a set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=[datasets.BUNDLED])
    parser.add_argument("--reruns", type=int, default=20)
    asked = parser.parse_args()
    times: list[tuple[float, float]] = []
    script_runner.exec_func_with_error_handling = timed(times, script_runner.exec_func_with_error_handling)
    for name in asked.names:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).run()
        app.session_state["explore_set"] = name
        times.clear()
        app.switch_page("pages/data.py").run()
        report(f"{name}, at first", times[:1])
        known = explore.statistics(name)
        every = itertools.product([None, *known.genres], [None, *known.decades])
        choices = [pair for pair in every if any(pair) and has_ratings(known, Choice(*pair))]
        times.clear()
        for genre, decade in np.random.default_rng(0).permutation(np.array(choices, dtype=object))[: asked.reruns]:
            app.session_state["explore_genre"], app.session_state["explore_decade"] = genre, decade
            app.run()
            assert not app.exception, app.exception
        report(f"{name}, another choice", times)


def has_ratings(known: Statistics, choice: Choice) -> bool:
    """Whether a choice of movies has a rating."""
    return bool(known.counts[choice.of(known.ratings.items)].sum())


def timed(times: list[tuple[float, float]], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which also notes the seconds of each call, on the wall and of its thread's processor."""

    def run(*args: Any, **kwargs: Any) -> Any:
        began, worked = time.perf_counter(), time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            times.append((time.perf_counter() - began, time.thread_time() - worked))

    return run


def report(what: str, times: list[tuple[float, float]]) -> None:
    """Prints the times of a page."""
    wall, worked = 1000 * np.array(times).T
    print(
        f"{what:<40} {len(times):>3} times   median {np.median(wall):6.0f} ms, most {wall.max():6.0f} ms; "
        f"processor median {np.median(worked):5.0f} ms, most {worked.max():5.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
