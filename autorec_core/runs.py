"""Runs on disk: one folder each, readable by people, complete enough to resume, to use and to take home.

    run.json           what was asked for
    events.jsonl       what happened, a line an event, only ever appended to
    last.safetensors   the checkpoint from which training goes on
    model.safetensors  the arrays of the trained model; model.json and items.csv say what they mean
    result.json        the figures, as `train --json` prints them
    lock               held by the process that writes; the system frees it when that process dies, however it dies

A run's state is read off these files and the lock. Nothing else remembers it, so nothing can disagree.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from autorec_core import datasets, events, storage
from autorec_core.errors import AutoRecError, NotFoundError, QueueError, StorageError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded, TrainingEvent, TrainingStarted
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Items, Ratings, RatingScale
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel

Arrays = dict[str, np.ndarray[Any, Any]]

_RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9]{8}")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that reads like something else


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a run's ratings come from: a named data set, or files."""

    dataset: str | None = None
    """Name of a data set; None where files are given."""
    ratings: str | None = None
    """Absolute path of a ratings file."""
    items: str | None = None
    """Absolute path of a titles file."""
    scale: tuple[float, float] | None = None
    """Lowest and highest rating; None to guess."""
    test_ratings: str | None = None
    """Absolute path of an own test set."""

    @property
    def title(self) -> str:
        """What people call it."""
        if self.dataset is not None:
            return datasets.find(self.dataset).title
        return Path(self.ratings or "").name

    def load(self, progress: datasets.Progress | None = None) -> tuple[Ratings, Ratings | None]:
        """The ratings, and the own test set where there is one.

        Raises:
            AutoRecError: they can't be loaded.
        """
        scale = None if self.scale is None else RatingScale(*self.scale)
        if self.dataset is not None:
            ratings = datasets.load(self.dataset, progress)
        elif self.ratings is not None:
            ratings = read_ratings(self.ratings, items=self.items, scale=scale)
        else:
            raise NotFoundError("No data set and no ratings file is named.")
        if self.test_ratings is None:
            return ratings, None
        return ratings, read_ratings(self.test_ratings, scale=ratings.scale)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All that a run's numbers depend on, and whose it is."""

    source: Source = field(default_factory=lambda: Source(dataset=datasets.BUNDLED))
    """Where the ratings come from."""
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    """The model and its training."""
    preset: str | None = None
    """The preset that the hyperparameters are, where they are one."""
    seed: int = 0
    """Of the split, the first weights, the batches and dropout."""
    test_fraction: float = 0.1
    """Share of the ratings to test on."""
    valid_fraction: float = 0.1
    """Share of the others to validate on."""
    holdout_users: float = 0.0
    """Share of the users held out whole."""
    kind: str = "visitor"
    """Who asked: "visitor", "starter" (the app itself) or "cli"."""
    owner: str | None = None
    """Digest of the visitor who may see it; None for everybody."""
    created: float = field(default_factory=time.time)
    """Seconds since 1970."""

    def split(self, progress: datasets.Progress | None = None) -> Split:
        """Loads the ratings and draws the parts, the same at every call.

        Raises:
            AutoRecError: the ratings can't be loaded or split.
        """
        ratings, test = self.source.load(progress)
        return random_split(
            ratings,
            seed=self.seed,
            test_fraction=self.test_fraction,
            valid_fraction=self.valid_fraction,
            holdout_users=self.holdout_users,
            test=test,
        )

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """The inverse of `to_json`.

        Raises:
            StorageError: these are not the values of a run.
        """
        try:
            fields = dict(values)
            source = fields.pop("source")
            scale = source.get("scale")
            return cls(
                source=Source(**{**source, "scale": None if scale is None else (scale[0], scale[1])}),
                hyperparameters=Hyperparameters.from_json(fields.pop("hyperparameters")),
                **fields,
            )
        except (AutoRecError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise StorageError(f"Not the description of a run: {error}") from error


class Run:
    """One run's folder.

    Args:
        folder: which holds `run.json`.

    Raises:
        StorageError: it holds none that can be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        try:
            self.config = RunConfig.from_json(json.loads((folder / "run.json").read_text()))
        except (OSError, ValueError, RecursionError) as error:
            raise StorageError(f"The run {folder.name} can't be read: {error}") from error

    def __repr__(self) -> str:
        return f"Run({self.id}, {self.state})"

    # -- events -------------------------------------------------------------------------------------------------------

    def events(self) -> list[TrainingEvent]:
        """All events so far, oldest first."""
        return self.events_after(0)[0]

    def events_after(self, cursor: int) -> tuple[list[TrainingEvent], int]:
        """The events past a place in the file, and the place to ask from next time.

        A line that is only half written waits for the next call; one that is no event is passed over.

        Args:
            cursor: 0 for all, or what the last call returned.
        """
        try:
            with (self.folder / "events.jsonl").open("rb") as file:
                file.seek(0, io.SEEK_END)
                if file.tell() < cursor:  # cut back by a resume: begin again
                    cursor = 0
                file.seek(cursor)
                written = file.read()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise StorageError(f"The events of run {self.id} can't be read: {error.strerror}.") from error
        whole = written[: written.rfind(b"\n") + 1]
        found = []
        for line in whole.splitlines():
            with contextlib.suppress(StorageError, ValueError, RecursionError):
                found.append(events.from_json(json.loads(line)))
        return found, cursor + len(whole)

    def append(self, event: TrainingEvent) -> None:
        """Adds an event; it is in the file when this returns.

        Raises:
            StorageError: the disk does not take it.
        """
        line = json.dumps(events.to_json(event), allow_nan=False) + "\n"
        try:
            with (self.folder / "events.jsonl").open("ab") as file:
                file.write(line.encode())
        except OSError as error:
            raise StorageError(f"Can't write the events of run {self.id}: {error.strerror}.") from error

    def cut_back(self, epoch: int) -> None:
        """Drops the events after an epoch, those of a refit and any end: training goes on from there; -1 drops all.

        Raises:
            StorageError: the disk does not take it.
        """
        kept = [
            event
            for event in self.events()
            if not isinstance(event, TrainingEnded)
            and not (isinstance(event, (EpochEnded, TrainingStarted)) and event.epoch > epoch)
            and not isinstance(event, RefitEpochEnded)
        ]
        lines = "".join(json.dumps(events.to_json(event)) + "\n" for event in kept)
        storage.replace_file(self.folder / "events.jsonl", lines.encode())

    @property
    def last_epoch(self) -> EpochEnded | None:
        """The newest epoch, or None."""
        return next((event for event in reversed(self.events()) if isinstance(event, EpochEnded)), None)

    @property
    def ended(self) -> TrainingEnded | None:
        """How it ended, or None where it has not."""
        return next((event for event in reversed(self.events()) if isinstance(event, TrainingEnded)), None)

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """ "waiting" (not begun), "running" (a process writes it), "interrupted" (begun, not ended) or "ended"."""
        if (self.folder / "result.json").exists() or self.ended is not None:
            return "ended"
        lock = filelock.FileLock(self.folder / "lock", timeout=0)
        try:
            with lock:
                return "interrupted" if (self.folder / "events.jsonl").exists() else "waiting"
        except filelock.Timeout:
            return "running"
        except OSError:  # a folder that can't be written has no writer
            return "interrupted"

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Makes this process the only one that writes the run.

        Raises:
            QueueError: another process writes it.
        """
        lock = filelock.FileLock(self.folder / "lock", timeout=1)  # a reader of the state may hold it for a moment
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise QueueError(f"Run {self.id} is being trained by another process. Wait for it or stop it.") from error
        except OSError as error:
            raise StorageError(f"Can't write to the run {self.id}: {error.strerror}.") from error
        try:
            yield
        finally:
            lock.release()

    # -- checkpoint, model, result ------------------------------------------------------------------------------------

    def save_checkpoint(self, arrays: Arrays, meta: dict[str, Any]) -> None:
        """Replaces the checkpoint, whole or not at all.

        Raises:
            StorageError: the disk does not take it; the old one is as it was.
        """
        content = safetensors.numpy.save(_contiguous(arrays), {"meta": json.dumps(meta)})
        storage.replace_file(self.folder / "last.safetensors", content)

    def load_checkpoint(self) -> tuple[Arrays, dict[str, Any]] | None:
        """What `save_checkpoint` was last given; None where nothing was.

        Raises:
            StorageError: the file is not whole.
        """
        path = self.folder / "last.safetensors"
        if not path.exists():
            return None
        arrays, metadata = _load_arrays(path, f"The checkpoint of run {self.id}")
        try:
            return arrays, json.loads(metadata["meta"])
        except (KeyError, ValueError, RecursionError) as error:
            raise StorageError(f"The checkpoint of run {self.id} can't be read: {error}") from error

    @property
    def checkpoint_epoch(self) -> int | None:
        """The epoch that training would go on from, or None where there is no checkpoint that can be read."""
        path = self.folder / "last.safetensors"
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                return int(json.loads(file.metadata()["meta"])["epoch"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            return None

    @property
    def has_model(self) -> bool:
        """Whether there is a model to use."""
        return (self.folder / "model.json").exists()

    def save_model(self, model: TrainedModel) -> None:
        """Writes the model: arrays, then what they mean, so that a `model.json` always has its arrays.

        Raises:
            StorageError: the disk does not take it.
        """
        arrays = {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray)}
        arrays.pop("user_ids")  # they may be text; model.json has them
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["item_id", "title", "year", "genres", "num_ratings", "mean_rating"])
        counts, means = model.item_counts.tolist(), model.item_means.tolist()
        items = model.items
        ids, titles, years = items.ids.tolist(), items.titles.tolist(), items.years.tolist()
        for row in zip(ids, titles, years, map("|".join, items.genres), counts, means, strict=True):
            writer.writerow([*row[:5], f"{row[5]:.4f}"])
        meta = {
            "hyperparameters": model.hyperparameters.to_json(),
            "scale": asdict(model.scale),
            "global_mean": model.global_mean,
            "residual_variance": model.residual_variance,
            "item_ids_are_numbers": model.items.ids.dtype.kind in "iu",
            "user_ids": model.user_ids.tolist(),
        }
        storage.replace_file(self.folder / "model.safetensors", safetensors.numpy.save(_contiguous(arrays)))
        storage.replace_file(self.folder / "items.csv", lines.getvalue().encode())
        storage.replace_file(self.folder / "model.json", json.dumps(meta, indent=1).encode())

    def load_model(self) -> TrainedModel:
        """The trained model.

        Raises:
            NotFoundError: it has none yet.
            StorageError: the files are not whole.
        """
        if not self.has_model:
            raise NotFoundError(f"Run {self.id} has no model yet. Let it end, or resume it.")
        arrays, _ = _load_arrays(self.folder / "model.safetensors", f"The model of run {self.id}")
        try:
            meta = json.loads((self.folder / "model.json").read_text())
            rows = list(csv.reader(io.StringIO((self.folder / "items.csv").read_text(), newline="")))[1:]
            ids = [int(row[0]) for row in rows] if meta["item_ids_are_numbers"] else [row[0] for row in rows]
            return TrainedModel(
                hyperparameters=Hyperparameters.from_json(meta["hyperparameters"]),
                scale=RatingScale(**meta["scale"]),
                global_mean=meta["global_mean"],
                residual_variance=meta["residual_variance"],
                user_ids=np.array(meta["user_ids"]),
                **arrays,
                items=Items(
                    ids=np.array(ids),
                    titles=np.array([row[1] for row in rows], dtype=str),
                    years=np.array([int(row[2]) for row in rows], dtype=np.int32),
                    genres=tuple(tuple(row[3].split("|")) if row[3] else () for row in rows),
                ),
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise StorageError(f"The model of run {self.id} can't be read: {error}") from error

    def save_result(self, result: dict[str, Any]) -> None:
        """Writes the figures. Raises StorageError where the disk does not take them."""
        storage.replace_file(self.folder / "result.json", json.dumps(result, indent=1).encode())

    @property
    def result(self) -> dict[str, Any] | None:
        """The figures, or None where there are none that can be read."""
        try:
            found = json.loads((self.folder / "result.json").read_text())
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


class RunStore:
    """All runs of a folder.

    Args:
        folder: made when the first run is created.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, config: RunConfig) -> Run:
        """Makes the folder of a new run.

        Raises:
            StorageError: the disk does not take it.
        """
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(config.created))
        folder = self.folder / f"{stamp}-{''.join(secrets.choice(_ALPHABET) for _ in range(8))}"
        storage.make_folder(folder)
        storage.replace_file(folder / "run.json", json.dumps(config.to_json(), indent=1).encode())
        return Run(folder)

    def get(self, run_id: str) -> Run:
        """A run by its id.

        Raises:
            NotFoundError: there is none.
            StorageError: it can't be read.
        """
        if not _RUN_ID.fullmatch(run_id) or not (self.folder / run_id / "run.json").is_file():
            raise NotFoundError(f"There is no run {run_id!r} in {self.folder}.")
        return Run(self.folder / run_id)

    def all(self) -> list[Run]:
        """All runs that can be read, newest first."""
        found = []
        with contextlib.suppress(OSError):
            for folder in sorted(self.folder.iterdir(), reverse=True):
                if _RUN_ID.fullmatch(folder.name):
                    with contextlib.suppress(StorageError):
                        found.append(Run(folder))
        return found

    def delete(self, run_id: str) -> None:
        """Removes a run that nobody trains.

        Raises:
            NotFoundError: there is none.
            QueueError: it is being trained.
        """
        run = self.get(run_id)
        with run.hold():
            shutil.rmtree(run.folder, ignore_errors=True)


def _contiguous(arrays: Arrays) -> Arrays:
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _load_arrays(path: Path, what: str) -> tuple[Arrays, dict[str, str]]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return arrays, file.metadata() or {}
    except (OSError, SafetensorError, ValueError) as error:
        raise StorageError(f"{what} is not whole: {error}") from error
