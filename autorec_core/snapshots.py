"""What may be watched of a training: small pictures of its network, kept by epoch beside the run.

    watch/scene.safetensors     what does not change: parts of the rating matrix, who and what stands in them
    watch/look-000012...        after epoch 12: the same parts as the network writes them, and what its units do
    watch/model-000012...       after some epochs: what folding a visitor in needs of the network
    watch/checkpoint-000012...  after some epochs: all that a training needs to go on from there

Every file is written whole or not at all and is read with NumPy alone. Of each kind a bounded number is kept: the
newest ones, and older ones evenly over the run. Losing one with the machine's power is no loss: nothing
here waits for the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from safetensors import SafetensorError

from autorec_core import storage
from autorec_core.errors import StorageError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import FloatArray, IntArray, Items, Ratings, RatingScale
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel

Arrays = dict[str, np.ndarray[Any, Any]]
ByteArray = np.ndarray[Any, np.dtype[np.uint8]]

FOLDER = "watch"
KINDS = {"look": 96, "model": 16, "checkpoint": 8}
"""Kinds of files by epoch, and how many of each are kept at most."""
NEWEST = {"look": 24, "model": 4, "checkpoint": 2}
"""How many of the newest are kept whatever lies between them."""
MOST_BYTES = {"look": 32e6, "model": 32e6, "checkpoint": 36e6}
"""Most that all files of a kind may take; one alone may take more."""

BLOCK_MOVIES, BLOCK_USERS = 54, 64
"""Size of a part of the matrix."""
LEAST_MOVIES = 12
"""A genre with fewer movies makes no block."""
MOST_GENRES = 20
TOP, AT_RANDOM = "Most rated × most active", "Drawn at random"
"""Blocks besides the genres."""
UNKNOWN = 255
"""Stands for no number in a byte."""
PARTS = ("unknown", "train", "validation", "test")
"""What `Block.parts` counts."""


def to_bytes(ratings: FloatArray, scale: RatingScale) -> ByteArray:
    """Ratings as bytes: 0 for the lowest of the scale, 254 for the highest, `UNKNOWN` for what is no number.

    >>> to_bytes(np.array([0.5, 5.0, 7.0, np.nan]), RatingScale(0.5, 5.0, 0.5)).tolist()
    [0, 254, 254, 255]
    """
    shares = (scale.clip(ratings) - scale.low) / scale.span
    return np.where(np.isfinite(shares), np.rint(254 * np.nan_to_num(shares)), UNKNOWN).astype(np.uint8)


def from_bytes(values: ByteArray, scale: RatingScale) -> FloatArray:
    """The inverse of `to_bytes`, to 1/508 of the scale; NaN for `UNKNOWN`."""
    return np.where(values == UNKNOWN, np.nan, scale.low + values / 254 * scale.span)


# -- what does not change ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Block:
    """A part of the rating matrix."""

    name: str
    """What people call it."""
    users: IntArray
    """(m,) user indices, most active first."""
    items: IntArray
    """(n,) item indices, most rated first."""
    given: ByteArray
    """(m, n) ratings as `to_bytes` has them, `UNKNOWN` where there is none."""
    parts: ByteArray
    """(m, n) which part of the split holds the rating: an index of `PARTS`."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What of a training can be watched and does not change while it trains."""

    scale: RatingScale
    """The rating scale."""
    hyperparameters: Hyperparameters
    """Which the training began with."""
    items: Items
    """All movies."""
    user_ids: np.ndarray[Any, Any]
    """(num_users,) all users."""
    offsets: FloatArray
    """(num_rows,) float32, added to each row's pre-activations."""
    item_means: FloatArray
    """(num_items,) float32 damped means of the training ratings."""
    item_counts: IntArray
    """(num_items,) int64, training ratings of each."""
    global_mean: float
    """Mean of the training ratings."""
    blocks: tuple[Block, ...]
    """Parts of the matrix; the first is `TOP`."""

    def block(self, name: str | None) -> Block:
        """The block of a name; the first where there is none of that name."""
        return next((block for block in self.blocks if block.name == name), self.blocks[0])


def blocks_of(split: Split) -> tuple[Block, ...]:
    """The parts of the matrix that can be watched: most rated by most active, one drawn at random, one a genre."""
    train = split.train
    by_count = np.argsort(-train.by_item.counts, kind="stable")
    by_activity = np.argsort(-train.by_user.counts, kind="stable")
    rated = by_count[train.by_item.counts[by_count] > 0]
    active = by_activity[train.by_user.counts[by_activity] > 0]
    genres: dict[str, int] = {}
    for item in rated.tolist():
        for genre in train.items.genres[item]:
            genres[genre] = genres.get(genre, 0) + 1
    names = sorted((name for name, count in genres.items() if count >= LEAST_MOVIES), key=lambda name: -genres[name])
    generator = np.random.default_rng([split.seed, 4])

    def drawn(ranked: IntArray, count: int) -> IntArray:
        """Some of them, in their order."""
        places = np.sort(generator.choice(len(ranked), min(count, len(ranked)), replace=False))
        return np.asarray(ranked[places])

    users = active[:BLOCK_USERS]
    chosen = [
        (TOP, users, rated[:BLOCK_MOVIES]),
        (AT_RANDOM, drawn(active, BLOCK_USERS), drawn(rated, BLOCK_MOVIES)),
    ]
    for name in sorted(names[:MOST_GENRES]):
        of_genre = np.array([item for item in rated.tolist() if name in train.items.genres[item]], dtype=np.int64)
        chosen.append((name, users, of_genre[:BLOCK_MOVIES]))
    every_user = np.unique(np.concatenate([users for _, users, _ in chosen]))
    every_item = np.unique(np.concatenate([items for _, _, items in chosen]))
    given = np.full((len(every_user), len(every_item)), np.nan)
    parts = np.zeros(given.shape, dtype=np.uint8)
    for number, part in enumerate((split.train, split.valid, split.test), start=1):
        _lay(part, every_user, every_item, given, parts, number)
    as_bytes = to_bytes(given, train.scale)

    def block(name: str, users: IntArray, items: IntArray) -> Block:
        places = np.ix_(np.searchsorted(every_user, users), np.searchsorted(every_item, items))
        return Block(name, users.astype(np.int64), items.astype(np.int64), as_bytes[places], parts[places])

    return tuple(block(*one) for one in chosen)


def _lay(part: Ratings, users: IntArray, items: IntArray, given: FloatArray, parts: ByteArray, number: int) -> None:
    """Writes the ratings of a part of the split to where they stand."""
    places = np.full(part.num_items, -1)
    places[items] = np.arange(len(items))
    for row, user in enumerate(users.tolist()):
        columns, values = part.by_user.row(user)
        at = places[columns]
        given[row, at[at >= 0]] = values[at >= 0]
        parts[row, at[at >= 0]] = number


# -- what changes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Look:
    """The network after an epoch, as far as it is watched."""

    epoch: int
    """After which; 0 before the first step."""
    blocks: tuple[ByteArray, ...]
    """What the network writes into each block of the scene, as `to_bytes` has it."""
    quantiles: dict[str, tuple[float, ...]]
    """`QUANTILES` of a sample of "encoder weights", "decoder weights" and "codes"."""
    unit_means: FloatArray
    """(hidden_units,) float32 mean of each code unit over the sampled rows."""
    unit_spreads: FloatArray
    """(hidden_units,) float32 standard deviation of the same."""
    num_dead: int
    """Units that say the same of every sampled row."""
    num_saturated: int
    """Units that nearly always lie at an end of their range; 0 for an activation without ends."""
    movement: float | None
    """How far a sample of the weights went in an epoch, since the look before, over how long they are."""
    gradient_norm: float | None
    """Length of the objective's gradient in that epoch; None before the first."""


QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
"""Shares of the sample below each of a look's quantiles."""


class Album:
    """The pictures of a run.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER

    # -- written by the process that trains ---------------------------------------------------------------------------

    def save_scene(self, scene: Scene) -> None:
        """Writes what does not change. Raises StorageError where the disk does not take it."""
        storage.make_folder(self.folder)
        arrays: Arrays = {
            "user_ids": np.array(scene.user_ids.tolist(), dtype=np.int64)
            if _are_numbers(scene.user_ids)
            else np.zeros(0),
            "offsets": scene.offsets,
            "item_means": scene.item_means,
            "item_counts": scene.item_counts,
        }
        for number, block in enumerate(scene.blocks):
            for name in ("users", "items", "given", "parts"):
                arrays[f"{number}.{name}"] = getattr(block, name)
        items = scene.items
        meta = {
            "scale": [scene.scale.low, scene.scale.high, scene.scale.step],
            "hyperparameters": scene.hyperparameters.to_json(),
            "global_mean": scene.global_mean,
            "blocks": [block.name for block in scene.blocks],
            "user_ids": None if _are_numbers(scene.user_ids) else scene.user_ids.tolist(),
            "items": [items.ids.tolist(), items.titles.tolist(), items.years.tolist(), [*map(list, items.genres)]],
        }
        self._write("scene", arrays, meta)

    def save_look(self, look: Look) -> None:
        """Keeps a look. Raises StorageError where the disk does not take it."""
        arrays: Arrays = {f"{number}": block for number, block in enumerate(look.blocks)}
        arrays |= {"unit_means": look.unit_means, "unit_spreads": look.unit_spreads}
        meta = {
            name: getattr(look, name) for name in ("epoch", "quantiles", "num_dead", "num_saturated", "movement")
        } | {"gradient_norm": look.gradient_norm}
        self.save("look", look.epoch, arrays, meta)

    def save(self, kind: str, epoch: int, arrays: Arrays, meta: dict[str, Any]) -> None:
        """Keeps a file of an epoch, and drops what are too many.

        Args:
            kind: one of `KINDS`.
            epoch: which it shows.
            arrays: by name.
            meta: JSON-able values.

        Raises:
            StorageError: the disk does not take it.
        """
        size = self._write(f"{kind}-{epoch:06d}", arrays, meta)
        most = min(KINDS[kind], max(1, int(MOST_BYTES[kind] // max(1, size))))
        known = self.epochs(kind)
        for gone in set(known) - set(thinned(known, most, NEWEST[kind])):
            self._path(kind, gone).unlink(missing_ok=True)

    def cut_back(self, epoch: int) -> None:
        """Drops what shows a later epoch: training goes on from this one."""
        for kind in KINDS:
            for later in self.epochs(kind):
                if later > epoch:
                    self._path(kind, later).unlink(missing_ok=True)

    def copy_to(self, other: Album, epoch: int) -> None:
        """Gives another run the pictures up to an epoch; checkpoints stay. Raises StorageError as `save` does."""
        storage.make_folder(other.folder)
        paths = [self.folder / "scene.safetensors"]
        for kind in ("look", "model"):
            paths += [self._path(kind, known) for known in self.epochs(kind) if known <= epoch]
        try:
            for path in paths:
                with contextlib.suppress(FileNotFoundError):  # thinned out this very moment
                    shutil.copyfile(path, other.folder / path.name)
        except OSError as error:
            raise StorageError(f"Can't write to {other.folder}: {error.strerror}.") from error

    def _write(self, name: str, arrays: Arrays, meta: dict[str, Any]) -> int:
        whole = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        temporary = self.folder / f".{name}.{secrets.token_hex(6)}"
        try:
            with contextlib.suppress(FileExistsError):
                self.folder.mkdir()
            safetensors.numpy.save_file(whole, temporary, {"meta": json.dumps(meta)})
            if name.startswith("checkpoint"):  # a training may go on from it; a picture that is lost is only a picture
                storage.flush_file(temporary)
            size = temporary.stat().st_size
            os.replace(temporary, self.folder / f"{name}.safetensors")
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise StorageError(f"Can't write {name} to {self.folder}: {error}.") from error
        return size

    # -- read by the process that serves pages ------------------------------------------------------------------------

    def _path(self, kind: str, epoch: int) -> Path:
        return self.folder / f"{kind}-{epoch:06d}.safetensors"

    def epochs(self, kind: str) -> list[int]:
        """The epochs that there are files of, ascending."""
        pattern = re.compile(rf"{kind}-(\d+)\.safetensors")
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))

    def checkpoint(self, epoch: int) -> Path | None:
        """The checkpoint of an epoch, or None where none is kept."""
        path = self._path("checkpoint", epoch)
        return path if path.is_file() else None

    def age(self, kind: str, epoch: int) -> int:
        """A number that changes when a file does; 0 where it is not there."""
        try:
            return self._path(kind, epoch).stat().st_mtime_ns
        except OSError:
            return 0

    def scene(self) -> Scene | None:
        """What does not change; None where it can't be read."""
        found = _read(self.folder / "scene.safetensors")
        if found is None:
            return None
        arrays, meta = found
        try:
            ids, titles, years, genres = meta["items"]
            return Scene(
                scale=RatingScale(*meta["scale"]),
                hyperparameters=Hyperparameters.from_json(meta["hyperparameters"]),
                items=Items(
                    ids=np.array(ids),
                    titles=np.array(titles, dtype=str),
                    years=np.array(years, dtype=np.int32),
                    genres=tuple(map(tuple, genres)),
                ).shared(),
                user_ids=arrays["user_ids"] if meta["user_ids"] is None else np.array(meta["user_ids"]),
                offsets=arrays["offsets"],
                item_means=arrays["item_means"],
                item_counts=arrays["item_counts"],
                global_mean=meta["global_mean"],
                blocks=tuple(
                    Block(name, *(arrays[f"{number}.{part}"] for part in ("users", "items", "given", "parts")))
                    for number, name in enumerate(meta["blocks"])
                ),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def look(self, epoch: int) -> Look | None:
        """What was seen after an epoch; None where it can't be read."""
        found = _read(self._path("look", epoch))
        if found is None:
            return None
        arrays, meta = found
        try:
            means, spreads = arrays.pop("unit_means"), arrays.pop("unit_spreads")
            quantiles = {name: tuple(values) for name, values in meta.pop("quantiles").items()}
            blocks = tuple(arrays[f"{number}"] for number in range(len(arrays)))
            return Look(blocks=blocks, quantiles=quantiles, unit_means=means, unit_spreads=spreads, **meta)
        except (KeyError, TypeError):
            return None

    def model(self, epoch: int, scene: Scene) -> TrainedModel | None:
        """What folding a visitor in needs of the network after an epoch; None where it can't be read.

        Its users are left out: it predicts for visitors alone.
        """
        found = _read(self._path("model", epoch))
        if found is None:
            return None
        arrays, meta = found
        nothing = np.zeros(0)
        try:
            return TrainedModel(
                hyperparameters=scene.hyperparameters,
                items=scene.items,
                user_ids=nothing,
                scale=scene.scale,
                offsets=scene.offsets,
                global_mean=scene.global_mean,
                item_means=scene.item_means,
                item_counts=scene.item_counts,
                user_biases=nothing,
                user_counts=np.zeros(0, dtype=np.int64),
                residual_variance=meta["residual_variance"],
                fold_in_counts=np.zeros(1, dtype=np.int64),
                fold_in_variances=np.full(1, meta["residual_variance"]),
                **{name: array.astype(np.float32) for name, array in arrays.items()},
            )
        except (KeyError, TypeError):
            return None


def _are_numbers(ids: np.ndarray[Any, Any]) -> bool:
    return ids.dtype.kind in "iu"


def _read(path: Path) -> tuple[Arrays, dict[str, Any]] | None:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return arrays, json.loads((file.metadata() or {})["meta"])
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError):
        return None


def thinned(epochs: Sequence[int], most: int, newest: int) -> list[int]:
    """Which epochs to keep: the first, the newest, and between them those that leave the evenest gaps.

    Args:
        epochs: ascending.
        most: how many may stay.
        newest: how many of the last stay in any case, where `most` has room for them.

    >>> thinned([0, 1, 2, 3, 4, 5, 6, 7, 8], 5, 2)
    [0, 2, 4, 7, 8]
    """
    kept = list(epochs)
    while len(kept) > max(1, most):
        last = len(kept) - min(newest, most - 1)  # where the newest begin
        inner = range(1, max(2, last))
        kept.pop(min(inner, key=lambda place: kept[min(place + 1, len(kept) - 1)] - kept[place - 1]) if most > 1 else 0)
    return kept


class Watched:
    """A run's pictures as a server reads them: each look once, a model whenever it is asked for.

    Looks are small, and all of them are drawn. Of a model nothing is needed once a visitor was met with it; held for
    each run that somebody watched, they would be most of what stays in memory when all have left.

    Any number of threads may ask.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.album = Album(folder)
        self._scene: Scene | None = None
        self._looks: dict[int, tuple[int, Look]] = {}

    def scene(self) -> Scene | None:
        """What does not change; None before there is one."""
        if self._scene is None:
            self._scene = self.album.scene()
        return self._scene

    def model_at(self, epoch: int) -> tuple[int, int] | None:
        """Epoch and age of the newest kept model up to an epoch; None where there is none."""
        known = max((known for known in self.album.epochs("model") if known <= epoch), default=None)
        return None if known is None else (known, self.album.age("model", known))

    def model(self, epoch: int) -> TrainedModel | None:
        """The kept model of an epoch, read anew; None where it can't be read, as it may have made room meanwhile."""
        scene = self.scene()
        return None if scene is None else self.album.model(epoch, scene)

    def looks(self) -> dict[int, Look]:
        """All looks by epoch, ascending."""
        known: dict[int, tuple[int, Look]] = {}
        for epoch in self.album.epochs("look"):
            age = self.album.age("look", epoch)
            before = self._looks.get(epoch)
            if before is not None and before[0] == age:
                known[epoch] = before
            elif (look := self.album.look(epoch)) is not None:
                known[epoch] = (age, look)
        self._looks = known
        return {epoch: look for epoch, (_, look) in known.items()}
