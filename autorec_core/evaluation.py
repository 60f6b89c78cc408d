"""How well a model meets users whom it never saw: strong generalisation, by the number of known ratings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autorec_core.baselines import DAMPING
from autorec_core.metrics import squared_error
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.reach import LEVELS
from autorec_core.recommender import Recommender
from autorec_core.splits import Split

KNOWN = (1, 5, 10, 20, None)
"""Numbers of known ratings to measure at; None is all but those that are scored."""
SCORED_SHARE = 0.2
"""Share of each held-out user's ratings that is scored and never known, so that all counts score the same ratings."""


def _held_out(split: Split) -> Iterator[tuple[IntArray, FloatArray, IntArray, IntArray]]:
    """Of each held-out user items and ratings, and which of them are scored and which become known, in this order."""
    if split.holdout is None:
        raise ValueError("The split holds no users out.")
    by_user = split.holdout.by_user
    generator = np.random.default_rng([split.seed, 1])
    for user in np.flatnonzero(by_user.counts >= 2):
        order = generator.permutation(by_user.counts[user])
        num_scored = max(1, round(SCORED_SHARE * len(order)))
        yield *by_user.row(int(user)), order[:num_scored], order[num_scored:]


def fold_in_rmse(recommender: Recommender, split: Split) -> dict[str, dict[str, float]]:
    """RMSE on held-out users' ratings when the first few of their others are known.

    Of each held-out user a random fifth (at least one) is scored; the others become known one by one in a random order.
    A user with fewer others than asked for counts with all of them.

    The baseline knows the same item means as the model, so that neither has seen more.

    Args:
        recommender: of a model that never saw the held-out users.
        split: with held-out users.

    Returns:
        By number of known ratings ("1", "5", "10", "20", "all"): `autorec` and `user_item_bias`, in rating units.
    """
    people = list(_held_out(split))
    expected = recommender.model.item_means
    results = {}
    for known in KNOWN:
        total = np.zeros(2)
        number = 0
        for items, ratings, scored, all_others in people:
            others = all_others[:known]
            ours = recommender.fold_in(items[others], ratings[others]).predicted_ratings[items[scored]]
            user_bias = (ratings[others] - expected[items[others]]).sum() / (len(others) + DAMPING)
            theirs = split.train.scale.clip(expected[items[scored]] + user_bias)
            total += [squared_error(ours, ratings[scored])[0], squared_error(theirs, ratings[scored])[0]]
            number += len(scored)
        autorec, user_item_bias = np.sqrt(total / number).tolist()
        results[_name(known)] = {"autorec": autorec, "user_item_bias": user_item_bias}
    return results


def interval_shares(recommender: Recommender, split: Split) -> dict[str, dict[str, float]]:
    """How many of the held-out users' scored ratings their intervals hold.

    Args:
        recommender: as for `fold_in_rmse`.
        split: as for `fold_in_rmse`; the same ratings are known and scored.

    Returns:
        By number of known ratings: for each of `LEVELS`, as "50 %", the share held, 0 to 1.
    """
    people = list(_held_out(split))
    results = {}
    for known in KNOWN:
        held, number = np.zeros(len(LEVELS)), 0
        for items, ratings, scored, all_others in people:
            others = all_others[:known]
            met = recommender.fold_in(items[others], ratings[others])
            for place, level in enumerate(LEVELS):
                low, high = met.interval(level, items[scored])
                held[place] += ((low <= ratings[scored]) & (ratings[scored] <= high)).sum()
            number += len(scored)
        shares = (held / number).tolist()
        results[_name(known)] = {f"{level:.0%}": share for level, share in zip(LEVELS, shares, strict=True)}
    return results


def _name(known: int | None) -> str:
    return "all" if known is None else str(known)
