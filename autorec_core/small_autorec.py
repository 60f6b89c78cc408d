"""A whole AutoRec in a hundred lines of NumPy, to be fooled with: every mistake of its recipe can be switched on.

Item-based, one sigmoid layer, Adam on mini-batches, dense and masked. It is for a lesson and a small matrix; the real
one is in `model`, `engine` and `steps`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from autorec_core.metrics import rmse
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings, RatingScale
from autorec_core.splits import Split

MOST_ITEMS = 1000
"""Movies, those with most training ratings: enough to show a mistake, few enough to train in a moment."""


@dataclass(frozen=True)
class Recipe:
    """How to train it."""

    fill: float | None = None
    """What unknown entries are taken for, in input and loss, in rating units; None leaves them out, as AutoRec does."""
    penalty_per_batch: bool = False
    """Whether each batch pays the whole penalty; else each pays its ratings' share."""
    batch_size: int = 128
    """Movies a step."""
    epochs: int = 12
    """Passes over the movies."""
    regularization: float = 40.0
    """lambda: its half times the squares of both weight matrices is added to the squared errors."""
    hidden_units: int = 12
    """Length of the code."""
    learning_rate: float = 0.01
    """Of Adam."""
    seed: int = 0
    """Of the first weights and the order of the movies."""


@dataclass(frozen=True, eq=False)
class Story:
    """What became of a training, epoch by epoch; all RMSEs in rating units."""

    reported: FloatArray
    """(epochs,) root of the mean squared error that the loss is made of: over known entries, or over all if filled."""
    valid_rmse: FloatArray
    """(epochs,) on validation ratings."""
    test_errors: FloatArray
    """(epochs, num_test) predicted less given on the test ratings."""
    mean_rmse: float
    """What the training mean alone misses the validation ratings by."""
    num_entries: tuple[int, int]
    """Known training entries, and all entries of the matrix."""

    @property
    def test_rmse(self) -> FloatArray:
        """(epochs,) on all test ratings."""
        return np.asarray(np.sqrt((self.test_errors**2).mean(1)))


def train(split: Split, recipes: Sequence[Recipe]) -> list[Story]:
    """Trains one network by each recipe.

    Args:
        split: whose most rated movies are used.
        recipes: how.
    """
    # Products this small lose more to threads that wait for each other than they gain.
    with threadpool_limits(1, user_api="blas"):
        matrices = {fill: _matrix(split, fill) for fill in {recipe.fill for recipe in recipes}}
        return [_train(matrices[recipe.fill], recipe) for recipe in recipes]


@dataclass(frozen=True, eq=False)
class _Matrix:
    """The ratings of the most rated movies, written out: as long in the making as a short training."""

    targets: FloatArray
    """(movies, users) rating less `shift`; 0 where unknown."""
    inputs: FloatArray
    """The same over the root of how many ratings the movie has."""
    mask: FloatArray
    """1 for what counts in the loss."""
    shift: float
    """Training mean, or what unknown entries are filled with."""
    mean: float
    """Training mean."""
    num_known: int
    """Training ratings."""
    held: tuple[tuple[IntArray, IntArray, FloatArray], ...]
    """Rows, columns and ratings to validate on, and to test on."""
    scale: RatingScale
    """What predictions are kept within."""


def _matrix(split: Split, fill: float | None) -> _Matrix:
    kept = np.sort(np.argsort(-split.train.by_item.counts, kind="stable")[:MOST_ITEMS])
    values, known = _written_out(split.train, kept)
    mean = float(values[known].mean())
    shift = mean if fill is None else fill
    targets = np.where(known, values - shift, 0.0).astype(np.float32)
    return _Matrix(
        targets=targets,
        inputs=targets / np.sqrt(np.maximum(1, known.sum(1)))[:, None].astype(np.float32),
        mask=known.astype(np.float32) if fill is None else np.ones_like(targets),
        shift=shift,
        mean=mean,
        num_known=int(known.sum()),
        held=tuple(_entries(part, kept) for part in (split.valid, split.test)),
        scale=split.train.scale,
    )


def _train(matrix: _Matrix, recipe: Recipe) -> Story:
    targets, inputs, mask = matrix.targets, matrix.inputs, matrix.mask
    num_items, num_users = targets.shape
    generator = np.random.default_rng([recipe.seed, 9])
    k = recipe.hidden_units
    weights: list[FloatArray] = [
        (0.05 * generator.standard_normal((num_users, k))).astype(np.float32),  # V
        np.zeros(k, dtype=np.float32),  # mu
        (0.05 * generator.standard_normal((num_users, k))).astype(np.float32),  # W
        np.zeros(num_users, dtype=np.float32),  # b
    ]
    moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in weights]
    counts = mask.sum(1)
    total, step = float(counts.sum()), 0
    reported, valid_rmse, test_errors = [], [], []
    for _ in range(recipe.epochs):
        order, squares = generator.permutation(num_items), 0.0
        for start in range(0, num_items, recipe.batch_size):
            some = order[start : start + recipe.batch_size]
            count = float(counts[some].sum())
            share = 1.0 if recipe.penalty_per_batch else count / total
            loss, gradients = _gradients(weights, inputs[some], targets[some], mask[some])
            for place in (0, 2):  # V and W; biases are free. Half a gradient here as well
                gradients[place] = gradients[place] + np.float32(share * recipe.regularization / 2) * weights[place]
            squares, step = squares + loss, step + 1
            _adam(weights, moments, [gradient / count for gradient in gradients], recipe.learning_rate, step)
        reported.append(math.sqrt(squares / total))
        codes = _codes(weights, inputs)
        valid, test = (
            (matrix.scale.clip(matrix.shift + _outputs(weights, codes, rows, columns)), given)
            for rows, columns, given in matrix.held
        )
        valid_rmse.append(rmse(*valid))
        test_errors.append(test[0] - test[1])
    return Story(
        reported=np.array(reported),
        valid_rmse=np.array(valid_rmse),
        test_errors=np.array(test_errors),
        mean_rmse=rmse(np.full(len(valid[1]), matrix.mean), valid[1]),
        num_entries=(matrix.num_known, targets.size),
    )


def _codes(weights: list[FloatArray], inputs: FloatArray) -> FloatArray:
    """Codes (m, k) of m rows."""
    v, mu, _, _ = weights
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * (inputs @ v + mu)))


def _outputs(weights: list[FloatArray], codes: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """Outputs (n,) at some entries alone, which are few beside all."""
    _, _, w, b = weights
    return np.asarray(np.einsum("nk,nk->n", codes[rows], w[columns]) + b[columns])


def _gradients(
    weights: list[FloatArray], inputs: FloatArray, targets: FloatArray, mask: FloatArray
) -> tuple[float, list[FloatArray]]:
    """The sum of squared errors where the mask is 1, and half its gradient by each weight."""
    codes = _codes(weights, inputs)
    errors = codes @ weights[2].T  # (m, num_users), written over in place: a new array a step costs more than the sum
    errors += weights[3]
    errors -= targets
    errors *= mask  # 0 where the mask is, and so is all that follows from it
    to_products = (errors @ weights[2]) * codes * (1 - codes)
    return float(np.vdot(errors, errors)), [inputs.T @ to_products, to_products.sum(0), errors.T @ codes, errors.sum(0)]


def _adam(
    weights: list[FloatArray],
    moments: list[tuple[FloatArray, FloatArray]],
    gradients: list[FloatArray],
    learning_rate: float,
    step: int,
) -> None:
    for weight, (first, second), gradient in zip(weights, moments, gradients, strict=True):
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        size = learning_rate * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weight -= size * first / (np.sqrt(second) + 1e-8)


def _written_out(ratings: Ratings, kept: IntArray) -> tuple[FloatArray, FloatArray]:
    """Values (len(kept), num_users) and where they are known, of some movies."""
    rows, columns, given = _entries(ratings, kept)
    values = np.zeros((len(kept), ratings.num_users), dtype=np.float32)
    known = np.zeros(values.shape, dtype=bool)
    values[rows, columns], known[rows, columns] = given, True
    return values, known


def _entries(ratings: Ratings, kept: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Rows among the kept movies, users and ratings of what is rated of them."""
    by_item: Compressed = ratings.by_item
    place = np.full(ratings.num_items, -1)
    place[kept] = np.arange(len(kept))
    inside = place[by_item.rows] >= 0
    return place[by_item.rows[inside]], by_item.indices[inside], by_item.values[inside]


def picked_on_test(story: Story, sizes: Sequence[int], *, draws: int = 200, seed: int = 0) -> tuple[list[float], float]:
    """What tests of some sizes say when they may choose the epoch, beside what the test of all ratings honestly says.

    Args:
        story: of a training.
        sizes: ratings of the small tests, which are drawn from all test ratings; at most all are taken.
        draws: how many tests of each size.
        seed: of the draws.

    Returns:
        For each size the honest RMSE less what such a test gains on average by its own choice of the epoch; and the
        honest RMSE, of all test ratings at the epoch with the lowest validation RMSE.
    """
    squares, chosen = story.test_errors**2, int(np.argmin(story.valid_rmse))
    num_test = squares.shape[1]
    # A draw gives each test rating a place in line; a test of a size is whoever stands first.
    generator = np.random.default_rng([seed, 4])
    places = np.array([generator.permutation(num_test) for _ in range(draws)])
    honest, found = float(story.test_rmse[chosen]), []
    for size in (min(size, num_test) for size in sizes):
        is_drawn = (places < size).astype(squares.dtype)
        by_epoch = np.sqrt(is_drawn @ squares.T / size)  # (draws, epochs): one product sums them all
        gains = by_epoch[:, chosen] - by_epoch.min(1)
        found.append(honest - float(gains.mean(dtype=np.float64)))
    return found, honest
