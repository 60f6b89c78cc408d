"""A trained model on disk: arrays in model.safetensors; model.json and items.csv, for people, say what they mean."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from autorec_core import array_files, storage
from autorec_core.errors import Sentence, StorageError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Items, RatingScale
from autorec_core.spreadsheets import as_text, from_text
from autorec_core.trained_model import TrainedModel


def save(model: TrainedModel, folder: Path) -> None:
    """Writes a model: arrays, then what they mean, so that a `model.json` always has its arrays.

    Args:
        model: to keep.
        folder: of its run.

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
        item_id, title, year, genres, count, mean = row
        texts = [as_text(text) if isinstance(text, str) else text for text in (item_id, title, year, genres)]
        writer.writerow([*texts, count, f"{mean:.4f}"])
    meta = {
        "hyperparameters": model.hyperparameters.to_json(),
        "scale": asdict(model.scale),
        "global_mean": model.global_mean,
        "residual_variance": model.residual_variance,
        "item_ids_are_numbers": model.items.ids.dtype.kind in "iu",
        "user_ids": model.user_ids.tolist(),
    }
    array_files.save(folder / "model.safetensors", arrays)
    storage.replace_file(folder / "items.csv", lines.getvalue().encode())
    storage.replace_file(folder / "model.json", json.dumps(meta, indent=1).encode())


def load(folder: Path, run_id: str) -> TrainedModel:
    """The model of a run's folder.

    Args:
        folder: that `save` wrote to.
        run_id: what people call it, for errors.

    Raises:
        StorageError: the files are not whole.
    """
    arrays, _ = array_files.load(folder / "model.safetensors", Sentence("The model of run {run}", run=run_id))
    try:
        meta = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        table = (folder / "items.csv").read_bytes().decode()
        rows = [list(map(from_text, row)) for row in csv.reader(io.StringIO(table, newline=""))][1:]
        ids = [int(row[0]) for row in rows] if meta["item_ids_are_numbers"] else [row[0] for row in rows]
        model = TrainedModel(
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
            ).shared(),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError, csv.Error) as error:
        raise StorageError("The model of run {run} can't be read: {reason}", run=run_id, reason=str(error)) from error
    _check_shapes(model, Sentence("The model of run {run}", run=run_id))
    return model


def _check_shapes(model: TrainedModel, what: str) -> None:
    """Raises StorageError where the parts of a model don't belong together, as after a copy that was cut short."""
    num_users, num_items, hidden_units = len(model.user_ids), len(model.items), model.hyperparameters.hidden_units
    inner_units = model.hyperparameters.inner_units
    rows, columns = (num_items, num_users) if model.by_items else (num_users, num_items)
    expected = {
        "encoder_weights": (columns, hidden_units),
        "encoder_bias": (hidden_units,),
        "decoder_weights": (columns, hidden_units),
        "decoder_bias": (columns,),
        "offsets": (rows,),
        "codes": (rows, hidden_units),
        "item_means": (num_items,),
        "item_counts": (num_items,),
        "item_noise": (num_items,) if len(model.item_noise) else (0,),  # models kept by an earlier app have none
        "interval_reaches": model.interval_levels.shape,  # nor these
        "item_prior": (3,) if len(model.item_prior) else (0,),  # nor this
        "user_biases": (num_users,),
        "user_counts": (num_users,),
        "inner_encoder_weights": (inner_units, hidden_units) if inner_units else (0,),
        "inner_encoder_bias": (inner_units,),
        "inner_decoder_weights": (hidden_units, inner_units) if inner_units else (0,),
        "inner_decoder_bias": (hidden_units if inner_units else 0,),
    }
    for name, shape in expected.items():
        found = getattr(model, name).shape
        if found != shape:
            raise StorageError(
                "{what} is not whole: {name} is {found}, not {shape}. Copy its folder again.",
                what=what,
                name=name,
                found=found,
                shape=shape,
            )
