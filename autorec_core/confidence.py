"""How sure a mean of a few measurements is: Student's t, without a library for it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95
"""Probability that an interval is asked to hold the true mean with."""


@dataclass(frozen=True)
class Mean:
    """The mean of measurements that are taken to be independent and about normal."""

    mean: float
    """In the unit of the measurements; NaN where there are none."""
    half_width: float | None
    """The interval reaches so far to either side; None for fewer than two measurements, which say nothing of it."""
    deviation: float | None
    """Standard deviation of the measurements; None for fewer than two."""
    count: int
    """Number of measurements."""

    @staticmethod
    def of(measured: Sequence[float], level: float = LEVEL) -> Mean:
        """The mean of measurements with its interval.

        Args:
            measured: one number a seed.
            level: 0 to 1.

        >>> found = Mean.of([1.0, 2.0, 3.0])
        >>> f"{found.mean:g} ± {found.half_width:.3f}"
        '2 ± 2.484'
        """
        count = len(measured)
        if count < 2:
            return Mean(measured[0] if measured else math.nan, None, None, count)
        deviation = statistics.stdev(measured)
        return Mean(
            statistics.fmean(measured), student_t(level, count - 1) * deviation / math.sqrt(count), deviation, count
        )


def student_t(level: float, degrees: int) -> float:
    """The t that a Student variable stays within, on both sides of 0, with probability `level`.

    Args:
        level: more than 0 and less than 1.
        degrees: of freedom, 1 or more.

    Source: Abramowitz & Stegun 1964, equations 26.7.3 and 26.7.4, solved by bisection.

    >>> f"{student_t(0.95, 4):.3f} {student_t(0.95, 1):.3f}"
    '2.776 12.706'
    """
    if not (0 < level < 1 and degrees >= 1):
        raise ValueError(f"Needs a level between 0 and 1 and a degree of freedom, got {level} and {degrees}.")
    low, high = 0.0, math.pi / 2  # of the angle whose tangent is t over the root of the degrees
    for _ in range(200):
        middle = (low + high) / 2
        if _probability_within(middle, degrees) < level:
            low = middle
        else:
            high = middle
    return math.tan(low) * math.sqrt(degrees)


def _probability_within(angle: float, degrees: int) -> float:
    sine, cosine = math.sin(angle), math.cos(angle)
    term, total = (cosine, cosine) if degrees % 2 else (1.0, 1.0)
    for power in range(3 if degrees % 2 else 2, degrees - 1, 2):
        term *= cosine**2 * (power - 1) / power
        total += term
    if degrees % 2:
        return 2 / math.pi * (angle + (sine * total if degrees > 1 else 0.0))
    return sine * total
