"""What a search may try: ranges and options of some hyperparameters, and how long it may go on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autorec_core.errors import InvalidHyperparameterError
from autorec_core.hyperparameters import Hyperparameters, names

MOST_TRIALS = 1_000
MOST_MINUTES = 600.0
_SIZES = ("hidden_units", "inner_units", "batch_size")
_KINDS = ("based_on", "optimizer", "loss_over", "precision")
"""What decides how much memory a training takes."""


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """Ranges, options and a budget. What is in neither stays as it is.

    Raises:
        InvalidHyperparameterError: nothing is to be tried, a value is not accepted, or the budget is none.
    """

    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Name of a number -> lowest and highest value to try."""
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Name of a word or a switch -> the values to try."""
    num_trials: int | None = 30
    """Trainings to try; None where the minutes are the budget."""
    minutes: float | None = None
    """Minutes of training; None where the trials are the budget."""

    def __post_init__(self) -> None:
        if not self.ranges and not self.options:
            raise InvalidHyperparameterError("A search needs at least one hyperparameter to try. Choose one.")
        for name, values in [*self.ranges.items(), *self.options.items()]:
            for value in values:
                Hyperparameters().with_changes(**{name: value})
        for name, (low, high) in self.ranges.items():
            if low >= high:
                raise InvalidHyperparameterError(
                    "The range of {name} must have a low end under its high end, got {low:g} to {high:g}.",
                    name=name,
                    low=low,
                    high=high,
                )
        for name, values in self.options.items():
            if len(set(values)) < 2:
                raise InvalidHyperparameterError(
                    "{name} needs two values to try, got {given}.", name=name, given=len(set(values))
                )
        if (self.num_trials is None) == (self.minutes is None):
            raise InvalidHyperparameterError("The budget of a search is either num_trials or minutes.")
        if self.num_trials is not None and not 1 <= self.num_trials <= MOST_TRIALS:
            raise InvalidHyperparameterError(
                "{name} must be between {low:g} and {high:g}, got {given}.",
                name="num_trials",
                low=1,
                high=MOST_TRIALS,
                given=self.num_trials,
            )
        if self.minutes is not None and not 0 < self.minutes <= MOST_MINUTES:
            raise InvalidHyperparameterError(
                "minutes must be more than 0 and at most {high:g}, got {given:g}.",
                high=MOST_MINUTES,
                given=self.minutes,
            )

    @property
    def searched(self) -> list[str]:
        """The hyperparameters to try, in the order of the form."""
        return [name for name in names() if name in self.ranges or name in self.options]

    def largest(self, base: Hyperparameters) -> list[Hyperparameters]:
        """Choices of which one takes most memory: the longest codes and batches, with every option that matters."""
        sizes = {name: int(high) for name, (_, high) in self.ranges.items() if name in _SIZES}
        kinds = [name for name in _KINDS if name in self.options]
        combinations = itertools.product(*(self.options[name] for name in kinds))
        return [base.with_changes(**sizes, **dict(zip(kinds, chosen, strict=True))) for chosen in combinations]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SearchSpace:
        """The inverse of `dataclasses.asdict`, after a journey through JSON.

        Raises:
            InvalidHyperparameterError: a value is not accepted.
        """
        ranges = {name: (low, high) for name, (low, high) in values["ranges"].items()}
        options = {name: tuple(found) for name, found in values["options"].items()}
        return cls(ranges=ranges, options=options, num_trials=values["num_trials"], minutes=values["minutes"])
