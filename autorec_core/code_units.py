"""What each hidden unit looks for: the movies that it fires for most and least, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core.projection import goes_with, membership
from autorec_core.ratings import BoolArray, FloatArray, IntArray, Items
from autorec_core.trained_model import TrainedModel

LEAST_RATINGS = 5
"""A movie with fewer has a code of its own accident, and is left out where there are enough others."""
END = 100
"""Movies at either end of a unit that are looked at; a tenth of all where that is fewer."""
FALSE_DISCOVERIES = 0.01
"""Share of the groups that are called over-represented which may be so by chance."""
LEAST_IN_GROUP = 10
"""A genre or decade with fewer movies is not tested."""

DEAD = 0.02
"""A unit is dead whose codes vary by less than this share of its range, or, without a range, of the liveliest unit."""
SATURATED = 0.9
"""A unit is saturated that lies at an end of its range for at least this share of the rows."""
AT_AN_END = 0.02
"""Share of the range that counts as its end."""
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Of the activations that have ends."""

MOST, LEAST = 0, 1
"""The ends of a unit: movies that it fires for most, and least."""
TRAITS = ("popularity", "mean rating", "year")
"""What a unit may go with besides genres and decades."""


@dataclass(frozen=True, eq=False)
class CodeUnits:
    """All hidden units of a model over the movies that have enough ratings."""

    items: IntArray
    """(n,) item indices, ascending."""
    values: FloatArray
    """(n, hidden_units) how strongly each unit fires for each movie; for a user-based model, how far a unit that fires
    raises the movie's rating: the decoder's weights."""
    groups: tuple[str, ...]
    """Names of the genres, then of the decades, that were tested."""
    num_genres: int
    """How many of them are genres."""
    is_in: BoolArray
    """(n, groups) bool, which movie belongs to which group."""
    ends: IntArray
    """(2, hidden_units) int64, movies at either end: `END`, or fewer where more could not be told apart."""
    found: IntArray
    """(2, hidden_units, groups) int64, how many of those belong to the group."""
    p_values: FloatArray
    """(2, hidden_units, groups) chance to draw as many of a group or more."""
    q_values: FloatArray
    """(2, hidden_units, groups) the same, corrected for how many were tested."""
    states: tuple[str, ...]
    """hidden_units of "", "dead" or "saturated"."""
    traits: FloatArray
    """(hidden_units, 3) correlation of each unit with `TRAITS`, -1 to 1; popularity by its logarithm."""

    @property
    def num_units(self) -> int:
        """Hidden units, dead ones included."""
        return int(self.values.shape[1])

    def expected(self, end: int, unit: int) -> FloatArray:
        """(groups,) how many movies of each group would be at an end by chance."""
        return np.asarray(self.ends[end, unit] * self.is_in.mean(0))

    def lifts(self) -> FloatArray:
        """(2, hidden_units, groups) how many times more movies of a group are there than by chance; 0 where none is."""
        by_chance = self.ends[:, :, None] * self.is_in.mean(0)
        return np.asarray(self.found / np.maximum(by_chance, 1e-12))

    def order(self) -> IntArray:
        """Units (hidden_units,), those first that favour a group most clearly; dead and saturated ones last."""
        best = self.p_values.min(axis=(0, 2), initial=1.0)
        out_of_use = np.array([state != "" for state in self.states])
        return np.lexsort((np.arange(self.num_units), best, out_of_use))

    def favourite(self, unit: int) -> tuple[int, int] | None:
        """End and group of what a unit favours most clearly, or None where nothing passes the test."""
        q = self.q_values[:, unit]
        if not q.size or q.min() > FALSE_DISCOVERIES:
            return None
        # q ties where p does not, as it is made to rise; p decides.
        end, group = np.unravel_index(np.argmin(self.p_values[:, unit]), q.shape)
        return int(end), int(group)

    def extremes(self, unit: int, end: int, count: int) -> IntArray:
        """Item indices of the movies at an end of a unit, the utmost first, at most `count`."""
        values = self.values[:, unit]
        order = np.argsort(-values if end == MOST else values, kind="stable")
        return np.asarray(self.items[order[:count]])


def read_units(model: TrainedModel) -> CodeUnits:
    """Looks at all units of a model at once.

    Source: the hypergeometric test of over-representation (Fisher 1935), one-sided, corrected over units, groups and
    both ends together (Benjamini and Hochberg 1995).
    """
    items = np.flatnonzero(model.item_counts >= LEAST_RATINGS)
    if len(items) < 10 * LEAST_IN_GROUP:
        items = np.flatnonzero(model.item_counts > 0)
    vectors = model.codes if model.by_items else model.decoder_weights
    values = np.ascontiguousarray(vectors[items])
    groups, is_in, num_genres = groups_of(model.items, items)
    states = states_of(model.codes, model.hyperparameters.encoder_activation)
    ends, found = _ends(values, is_in, max(1, min(END, len(items) // 10)))
    p_values = np.ones(found.shape)
    for size in np.unique(ends):
        tail = hypergeometric_tail(len(items), is_in.sum(0), int(size))
        for end in (MOST, LEAST):
            units = np.flatnonzero(ends[end] == size)
            p_values[end, units] = tail[np.arange(len(groups)), found[end, units]]
    p_values[:, [state != "" for state in states]] = 1.0  # there is no end to speak of
    tested = np.array([state == "" for state in states])
    q_values = np.ones_like(p_values)
    q_values[:, tested] = false_discovery_rates(p_values[:, tested])
    known = model.items.years[items]
    traits = [
        [
            goes_with(column, np.log(model.item_counts[items])),
            goes_with(column, model.item_means[items]),
            goes_with(column[known > 0], known[known > 0].astype(np.float64)) if (known > 0).any() else 0.0,
        ]
        for column in values.T.astype(np.float64)
    ]
    return CodeUnits(
        items=items,
        values=values,
        groups=groups,
        num_genres=num_genres,
        is_in=is_in,
        ends=ends,
        found=found,
        p_values=p_values,
        q_values=q_values,
        states=states,
        traits=np.array(traits).reshape(-1, len(TRAITS)),
    )


def groups_of(items: Items, chosen: IntArray) -> tuple[tuple[str, ...], BoolArray, int]:
    """Genres and decades with enough movies to be tested.

    Args:
        items: all movies.
        chosen: (n,) item indices.

    Returns:
        Their names, (n, groups) bool who belongs to them, and how many of them are genres, which come first.
    """
    of_genre = membership(items)[chosen]
    decades = items.years[chosen] // 10 * 10
    known = [int(decade) for decade in np.unique(decades) if decade > 0]
    of_decade = decades[:, None] == np.array(known, dtype=np.int64)[None, :]
    genres = [name for name, size in zip(items.genre_names, of_genre.sum(0), strict=True) if size >= LEAST_IN_GROUP]
    eras = [f"{decade}s" for decade, size in zip(known, of_decade.sum(0), strict=True) if size >= LEAST_IN_GROUP]
    is_in = np.concatenate([of_genre, of_decade], axis=1)
    return (*genres, *eras), is_in[:, is_in.sum(0) >= LEAST_IN_GROUP], len(genres)


def states_of(codes: FloatArray, activation: str) -> tuple[str, ...]:
    """For each unit "dead" (it says the same of every row), "saturated" (it lies at an end of its range), or "".

    Args:
        codes: (num_rows, hidden_units).
        activation: of the encoder.

    >>> states_of(np.array([[0.5, 0.999, 0.1], [0.5, 0.001, 0.9]]), "sigmoid")
    ('dead', 'saturated', '')
    """
    spreads = codes.std(0)
    saturated = np.zeros(codes.shape[1], dtype=bool)
    whole = float(spreads.max(initial=0.0))
    if activation in RANGES:
        low, high = RANGES[activation]
        whole = high - low
        margin = AT_AN_END * whole
        saturated = ((codes < low + margin) | (codes > high - margin)).mean(0) >= SATURATED
    dead = (spreads <= DEAD * whole) & ~saturated
    return tuple(
        "dead" if is_dead else "saturated" if full else "" for is_dead, full in zip(dead, saturated, strict=True)
    )


def _ends(values: FloatArray, is_in: BoolArray, size: int) -> tuple[IntArray, IntArray]:
    """Sizes (2, hidden_units) of both ends of each unit, and (2, hidden_units, groups) who of each group is there.

    Where movies with one value straddle the border (a rectifier is silent for most), none of them counts as the end:
    which of them came first would be the order of their ids, and so their age.
    """
    n = len(values)
    ascending = np.sort(values, axis=0)
    high, low = ascending[n - size], ascending[size - 1]
    straddles_high = (ascending[n - size - 1] == high) if n > size else np.zeros(values.shape[1], dtype=bool)
    straddles_low = (ascending[size] == low) if n > size else np.zeros(values.shape[1], dtype=bool)
    at_high = np.where(straddles_high, values > high, values >= high)
    at_low = np.where(straddles_low, values < low, values <= low)
    members = is_in.astype(np.float32)
    found = np.stack([np.rint(at.T.astype(np.float32) @ members).astype(np.int64) for at in (at_high, at_low)])
    return np.stack([at_high.sum(0), at_low.sum(0)]), found


def hypergeometric_tail(population: int, sizes: IntArray, draws: int) -> FloatArray:
    """The chance to find so many of a group, or more, among some that are drawn without putting back.

    Args:
        population: how many there are.
        sizes: (groups,) how many of them belong to each group.
        draws: how many are drawn.

    Returns:
        (groups, draws + 1) float64; column x is P(X >= x).

    >>> tail = hypergeometric_tail(10, np.array([4]), 3)
    >>> [round(float(chance), 4) for chance in tail[0]]
    [1.0, 0.8333, 0.3333, 0.0333]
    """
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, population + 1)))])  # logarithms of factorials

    def log_choose(n: IntArray, k: IntArray) -> FloatArray:
        possible = (k >= 0) & (k <= n)
        inside = np.clip(k, 0, n)
        return np.asarray(np.where(possible, logs[n] - logs[inside] - logs[n - inside], -np.inf))

    of_group = np.asarray(sizes, dtype=np.int64)[:, None]
    x = np.arange(draws + 1)[None, :]
    whole = log_choose(np.array([[population]]), np.array([[draws]]))
    chances = np.exp(log_choose(of_group, x) + log_choose(population - of_group, draws - x) - whole)
    return np.asarray(np.minimum(1.0, np.cumsum(chances[:, ::-1], axis=1)[:, ::-1]))


def false_discovery_rates(p_values: FloatArray) -> FloatArray:
    """Smallest rate of false discoveries at which each of many tests counts as a discovery; same shape.

    Source: Benjamini and Hochberg 1995.

    >>> false_discovery_rates(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    flat = p_values.ravel()
    order = np.argsort(flat)
    ranked = flat[order] * len(flat) / np.arange(1, len(flat) + 1)
    rates = np.empty(len(flat))
    rates[order] = np.minimum(1.0, np.minimum.accumulate(ranked[::-1])[::-1])
    return rates.reshape(p_values.shape)
