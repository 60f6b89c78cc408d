"""Runs beside each other: what each came to, where they differ, and which may be ranked against which.

An RMSE is of a split. Runs on different ratings, or on other parts of the same ones, sat different exams: they stand in
different groups, and only within a group is there a first and a second.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autorec_core import shelf
from autorec_core.defaults import label_of
from autorec_core.events import EpochEnded, TrainingStarted
from autorec_core.hyperparameters import Hyperparameters, names
from autorec_core.runs import Run, RunConfig


@dataclass(frozen=True)
class Point:
    """One epoch of a curve."""

    epoch: int
    """Which one, from 1."""
    seconds: float
    """Training seconds up to its end."""
    valid_rmse: float
    """In rating units."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One run, as far as it has come."""

    run_id: str
    """Its id."""
    config: RunConfig
    """What was asked for."""
    note: shelf.Note
    """Its name and pin."""
    has_ended: bool
    """Whether it is finished."""
    curve: tuple[Point, ...]
    """Its epochs so far."""
    valid_rmse: float | None
    """Lowest validation RMSE so far."""
    test_rmse: float | None
    """Test RMSE; None until it has ended."""
    seconds: float
    """Training seconds of all epochs, without a refit."""
    num_parameters: int | None
    """Weights and biases; None until it began."""
    bytes_on_disk: int
    """Size of its folder."""
    fingerprint: str | None
    """Of its training ratings; None until it has ended."""

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The model and its training."""
        return self.config.hyperparameters


def summary_of(run: Run) -> Summary:
    """Reads a run.

    Raises:
        StorageError: its files can't be read.
    """
    events = run.events()
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    started = next((event for event in events if isinstance(event, TrainingStarted)), None)
    ends = itertools.accumulate(event.seconds for event in epochs)
    curve = tuple(Point(event.epoch, end, event.valid_rmse) for event, end in zip(epochs, ends, strict=True))
    result = run.result or {}
    return Summary(
        run_id=run.id,
        config=run.config,
        note=shelf.note_of(run),
        has_ended=run.ended is not None,
        curve=curve,
        valid_rmse=min((point.valid_rmse for point in curve if math.isfinite(point.valid_rmse)), default=None),
        test_rmse=result.get("test_rmse"),
        seconds=curve[-1].seconds if curve else 0.0,
        num_parameters=None if started is None else started.num_parameters,
        bytes_on_disk=shelf.bytes_on_disk(run),
        fingerprint=(result.get("split") or {}).get("fingerprint"),
    )


SplitKey = tuple[Any, ...]
"""What two runs must have in common to be ranked: source, seed and shares of the split, and the ratings themselves."""


def by_split(summaries: Sequence[Summary]) -> dict[SplitKey, list[Summary]]:
    """The runs of each split in the order given, and the splits in the order of their first run.

    A run that has not ended does not know the fingerprint of its ratings yet; it stands with the first that asked for
    the same.
    """
    groups: dict[SplitKey, list[Summary]] = {}
    for summary in sorted(summaries, key=lambda summary: summary.fingerprint is None):
        asked = _asked(summary.config)
        key = (*asked, summary.fingerprint)
        if summary.fingerprint is None:
            key = next((known for known in groups if known[:-1] == asked), key)
        groups.setdefault(key, []).append(summary)
    order = {summary.run_id: place for place, summary in enumerate(summaries)}
    for group in groups.values():
        group.sort(key=lambda summary: order[summary.run_id])
    return dict(sorted(groups.items(), key=lambda item: order[item[1][0].run_id]))


def _asked(config: RunConfig) -> SplitKey:
    source = config.source
    kind = (config.by_time, config.test_fraction, config.valid_fraction, config.holdout_users)
    return (source.dataset, source.ratings, source.scale, source.test_ratings, config.seed, *kind)


def split_in_words(config: RunConfig) -> str:
    """What people call the split of a run.

    >>> split_in_words(RunConfig(seed=3))
    'MovieLens latest-small (2016), seed 3, test 10 % random, validation 10 % of the rest'
    """
    drawn = "newest" if config.by_time else "random"
    share = f"test {100 * config.test_fraction:g} % {drawn}"
    test = "own test set" if config.source.test_ratings is not None else share
    parts = [
        config.source.title,
        f"seed {config.seed}",
        test,
        f"validation {100 * config.valid_fraction:g} % of the rest",
    ]
    parts += [f"{100 * config.holdout_users:g} % of the users held out"] if config.holdout_users else []
    return ", ".join(parts)


def ranks(group: Sequence[Summary]) -> dict[str, int]:
    """Run id -> place by validation RMSE, from 1, of the ended runs of one split. Equal ones share a place."""
    known = {s.run_id: s.valid_rmse for s in group if s.has_ended and s.valid_rmse is not None}
    return {run_id: 1 + sum(other < value for other in known.values()) for run_id, value in known.items()}


def differing(summaries: Iterable[Summary]) -> list[str]:
    """Names of the hyperparameters in which the runs differ, in the order of the form."""
    values = [summary.hyperparameters.to_json() for summary in summaries]
    return [name for name in names() if len({repr(one[name]) for one in values}) > 1]


def labels(summaries: Iterable[Summary], say: Callable[[str], str] = str) -> dict[str, str]:
    """Run id -> a short name that no other of them has: its own, or what it was.

    Args:
        summaries: the runs.
        say: puts what the names of presets say into the reader's language.
    """
    found: dict[str, str] = {}
    for summary in summaries:
        config, plain = summary.config, summary.note.name
        if not plain:
            kind = "I" if config.hyperparameters.based_on == "items" else "U"
            starter = "Starter" if config.kind == "starter" else label_of(config.preset)
            plain = f"{say(starter)}, {kind}-AutoRec {config.hyperparameters.hidden_units}"
        label = plain
        for count in itertools.count(2):
            if label not in found.values():
                break
            label = f"{plain} ({count})"
        found[summary.run_id] = label
    return found
