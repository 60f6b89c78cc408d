"""What a trained model is worth beyond one number: by activity, by popularity, as lists, and with people unseen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autorec_core import ranking
from autorec_core.evaluation import fold_in_rmse, interval_shares
from autorec_core.metrics import mae, quantile_groups, rmse, squared_error_by_group
from autorec_core.ratings import FloatArray, IntArray, RatingScale
from autorec_core.recommender import Recommender
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel

LISTED = 10
"""Length of a list of recommendations."""
RELEVANT_SHARE = 0.75
"""A rating so far up the scale is relevant: 4 of 1 to 5."""
GROUPS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
"""Of users by their ratings, or of movies by theirs."""
UNSEEN = "no training rating"
USERS_AT_ONCE = 512
"""Whose scores for all items are in memory together."""

Scores = Callable[[IntArray], FloatArray]
"""(m,) user indices -> (m, num_items) scores, higher is better."""


def report(model: TrainedModel, split: Split, *, listed: int = LISTED) -> dict[str, Any]:
    """All figures of a model on the test ratings of its split, and on the users held out where there are such.

    Args:
        model: trained on `split`.
        split: with test ratings.
        listed: length of the lists of recommendations.

    Returns:
        Plain values: `rmse`, `mae`, `num_test`, `num_fallback`, `by_user_activity`, `by_item_popularity`, `ranking`;
        of held-out users `fold_in` and `intervals`. NaN where there is nothing to measure.
    """
    test = split.test.by_user
    predicted = model.predict_pairs(test.rows, test.indices)
    users = _by_group(predicted, test.values, test.rows, model.user_counts)
    items = _by_group(predicted, test.values, test.indices, model.item_counts)
    found: dict[str, Any] = {
        "rmse": rmse(predicted, test.values),
        "mae": mae(predicted, test.values),
        "num_test": len(test.values),
        "num_fallback": int(model.needs_fallback(test.rows, test.indices).sum()),
        "by_user_activity": users,
        "by_item_popularity": items,
        "ranking": rank_all(
            {
                "autorec": lambda chosen: scores_of(model, chosen),
                "item_mean": lambda chosen: np.broadcast_to(model.item_means, (len(chosen), len(model.items))),
                "popularity": lambda chosen: np.broadcast_to(model.item_counts, (len(chosen), len(model.items))),
            },
            split,
            listed=listed,
        ),
    }
    if split.holdout is not None:
        found |= held_out_report(model, split)
    return found


def held_out_report(model: TrainedModel, split: Split) -> dict[str, Any]:
    """Of users held out: `fold_in`, as `fold_in_rmse`, and `intervals`, as `interval_shares`."""
    recommender = Recommender(model)
    return {"fold_in": fold_in_rmse(recommender, split), "intervals": interval_shares(recommender, split)}


# -- ratings ----------------------------------------------------------------------------------------------------------


def _by_group(predicted: FloatArray, given: FloatArray, places: IntArray, counts: IntArray) -> dict[str, Any]:
    """RMSE of the ratings of each quarter of the users, or of the items, by their training ratings.

    Args:
        predicted: (n,) predicted ratings.
        given: (n,) test ratings.
        places: (n,) whose user or item each is.
        counts: (num_users or num_items,) training ratings.
    """
    groups = quantile_groups(counts, len(GROUPS))
    groups = np.where(groups < 0, len(GROUPS), groups)
    totals, numbers = squared_error_by_group(predicted, given, groups[places], len(GROUPS) + 1)
    found = {}
    for group, name in enumerate((*GROUPS, UNSEEN)):
        inside = counts[groups == group]
        found[name] = {
            "members": len(inside),
            "fewest": int(inside.min()) if len(inside) else math.nan,
            "most": int(inside.max()) if len(inside) else math.nan,
            "num_test": int(numbers[group]),
            "rmse": math.sqrt(totals[group] / numbers[group]) if numbers[group] else math.nan,
        }
    return found


# -- lists ------------------------------------------------------------------------------------------------------------


def scores_of(model: TrainedModel, users: IntArray) -> FloatArray:
    """Reconstructions (m, num_items) of users, not clipped; damped means where user or item had no training rating."""
    if model.by_items:
        z = model.decoder_weights[users] @ model.codes.T
        z += model.decoder_bias[users, None]
        z += model.offsets
        scores = model.link(z)
    else:
        scores = model.reconstruct_rows(users)
    cold_users, cold_items = model.user_counts[users] == 0, model.item_counts == 0
    scores[cold_users] = model.item_means + model.user_biases[users[cold_users], None]
    scores[:, cold_items] = model.item_means[cold_items] + model.user_biases[users, None]
    return scores


def relevant_from(scale: RatingScale) -> float:
    """The lowest rating on the scale that makes an item relevant, in rating units."""
    steps = math.ceil(RELEVANT_SHARE * scale.span / scale.step - 1e-9)
    return min(scale.high, scale.low + steps * scale.step)


def rank_all(ways: dict[str, Scores], split: Split, *, listed: int = LISTED) -> dict[str, Any]:
    """Ranks, for each user with a test rating, all items that they have not rated for training or validation.

    Args:
        ways: name -> what gives the scores.
        split: the test ratings say what is relevant.
        listed: length of a list; at most the number of items.

    Returns:
        `listed`, `relevant_from` (the rating), `num_users` (with a relevant item) and by name of way `ndcg`, `recall`,
        `coverage` (0 to 1) and `novelty` (bits).
    """
    train, valid, test = split.train, split.valid.by_user, split.test.by_user
    scale, num_items = train.scale, train.num_items
    listed = min(listed, num_items)
    threshold = relevant_from(scale)
    users = np.flatnonzero(test.counts)
    sums = {name: np.zeros(4) for name in ways}
    lists: dict[str, list[IntArray]] = {name: [] for name in ways}
    for start in range(0, len(users), USERS_AT_ONCE):
        chosen = users[start : start + USERS_AT_ONCE]
        rated, relevant = np.zeros((2, len(chosen), num_items), dtype=bool)
        for place, user in enumerate(chosen):
            rated[place, train.by_user.row(user)[0]] = True
            rated[place, valid.row(user)[0]] = True
            items, given = test.row(user)
            relevant[place, items[given >= threshold]] = True
        num_relevant = relevant.sum(1)
        for name, way in ways.items():
            found = ranking.top(way(chosen), rated, listed)
            hits = np.take_along_axis(relevant, np.maximum(found, 0), axis=1) & (found >= 0)
            sums[name] += [*ranking.ndcg(hits, num_relevant), *ranking.recall(hits, num_relevant)]
            lists[name].append(found)
    results: dict[str, Any] = {"listed": listed, "relevant_from": threshold, "num_users": 0}
    for name, (gain, counted, share, _) in sums.items():
        recommended = np.concatenate(lists[name]) if lists[name] else np.zeros((0, listed), dtype=np.int64)
        distinct, _ = ranking.coverage(recommended, num_items)
        bits, number = ranking.novelty(recommended, train.by_item.counts, train.num_users)
        results["num_users"] = int(counted)
        results[name] = {
            "ndcg": gain / counted if counted else math.nan,
            "recall": share / counted if counted else math.nan,
            "coverage": distinct / num_items,
            "novelty": bits / number if number else math.nan,
        }
    return results


def text_of(found: dict[str, Any]) -> list[str]:
    """A report as lines of text."""

    def number(value: float | None, form: str = ".4f") -> str:
        return "-" if value is None or math.isnan(value) else format(value, form)

    lines = [
        f"test RMSE {number(found['rmse'])}, MAE {number(found['mae'])}, {found['num_test']:,.0f} ratings, "
        f"{found['num_fallback']:,.0f} by the fallback"
    ]
    for title, name in (("users by activity", "by_user_activity"), ("movies by popularity", "by_item_popularity")):
        lines += ["", f"{title:<22}{'members':>9}{'training ratings':>20}{'test ratings':>14}{'RMSE':>9}"]
        for group, of in found[name].items():
            if of["members"]:
                span = f"{number(of['fewest'], ',.0f')} to {number(of['most'], ',.0f')}"
                count = f"{of['members']:>9,.0f}{span:>20}{of['num_test']:>14,.0f}"
                lines.append(f"  {group:<20}{count}{number(of['rmse']):>9}")
    lists = found["ranking"]
    k = f"{lists['listed']:.0f}"
    heads = "".join(f"{name + '@' + k:>13}" for name in ("NDCG", "recall", "coverage", "novelty"))
    lines += ["", f"{'lists of all unrated':<22}{heads}"]
    for name in (name for name, value in lists.items() if isinstance(value, dict)):
        of = lists[name]
        cells = "".join(f"{number(of[key], form):>13}" for key, form in _COLUMNS.items())
        lines.append(f"  {name:<20}{cells}")
    lines.append(
        f"  relevant: a test rating of {lists['relevant_from']:g} or more; {lists['num_users']:,.0f} users have one; "
        "novelty in bits"
    )
    if "fold_in" in found:
        lines += ["", f"{'people never seen':<22}{'RMSE':>9}{'averages':>10}{'':>4}share that the intervals hold"]
        for known, scores in found["fold_in"].items():
            shares = ", ".join(f"{level}: {share:.1%}" for level, share in found["intervals"][known].items())
            rmses = f"{number(scores['autorec']):>9}{number(scores['user_item_bias']):>10}"
            lines.append(f"  {known + ' known':<20}{rmses}{'':>4}{shares}")
    else:
        lines += [
            "",
            "No users were held out, so nothing is known of people whom the model never saw: --holdout-users.",
        ]
    return lines


_COLUMNS = {"ndcg": ".4f", "recall": ".4f", "coverage": ".1%", "novelty": ".2f"}
