"""How many standard deviations an interval has to reach to hold as often as it says, measured on validation ratings.

Errors are no normal distribution: most people are more predictable than the variance says, a few much less. So users of
the training data are met as visitors are, with some of their training ratings known, and what their validation ratings
missed their prediction by, in standard deviations of just the kind that a visitor's interval is made of, tells how far
one has to go. It is the same for every number of known ratings: measured one by one, they hardly differ.

Source: split conformal prediction with normalised residuals (Lei et al. 2018, section 5.2).
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from autorec_core.fold_in import ItemBasedFoldIn, Prior, user_based_variance
from autorec_core.ratings import FloatArray
from autorec_core.rehearsal import KNOWN_COUNTS, at_known_counts, validation_visitors
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel, normal_reach

LEVELS = (0.5, 0.8, 0.95)
"""Probabilities at which it is measured; between them and beyond, the shape is that of a normal distribution."""
DAMPING = 50.0
"""So many validation ratings' worth of belief in a normal distribution: a handful can't tell a quantile."""

TINY = 1e-12
"""In squared rating units."""


def standardised_errors(model: TrainedModel, split: Split, *, users_read: int = 300) -> tuple[FloatArray, int]:
    """What validation ratings missed their predictions by, over the deviations that the model gave these.

    Args:
        model: that never saw the validation ratings; a user-based one with its `fold_in_variances`.
        split: what it was trained on.
        users_read: at most so many users.

    Returns:
        (m,) float64, 0 or more, and how many ratings they are of, each at every number of known ratings.
    """
    prior = Prior(model) if model.by_items else None
    errors, number = [np.zeros(0)], 0
    for items, ratings, targets, given in validation_visitors(split, users_read):
        number += len(given)
        if prior is None:
            raw = at_known_counts(model, items, ratings, targets)
            variances = [user_based_variance(model, min(count, len(items))) for count in KNOWN_COUNTS]
            deviations = np.sqrt(np.maximum(variances, TINY))[:, None]  # 0 where all ratings are alike
            errors.append((np.abs(given - raw) / deviations).ravel())
            continue
        some = prior.of(np.concatenate([items, targets]))
        asked = np.arange(len(items), len(items) + len(targets))
        for count in KNOWN_COUNTS:
            met = ItemBasedFoldIn(model, some, np.arange(min(count, len(items))), ratings[:count])
            errors.append(np.abs(given - met.raw[asked]) / np.sqrt(met.variance_of(asked)))
    return np.concatenate(errors), number


def measured(model: TrainedModel, split: Split) -> tuple[FloatArray, FloatArray]:
    """How far intervals have to reach.

    Args:
        model: as for `standardised_errors`.
        split: what it was trained on.

    Returns:
        (m,) float64 ascending probabilities and (m,) float64 standard deviations to either side of a prediction.
    """
    # These products are too small for threads, which would wait for each other more than they work.
    with threadpool_limits(1, user_api="blas"):
        errors, number = standardised_errors(model, split)
    reaches = np.array([normal_reach(level) for level in LEVELS])
    if number:
        share = number / (number + DAMPING)
        reaches += share * (np.quantile(errors, LEVELS) - reaches)
    return np.array(LEVELS), reaches
