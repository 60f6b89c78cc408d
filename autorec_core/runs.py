"""Runs on disk: one folder each, readable by people, complete enough to resume, to use and to take home.

    run.json           what was asked for
    events.jsonl       what happened, a line an event, only ever appended to
    last.safetensors   the checkpoint from which training goes on
    model.safetensors  the arrays of the trained model; model.json and items.csv say what they mean
    result.json        the figures, as `train --json` prints them
    watch/             pictures of the network on its way, for whoever looks on: `snapshots` has more
    lock               held by the process that writes; the system frees it when that process dies, however it dies

A run's state is read off these files and the lock. Nothing else remembers it, so nothing can disagree.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import filelock

from autorec_core import array_files, datasets, events, model_files, storage
from autorec_core.array_files import Arrays
from autorec_core.errors import AutoRecError, NotFoundError, QueueError, StorageError
from autorec_core.events import (
    EpochEnded,
    HyperparametersChanged,
    RefitEpochEnded,
    TrainingEnded,
    TrainingEvent,
    TrainingStarted,
)
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.search_space import SearchSpace
from autorec_core.splits import Split, random_split
from autorec_core.trained_model import TrainedModel

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_BLOCK = 8_192
"""Bytes of the events that are read at a time from the end; the newest few events lie in one."""
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
    scale: tuple[float, ...] | None = None
    """Lowest and highest rating, and perhaps the step between two; None to guess."""
    test_ratings: str | None = None
    """Absolute path of an own test set."""
    name: str | None = None
    """What their owner calls the ratings; None where that is the name of the file."""

    @property
    def title(self) -> str:
        """What people call it."""
        if self.dataset is not None:
            known = datasets.DATASETS.get(self.dataset)
            return self.dataset if known is None else known.title
        return self.name or Path(self.ratings or "").name

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
    """The preset that the hyperparameters are, or that they are fitted to the data set: as `defaults.name_of` says."""
    seed: int = 0
    """Of the split, the first weights, the batches and dropout."""
    test_fraction: float = 0.1
    """Share of the ratings to test on."""
    valid_fraction: float = 0.1
    """Share of the others to validate on."""
    holdout_users: float = 0.0
    """Share of the users held out whole."""
    by_time: bool = False
    """Whether the newest ratings are for testing and validating, and not a random draw."""
    kind: str = "visitor"
    """Who asked: "visitor", "starter" (the app itself), "lesson" (the same, to show a mistake) or "cli"."""
    search: SearchSpace | None = None
    """What a search may try around these hyperparameters; None for a training."""
    owner: str | None = None
    """Digest of the visitor who may see it; None for everybody."""
    created: float = field(default_factory=time.time)
    """Seconds since 1970."""
    fork_of: str | None = None
    """The run that it branched off from; None where it began anew."""
    fork_epoch: int = 0
    """After which epoch it branched off."""

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
            by_time=self.by_time,
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
            scale, search = source.get("scale"), fields.pop("search", None)
            return cls(
                source=Source(**{**source, "scale": None if scale is None else tuple(scale[:3])}),
                hyperparameters=Hyperparameters.from_json(fields.pop("hyperparameters")),
                search=None if search is None else SearchSpace.from_json(search),
                **fields,
            )
        except (AutoRecError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise StorageError("Not the description of a run: {reason}", reason=str(error)) from error


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
            self.config = RunConfig.from_json(json.loads((folder / "run.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise StorageError("The run {run} can't be read: {reason}", run=folder.name, reason=str(error)) from error

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
            raise StorageError(
                "The events of run {run} can't be read: {reason}.", run=self.id, reason=error.strerror
            ) from error
        whole = written[: written.rfind(b"\n") + 1]
        found: list[TrainingEvent] = []
        for line in whole.split(b"\n"):
            found.extend(_events_of(line))
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
            if isinstance(event, TrainingEnded):  # on the disk before the checkpoint goes
                storage.flush_file(self.folder / "events.jsonl")
        except OSError as error:
            raise StorageError(
                "Can't write the events of run {run}: {reason}.", run=self.id, reason=error.strerror
            ) from error

    def cut_back(self, epoch: int, refit_epoch: int = 0) -> None:
        """Drops the events after an epoch, any end and half a last line: training goes on from there.

        Args:
            epoch: the last one to keep; -1 drops all.
            refit_epoch: the last epoch of a refit to keep.

        Raises:
            StorageError: the disk does not take it.
        """
        held = self._checkpoint_values().get("hyperparameters", {})
        kept = [
            event
            for event in self.events()
            if (isinstance(event, (TrainingStarted, EpochEnded)) and event.epoch <= epoch)
            or (isinstance(event, HyperparametersChanged) and event.epoch < epoch)
            # After the last epoch, the checkpoint came before it, unless the training was told to leave meanwhile.
            or (
                isinstance(event, HyperparametersChanged)
                and event.epoch == epoch
                and event.changes.items() <= held.items()
            )
            or (isinstance(event, RefitEpochEnded) and event.epoch <= refit_epoch)
        ]
        lines = "".join(json.dumps(events.to_json(event)) + "\n" for event in kept)
        storage.replace_file(self.folder / "events.jsonl", lines.encode())

    def _newest_first(self) -> Iterator[TrainingEvent]:
        """The events from the last whole line back, reading no more of the file than is asked for."""
        try:
            with (self.folder / "events.jsonl").open("rb") as file:
                start = file.seek(0, io.SEEK_END)
                begun = b""  # the part of a line that lies in what was read already
                is_torn = True  # what stands after the last line break is no line yet
                while start > 0:
                    size = min(_BLOCK, start)
                    start -= size
                    file.seek(start)
                    begun, *lines = (file.read(size) + begun).split(b"\n")
                    if is_torn and lines:
                        lines.pop()
                        is_torn = False
                    for line in reversed(lines):
                        yield from _events_of(line)
                if not is_torn:
                    yield from _events_of(begun)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(
                "The events of run {run} can't be read: {reason}.", run=self.id, reason=error.strerror
            ) from error

    @property
    def last_epoch(self) -> EpochEnded | None:
        """The newest epoch, or None."""
        return next((event for event in self._newest_first() if isinstance(event, EpochEnded)), None)

    @property
    def ended(self) -> TrainingEnded | None:
        """How it ended, or None where it has not."""
        newest = next(self._newest_first(), None)
        return newest if isinstance(newest, TrainingEnded) else None

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """ "waiting" (not begun), "running" (a process writes it), "interrupted" (begun, not ended) or "ended"."""
        is_held = self._is_held()  # before the events: who lets go has written its end
        if self.ended is not None:
            return "ended"
        if is_held:
            return "running"
        return "interrupted" if (self.folder / "events.jsonl").exists() else "waiting"

    def _is_held(self) -> bool:
        """Whether a process holds the run. Any number may ask at once: they share the lock for the moment it takes."""
        path = self.folder / "lock"
        try:
            if fcntl is None:
                with filelock.FileLock(path, timeout=0):
                    return False
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back as the file is closed
        except (BlockingIOError, filelock.Timeout):
            return True
        except OSError:  # nobody ever held it, or it can't be read
            return False
        return False

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
            raise QueueError(
                "Run {run} is being trained by another process. Wait for it or stop it.", run=self.id
            ) from error
        except OSError as error:
            raise StorageError("Can't write to the run {run}: {reason}.", run=self.id, reason=error.strerror) from error
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
        array_files.save(self.folder / "last.safetensors", arrays, {"meta": json.dumps(meta)})

    def drop_checkpoint(self) -> None:
        """Frees the disk of the checkpoint of a training that has ended."""
        with contextlib.suppress(OSError):
            (self.folder / "last.safetensors").unlink()

    def load_checkpoint(self) -> tuple[Arrays, dict[str, Any]] | None:
        """What `save_checkpoint` was last given; None where nothing was.

        Raises:
            StorageError: the file is not whole.
        """
        path = self.folder / "last.safetensors"
        if not path.exists():
            return None
        arrays, metadata = array_files.load(path, f"The checkpoint of run {self.id}")
        try:
            return arrays, json.loads(metadata["meta"])
        except (KeyError, ValueError, RecursionError) as error:
            raise StorageError(
                "The checkpoint of run {run} can't be read: {reason}", run=self.id, reason=str(error)
            ) from error

    @property
    def checkpoint_epoch(self) -> int | None:
        """The epoch that training would go on from, or None where there is no checkpoint that can be read."""
        try:
            return int(self._checkpoint_values()["epoch"])
        except (ValueError, KeyError, TypeError):
            return None

    def _checkpoint_values(self) -> dict[str, Any]:
        """What a checkpoint keeps beside its arrays; empty where there is none that can be read."""
        try:
            found = json.loads(array_files.metadata_of(self.folder / "last.safetensors")["meta"])
        except (StorageError, ValueError, KeyError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def has_model(self) -> bool:
        """Whether there is a model to use."""
        return (self.folder / "model.json").exists()

    @property
    def beats_averages(self) -> bool:
        """Whether there is a model that got under the best baseline on the validation ratings."""
        result = self.result or {}
        valid_rmse, lines = result.get("valid_rmse"), result.get("valid_baselines") or {}
        return self.has_model and valid_rmse is not None and all(valid_rmse < line for line in lines.values())

    def save_model(self, model: TrainedModel) -> None:
        """Writes the model. Raises StorageError where the disk does not take it."""
        model_files.save(model, self.folder)

    def load_model(self) -> TrainedModel:
        """The trained model.

        Raises:
            NotFoundError: it has none yet.
            StorageError: the files are not whole.
        """
        if not self.has_model:
            raise NotFoundError("Run {run} has no model yet. Let it end, or resume it.", run=self.id)
        return model_files.load(self.folder, self.id)

    def save_result(self, result: dict[str, Any]) -> None:
        """Writes the figures. Raises StorageError where the disk does not take them."""
        storage.replace_file(self.folder / "result.json", json.dumps(result, indent=1).encode())

    @property
    def result(self) -> dict[str, Any] | None:
        """The figures, or None where there are none that can be read."""
        try:
            found = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
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
        self._known: dict[str, Run] = {}

    def create(self, config: RunConfig) -> Run:
        """Makes the folder of a new run.

        Raises:
            StorageError: the disk does not take it.
        """
        config = replace(config, created=time.time())  # now, and not when a page drew the button
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(config.created))
        folder = self.folder / f"{stamp}-{''.join(secrets.choice(_ALPHABET) for _ in range(8))}"
        storage.make_folder(folder)
        try:
            storage.replace_file(folder / "run.json", json.dumps(config.to_json(), indent=1).encode())
        except StorageError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise
        return Run(folder)

    def get(self, run_id: str) -> Run:
        """A run by its id.

        Raises:
            NotFoundError: there is none.
            StorageError: it can't be read.
        """
        if not _RUN_ID.fullmatch(run_id) or not (self.folder / run_id / "run.json").is_file():
            raise NotFoundError("There is no run {run!r} in {folder}.", run=run_id, folder=self.folder)
        return Run(self.folder / run_id)

    def all(self) -> list[Run]:
        """All runs that can be read, newest first."""
        found = []
        with contextlib.suppress(OSError):
            for folder in sorted(self.folder.iterdir(), reverse=True):
                if not _RUN_ID.fullmatch(folder.name):
                    continue
                run = self._known.get(folder.name)  # once: another thread may delete it meanwhile
                if run is None or not (folder / "run.json").exists():
                    self._known.pop(folder.name, None)
                    try:
                        run = self._known[folder.name] = Run(folder)
                    except StorageError:
                        continue
                found.append(run)
        return found

    def delete(self, run_id: str) -> None:
        """Removes a run that nobody trains.

        Raises:
            NotFoundError: there is none.
            QueueError: it is being trained.
            StorageError: the disk does not let it go.
        """
        run = self.get(run_id)
        with run.hold():
            try:
                (run.folder / "run.json").unlink()  # first: without it the folder is no run, however far this comes
            except OSError as error:
                if isinstance(error, FileNotFoundError):
                    # Another process removes it at this moment: where waiting for the lock has made that anew between
                    # the other's last file and its folder, the folder is still there, and nobody else's.
                    shutil.rmtree(run.folder, ignore_errors=True)
                raise StorageError(
                    "Can't delete the run {run}: {reason}.", run=run_id, reason=error.strerror
                ) from error
            shutil.rmtree(run.folder, ignore_errors=True)
        self._known.pop(run_id, None)


def _events_of(line: bytes) -> list[TrainingEvent]:
    """The event of a line; none where it is no event."""
    try:
        return [events.from_json(json.loads(line))]
    except (StorageError, ValueError, RecursionError):
        return []
