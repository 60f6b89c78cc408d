"""The method step by step on a trained model, in NumPy: what each step of a training or a prediction does to one row.

A row is a vector that the autoencoder reads: a movie's ratings (item-based) or a user's (user-based).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autorec_core.averages import ItemPrior
from autorec_core.baselines import damped_sums
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings
from autorec_core.recommender import Recommender
from autorec_core.trained_model import TrainedModel

ROWS_AT_ONCE = 512
"""Rows that are written out whole to be multiplied."""


def joined(parts: Sequence[Ratings], *, by_items: bool) -> Compressed:
    """Disjoint ratings over the same users and items as one matrix, a row a movie or a row a user."""
    users = np.concatenate([part.by_user.rows for part in parts])
    items = np.concatenate([part.by_user.indices for part in parts])
    values = np.concatenate([part.by_user.values for part in parts])
    rows, columns = (items, users) if by_items else (users, items)
    num_rows, num_columns = parts[0].num_users, parts[0].num_items
    if by_items:
        num_rows, num_columns = num_columns, num_rows
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=num_rows))]).astype(np.int64)
    return Compressed(indptr, columns[order].astype(np.int32), values[order], num_columns)


def means_of(model: TrainedModel, matrix: Compressed) -> FloatArray:
    """(num_rows,) float64 damped mean of each row, which centring takes off; in rating units.

    Where the network begins at `averages`, a user's is over those of the movies, and a movie's is drawn to its prior.
    """
    mean = model.global_mean
    if prior := prior_of_rows(model):
        levels = model.user_biases[matrix.indices]
        totals = np.bincount(matrix.rows, weights=matrix.values - mean - levels, minlength=matrix.num_rows)
        return mean + prior.deviations(matrix.counts, totals.astype(np.float64))
    expected = model.item_means[matrix.indices] if leans_on_movies(model) else mean
    return np.asarray(mean + damped_sums(matrix, matrix.values - expected))


def prior_of_rows(model: TrainedModel) -> ItemPrior | None:
    """What is expected of a row before it is read; None where rows are not movies whose means are drawn to a prior."""
    return ItemPrior(*model.item_prior.tolist()) if model.by_items and len(model.item_prior) else None


def leans_on_movies(model: TrainedModel) -> bool:
    """Whether its rows are users, each read as what they give over the averages of the movies."""
    return model.hyperparameters.lean_on_averages and not model.by_items


def inputs_of(model: TrainedModel, ratings: FloatArray, mean: float | FloatArray, count: int | IntArray) -> FloatArray:
    """(n,) what the encoder reads of ratings.

    Args:
        model: whose hyperparameters say how.
        ratings: (n,) known ratings.
        mean: damped mean of their row, or (n,) of the row of each.
        count: how many ratings the row has in all, or (n,).
    """
    chosen = model.hyperparameters
    inputs = np.asarray(ratings, dtype=np.float64) - (mean if chosen.centering else 0.0) + chosen.input_presence
    return np.asarray(inputs / np.sqrt(np.maximum(1, count)) if chosen.input_scaling else inputs)


def codes_of(model: TrainedModel, matrix: Compressed, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """Codes of some rows of a matrix, as if it had been read for the first time.

    Args:
        model: trained on the same columns.
        matrix: any ratings over the model's rows and columns.
        rows: (m,) which rows.

    Returns:
        (m, hidden_units) codes, and (m,) what is added to each row's pre-activations.
    """
    means = means_of(model, matrix)
    inputs = inputs_of(model, matrix.values, means[matrix.rows], matrix.counts[matrix.rows])
    codes = []
    dense = np.zeros((min(len(rows), ROWS_AT_ONCE), matrix.num_columns), dtype=np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        block = dense[: len(some)]
        block[:] = 0  # the same memory each time: new memory is mapped page by page
        places, entries = matrix.entries(some)
        block[places, matrix.indices[entries]] = inputs[entries]
        codes.append(model.code_of(block @ model.encoder_weights))
    found = np.concatenate(codes) if codes else np.zeros((0, model.codes.shape[1]), dtype=np.float32)
    offsets = model.link.inverse(means[rows]) if model.hyperparameters.centering else np.zeros(len(rows))
    return found, offsets


@dataclass(frozen=True, eq=False)
class Row:
    """One row on its way through the network."""

    columns: IntArray
    """(n,) columns that are known."""
    ratings: FloatArray
    """(n,) their ratings."""
    mean: float
    """Their damped mean, in rating units."""
    inputs: FloatArray
    """(n,) what the encoder reads of them."""
    code: FloatArray
    """(hidden_units,)."""
    offset: float
    """Added to the pre-activations."""
    reconstruction: FloatArray
    """(num_columns,) raw, in rating units."""

    @property
    def is_known(self) -> FloatArray:
        """(num_columns,) bool, the mask."""
        mask = np.zeros(len(self.reconstruction), dtype=bool)
        mask[self.columns] = True
        return mask


def row_through(model: TrainedModel, columns: IntArray, ratings: FloatArray) -> Row:
    """Sends one row through the network.

    Args:
        model: trained.
        columns: (n,) known columns.
        ratings: (n,) their ratings.
    """
    order = np.argsort(columns, kind="stable")
    columns, ratings = columns[order], np.asarray(ratings[order], dtype=np.float64)
    indptr = np.array([0, len(columns)], dtype=np.int64)
    matrix = Compressed(indptr, columns.astype(np.int32), ratings, len(model.decoder_bias))
    mean = float(means_of(model, matrix)[0])
    codes, offsets = codes_of(model, matrix, np.array([0]))
    z = codes[0] @ model.decoder_weights.T + model.decoder_bias + offsets[0]
    return Row(
        columns=columns,
        ratings=ratings,
        mean=mean,
        inputs=inputs_of(model, ratings, mean, len(ratings)),
        code=codes[0],
        offset=float(offsets[0]),
        reconstruction=np.asarray(model.link(z), dtype=np.float64),
    )


def code_after(model: TrainedModel, row: Row, count: int) -> FloatArray:
    """(hidden_units,) the code when only some known entries are read yet, the sum growing entry by entry.

    Args:
        model: trained.
        row: of it.
        count: how many entries are read, in an order drawn once.
    """
    order = np.random.default_rng(11).permutation(len(row.columns))[:count]
    products = row.inputs[order] @ model.encoder_weights[row.columns[order]]
    return np.asarray(model.code_of(products[None])[0])


def decoded_with(model: TrainedModel, row: Row, units: int) -> FloatArray:
    """(num_columns,) the reconstruction when only some units of the code speak, the others held at their average.

    Args:
        model: trained.
        row: of it.
        units: how many speak, those first that change the reconstruction most.
    """
    average = model.codes.mean(0)
    deviation = row.code - average
    strength = np.abs(deviation) * np.linalg.norm(model.decoder_weights, axis=0)
    kept = np.argsort(-strength, kind="stable")[:units]
    code = average.copy()
    code[kept] = row.code[kept]
    z = code @ model.decoder_weights.T + model.decoder_bias + row.offset
    return np.asarray(model.link(z), dtype=np.float64)


def shifted_losses(row: Row, shifts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean squared error when the whole reconstruction is moved up or down: over known entries, and over all.

    Args:
        row: on its way.
        shifts: (m,) in rating units.

    Returns:
        (m,) over the known entries alone; (m,) over all entries, the unknown ones taken as rated 0.
    """
    targets = np.zeros(len(row.reconstruction))
    targets[row.columns] = row.ratings
    difference = row.reconstruction - targets
    masked = difference[row.columns]
    # The mean of (d + s)^2 is the mean of d^2, plus 2 s times that of d, plus s^2.
    return tuple(np.asarray((of**2).mean() + 2 * shifts * of.mean() + shifts**2) for of in (masked, difference))  # type: ignore[return-value]


def batch_agreement(
    matrix: Compressed, sizes: Sequence[int], *, draws: int = 30, seed: int = 0
) -> list[tuple[int, float]]:
    """How well the gradient of a batch agrees with that of all rows, where a network begins at the rows' damped means.

    With all weights at 0, the gradient of the decoder's biases is the sum of the deviations of each column's ratings:
    no weights are needed. A network that begins at averages of both sides has little of it left, and that agrees less.

    Args:
        matrix: the training ratings.
        sizes: batch sizes, in rows.
        draws: batches drawn of each size.
        seed: of the draws.

    Returns:
        A pair of size and cosine between the two gradients for each draw.
    """
    mean = float(matrix.values.mean(dtype=np.float64))
    row_means = mean + damped_sums(matrix, matrix.values - mean)
    errors = row_means[matrix.rows] - matrix.values  # the prediction is the row's mean
    whole = np.bincount(matrix.indices, weights=errors, minlength=matrix.num_columns)
    rated = np.flatnonzero(matrix.counts > 0)
    generator = np.random.default_rng([seed, 5])
    found = []
    for size in sizes:
        for _ in range(draws):
            rows = generator.choice(rated, min(size, len(rated)), replace=False)
            is_chosen = np.zeros(matrix.num_rows, dtype=bool)
            is_chosen[rows] = True
            entries = is_chosen[matrix.rows]
            part = np.bincount(matrix.indices[entries], weights=errors[entries], minlength=matrix.num_columns)
            lengths = np.linalg.norm(part) * np.linalg.norm(whole)
            found.append((size, float(part @ whole / lengths) if lengths else 0.0))
    return found


def ridge_path(codes: FloatArray, targets: FloatArray, strengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What one column of the decoder makes of its ratings at several penalties, the codes held fixed.

    The column's weights minimise `sum of squared errors + lambda / 2 |w|^2`, with a bias that is free: a ridge
    regression, whose error on each rating when it is left out has a closed form.

    Args:
        codes: (n, hidden_units) of the rows that have a rating in the column.
        targets: (n,) the ratings, in rating units; 3 or more.
        strengths: (m,) lambda, each more than 0.

    Returns:
        (m,) RMSE on the ratings that were fitted, and (m,) RMSE on each when it is left out.

    Source: Allen 1974 (PRESS); the objective is Sedhain et al. 2015, equation 2.
    """
    centred = np.asarray(codes, dtype=np.float64) - codes.mean(0)
    vectors, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    kept = lengths[:, None] ** 2 / (lengths[:, None] ** 2 + strengths / 2)  # (r, m) of each direction
    deviation = targets - targets.mean()
    errors = deviation[:, None] - vectors @ (kept * (vectors.T @ deviation)[:, None])  # (n, m)
    leverage = vectors**2 @ kept + 1 / len(targets)
    left_out = errors / np.maximum(1 - leverage, 1e-9)
    return np.sqrt((errors**2).mean(0)), np.sqrt((left_out**2).mean(0))


def ridge_path_of_many(
    columns: Sequence[tuple[FloatArray, FloatArray]], strengths: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What `ridge_path` says of several columns together: RMSEs over all their ratings.

    Args:
        columns: codes and targets of each; one or more.
        strengths: as there.
    """
    squares, count = np.zeros((2, len(strengths))), 0
    for codes, targets in columns:
        squares += np.array(ridge_path(codes, targets, strengths)) ** 2 * len(targets)
        count += len(targets)
    fitted, left_out = np.sqrt(squares / count)
    return fitted, left_out


def drawn_columns(
    model: TrainedModel, matrix: Compressed, *, most: int = 50, longest: int = 200, seed: int = 0
) -> list[tuple[FloatArray, FloatArray]]:
    """Codes and deviations from the row's mean of the ratings in some columns, drawn among those of 3 ratings or more.

    Args:
        model: trained on the matrix.
        matrix: a row a row of the model.
        most: columns.
        longest: ratings of a column; longer ones are not drawn, as they take long.
        seed: of the draw.
    """
    counts = np.bincount(matrix.indices, minlength=matrix.num_columns)
    among = np.flatnonzero((counts >= 3) & (counts <= longest))
    some = np.random.default_rng([seed, 7]).permutation(among)[:most]
    is_drawn = np.zeros(matrix.num_columns, dtype=bool)
    is_drawn[some] = True
    entries = np.flatnonzero(is_drawn[matrix.indices])
    rows, columns, means = matrix.rows[entries], matrix.indices[entries], means_of(model, matrix)
    targets = matrix.values[entries].astype(np.float64) - means[rows]
    return [(model.codes[rows[columns == one]], targets[columns == one]) for one in some.tolist()]


@dataclass(frozen=True)
class Met:
    """What the model predicts of one rating that is kept back, when so many others are known."""

    known: int
    """Ratings known."""
    predicted: float
    """In rating units, as the next two."""
    low: float
    """Of the interval that holds the rating with 80 % probability."""
    high: float
    """Of the same."""


def meeting(recommender: Recommender, items: IntArray, ratings: FloatArray, most: int = 30) -> list[Met]:
    """How a prediction changes while a user's ratings become known one by one; the last one is kept back.

    Args:
        recommender: of the model.
        items: (n,) rated items, n of 1 or more.
        ratings: (n,) their ratings.
        most: at most so many of the others become known.
    """
    kept_back = items[-1:]
    found = []
    for known in range(min(len(items) - 1, most) + 1):
        met = recommender.fold_in(items[:known], ratings[:known])
        low, high = met.interval(targets=kept_back)
        found.append(Met(known, float(met.predicted_ratings[kept_back[0]]), float(low[0]), float(high[0])))
    return found
