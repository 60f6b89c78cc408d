"""How long does the server take over the pages that look inside, when something else is chosen on them?

    python -m benchmarks.explore_latency [NAME ...] [--reruns 20] [--only WORDS]

For each set that is named and here (the bundled one if none is) a model of the default size is trained for three
epochs, which takes as long to look at as one that is trained well. Then each page of a visitor with ratings is opened,
and something else is chosen on it again and again: a genre, a movie, a unit, a step and its slider. Each time is that
of a whole rerun of the real page script, with choices that were not drawn before as far as there are any, so that as
little as can be comes from a cache. "At first" is the first time that anybody looks: then a split may have to be drawn,
or the whole test set to be predicted, once a model. The session is Streamlit's own AppTest; what it reads back
afterwards is not counted. Beside the seconds on the wall stand those of the processor, which other work on the machine
does not lengthen.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from autorec_core import datasets, storage
from autorec_core.runs import Run, RunStore
from autorec_core.statistics import Choice, Statistics
from autorec_core.visitors import new_visitor_id
from benchmarks.machine import machine
from pages.shared import astray, explore, fooled, lesson, rows, services

ROOT = Path(__file__).resolve().parent.parent
Values = dict[str, Any]
"""What a session is told: key of a widget -> its value."""


@dataclass(frozen=True)
class Journey:
    """Something that is looked at again and again."""

    title: str
    """What is done."""
    page: str
    """Its script."""
    choices: Iterator[Values]
    """What is chosen, one after the other; the first is that of the first look."""
    most: int | None = None
    """How many choices there are; None for as many as are wanted."""


def journeys(run: Run, generator: np.random.Generator) -> Iterator[Journey]:
    """All that is looked at of a run's model and its data."""
    name = run.config.source.dataset or ""
    yield Journey("Data: another genre or decade", "data", _movies_chosen(name, generator))
    orders = [{"explore_order": order, "explore_seed": seed} for seed in range(9) for order in ("activity", "time")]
    yield Journey("Data: another order or split of the matrix", "data", iter(orders), len(orders))
    yield Journey("Get more data", "datasets", itertools.repeat({}))
    catalogue = services.catalogue_of(run.id)
    popular = np.argsort(-catalogue.counts, kind="stable")[: rows.MOST_NAMES]
    items = generator.permutation(popular).tolist()
    yield Journey("Map: another movie's neighbours", "map", ({"_live_map_chosen": (run.id, item)} for item in items))
    looks = list(itertools.product(("genre", "year", "mean", "predicted"), (2, 3)))
    yield Journey(
        "Map: another colour or view",
        "map",
        ({"map_colour": colour, "map_axes": axes} for colour, axes in itertools.cycle(looks)),
    )
    lassoes = (generator.choice(popular, 150, replace=False).tolist() for _number in itertools.count())
    yield Journey("Map: another lasso", "map", ({"_live_map_lasso": (run.id, some)} for some in lassoes))
    yield Journey("Reconstruction: you", "reconstruction", itertools.repeat({"whose": "You"}))
    movies = ({"whose": "A movie", "reconstruct_movie": item} for item in items)
    yield Journey("Reconstruction: another movie", "reconstruction", movies)
    active = np.argsort(-services.recommender(run.id).model.user_counts, kind="stable")[: rows.MOST_NAMES]
    users = ({"whose": "A user", "reconstruct_user": user} for user in generator.permutation(active).tolist())
    yield Journey("Reconstruction: another user", "reconstruction", users)
    whole = {"whose": "The whole test set"}
    groupings = [{**whole, "astray_view": astray.ERRS, "astray_by": by} for by in astray.GROUPINGS]
    yield Journey("Reconstruction: where it errs, another grouping", "reconstruction", itertools.cycle(groupings))
    for view, what in ((astray.CALIBRATION, "calibration"), (astray.WORST, "the ten worst")):
        yield Journey(f"Reconstruction: {what}", "reconstruction", itertools.repeat({**whole, "astray_view": view}))
    lists = itertools.cycle(itertools.product(astray.MEASURES, (1, 5, 10, 20, 30)))
    yield Journey(
        "Reconstruction: lists, another measure or length",
        "reconstruction",
        ({**whole, "astray_view": astray.LISTS, "lists_measure": of, "lists_length": k} for of, k in lists),
    )
    units = generator.permutation(services.recommender(run.id).model.codes.shape[1]).tolist()
    yield Journey("Code units: another unit", "units", ({"units_unit": unit} for unit in units), len(units))
    for step, values in _steps(run).items():
        chosen = ({"learn_part": "method", "learn_step": step, **one} for one in itertools.cycle(values))
        yield Journey(f"Learn: {lesson.STEPS[step].title().lower()}, its slider", "learn", chosen)
    for way, values in WAYS.items():
        chosen = ({"learn_part": "fooled", "fooled_way": way, **one} for one in itertools.cycle(values))
        yield Journey(f"Learn, fooled: {fooled.WAYS[way].title().lower()}", "learn", chosen)


WAYS: dict[str, list[Values]] = {
    "picks": [{"picks_size": size} for size in fooled.SIZES],
    "leak": [{"leak_on": value} for value in (True, False)],
    "per_user": [{"per_user_least": least} for least in range(1, 12)],
    "penalty": [{"penalty_size": size} for size in fooled.BATCHES],
    "filling": [{"filling": fill} for fill in ("3", "0", "none")],
}
"""The switches of the ways to fool oneself; the first of them trains in the line, as Train does."""


def _steps(run: Run) -> dict[str, list[Values]]:
    """The sliders of the lesson, some values of each."""
    return {
        "vector": [{"learn_row": place} for place in range(1, 8)],
        "mask": [{"learn_fill": value} for value in (1.0, 2.0, 3.0, 4.0, 5.0)],
        "encode": [{"learn_read": count} for count in range(1, 12)],
        "decode": [{"learn_units": count} for count in range(0, 200, 9)],
        "loss": [{"learn_shift": shift / 10} for shift in range(-20, 20)],
        "gradient": [{}],
        "batch": [{f"learn_batch_{run.id}": size} for size in (16, 64, 256)],
        "regularisation": [{"learn_lambda": power / 4} for power in range(-8, 12)],
        "base": [{"learn_least": count} for count in range(1, 100, 7)],
        "fold_in": [{"learn_known_9": known} for known in range(10)],
        "ranking": [{"learn_adventure": value / 10} for value in range(-10, 10)],
    }


def _movies_chosen(name: str, generator: np.random.Generator) -> Iterator[Values]:
    known = explore.statistics(name)
    every = itertools.product([None, *known.genres], [None, *known.decades])
    choices = [pair for pair in every if any(pair) and _has_ratings(known, Choice(*pair))]
    yield {"explore_set": name}
    for genre, decade in generator.permutation(np.array(choices, dtype=object)):
        yield {"explore_genre": genre, "explore_decade": decade}


def _has_ratings(known: Statistics, choice: Choice) -> bool:
    """Whether a choice of movies has a rating."""
    return bool(known.counts[choice.of(known.ratings.items)].sum())


TRAIN = """
import sys
from autorec_core import storage
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore, Source
source = Source(dataset=sys.argv[1])
config = RunConfig(source=source, hyperparameters=Hyperparameters(epochs=3, refit=False), kind="starter")
record(RunStore(storage.runs_folder()).create(config), lambda *_asked: True)
"""
"""In a process of its own: that of the pages never imports torch, whose objects a collection of garbage would visit."""


def trained(name: str) -> Run:
    """A model of a set, of the size of the default."""
    subprocess.run([sys.executable, "-c", TRAIN, name], cwd=ROOT, check=True)
    return RunStore(storage.runs_folder()).all()[0]


def visitor(run: Run) -> str:
    """Somebody with ten ratings of a model's movies."""
    known = new_visitor_id()
    catalogue = services.catalogue_of(run.id)
    for place, item in enumerate(np.argsort(-catalogue.counts, kind="stable")[:100:10].tolist()):
        name = datasets.find(run.config.source.dataset or "").catalogue
        services.visitor_store().rate(known, name, str(catalogue.items.ids[item]), 3.0 + place % 3)
    return known


def main() -> None:
    """Measures, and prints two lines a page and set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=[datasets.BUNDLED])
    parser.add_argument("--reruns", type=int, default=20)
    parser.add_argument("--only", default="", help="measure only what has these words in its title")
    asked = parser.parse_args()
    times: list[tuple[float, float]] = []
    script_runner.exec_func_with_error_handling = timed(times, script_runner.exec_func_with_error_handling)
    print(machine())
    print(f"{'milliseconds, wall (processor)':<72} {'at first':>14} {'median':>14} {'most':>14}")
    here = storage.datasets_folder()
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "datasets").mkdir()
        for name in asked.names:  # the sets as they are here, everything else anew
            if (here / name).exists():
                shutil.copytree(here / name, Path(home) / "datasets" / name)
        os.environ["AUTOREC_HOME"] = home
        for name in asked.names:
            datasets.load(name)  # so that a large set is kept as it stands in memory
            run = trained(name)
            app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
            app.session_state["_visitor_id"] = visitor(run)
            app.session_state["_chosen_run_id"] = run.id
            app.session_state["explore_set"] = name
            app.run()
            for journey in journeys(run, np.random.default_rng(0)):
                if asked.only in journey.title:
                    measure(app, name, journey, asked.reruns, times)
        services.close_jobs()


def measure(app: AppTest, name: str, journey: Journey, reruns: int, times: list[tuple[float, float]]) -> None:
    """Opens a page, chooses on it, and prints how long that took."""
    app.session_state["learn_step"] = "vector"  # a page that does not know its step would set it
    found = []
    for number, values in enumerate(itertools.islice(journey.choices, reruns + 1)):
        for key, value in values.items():
            app.session_state[key] = value
        times.clear()
        if number == 0:
            app.switch_page(f"pages/{journey.page}.py")
        app.run()
        assert not app.exception, (journey.title, values, app.exception)
        found.append(np.sum(times, axis=0))
    (first, *others) = 1000 * np.array(found)
    middle, most = np.median(others, axis=0), np.max(others, axis=0)
    told = " ".join(f"{f'{wall:,.0f} ({worked:,.0f})':>14}" for wall, worked in (first, middle, most))
    print(f"{f'{name}, {journey.title}':<72} {told}", flush=True)


def timed(times: list[tuple[float, float]], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which also notes the seconds of each call, on the wall and of its thread's processor."""

    def run(*args: Any, **kwargs: Any) -> Any:
        began, worked = time.perf_counter(), time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            times.append((time.perf_counter() - began, time.thread_time() - worked))

    return run


if __name__ == "__main__":
    main()
