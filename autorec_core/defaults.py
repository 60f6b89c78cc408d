"""What to train with when nobody has said: a rule from the number of ratings.

The values at 100 thousand ratings and at a million come from searches on validation (MovieLens 100K, latest-small and
1M). Between and beyond, the penalty grows with the square root of the ratings, as the noise of their sum does, and code
and epochs more slowly; from a million on, batches grow with the ratings, so that a step has as much to learn from as it
moves, and on small sets they shrink, so that there are steps enough. Sets smaller than those that were searched lean on
averages. `docs/defaults.md` has the rule with what was measured of it.
"""

from __future__ import annotations

import math

from autorec_core.hyperparameters import DEFAULT_PRESETS, PRESETS, Hyperparameters, preset

FITTED = "fitted"
"""What the rule's hyperparameters are called where a preset's name would stand."""

SEARCHED_AT = 100_000
"""Ratings of the sets that the default presets were searched on."""
PENALTY_GROWTH, UNITS_GROWTH, EPOCHS_GROWTH = 0.5, 0.29, 0.3
"""Exponents of the number of ratings."""
MOST_UNITS, MOST_EPOCHS, LARGEST_BATCH = 500, 40, 1024
FEWEST_UNITS, SMALLEST_BATCH = 16, 4


def hyperparameters_for(num_ratings: int, based_on: str = "items") -> Hyperparameters:
    """The hyperparameters to begin with for a set of ratings.

    Args:
        num_ratings: of the data set, all parts together.
        based_on: "items" or "users".

    >>> found = hyperparameters_for(1_000_209)
    >>> found.hidden_units, found.epochs, found.regularization, found.batch_size
    (500, 40, 45.0, 128)
    >>> hyperparameters_for(100_000) == preset("balanced")
    True
    """
    begun = preset(DEFAULT_PRESETS[based_on])
    growth = max(1, num_ratings) / SEARCHED_AT
    if 0.8 <= growth <= 1.25:
        return begun
    units = begun.hidden_units * growth**UNITS_GROWTH
    epochs = begun.epochs * max(1.0, growth) ** EPOCHS_GROWTH
    return begun.with_changes(
        lean_on_averages=growth < 1,
        regularization=_rounded(begun.regularization * growth**PENALTY_GROWTH),
        hidden_units=min(MOST_UNITS, max(FEWEST_UNITS, round(units / 4) * 4)),
        epochs=max(begun.epochs, min(MOST_EPOCHS, round(epochs))),
        batch_size=_batch_size(begun.batch_size, growth),
    )


def name_of(hyperparameters: Hyperparameters, num_ratings: int) -> str | None:
    """The name of the preset that these are, `FITTED` where the rule gives them, else None.

    Args:
        hyperparameters: to be named.
        num_ratings: of the data set that they train on, all parts together.

    >>> name_of(Hyperparameters(), 100_000), name_of(Hyperparameters(hidden_units=77), 100_000)
    ('balanced', None)
    >>> name_of(hyperparameters_for(9_000), 9_000), name_of(hyperparameters_for(9_000), 5_000)
    ('fitted', None)
    """
    named = next((name for name, known in PRESETS.items() if known.hyperparameters == hyperparameters), None)
    return named or (FITTED if hyperparameters == hyperparameters_for(num_ratings, hyperparameters.based_on) else None)


def label_of(name: str | None) -> str:
    """What people read in place of a preset's name, of `FITTED`, or of None."""
    if name in PRESETS:
        return PRESETS[name].label
    return "Fitted to size" if name == FITTED else "Custom"


def _batch_size(searched: int, growth: float) -> int:
    if growth < 1:
        return max(SMALLEST_BATCH, round(searched * math.sqrt(growth)))
    doublings = max(0, round(math.log2(growth / 10)))
    return min(LARGEST_BATCH, searched << doublings)


def _rounded(value: float) -> float:
    """To steps of 5 from 20 on, of 1 from 5 on, of a tenth below: no more than a search can tell apart."""
    step = 5.0 if value >= 20 else 1.0 if value >= 5 else 0.1
    return round(max(step, round(value / step) * step), 10)
