"""Trainings that tests run: quick, exact, and told apart by their events and models."""

from __future__ import annotations

import numpy as np

from autorec_core.events import EpochEnded, TrainingEnded, TrainingEvent, TrainingStarted
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.trained_model import TrainedModel
from autorec_core.training import Trainer

SMALL = Hyperparameters(
    hidden_units=6, epochs=4, batch_size=16, input_dropout=0.0, code_dropout=0.0, refit=False, precision="float64"
)
"""Quick, exact and without chance."""
RANDOM = SMALL.with_changes(
    input_dropout=0.2, code_dropout=0.1, refit=True, epochs=5, centering=False, learning_rate=0.02
)
"""The same with dropout and a refit."""


def run(trainer: Trainer) -> tuple[list[TrainingEvent], TrainingEnded]:
    events = list(trainer)
    assert isinstance(events[0], TrainingStarted)
    assert isinstance(events[-1], TrainingEnded)
    return events, events[-1]


def epochs_of(events: list[TrainingEvent]) -> list[EpochEnded]:
    return [event for event in events if isinstance(event, EpochEnded)]


def assert_same_model(first: TrainedModel, second: TrainedModel) -> None:
    for name in ("encoder_weights", "encoder_bias", "decoder_weights", "decoder_bias", "codes", "offsets"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
