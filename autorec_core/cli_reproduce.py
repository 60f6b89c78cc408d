"""`python -m autorec_core reproduce`: the paper's protocol as one command, which goes on where it was broken off."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from autorec_core import datasets, storage
from autorec_core.cli_common import INTERRUPTED, fetching, print_json
from autorec_core.errors import NotFoundError
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.reproduce import Protocol, Reproduction, Step, variants_of
from autorec_core.reproduce_table import markdown_of, save

SECONDS_BETWEEN_LINES = 10.0
"""Of progress, where standard error is no terminal."""


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
        print_json({"tables": storage.without_nan(tables)})
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
        yield (datasets.load(name, fetching) if named else read_ratings(name, scale=scale)), None


def _folder_name(ratings: Ratings, test: Ratings | None, protocol: Protocol) -> str:
    """One of its own for all that may not be mixed in a table."""
    name = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in ratings.name).strip(".")
    split = "-own-test" if test is not None else "-by-time" if protocol.by_time else ""
    return f"{name or 'ratings'}-{ratings.fingerprint[:6]}{split}"


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
