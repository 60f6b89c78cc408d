"""What all steps of the lesson know of the example: which row it is, and the sizes that it has."""

from __future__ import annotations

import math

from autorec_core.runs import Run
from autorec_core.trained_model import TrainedModel
from pages.shared import reader, state
from pages.shared.reader import Example
from pages.shared.words import _


def chosen_place(run: Run, model: TrainedModel) -> int:
    """Which of the reader's movies the example turns on, from 0: what the slider of the first step says."""
    about = reader.current(model, reader.learnt_from(run.id))
    known = state.get("learn_row")
    place = len(about.items) // 2 if known is None else int(known) - 1
    return max(0, min(place, len(about.items) - 1))


def columns_word(about: Example) -> str:
    """What the entries of the row are."""
    return _("users") if about.model.by_items else _("movies")


def num_units(about: Example) -> int:
    """k, the length of the code."""
    return int(about.model.codes.shape[1])


def num_columns(about: Example) -> int:
    """C, the length of the row."""
    return len(about.model.decoder_bias)


def num_rated(about: Example) -> int:
    """N, the rows with a rating to learn from."""
    return int((about.learnt.counts > 0).sum())


def batch_rows(about: Example) -> int:
    """Rows in a batch as this model was trained: RProp and L-BFGS take all at once."""
    chosen = about.model.hyperparameters
    return min(chosen.batch_size, num_rated(about)) if chosen.optimizer == "adam" else num_rated(about)


def steps_an_epoch(about: Example) -> int:
    """Batches that this model was trained with in an epoch."""
    passed = math.ceil(num_rated(about) / max(1, batch_rows(about)))
    return about.model.hyperparameters.steps_per_epoch or passed
