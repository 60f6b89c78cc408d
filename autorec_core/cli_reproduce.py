"""`python -m autorec_core reproduce`: the paper's protocol as one command, which goes on where it was broken off."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autorec_core import datasets, hyperparameters, storage
from autorec_core.errors import NotFoundError
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.reproduce import PAPERS_ACTIVATIONS, Protocol, Reproduction, Step, variants_of
from autorec_core.reproduce_table import markdown_of, save

INTERRUPTED = 130
"""Status after Ctrl-C, as shells have it."""
SECONDS_BETWEEN_LINES = 10.0
"""Of progress, where standard error is no terminal."""


def add_to(commands: Any) -> None:
    """Adds the command to a parser's commands."""
    parser = commands.add_parser("reproduce", help="measure as the paper did: several splits, means with intervals")
    parser.add_argument(
        "ratings",
        nargs="*",
        metavar="RATINGS",
        help=f"names of data sets, files, folders (default: {datasets.BUNDLED})",
    )
    parser.add_argument("--train", metavar="FILE", help="a published training part, as u1.base; with --test")
    parser.add_argument("--test", metavar="FILE", help="its test part, as u1.test")
    parser.add_argument("--rating-scale", nargs=2, type=float, metavar=("MIN", "MAX"), help="lowest and highest rating")
    parser.add_argument("--by-time", action="store_true", help="test on the newest tenth, and not on a random one")
    parser.add_argument(
        "--variants",
        nargs="+",
        default=None,
        metavar="NAME",
        help="items, users (I- and U-AutoRec, presets by the number of ratings), paper (its lambda and units chosen on "
        "validation), paper-preset (as they stand there), any preset "
        f"({', '.join(hyperparameters.PRESETS)}), {', '.join(PAPERS_ACTIVATIONS)} or activations for these four "
        "(default: items users paper)",
    )
    parser.add_argument("--based-on", choices=("items", "users"), help="make every variant I- or U-AutoRec")
    parser.add_argument("--seeds", type=int, default=5, help="how many: each draws a split (default: 5)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them (default: 0)")
    parser.add_argument("--networks", type=int, default=1, help="networks a split, for an ensemble row (default: 1)")
    parser.add_argument(
        "--report", action="store_true", help="add groups, lists, and people held out, as evaluate does"
    )
    parser.add_argument("--into", metavar="DIR", help="folder of the tables and results (default: in AUTOREC_HOME)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=reproduce)


def reproduce(chosen: argparse.Namespace) -> int:
    """Does the work and prints its tables; returns the exit status."""
    usual = ["items", "users", "paper"] if chosen.based_on is None else [chosen.based_on, "paper"]
    protocol = Protocol(
        seeds=tuple(range(chosen.first_seed, chosen.first_seed + chosen.seeds)),
        networks=chosen.networks,
        by_time=chosen.by_time,
    )
    parent = Path(chosen.into).resolve() if chosen.into else storage.home() / "reproduced"
    tables = []
    for ratings, test in _loaded(chosen):
        variants = variants_of(chosen.variants or usual, ratings.num_ratings, chosen.based_on)
        work = Reproduction(ratings, variants, protocol, parent / _folder_name(ratings, test, protocol), test)
        work.with_report = chosen.report
        told = _Told(ratings.name)
        try:
            for step in work:
                told.show(step)
                if step.outcome is not None and not step.was_found:
                    save(work)
        except KeyboardInterrupt:
            told.close()
            print(
                f"autorec_core: broken off; {len(work.outcomes)} trainings are kept in {work.folder}. The same command "
                "goes on.",
                file=sys.stderr,
            )
            return INTERRUPTED
        told.close()
        tables.append(save(work))
        print(f"autorec_core: the tables are in {work.folder}.", file=sys.stderr)
    if chosen.json:
        print(json.dumps({"tables": storage.without_nan(tables)}, indent=1, ensure_ascii=False))
    else:
        print("\n".join(markdown_of(table) for table in tables), end="")
    return 0


def _loaded(chosen: argparse.Namespace) -> Iterator[tuple[Ratings, Ratings | None]]:
    """The sets of ratings one after the other, so that no two large ones are in memory at once."""
    scale = None if chosen.rating_scale is None else RatingScale(*chosen.rating_scale)
    if (chosen.train is None) != (chosen.test is None):
        raise NotFoundError("--train and --test go together: the two parts of a published split.")
    if chosen.train is not None:
        if chosen.ratings:
            raise NotFoundError(f"Give either --train and --test or names and files, not both ({chosen.ratings[0]}).")
        train = read_ratings(chosen.train, scale=scale)
        yield train, read_ratings(chosen.test, scale=train.scale)
        return
    names = chosen.ratings or [datasets.BUNDLED]
    for name in names:  # all of them first: a slip in the last one is not told after an hour
        if not Path(name).exists():
            datasets.find(name)
    for name in names:
        named = name in datasets.DATASETS
        yield (datasets.load(name, _fetching) if named else read_ratings(name, scale=scale)), None


def _folder_name(ratings: Ratings, test: Ratings | None, protocol: Protocol) -> str:
    """One of its own for all that may not be mixed in a table."""
    name = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in ratings.name).strip(".")
    split = "-own-test" if test is not None else "-by-time" if protocol.by_time else ""
    return f"{name or 'ratings'}-{ratings.fingerprint[:6]}{split}"


def _fetching(come: int, whole: int) -> None:
    if sys.stderr.isatty():
        share = f" of {whole / 1e6:.1f}" if whole else ""
        print(f"\rFetching: {come / 1e6:.1f}{share} MB\033[K", end="\n" if come == whole else "", file=sys.stderr)


class _Told:
    """The work on standard error: a line that changes on a terminal, else one for each end and every few seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_terminal = sys.stderr.isatty()
        self._said = -SECONDS_BETWEEN_LINES

    def show(self, step: Step) -> None:
        """Says how far the work is."""
        network = f", network {step.network}" if step.network else ""
        what = f"{self._name}, {step.variant.name}, seed {step.seed}{network}"
        to_go = "" if step.remaining is None else f", about {_duration(step.remaining)} to go"
        when = f"{_duration(step.elapsed)} gone{to_go}"
        if step.choosing is not None:
            if self._is_terminal or time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
                tried, most = step.choosing
                what = f"{self._name}, {step.variant.name}"
                self._print(f"{what}: {tried} of at most {most} tried on validation", stays=False)
        elif step.outcome is not None:
            score = "no model" if step.outcome.test_rmse is None else f"test RMSE {step.outcome.test_rmse:.4f}"
            found = " (found)" if step.was_found else ""
            self._print(f"[{step.done}/{step.trainings}] {what}: {score}{found}; {when}", stays=True)
        elif self._is_terminal or time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._print(f"[{step.done}/{step.trainings}] {what}: {step.share:.0%}; {when}", stays=False)

    def _print(self, text: str, *, stays: bool) -> None:
        self._said = time.monotonic()
        if self._is_terminal:
            print(f"\r{text}\033[K", end="\n" if stays else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leaves the line that changes."""
        if self._is_terminal:
            print("\r\033[K", end="", file=sys.stderr)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
