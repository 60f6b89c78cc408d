"""`python -m autorec_core train`: one run on the command line, or one process of several that train it."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from autorec_core import datasets, hyperparameters
from autorec_core.cli_common import INTERRUPTED, fetching, find_run, print_json, store_of
from autorec_core.defaults import hyperparameters_for, name_of
from autorec_core.errors import AutoRecError, NotFoundError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEvent, TrainingStarted
from autorec_core.ranks import Ranks
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, Source
from autorec_core.tensorboard import TensorBoardWriter
from autorec_core.training import Trainer

BAR = 24
"""Characters of a whole bar."""


def train(chosen: argparse.Namespace) -> int:
    """Trains, or goes on with a run; returns the exit status."""
    if chosen.stop_after is not None and chosen.stop_after < 1:
        raise NotFoundError(f"--stop-after must be 1 or more, got {chosen.stop_after}.")
    ranks = Ranks.join()
    try:
        return _train_with(ranks, chosen)
    finally:
        ranks.leave()


def _train_with(ranks: Ranks, chosen: argparse.Namespace) -> int:
    store = store_of(chosen)
    config = None if chosen.resume is not None else config_of(chosen)
    if ranks.is_first:
        run = find_run(store, chosen.resume) if config is None else store.create(config)
        ranks.first_says(str(run.folder))
    else:
        run = Run(Path(ranks.first_says("")))
    if run.state == "ended":
        raise NotFoundError(f"Run {run.id} has ended; there is nothing to resume. Start a new one.")
    stop = _Interrupt()
    progress = _Progress(run, is_terminal=sys.stderr.isatty())
    curves: TensorBoardWriter | None = None

    def control(trainer: Trainer, event: TrainingEvent, save: Callable[[], None]) -> bool:
        if ranks.is_first:
            progress.show(event)
        if curves is not None:
            curves.add(event)
        if isinstance(event, (TrainingStarted, EpochEnded)) and event.epoch == chosen.stop_after:
            trainer.stop()
        return not stop.is_asked

    try:
        curves = TensorBoardWriter(Path(chosen.tensorboard) / run.id) if chosen.tensorboard and ranks.is_first else None
        with stop:
            result = record(run, control, progress=fetching, ranks=ranks)
    except AutoRecError:
        if ranks.is_first and run.state == "waiting":  # its ratings can't be used: nothing of it is worth keeping
            store.delete(run.id)
        raise
    if not ranks.is_first:
        return INTERRUPTED if result is None else 0
    progress.close()
    ended = run.ended
    if curves is not None and ended is not None:
        curves.add(ended)
    if result is None:
        print(
            f"autorec_core: interrupted after epoch {run.checkpoint_epoch}. Go on with: "
            f"python -m autorec_core train --resume {shlex.quote(str(run.folder)) if chosen.runs else run.id}",
            file=sys.stderr,
        )
        return INTERRUPTED
    if chosen.json:
        print_json(result)
    else:
        _print_result(run, result)
    return 0


def config_of(chosen: argparse.Namespace) -> RunConfig:
    """What a run is asked for by what was typed.

    Raises:
        AutoRecError: a name, a file or a value is no good.
    """
    changes = {name: getattr(chosen, name) for name in hyperparameters.names() if getattr(chosen, name) is not None}
    for name in ("ratings", "items", "test_ratings"):
        path = getattr(chosen, name)
        if path is not None and not Path(path).exists():
            raise NotFoundError(f"There is no file {path}.")
    dataset = None if chosen.ratings else chosen.dataset or datasets.BUNDLED
    if dataset is not None:
        datasets.find(dataset)
        if chosen.items is not None:
            raise NotFoundError("--items names the movies of --ratings; a named data set has its own.")
    absolute = {
        name: None if path is None else str(Path(path).resolve())
        for name, path in vars(chosen).items()
        if name in ("ratings", "items", "test_ratings")
    }
    source = Source(
        dataset=dataset, scale=tuple(chosen.rating_scale) if chosen.rating_scale is not None else None, **absolute
    )
    if chosen.preset is not None:
        begun, size = hyperparameters.preset(chosen.preset), 0
    else:  # how many ratings a file of one's own has is known once it is read
        size = datasets.find(dataset).num_ratings if dataset is not None else source.load()[0].num_ratings
        base = hyperparameters.Hyperparameters().with_changes(based_on=changes.get("based_on", "items")).based_on
        begun = hyperparameters_for(size, base)
    values = begun.with_changes(**changes)
    return RunConfig(
        source=source,
        hyperparameters=values,
        preset=name_of(values, size),
        seed=chosen.seed,
        test_fraction=0.0 if chosen.test_ratings else chosen.test_fraction,
        valid_fraction=chosen.valid_fraction,
        holdout_users=chosen.holdout_users,
        by_time=chosen.by_time,
        kind="cli",
    )


class _Interrupt:
    """Ctrl-C asks once to stop after the epoch; a second one ends at once, with what the last checkpoint has."""

    def __init__(self) -> None:
        self.is_asked = False
        self._before: Any = None

    def __enter__(self) -> None:
        with contextlib.suppress(ValueError):  # not in the main thread: leave signals alone
            self._before = signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True
        print("\nautorec_core: finishing this epoch, then saving. Ctrl-C again ends at once.", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


class _Progress:
    """The training on standard error: a bar on a terminal, else a line every few seconds."""

    def __init__(self, run: Run, *, is_terminal: bool) -> None:
        self._epochs = run.config.hyperparameters.epochs
        self._is_terminal = is_terminal
        self._began = self._said = time.monotonic()
        self._best: float | None = None

    def show(self, event: TrainingEvent) -> None:
        """Says how far the training is."""
        if isinstance(event, EpochEnded):
            if event.is_best:
                self._best = event.valid_rmse
            best = "" if self._best is None else f", best {self._best:.4f}"
            self._say(
                event.epoch, self._epochs, f"train {event.train_rmse:.4f}, validation {event.valid_rmse:.4f}{best}"
            )
        elif isinstance(event, RefitEpochEnded):
            self._say(event.epoch, event.epochs, "refit to train and validation")

    def _say(self, done: int, whole: int, text: str) -> None:
        now = time.monotonic()
        if self._is_terminal:
            filled = round(BAR * done / whole)
            print(
                f"\r[{'#' * filled}{'.' * (BAR - filled)}] epoch {done}/{whole}, {text}\033[K", end="", file=sys.stderr
            )
        elif now - self._said > 5 or done == whole:
            self._said = now
            print(f"epoch {done}/{whole}, {text}", file=sys.stderr)

    def close(self) -> None:
        """Ends the bar's line."""
        if self._is_terminal:
            print(file=sys.stderr)


def _print_result(run: Run, result: dict[str, Any]) -> None:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.4f}"

    print(f"run {run.id}, {result['dataset']['name']}, best epoch {result['best_epoch']} of {result['epochs_run']}")
    print(f"test RMSE {number(result['test_rmse'])}, MAE {number(result['test_mae'])}")
    for name, value in result["baselines"].items():
        print(f"  {name:<16}{number(value)}")
    for known, scores in result.get("fold_in", {}).items():
        print(f"  fold-in, {known:>3} known: {scores['autorec']:.4f}, user_item_bias {scores['user_item_bias']:.4f}")
    print(f"{result['seconds']['train']:.2f} s of training, {result['ratings_per_second']:,.0f} ratings per second")
