"""Which scale a set of ratings is on, told from the ratings."""

from __future__ import annotations

import numpy as np

from autorec_core.ratings import FloatArray, RatingScale

COMMON_SCALES = (
    RatingScale(1, 5, 1),
    RatingScale(0.5, 5, 0.5),
    RatingScale(1, 10, 1),
    RatingScale(1, 10, 0.5),
    RatingScale(0, 1, 1),
    RatingScale(0, 5, 1),
    RatingScale(0, 5, 0.5),
    RatingScale(0, 10, 1),
    RatingScale(0, 10, 0.5),
    RatingScale(0, 100, 1),
)
"""The scales that a file's ratings are taken to be on, the first that fits."""

MAY_BE_SLIPS = 0.05
"""The largest share of the ratings that is taken for slips when it lies above a scale that all others are on."""


def guess_scale(values: FloatArray, *, may_be_slips: float = MAY_BE_SLIPS) -> RatingScale:
    """The first common scale that fits, else the span and finest gap that the values show themselves.

    A few values above a scale that all others are on are more likely slips than a wider scale; whoever asks finds them
    outside of what this returns.

    Args:
        values: (num_ratings,) finite ratings, at least one.
        may_be_slips: the largest share of the ratings that may lie above the scale, 0 to 1.

    >>> str(guess_scale(np.array([1.0, 2.0, 5.0]))), str(guess_scale(np.array([0.5, 4.0]))),
    ('1 to 5', '0.5 to 5')
    """
    distinct, counts = np.unique(values, return_counts=True)
    fitting = []
    for scale in COMMON_SCALES:
        above = distinct > scale.high
        if distinct[0] >= scale.low and counts[above].sum() <= may_be_slips * len(values) and not above.all():
            places = (distinct[~above] - scale.low) / scale.step
            if np.allclose(places, np.round(places)):
                return scale
            fitting.append((scale, distinct[~above]))
    for scale, inside in fitting:
        if len(inside) > 1:
            return RatingScale(scale.low, scale.high, max(float(np.diff(inside).min()), scale.span / 1000))
    return RatingScale.guess(values)
