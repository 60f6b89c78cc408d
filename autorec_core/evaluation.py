"""How well a model meets users whom it never saw: strong generalisation, by the number of known ratings."""

from __future__ import annotations

import numpy as np

from autorec_core.baselines import DAMPING
from autorec_core.metrics import squared_error
from autorec_core.recommender import Recommender
from autorec_core.splits import Split

KNOWN = (1, 5, 10, 20, None)
"""Numbers of known ratings to measure at; None is all but those that are scored."""
SCORED_SHARE = 0.2
"""Share of each held-out user's ratings that is scored and never known, so that all counts score the same ratings."""


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
    if split.holdout is None:
        raise ValueError("The split holds no users out.")
    by_user, scale = split.holdout.by_user, split.holdout.scale
    expected = recommender.model.item_means
    generator = np.random.default_rng([split.seed, 1])
    orders = [(user, generator.permutation(by_user.counts[user])) for user in np.flatnonzero(by_user.counts >= 2)]
    results = {}
    for known in KNOWN:
        total = np.zeros(2)
        number = 0
        for user, order in orders:
            items, ratings = by_user.row(int(user))
            num_scored = max(1, round(SCORED_SHARE * len(order)))
            scored, others = order[:num_scored], order[num_scored:][:known]
            ours = recommender.fold_in(items[others], ratings[others]).predicted_ratings[items[scored]]
            user_bias = (ratings[others] - expected[items[others]]).sum() / (len(others) + DAMPING)
            theirs = scale.clip(expected[items[scored]] + user_bias)
            total += [squared_error(ours, ratings[scored])[0], squared_error(theirs, ratings[scored])[0]]
            number += num_scored
        autorec, user_item_bias = np.sqrt(total / number).tolist()
        results["all" if known is None else str(known)] = {"autorec": autorec, "user_item_bias": user_item_bias}
    return results
