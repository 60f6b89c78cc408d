"""Movies as points: what each one is to the model, seen from the side where the points lie widest apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autorec_core.ratings import BoolArray, FloatArray, IntArray, Items
from autorec_core.trained_model import TrainedModel

MOST_POINTS = 20_000
"""Movies that are laid out; of a larger catalogue, those with most ratings."""
NUM_AXES = 3
"""Of a projection: the first two make the flat map, all three the one in space."""
_ROWS_AT_ONCE = 1_024
"""Of a table of distances that is held in memory."""


def movie_vectors(model: TrainedModel) -> FloatArray:
    """What each movie is to the model, counted from the average movie.

    Returns:
        (num_items, hidden_units) float32: the movies' codes, or for a user-based model, which makes codes of people,
        the weights with which the decoder reads the code when it writes the movie's rating.
    """
    vectors = model.codes if model.by_items else model.decoder_weights
    return np.asarray(vectors - vectors.mean(0))


def shown_items(model: TrainedModel, most: int = MOST_POINTS) -> IntArray:
    """Item indices (n,) that have a place on a map, ascending: those with a training rating, at most so many.

    A movie without one has the code of an empty input, as have all others of its kind.
    """
    rated = np.flatnonzero(model.item_counts > 0)
    if len(rated) > most:
        rated = np.sort(rated[np.argsort(-model.item_counts[rated], kind="stable")[:most]])
    return rated


@dataclass(frozen=True, eq=False)
class Projection:
    """Vectors in their principal components."""

    places: FloatArray
    """(n, 3) float32 coordinates; 0 where there are fewer directions than that."""
    shares: tuple[float, ...]
    """Share of the vectors' variance that lies along each of the three, 0 to 1."""


def principal_components(vectors: FloatArray) -> Projection:
    """The three directions along which vectors vary most.

    Args:
        vectors: (n, width).

    Source: Pearson 1901; by the eigenvectors of the (width, width) covariance, as there are more vectors than units.
    """
    centred = vectors - vectors.mean(0) if len(vectors) else vectors
    width = min(NUM_AXES, vectors.shape[1])
    variances, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    axes = directions[:, ::-1][:, :width]
    # An eigenvector's sign is arbitrary: its largest weight is made positive, so that a map is not mirrored by chance.
    signs = np.sign(axes[np.abs(axes).argmax(0), np.arange(width)])
    places = np.zeros((len(vectors), NUM_AXES), dtype=np.float32)
    places[:, :width] = centred @ (axes * np.where(signs == 0, 1, signs)).astype(np.float32)
    whole = max(float(variances.sum()), 1e-12)
    shares = [max(0.0, float(share)) / whole for share in variances[::-1][:width]]
    return Projection(places, (*shares, *(0.0,) * (NUM_AXES - width)))


def goes_with(values: FloatArray, other: FloatArray) -> float:
    """Pearson correlation of two (n,) lists, -1 to 1; 0 where one of them does not vary."""
    x, y = values - values.mean(), other - other.mean()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / length if length > 1e-12 else 0.0


def membership(items: Items) -> BoolArray:
    """(num_items, genres) bool, True where a movie is of a genre, in the order of `items.genre_names`."""
    place = {name: column for column, name in enumerate(items.genre_names)}
    found = np.zeros((len(items), len(place)), dtype=bool)
    # Written in one go: an assignment a movie takes six times as long.
    rows = np.repeat(np.arange(len(items)), [len(genres) for genres in items.genres])
    found[rows, [place[name] for genres in items.genres for name in genres]] = True
    return found


def telling_genres(directions: FloatArray, is_of: BoolArray, count: int) -> list[int]:
    """The genres whose movies the model puts farthest to one side, for how many there are.

    A genre of a third of all movies or more is everywhere, and not among them.

    Args:
        directions: (n, width) unit vectors.
        is_of: (n, genres) bool.
        count: at most so many.

    Returns:
        Columns of `is_of`, ascending. Their score is the length of the mean direction of the genre's movies, less that
        of all movies, times the square root of their number: what chance alone keeps near a constant.
    """
    sizes = is_of.sum(0)
    means = (is_of.T.astype(np.float32) @ directions) / np.maximum(sizes, 1)[:, None]
    apart = np.linalg.norm(means - directions.mean(0), axis=1) * np.sqrt(sizes)
    order = [int(genre) for genre in np.argsort(-apart, kind="stable") if 0 < sizes[genre] < len(is_of) / 3]
    return sorted(order[:count])


def nearest(directions: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Each vector's nearest by cosine, itself first.

    Args:
        directions: (n, width) unit vectors.
        count: at most n.

    Returns:
        (n, count) int64 rows and (n, count) float32 distances between the unit vectors, ascending.
    """
    n = len(directions)
    rows, distances = np.empty((n, count), dtype=np.int64), np.empty((n, count), dtype=np.float32)
    for start in range(0, n, _ROWS_AT_ONCE):
        some = slice(start, min(n, start + _ROWS_AT_ONCE))
        cosines = directions[some] @ directions.T
        cosines[np.arange(len(cosines)), np.arange(some.start, some.stop)] = np.inf
        if count < n:
            found = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        else:
            found = np.tile(np.arange(n), (len(cosines), 1))
        of_found = np.take_along_axis(cosines, found, axis=1)
        order = np.argsort(-of_found, axis=1, kind="stable")
        rows[some] = np.take_along_axis(found, order, axis=1)
        near = np.minimum(np.take_along_axis(of_found, order, axis=1), 1.0)
        distances[some] = np.sqrt(2.0 - 2.0 * near)
    return rows, distances


def centre_among(directions: FloatArray, places: FloatArray, chosen: IntArray, count: int = 15) -> FloatArray:
    """Where somebody stands who likes some of the points.

    Args:
        directions: (n, width) unit vectors.
        places: (n, axes) of the same points on a map.
        chosen: (m,) rows that are liked, m at least 1.
        count: points that are averaged.

    Returns:
        (axes,) the middle of the points that are nearest to the mean direction of the chosen ones. On a map that bends
        space, the plain middle of the chosen ones could lie where no movie is.
    """
    cosines = directions @ directions[chosen].mean(0)
    return np.asarray(places[np.argsort(-cosines, kind="stable")[: min(count, len(places))]].mean(0))
