"""Everything that a person may choose of a model and its training: one declared table.

Validation, the sliders of the Train page, the flags of the command line, JSON and the README's table are all made from
the fields of `Hyperparameters`. To add one, add a field.
"""

from __future__ import annotations

import dataclasses
import difflib
import numbers
from dataclasses import dataclass
from typing import Any

from autorec_core.errors import InvalidHyperparameterError

ACTIVATIONS = ("identity", "sigmoid", "tanh", "relu", "selu")


@dataclass(frozen=True)
class Choice:
    """What one hyperparameter accepts, and how to speak of it."""

    label: str
    """A few words for a control."""
    help: str
    """One sentence, for a tooltip or `--help`."""
    group: str
    """The part of the form it belongs to: "model", "training" or "input"."""
    options: tuple[str, ...] = ()
    """The accepted words, for a hyperparameter that is a word."""
    low: float | None = None
    """Lowest accepted number."""
    high: float | None = None
    """Highest accepted number."""
    step: float | None = None
    """Step of a linear slider."""
    log: bool = False
    """Whether a slider should move in factors."""
    advanced: bool = False
    """Whether a beginner can leave it alone."""

    def check(self, name: str, value: Any, kind: type) -> Any:
        """The value as its type.

        Raises:
            InvalidHyperparameterError: it is outside what is accepted.
        """
        if self.options:
            if value not in self.options:
                raise InvalidHyperparameterError(
                    "{name} must be one of {options}, got {given!r}.",
                    name=name,
                    options=", ".join(self.options),
                    given=value,
                )
            return value
        if kind is bool:
            if not isinstance(value, bool):
                raise InvalidHyperparameterError("{name} must be true or false, got {given!r}.", name=name, given=value)
            return value
        if self.low is None or self.high is None:
            raise TypeError(f"{name} declares no range.")
        number: Any = value if isinstance(value, numbers.Real) and not isinstance(value, bool) else None  # NumPy's too
        whole = kind is int
        if number is None or not self.low <= number <= self.high or (whole and number != int(number)):
            accepted = (
                "{name} must be a whole number between {low:g} and {high:g}, got {given}."
                if whole and isinstance(value, float)
                else "{name} must be between {low:g} and {high:g}, got {given}."
            )
            raise InvalidHyperparameterError(accepted, name=name, low=self.low, high=self.high, given=value)
        return kind(number)


def _field(default: Any, label: str, help: str, group: str, **accepts: Any) -> Any:
    return dataclasses.field(default=default, metadata={"choice": Choice(label, help, group, **accepts)})


BEFORE_THEY_WERE = {"input_presence": 0.0}
"""What a model did that was written before a hyperparameter existed."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """One model and its training. Frozen; `with_changes` makes another.

    Raises:
        InvalidHyperparameterError: a value is outside what is accepted.

    >>> Hyperparameters(hidden_units=0)
    Traceback (most recent call last):
    autorec_core.errors.InvalidHyperparameterError: hidden_units must be between 1 and 1000, got 0.
    """

    based_on: str = _field(
        "items",
        "Based on",
        "One input vector per movie (I-AutoRec) or one per user (U-AutoRec).",
        "model",
        options=("items", "users"),
    )
    hidden_units: int = _field(
        256, "Hidden units", "Length of the code that a vector is squeezed into.", "model", low=1, high=1000, log=True
    )
    inner_units: int = _field(
        0,
        "Inner units",
        "Units of an inner layer between two of the hidden units, 500-250-500 in the paper's deep form; 0 has none.",
        "model",
        low=0,
        high=1000,
        step=10,
        advanced=True,
    )
    encoder_activation: str = _field(
        "sigmoid",
        "Code activation",
        "The function g on the code; sigmoid was the paper's best.",
        "model",
        options=ACTIVATIONS,
    )
    decoder_activation: str = _field(
        "identity",
        "Output activation",
        "The function f on the output; identity lets a reconstruction leave the rating scale.",
        "model",
        options=ACTIVATIONS,
    )
    regularization: float = _field(
        14.0,
        "Regularization λ",
        "Weight of the squared weights in the objective; higher forgets details sooner.",
        "training",
        low=0.0,
        high=10_000.0,
        log=True,
    )
    encoder_regularization_factor: float = _field(
        0.08,
        "Encoder λ factor",
        "The encoder's weights are penalised with λ times this; 1 is the paper's objective.",
        "training",
        low=0.0,
        high=100.0,
        log=True,
        advanced=True,
    )
    optimizer: str = _field(
        "adam",
        "Optimizer",
        "Adam takes mini-batches; RProp and L-BFGS take all rows at once, as the paper did.",
        "training",
        options=("adam", "rprop", "lbfgs"),
    )
    learning_rate: float = _field(
        0.01,
        "Learning rate",
        "How far a step goes; too high diverges, too low crawls.",
        "training",
        low=1e-6,
        high=10.0,
        log=True,
    )
    schedule: str = _field(
        "one-cycle",
        "Learning-rate schedule",
        "How the learning rate moves over the epochs: constant, one rise and fall, cosine or linear decay.",
        "training",
        options=("constant", "one-cycle", "cosine", "linear"),
    )
    batch_size: int = _field(
        128, "Batch size", "Rows that one step looks at.", "training", low=1, high=65_536, log=True
    )
    epochs: int = _field(20, "Epochs", "Passes over the training rows.", "training", low=1, high=2_000, log=True)
    patience: int = _field(
        0,
        "Patience",
        "Stop after this many epochs without a better validation RMSE; 0 never stops early.",
        "training",
        low=0,
        high=1_000,
        step=1,
    )
    steps_per_epoch: int = _field(
        0,
        "Steps per epoch",
        "Steps counted as one epoch; 0 means a whole pass over the rows.",
        "training",
        low=0,
        high=1_000_000,
        step=1,
        advanced=True,
    )
    centering: bool = _field(
        True,
        "Centre the ratings",
        "Subtract each row's damped mean from input and target, so that the network learns deviations.",
        "input",
    )
    lean_on_averages: bool = _field(
        False,
        "Lean on averages",
        "Begin at the averages of movies and users, and keep only as much of what is learnt beyond them as "
        "validation supports; for small sets.",
        "training",
        advanced=True,
    )
    input_presence: float = _field(
        2.75,
        "Presence in the input",
        "Added to every known input, so that the code learns from who rated at all, which centring would take away.",
        "input",
        low=0.0,
        high=10.0,
        step=0.25,
    )
    input_scaling: bool = _field(
        True,
        "Scale by number of ratings",
        "Divide a row's input by the square root of its number of ratings.",
        "input",
    )
    input_dropout: float = _field(
        0.55,
        "Input dropout",
        "Share of the known inputs hidden at each step; the target keeps them.",
        "input",
        low=0.0,
        high=0.95,
        step=0.05,
    )
    code_dropout: float = _field(
        0.1, "Code dropout", "Share of the code units silenced at each step.", "input", low=0.0, high=0.95, step=0.05
    )
    initial_scale: float = _field(
        0.008,
        "Initial weight scale",
        "Standard deviation of the first weights.",
        "training",
        low=1e-5,
        high=1.0,
        log=True,
        advanced=True,
    )
    loss_over: str = _field(
        "observed",
        "Loss over",
        "Which entries count: the observed ones, or all with unknowns taken as 0 (a mistake, to be seen).",
        "training",
        options=("observed", "all"),
        advanced=True,
    )
    refit: bool = _field(
        True,
        "Refit with validation",
        "Once validation has chosen the epoch, fit again to train and validation together for as many epochs.",
        "training",
        advanced=True,
    )
    precision: str = _field(
        "float32",
        "Precision",
        "Number format of the weights.",
        "training",
        options=("float32", "float64"),
        advanced=True,
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = choice_of(field.name).check(field.name, getattr(self, field.name), type(field.default))
            object.__setattr__(self, field.name, value)

    def with_changes(self, **changes: Any) -> Hyperparameters:
        """A copy with some values changed.

        Raises:
            InvalidHyperparameterError: a name is unknown (the nearest one is offered) or a value not accepted.
        """
        for name in changes:
            if name not in names():
                near = difflib.get_close_matches(name, names(), 1)
                if near:
                    raise InvalidHyperparameterError(
                        "No hyperparameter is called {name}. Did you mean {near}?", name=name, near=near[0]
                    )
                raise InvalidHyperparameterError("No hyperparameter is called {name}.", name=name)
        return dataclasses.replace(self, **changes)

    def reason_to_end(self, epoch: int, best_epoch: int) -> str | None:
        """Why no epoch follows: "finished", or "early_stopped" where patience is lost; None where one does.

        Args:
            epoch: epochs that are done.
            best_epoch: the one with the lowest validation RMSE; 0 where there is none.

        >>> Hyperparameters(epochs=10, patience=3).reason_to_end(7, 4)
        'early_stopped'
        """
        if epoch >= self.epochs:
            return "finished"
        return "early_stopped" if 0 < self.patience <= epoch - best_epoch else None

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, in the order of the fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Hyperparameters:
        """The inverse of `to_json`; what is missing is as it was before it could be chosen, else its default.

        Raises:
            InvalidHyperparameterError: a name is unknown or a value not accepted.
        """
        return cls().with_changes(**{**BEFORE_THEY_WERE, **values})


def names() -> tuple[str, ...]:
    """The names of all hyperparameters, in the order of the form."""
    return tuple(field.name for field in dataclasses.fields(Hyperparameters))


def choice_of(name: str) -> Choice:
    """What a hyperparameter accepts, by its name."""
    choice: Choice = Hyperparameters.__dataclass_fields__[name].metadata["choice"]
    return choice


@dataclass(frozen=True)
class Preset:
    """A named set of hyperparameters."""

    label: str
    """A few words for a control."""
    help: str
    """One sentence: what it is for."""
    hyperparameters: Hyperparameters
    """The values."""


DEFAULT_PRESET = "balanced"

DEFAULT_PRESETS = {"items": DEFAULT_PRESET, "users": "users"}
"""The preset to begin with for each base: what is good for one is not for the other."""

PRESETS: dict[str, Preset] = {
    "balanced": Preset("Balanced", "The default: the best validation RMSE within seconds.", Hyperparameters()),
    "quick": Preset(
        "Quick",
        "A small code and few epochs: a curve in less than a second.",
        Hyperparameters(hidden_units=32, epochs=10),
    ),
    "large": Preset(
        "For a million ratings",
        "The best validation RMSE on MovieLens 1M: a longer code, more epochs, a heavier penalty.",
        Hyperparameters(hidden_units=500, epochs=40, regularization=45.0),
    ),
    "paper": Preset(
        "As in the paper",
        "I-AutoRec as published: sigmoid code, identity output, raw ratings, RProp over all rows, 500 hidden units.",
        Hyperparameters(
            hidden_units=500,
            optimizer="rprop",
            learning_rate=0.001,
            schedule="constant",
            regularization=100.0,
            epochs=150,
            patience=15,
            centering=False,
            input_presence=0.0,
            input_scaling=False,
            input_dropout=0.0,
            code_dropout=0.0,
            encoder_regularization_factor=1.0,
            initial_scale=0.01,
        ),
    ),
    "users": Preset(
        "User-based",
        "U-AutoRec: one vector per user, so a visitor is one forward pass.",
        Hyperparameters(
            based_on="users",
            hidden_units=128,
            encoder_activation="tanh",
            regularization=30.0,
            encoder_regularization_factor=0.55,
            learning_rate=0.0026,
            batch_size=32,
            epochs=40,
            input_presence=0.25,  # more would take a visitor's few ratings for the taste of who rates little
            input_dropout=0.7,
            code_dropout=0.3,
            initial_scale=0.015,
        ),
    ),
    "notebook": Preset(
        "Notebook (a cautionary tale)",
        "The tutorial many start from: no activation, unknowns taken as 0 and counted in the loss, 100 tiny steps. "
        "Its loss wanders and it learns nothing.",
        Hyperparameters(
            hidden_units=10,
            encoder_activation="identity",
            regularization=0.0,
            learning_rate=1e-5,
            schedule="constant",
            batch_size=8,
            epochs=100,
            steps_per_epoch=1,
            centering=False,
            input_presence=0.0,
            input_scaling=False,
            input_dropout=0.0,
            code_dropout=0.0,
            loss_over="all",
            refit=False,
            precision="float64",
            initial_scale=0.03,
        ),
    ),
}


def preset(name: str) -> Hyperparameters:
    """The hyperparameters of a preset.

    Raises:
        InvalidHyperparameterError: no preset has this name.
    """
    if name not in PRESETS:
        raise InvalidHyperparameterError(
            "{name} must be one of {options}, got {given!r}.", name="preset", options=", ".join(PRESETS), given=name
        )
    return PRESETS[name].hyperparameters
