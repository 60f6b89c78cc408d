"""What happens in a training, as frozen values that become lines of JSON.

A training yields these; the run's folder keeps them; charts, progress bars and the command line are all `for` loops
over them. All RMSEs are in rating units, over observed entries, of predictions clipped to the scale.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar

from autorec_core.errors import StorageError


@dataclass(frozen=True, kw_only=True)
class TrainingEvent:
    """Any of the events below; `kind` names it in JSON."""

    kind: ClassVar[str] = ""


@dataclass(frozen=True, kw_only=True)
class TrainingStarted(TrainingEvent):
    """The model is made and its first step is next. Comes again, with a later `epoch`, when a run is resumed."""

    kind: ClassVar[str] = "started"
    epoch: int
    """Epochs already done; 0 for a new run."""
    epochs: int
    """Epochs to do in all."""
    num_parameters: int
    """Weights and biases together."""
    num_train: int
    """Training ratings."""
    num_valid: int
    """Validation ratings."""
    num_test: int
    """Test ratings."""
    baselines: dict[str, float]
    """Validation RMSE of each baseline by name: global_mean, item_mean, user_item_bias."""


@dataclass(frozen=True, kw_only=True)
class EpochEnded(TrainingEvent):
    """One epoch is done and has been measured."""

    kind: ClassVar[str] = "epoch"
    epoch: int
    """Which one, from 1."""
    objective: float
    """Squared error with penalty, summed over the epoch and divided by the ratings it looked at."""
    train_rmse: float
    """While learning: with dropout on, each batch before its step. With steps_per_epoch, of those steps' rows alone."""
    valid_rmse: float
    """After the epoch, dropout off."""
    learning_rate: float
    """At the epoch's last step."""
    seconds: float
    """Training seconds of this epoch, without the measuring."""
    ratings_per_second: float
    """Training ratings looked at, over `seconds`."""
    is_best: bool
    """Whether no earlier epoch had a lower validation RMSE."""


@dataclass(frozen=True, kw_only=True)
class HyperparametersChanged(TrainingEvent):
    """Somebody changed hyperparameters while it trained."""

    kind: ClassVar[str] = "changed"
    epoch: int
    """The last epoch without the change."""
    changes: dict[str, float]
    """New value by name."""


@dataclass(frozen=True, kw_only=True)
class RefitEpochEnded(TrainingEvent):
    """One epoch of the refit to train and validation together is done. Only the test is left to measure it on."""

    kind: ClassVar[str] = "refit"
    epoch: int
    """Which one, from 1."""
    epochs: int
    """How many there will be: the best epoch of the first part."""
    seconds: float
    """Training seconds of this epoch."""
    train_rmse: float = math.nan
    """On train and validation ratings together, while learning; not a number where it was not noted."""


@dataclass(frozen=True, kw_only=True)
class TrainingEnded(TrainingEvent):
    """No step follows. Test figures are of the chosen model, scored here and only here."""

    kind: ClassVar[str] = "ended"
    reason: str
    """"finished", "early_stopped", "stopped" (by a person) or "diverged"."""
    message: str
    """One sentence for people."""
    epochs_run: int
    """Epochs done in all."""
    best_epoch: int
    """Epoch with the lowest validation RMSE; 0 when none was finite."""
    is_refitted: bool
    """Whether the model was fitted again to train and validation, for the best number of epochs."""
    train_rmse: float | None
    """RMSE on the training ratings at the best epoch, dropout off."""
    valid_rmse: float | None
    """Validation RMSE at the best epoch."""
    test_rmse: float | None
    """Test RMSE of the model."""
    test_mae: float | None
    """Test MAE of the model."""
    num_test_fallback: int
    """Test ratings of a user or item without a training rating, predicted by the fallback."""
    baselines: dict[str, float]
    """Test RMSE of each baseline by name."""
    seconds: float
    """Training seconds of all epochs together, without a refit."""
    epoch_seconds_median: float
    """Median training seconds of an epoch."""
    ratings_per_second: float
    """Training ratings over the median epoch's seconds."""


KINDS: dict[str, type[TrainingEvent]] = {
    kind.kind: kind for kind in (TrainingStarted, EpochEnded, HyperparametersChanged, RefitEpochEnded, TrainingEnded)
}


def to_json(event: TrainingEvent) -> dict[str, Any]:
    """A dict of plain values with the event's kind; a number that is not finite becomes None, as JSON has none."""
    values: dict[str, Any] = _finite({"kind": event.kind, **dataclasses.asdict(event)})
    return values


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_json(values: Any) -> TrainingEvent:
    """The inverse of `to_json`; a missing number comes back as NaN.

    Raises:
        StorageError: these are not the fields of an event.
    """
    fields = dict(values) if isinstance(values, dict) else {}
    kind = KINDS.get(str(fields.pop("kind", None)))
    if kind is None:
        raise StorageError(f"Not a training event: {str(values)[:80]}")
    for field in dataclasses.fields(kind):
        if field.type == "float" and fields.get(field.name) is None:
            fields[field.name] = math.nan
        if field.type == "dict[str, float]" and isinstance(fields.get(field.name), dict):
            fields[field.name] = {
                name: math.nan if number is None else number for name, number in fields[field.name].items()
            }
    try:
        return kind(**fields)
    except TypeError as error:
        raise StorageError(f"Not a training event: {str(values)[:80]}") from error
