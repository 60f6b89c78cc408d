"""What a person takes home of a run: one archive that this package, and anybody with NumPy, can use."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence

from autorec_core import scripts
from autorec_core.errors import NotFoundError, StorageError
from autorec_core.events import EpochEnded
from autorec_core.runs import Run, RunConfig

_FILES = ("model.safetensors", "model.json", "items.csv", "result.json", "events.jsonl")
_COLUMNS = ("epoch", "objective", "train_rmse", "valid_rmse", "learning_rate", "seconds", "is_best")
_ABOUT = """\
An AutoRec model, run {id}

model.safetensors   the arrays: weights, codes of the rows, averages, the population of users
model.json          hyperparameters, rating scale and user ids, in the order of the rows
items.csv           the items, in the order of the rows or columns, with title, year, genres and number of ratings
result.json         the figures: validation and test RMSE, the baselines, seconds, the split
events.jsonl        what happened, a line an event
curve.csv           a row an epoch
run.json            what was asked for
train.py            trains the same model again, from the ratings

To recommend to somebody whose ratings are in mine.csv (item_id,rating), beside this folder:

    python -m autorec_core recommend --run {id} --ratings mine.csv

Or in Python:

    from pathlib import Path
    from autorec_core.recommender import Recommender
    from autorec_core.runs import Run

    recommender = Recommender(Run(Path("{id}")).load_model())

Again on the command line:

    {command}
"""


def curve_csv(epochs: Sequence[EpochEnded]) -> str:
    """A curve as CSV with a header, a row an epoch."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([getattr(event, name) for name in _COLUMNS] for event in epochs)
    return lines.getvalue()


def stopped_after(run: Run) -> int | None:
    """The epoch after which somebody ended a training; None where nobody did."""
    ended = run.ended
    return ended.epochs_run if ended is not None and ended.reason == "stopped" else None


def archive(run: Run, config: RunConfig) -> bytes:
    """A zip file with one folder, named by the run, in which `Run` finds all it needs. Who trained it is left out.

    Args:
        run: that has ended.
        config: its configuration as others may be told it: without the server's own paths.

    Raises:
        NotFoundError: the run has no model.
        StorageError: a file of it can't be read.
    """
    if not run.has_model:
        raise NotFoundError("Run {run} has no model yet. Let it end, or resume it.", run=run.id)
    epochs = [event for event in run.events() if isinstance(event, EpochEnded)]
    stop_after = stopped_after(run)
    texts = {
        "README.txt": _ABOUT.format(id=run.id, command=scripts.command(config, stop_after=stop_after)),
        "run.json": json.dumps(config.to_json() | {"owner": None}, indent=1),
        "curve.csv": curve_csv(epochs),
        "train.py": scripts.python_script(config, stop_after=stop_after),
    }
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
            for name in _FILES:
                folder.write(run.folder / name, f"{run.id}/{name}")
            for name, text in texts.items():
                folder.writestr(f"{run.id}/{name}", text)
    except OSError as error:
        raise StorageError(
            "The files of run {run} can't be read: {reason}.", run=run.id, reason=error.strerror
        ) from error
    return packed.getvalue()
