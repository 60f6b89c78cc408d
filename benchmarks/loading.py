"""How long does it take to read a MovieLens release, and how much memory? One process a reading.

    python -m benchmarks.loading [--sizes 1m 25m] [--layouts csv dat data] [--folder DIR]

Writes made ratings (`benchmarks.make_ratings`) in the layouts of the releases, `ratings.csv`, `ratings.dat` and
`u.data`, with times and titles. Then each is loaded twice by name in a process of its own, as the app does: from the
text, and from what the first time left. Seconds are those on the wall; beside them those of the processor, in all
threads, which other work on the machine does not lengthen. Peak memory is the process's largest resident size, pages of
mapped files included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from autorec_core import datasets
from benchmarks.machine import machine
from benchmarks.make_ratings import BLOCK, SIZES, Size, rating_blocks

LAYOUTS = {"csv": "ratings.csv", "dat": "ratings.dat", "data": "u.data"}
"""The file of each layout in which GroupLens publishes ratings."""

SETS = {
    ("1m", "csv"): "ml-20m",
    ("1m", "dat"): "ml-1m",
    ("1m", "data"): "ml-100k",
    ("25m", "csv"): "ml-25m",
    ("25m", "dat"): "ml-10m",
    ("25m", "data"): "ml-100k",
}
"""Under which name a made set is loaded: the name gives the scale, the files the layout."""

GENRES = 19
"""Flags of a line of u.item."""


def exactly(size: Size) -> Iterator[tuple[Any, Any, Any]]:
    """Made ratings, neither fewer nor more than asked; of more users' than there is room for, the last are left out."""
    left = size.num_ratings
    for users, items, ratings in rating_blocks(replace(size, num_ratings=int(1.4 * size.num_ratings))):
        yield users[:left], items[:left], ratings[:left]
        left -= min(left, len(users))
    if left:
        raise RuntimeError(f"{left} ratings too few were made.")


def blocks(size: str, *, is_shuffled: bool) -> Iterator[tuple[Any, Any, Any]]:
    """As many as the release has; in the order of users as in most releases, or in none as in u.data."""
    made = exactly(SIZES[size])
    if not is_shuffled:
        yield from made
        return
    columns = [np.concatenate(parts) for parts in zip(*made, strict=True)]
    order = np.random.default_rng(7).permutation(len(columns[0]))
    for begin in range(0, len(order), BLOCK):
        users, items, ratings = (column[order[begin : begin + BLOCK]] for column in columns)
        yield users, items, ratings


def write(size: str, layout: str, folder: Path) -> None:
    """Writes the ratings and the titles of a made set as GroupLens lays them out."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(5)
    ids = np.sort(generator.choice(np.arange(1, 4 * SIZES[size].num_items), SIZES[size].num_items, replace=False))
    is_whole = SETS[size, layout] in ("ml-1m", "ml-100k")  # the scale of these has no half stars
    numbers = pa.array([f"{value:.1f}" if layout == "csv" else f"{value:g}" for value in np.arange(11) / 2])
    columns = ["userId", "movieId", "rating", "timestamp"]
    ends = [part for name in columns for part in (name, f"{name} end")][:-1] if layout == "dat" else columns
    schema = pa.schema([(name, pa.string() if "end" in name or name == "rating" else pa.int64()) for name in ends])
    mark = {"csv": ",", "dat": ":", "data": "\t"}[layout]  # of two colons the second ends an empty column
    options = pa_csv.WriteOptions(include_header=layout == "csv", delimiter=mark, quoting_style="none")
    with pa_csv.CSVWriter(folder / LAYOUTS[layout], schema, write_options=options) as writer:
        for users, items, ratings in blocks(size, is_shuffled=layout == "data"):
            halves = np.clip(2 * np.ceil(ratings), 2, 10) if is_whole else 2 * ratings
            made = [
                pa.array(users.astype(np.int64) + 1),
                pa.array(ids[items]),
                numbers.take(pa.array(halves.astype(np.int64))),
                pa.array(generator.integers(800_000_000, 1_600_000_000, len(users))),
            ]
            if layout == "dat":
                nothing = pa.nulls(len(users), pa.string())
                made = [part for column in made for part in (column, nothing)][:-1]
            writer.write_table(pa.table(made, schema=schema))
    write_titles(layout, folder, ids.tolist())


def write_titles(layout: str, folder: Path, ids: list[int]) -> None:
    """Titles with accents, in UTF-8 or, as in the older releases, latin-1; a few are of movies that nobody rated."""
    unrated = range(max(ids) + 1, max(ids) + 1 + len(ids) // 15)  # 3,952 ids of 3,706 movies, in MovieLens 1M
    name = {"csv": "movies.csv", "dat": "movies.dat", "data": "u.item"}[layout]
    with (folder / name).open("w", encoding="utf-8" if layout == "csv" else "latin-1") as file:
        if layout == "csv":
            file.write("movieId,title,genres\n")
        for item_id in [*ids, *unrated]:
            title = f"Été {item_id} ({1920 + item_id % 100})"
            if layout == "data":
                flags = "|".join(str(int(place in (5, 8))) for place in range(GENRES))
                file.write(f"{item_id}|{title}|01-Jan-1995||http://us.imdb.com/|{flags}\n")
            else:
                file.write(("," if layout == "csv" else "::").join([str(item_id), title, "Comedy|Drama"]) + "\n")


def load(name: str) -> dict[str, float]:
    """Seconds and peak bytes of one loading in this process."""
    worked, began = time.process_time(), time.perf_counter()
    ratings = datasets.load(name)
    loaded, worked = time.perf_counter(), time.process_time() - worked
    total = float(ratings.by_user.values.sum(dtype=np.float64))  # all of it is really there
    return {
        "ratings": ratings.num_ratings,
        "seconds": loaded - began,
        "touched": time.perf_counter() - began,
        "peak": 1e3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "processor": worked,
        "total": total,
    }


def main() -> None:
    """Writes the files, and prints a line a loading."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=["1m", "25m"], default=["1m", "25m"])
    parser.add_argument("--layouts", nargs="+", choices=list(LAYOUTS), default=list(LAYOUTS))
    parser.add_argument("--folder", type=Path, help="where the files are made and stay (default: nowhere)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(load(asked.child)))
        return
    with tempfile.TemporaryDirectory() as passing:
        home = (asked.folder or Path(passing)).resolve()
        print(machine(f"NumPy {np.__version__}", f"Arrow {pa.__version__}"))
        print("layout           ratings      text MB   reading        seconds   processor   summed too   peak GB")
        for size in asked.sizes:
            for layout in asked.layouts:
                name = SETS[size, layout]
                own = home / f"{size}-{layout}"
                folder = own / "datasets" / name
                if not folder.exists():
                    write(size, layout, folder)
                for kept in folder.parent.glob(f"{name}*.arrow"):
                    kept.unlink()
                megabytes = (folder / LAYOUTS[layout]).stat().st_size / 1e6
                for reading in ("from text", "again"):
                    command = [sys.executable, "-m", "benchmarks.loading", "--child", name]
                    environment = {**os.environ, "AUTOREC_HOME": str(own)}
                    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                    found = json.loads(answer.stdout)
                    gigabytes = found["peak"] / 1e9
                    print(
                        f"{LAYOUTS[layout]:<11} {found['ratings']:>12,} {megabytes:>12,.0f}   {reading:<10} "
                        f"{found['seconds']:>11.2f} {found['processor']:>11.2f} "
                        f"{found['touched']:>12.2f} {gigabytes:>9.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
