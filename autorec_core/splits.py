"""Which ratings a model learns from, which choose among its epochs, and which judge it once at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core.errors import InvalidHyperparameterError, InvalidRatingsError
from autorec_core.ratings import IntArray, Ratings, union


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint parts of one set of ratings, all over the same users and items."""

    train: Ratings
    """What the model learns from, and all that its inputs ever hold."""
    valid: Ratings
    """What chooses the epoch, and hyperparameters."""
    test: Ratings
    """What is scored once."""
    holdout: Ratings | None
    """All ratings of the users held out whole, to measure `fold_in` on; None where there are none."""
    seed: int
    """What the parts were drawn with."""


def random_split(
    ratings: Ratings,
    *,
    seed: int = 0,
    test_fraction: float = 0.1,
    valid_fraction: float = 0.1,
    holdout_users: float = 0.0,
    test: Ratings | None = None,
    by_time: bool = False,
) -> Split:
    """Draws ratings at random, as the paper does: a tenth to test on, and a tenth of the rest to validate on.

    By time, nothing of this is drawn: the newest tenth is to test on, the newest tenth of the rest to validate on, as
    for somebody who trains today and recommends tomorrow.

    Args:
        ratings: all ratings; with `test` given, all that are not for testing.
        seed: of the draw; the same seed draws the same parts.
        test_fraction: share of the ratings to test on, 0 to 0.9; not used where `test` is given.
        valid_fraction: share of what is not for testing to validate on, 0.001 to 0.9.
        holdout_users: share of the users, with at least two ratings each, to hold out whole, 0 to 0.9; at least one
            user where it is more than 0.
        test: a test set of one's own, on the same scale. What it has of the users held out goes with them.
        by_time: whether the newest ratings are taken. Of ratings of the same second, the seed decides.

    Raises:
        InvalidHyperparameterError: a fraction is outside its range, or the seed negative.
        InvalidRatingsError: too few ratings for the parts, train and test share a user and item, or the ratings are to
            be split by time and have none.

    Source: Sedhain et al. 2015, section 3 (random 90/10, a tenth of train for validation).
    """
    for name, value, low in (
        ("test_fraction", test_fraction, 0.0),
        ("valid_fraction", valid_fraction, 0.001),
        ("holdout_users", holdout_users, 0.0),
    ):
        if not low <= value <= 0.9:
            raise InvalidHyperparameterError(
                "{name} must be between {low:g} and {high:g}, got {given}.",
                name=name,
                low=low,
                high=0.9,
                given=f"{value:g}",
            )
    if seed < 0:
        raise InvalidHyperparameterError("seed must be 0 or more, got {given}.", given=seed)
    is_test = np.zeros(ratings.num_ratings, dtype=bool)
    if test is not None:
        ratings, (_, is_test) = union(ratings, [test])
    if by_time and ratings.timestamps is None:
        raise InvalidRatingsError(
            "{name} can't be split by time: not every rating has a timestamp. Give a column timestamp with the seconds "
            "since 1970, or split at random.",
            name=ratings.name,
        )
    generator = np.random.default_rng([seed, 0])
    by_user = ratings.by_user
    is_held_out = np.zeros(ratings.num_users, dtype=bool)
    if holdout_users > 0:
        eligible = np.flatnonzero(by_user.counts >= 2)
        wanted = max(1, round(holdout_users * ratings.num_users))
        if wanted > len(eligible):
            raise InvalidRatingsError(
                "holdout_users of {share:g} needs {wanted:,} users with two ratings or more; {name} has {count:,}.",
                share=holdout_users,
                wanted=wanted,
                name=ratings.name,
                count=len(eligible),
            )
        is_held_out[generator.choice(eligible, wanted, replace=False)] = True
    held_out = is_held_out[by_user.rows]
    places = np.flatnonzero(~held_out & ~is_test)
    if ratings.num_ratings <= np.iinfo(np.int32).max:
        places = places.astype(np.int32)  # half the memory, and the same draw
    remaining = generator.permutation(places)
    del places
    if by_time and ratings.timestamps is not None:
        remaining = remaining[np.argsort(-ratings.timestamps[remaining], kind="stable")]  # newest first
    num_test = 0 if test is not None else round(test_fraction * len(remaining))
    num_valid = max(1, round(valid_fraction * (len(remaining) - num_test)))
    if len(remaining) - num_test - num_valid < 1:
        raise InvalidRatingsError(
            "{name} has {count:,} ratings to split; too few to train, validate and test on.",
            name=ratings.name,
            count=len(remaining),
        )

    def part(positions: IntArray) -> Ratings:
        chosen = np.zeros(ratings.num_ratings, dtype=bool)
        chosen[positions] = True
        return ratings.select(chosen)

    return Split(
        train=part(remaining[num_test + num_valid :]),
        valid=part(remaining[num_test : num_test + num_valid]),
        test=part(remaining[:num_test]) if test is None else ratings.select(is_test & ~held_out),
        holdout=ratings.select(held_out) if held_out.any() else None,
        seed=seed,
    )
