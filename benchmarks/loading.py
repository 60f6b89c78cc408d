"""How long does it take to read a MovieLens release, and how much memory? One process a reading.

    python -m benchmarks.loading [--sizes 1m 25m] [--layouts csv dat] [--folder DIR]

Writes made ratings (`benchmarks.make_ratings`) in the layouts of the releases, `ratings.csv` and `ratings.dat`, with
times and titles. Then each is loaded twice by name in a process of its own, as the app does: from the text, and from
what the first time left. Seconds are those on the wall; beside them those of the processor, in all threads, which other
work on the machine does not lengthen. Peak memory is the process's largest resident size, pages of mapped files
included.
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
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from autorec_core import datasets
from benchmarks.make_ratings import SIZES, rating_blocks

SETS = {("1m", "csv"): "ml-20m", ("1m", "dat"): "ml-1m", ("25m", "csv"): "ml-25m", ("25m", "dat"): "ml-10m"}
"""Under which name a made set is loaded: the name gives the scale, the files the layout."""


def write(size: str, layout: str, folder: Path) -> None:
    """Writes `ratings.csv` and `movies.csv`, or the same as `.dat`, as GroupLens lays them out."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(5)
    ids = np.sort(generator.choice(np.arange(1, 4 * SIZES[size].num_items), SIZES[size].num_items, replace=False))
    is_whole = (size, layout) == ("1m", "dat")
    numbers = pa.array([f"{value:g}" if is_whole or layout == "dat" else f"{value:.1f}" for value in np.arange(11) / 2])
    columns = ["userId", "movieId", "rating", "timestamp"]
    ends = columns if layout == "csv" else [part for name in columns for part in (name, f"{name} end")][:-1]
    schema = pa.schema([(name, pa.string() if "end" in name or name == "rating" else pa.int64()) for name in ends])
    options = pa_csv.WriteOptions(
        include_header=layout == "csv", delimiter="," if layout == "csv" else ":", quoting_style="none"
    )
    with pa_csv.CSVWriter(folder / f"ratings.{layout}", schema, write_options=options) as writer:
        for users, items, ratings in rating_blocks(SIZES[size]):
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
    with (folder / f"movies.{layout}").open("w", encoding="utf-8") as file:
        if layout == "csv":
            file.write("movieId,title,genres\n")
        mark = "," if layout == "csv" else "::"
        for item_id in ids.tolist():
            file.write(mark.join([str(item_id), f"Film {item_id} ({1920 + item_id % 100})", "Comedy|Drama"]) + "\n")


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
    parser.add_argument("--layouts", nargs="+", choices=["csv", "dat"], default=["csv", "dat"])
    parser.add_argument("--folder", type=Path, help="where the files are made and stay (default: nowhere)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(load(asked.child)))
        return
    with tempfile.TemporaryDirectory() as passing:
        home = (asked.folder or Path(passing)).resolve()
        print("layout           ratings      text MB   reading        seconds   processor   summed too   peak GB")
        for size in asked.sizes:
            for layout in asked.layouts:
                name = SETS[size, layout]
                folder = home / "datasets" / name
                if not folder.exists():
                    write(size, layout, folder)
                for kept in (home / "datasets").glob(f"{name}*.arrow"):
                    kept.unlink()
                megabytes = (folder / f"ratings.{layout}").stat().st_size / 1e6
                for reading in ("from text", "again"):
                    command = [sys.executable, "-m", "benchmarks.loading", "--child", name]
                    environment = {**os.environ, "AUTOREC_HOME": str(home)}
                    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                    found = json.loads(answer.stdout)
                    gigabytes = found["peak"] / 1e9
                    print(
                        f"ratings.{layout} {found['ratings']:>12,} {megabytes:>12,.0f}   {reading:<10} "
                        f"{found['seconds']:>11.2f} {found['processor']:>11.2f} "
                        f"{found['touched']:>12.2f} {gigabytes:>9.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
