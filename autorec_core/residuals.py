"""Where a trained model errs: the test ratings one by one, and their errors by popularity, activity, genre and rating.

Everything here is of predictions clipped to the scale, each test rating once. Beside each group stands what user and
movie averages miss by there, fitted to the same ratings as the model: a hard group is hard for everybody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from autorec_core.ratings import BoolArray, FloatArray, IntArray, Items, Ratings, RatingScale
from autorec_core.trained_model import TrainedModel

MOST_LEVELS = 12
"""Ratings that are told apart in a confusion; a finer scale is cut into ten equal pieces."""
NORMAL_95 = 1.959963984540054
"""A normal variable stays within so many deviations with probability 95 %."""
THIN = 5
"""A movie or user with so many training ratings or fewer stands on little."""
UNUSUAL = 1.5
"""A rating so many rating units (of a scale of 4.5) from the movie's mean is not what people usually give it."""
NO_GENRE = "(no genre listed)"


@dataclass(frozen=True, eq=False)
class Scored:
    """Test ratings with what was predicted; all arrays (n,), in one order."""

    users: IntArray
    """User index of each."""
    items: IntArray
    """Item index of each."""
    given: FloatArray
    """float64 ratings, in rating units."""
    predicted: FloatArray
    """float64, clipped to the scale."""
    averages: FloatArray
    """float64, what the model's `item_means` and `user_biases` predict, clipped to the scale."""
    user_counts: IntArray
    """Ratings of each one's user that the model learnt from."""
    item_counts: IntArray
    """Ratings of each one's movie that the model learnt from."""
    scale: RatingScale
    """The rating scale."""

    @property
    def error(self) -> FloatArray:
        """(n,) predicted less given, in rating units."""
        return np.asarray(self.predicted - self.given)

    def __len__(self) -> int:
        return len(self.given)


def score(model: TrainedModel, test: Ratings) -> Scored:
    """Predicts test ratings.

    Args:
        model: trained on other ratings of the same users and items.
        test: to be predicted.
    """
    users, items = test.by_user.rows, test.by_user.indices
    averages = model.item_means[items].astype(np.float64) + model.user_biases[users]
    return Scored(
        users=users,
        items=items,
        given=test.by_user.values.astype(np.float64),
        predicted=model.predict_pairs(users, items).astype(np.float64),
        averages=np.asarray(model.scale.clip(averages)),
        user_counts=model.user_counts[users],
        item_counts=model.item_counts[items],
        scale=model.scale,
    )


# -- groups -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """The errors of some of the test ratings. NaN where there are none."""

    label: str
    """What they have in common."""
    num_ratings: int
    """How many there are."""
    share: float
    """Of all test ratings, 0 to 1."""
    rmse: float
    """In rating units."""
    low: float
    """Lower end of the 95 % interval of `rmse`, the ratings taken as independent."""
    high: float
    """Upper end of the same."""
    averages_rmse: float
    """What user and movie averages miss by on the same ratings."""
    mean_error: float
    """Predicted less given, on average: above 0 where the model is too kind."""


def group(scored: Scored, label: str, chosen: BoolArray) -> Group:
    """The errors of the chosen ratings; `chosen` is (n,) bool."""
    number = int(chosen.sum())
    if not number:
        return Group(label, 0, 0.0, *[math.nan] * 5)
    error = scored.error[chosen]
    squares = error**2
    mean = float(squares.mean())
    reach = NORMAL_95 * float(squares.std(ddof=1)) / math.sqrt(number) if number > 1 else math.nan
    averages = scored.averages[chosen] - scored.given[chosen]
    return Group(
        label=label,
        num_ratings=number,
        share=number / len(scored),
        rmse=math.sqrt(mean),
        low=math.sqrt(max(0.0, mean - reach)),
        high=math.sqrt(mean + reach),
        averages_rmse=math.sqrt(float((averages**2).mean())),
        mean_error=float(error.mean()),
    )


def by_count(scored: Scored, counts: IntArray) -> list[Group]:
    """Errors by how many ratings stood behind them: none, 1, 2 to 3, 4 to 7 and so on, doubling.

    Args:
        scored: the test ratings.
        counts: (n,) training ratings of each one's movie, or of its user.

    Returns:
        The groups that have a rating, fewest first.
    """
    classes = np.where(counts > 0, np.floor(np.log2(np.maximum(counts, 1))).astype(np.int64) + 1, 0)
    found = []
    for number in np.unique(classes).tolist():
        low, high = (0, 0) if number == 0 else (2 ** (number - 1), 2**number - 1)
        label = f"{low:,}" if low == high else f"{low:,}–{high:,}"
        found.append(group(scored, label, classes == number))
    return found


def by_genre(scored: Scored, items: Items) -> list[Group]:
    """Errors by genre, most ratings first. A movie of three genres counts in each, so the shares add up to more than 1.

    Args:
        scored: the test ratings.
        items: the movies that they are of.
    """
    names = (*items.genre_names, NO_GENRE)
    place = {name: number for number, name in enumerate(names)}
    member = np.zeros((len(items), len(names)), dtype=bool)
    for item, genres in enumerate(items.genres):
        member[item, [place[name] for name in genres] or [len(names) - 1]] = True
    found = [group(scored, name, member[scored.items, number]) for number, name in enumerate(names)]
    return sorted((one for one in found if one.num_ratings), key=lambda one: -one.num_ratings)


def by_rating(scored: Scored) -> list[Group]:
    """Errors by the rating that was given, lowest first; levels as in `levels_of`."""
    levels = levels_of(scored.scale)
    given = nearest(scored.given, levels)
    return [group(scored, f"{level:g}", given == number) for number, level in enumerate(levels.tolist())]


# -- calibration and confusion ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibrated:
    """Test ratings whose predictions are about the same."""

    low: float
    """Lowest prediction of the class, in rating units."""
    high: float
    """Where the next class begins."""
    predicted: float
    """Mean prediction."""
    given: float
    """Mean rating given: the same, where the model is calibrated."""
    half_width: float
    """The 95 % interval of `given` reaches so far to either side; NaN for a single rating."""
    num_ratings: int
    """How many there are."""


def calibration(scored: Scored, num_classes: int = 18) -> list[Calibrated]:
    """What was given where so much was predicted: classes of equal width over the scale, those with a rating.

    Args:
        scored: the test ratings.
        num_classes: over the whole scale.
    """
    edges = np.linspace(scored.scale.low, scored.scale.high, num_classes + 1)
    classes = np.clip(np.searchsorted(edges, scored.predicted, side="right") - 1, 0, num_classes - 1)
    found = []
    for number in np.unique(classes).tolist():
        given = scored.given[classes == number]
        deviation = float(given.std(ddof=1)) if len(given) > 1 else math.nan
        found.append(
            Calibrated(
                low=float(edges[number]),
                high=float(edges[number + 1]),
                predicted=float(scored.predicted[classes == number].mean()),
                given=float(given.mean()),
                half_width=NORMAL_95 * deviation / math.sqrt(len(given)),
                num_ratings=len(given),
            )
        )
    return found


def slope(scored: Scored) -> float:
    """Of the least-squares line of given over predicted: 1 where calibrated, less where predictions are too bold."""
    deviations = scored.predicted - scored.predicted.mean()
    return float(deviations @ (scored.given - scored.given.mean()) / max(1e-12, float(deviations @ deviations)))


def levels_of(scale: RatingScale) -> FloatArray:
    """(num_levels,) the ratings that are told apart: the scale's steps, or ten pieces' middles of a finer scale."""
    steps = round(scale.span / scale.step)
    if steps + 1 <= MOST_LEVELS:
        return np.asarray(scale.low + scale.step * np.arange(steps + 1))
    return np.asarray(scale.low + scale.span * (np.arange(10) + 0.5) / 10)


def nearest(values: FloatArray, levels: FloatArray) -> IntArray:
    """(n,) which of the ascending levels is the nearest to each value; of two as near, the higher."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values, side="right")


def confusion(scored: Scored) -> tuple[FloatArray, IntArray]:
    """How often which rating was given where which was predicted, predictions rounded to what can be given.

    Returns:
        (num_levels,) the ratings, and (num_levels, num_levels) int64 counts, given by predicted.
    """
    levels = levels_of(scored.scale)
    size = len(levels)
    flat = nearest(scored.given, levels) * size + nearest(scored.predicted, levels)
    return levels, np.bincount(flat, minlength=size * size).reshape(size, size)


# -- the worst --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Miss:
    """One prediction that went far astray."""

    user: int
    """User index."""
    item: int
    """Item index."""
    given: float
    """In rating units, as the next three."""
    predicted: float
    """By the model."""
    averages: float
    """By user and movie averages."""
    item_mean: float
    """The model's mean of the movie's training ratings."""
    user_count: int
    """Training ratings of the user."""
    item_count: int
    """Training ratings of the movie."""
    causes: tuple[str, ...]
    """Any of "unseen" (averages stood in), "few_of_movie", "few_of_user" (at most `THIN`), "unusual" (others give the
    movie something else), "unlike_user" (their bias points away from this rating) and "bold" (averages would have been
    nearer by half a unit); empty where none holds."""


def worst(scored: Scored, model: TrainedModel, count: int = 10) -> list[Miss]:
    """The predictions that were furthest off, furthest first.

    Args:
        scored: by `model`.
        model: whose predictions they are.
        count: at most so many.
    """
    first = np.argsort(-np.abs(scored.error), kind="stable")[:count]
    return [_miss(scored, model, place) for place in first.tolist()]


def _miss(scored: Scored, model: TrainedModel, place: int) -> Miss:
    item, user = int(scored.items[place]), int(scored.users[place])
    given, predicted, averages = (float(values[place]) for values in (scored.given, scored.predicted, scored.averages))
    item_mean = float(model.item_means[item])
    item_count, user_count = int(scored.item_counts[place]), int(scored.user_counts[place])
    unit, user_bias = scored.scale.span / 4.5, float(model.user_biases[user])
    holds = {
        "unseen": not item_count or not user_count,
        "few_of_movie": 0 < item_count <= THIN,
        "few_of_user": 0 < user_count <= THIN,
        "unusual": item_count > THIN and abs(given - item_mean) >= UNUSUAL * unit,
        "unlike_user": abs(user_bias) >= 0.5 * unit and user_bias * (given - averages) < 0,
        "bold": bool(item_count and user_count) and abs(predicted - given) - abs(averages - given) >= 0.5 * unit,
    }
    causes = tuple(name for name, is_so in holds.items() if is_so)
    return Miss(user, item, given, predicted, averages, item_mean, user_count, item_count, causes)


def totals(groups: Iterable[Group]) -> tuple[int, float]:
    """Number of ratings and RMSE of disjoint groups together: what the parts must add up to."""
    known: Sequence[Group] = [one for one in groups if one.num_ratings]
    number = sum(one.num_ratings for one in known)
    squares = sum(one.num_ratings * one.rmse**2 for one in known)
    return number, math.sqrt(squares / number) if number else math.nan
