"""What would have to be otherwise: which of a visitor's ratings would make one movie come out as high as asked for.

Source: counterfactual explanations (Wachter, Mittelstadt & Russell 2018): the fewest changes of the input that give the
output asked for, told as changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autorec_core.fold_in import FoldIn
from autorec_core.recommender import Recommender

MOST = 3
"""Ratings that are changed at most; more are no explanation that anybody could follow."""


@dataclass(frozen=True)
class Change:
    """One of the visitor's ratings, otherwise."""

    item_index: int
    """Of the rated item."""
    given: float
    """What the visitor gave."""
    instead: float
    """What they would have had to give."""


@dataclass(frozen=True)
class Turn:
    """What it takes."""

    changes: tuple[Change, ...]
    """The one that does most comes first; empty where the movie is there already."""
    before: float
    """The movie's predicted rating as things are, clipped to the scale."""
    after: float
    """The same with all changes, clipped to the scale."""
    enough: bool
    """Whether it gets as high as asked for."""


def towards(recommender: Recommender, met: FoldIn, item: int, goal: float | None = None, *, most: int = MOST) -> Turn:
    """The changes of a visitor's ratings that bring a movie's prediction to a goal.

    Of an item-based model a prediction is linear in the ratings, so that these are the fewest there are; of a
    user-based one each step takes the rating that does most as things stand. Either way `after` is what meeting the
    visitor with these ratings gives.

    Args:
        recommender: that met the visitor.
        met: the visitor.
        item: index of the movie.
        goal: in rating units; by default the least that is rounded to the highest rating.
        most: ratings changed at most.
    """
    scale, target = recommender.model.scale, np.array([item])
    goal = scale.high - scale.step / 2 if goal is None else goal
    given, ratings = met.ratings, met.ratings.copy()
    first = now = float(met.raw_of(target)[0])
    changed: list[int] = []
    while now < goal and len(changed) < most:
        pulls = met.pulls(item)
        gains = np.where(pulls > 0, scale.high - ratings, scale.low - ratings) * pulls
        gains[changed] = 0.0
        if not (gains > 0).any():
            break
        place = int(np.argmax(gains))
        pull = float(pulls[place])
        steps = math.ceil((goal - now) / abs(pull) / scale.step - 1e-9)  # no further than needed
        moved = ratings.copy()
        moved[place] = float(scale.clip(np.asarray(ratings[place] + math.copysign(steps * scale.step, pull))))
        trial = recommender.fold_in(met.item_indices, moved)
        then = float(trial.raw_of(target)[0])
        if then <= now:
            break
        met, ratings, now = trial, moved, then
        changed.append(place)
    return Turn(
        changes=tuple(Change(int(met.item_indices[j]), float(given[j]), float(ratings[j])) for j in changed),
        before=float(scale.clip(np.asarray(first))),
        after=float(scale.clip(np.asarray(now))),
        enough=now >= goal,
    )
