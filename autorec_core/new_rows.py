"""What a user-based model's network makes of users whom it never saw: each is one more row of its input."""

from __future__ import annotations

import numpy as np

from autorec_core.baselines import DAMPING
from autorec_core.ratings import BoolArray, FloatArray, IntArray
from autorec_core.trained_model import TrainedModel


def forward_rows(
    model: TrainedModel, item_indices: IntArray, ratings: FloatArray, known: BoolArray | None = None
) -> FloatArray:
    """A user-based model's reconstruction of new users who rated (some of) the same items.

    Args:
        model: user-based.
        item_indices: (n,) items.
        ratings: (m, n) ratings of m users.
        known: (m, n) bool, which of them each user gave; all where None.

    Returns:
        (m, num_items) float64 raw reconstructions, not clipped.
    """
    return decode_rows(model, *encode_rows(model, item_indices, ratings, known))


def encode_rows(
    model: TrainedModel, item_indices: IntArray, ratings: FloatArray, known: BoolArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """The first half of `forward_rows`: (m, hidden_units) codes and (m,) the users' damped levels, in rating units."""
    hyperparameters = model.hyperparameters
    known = np.ones(ratings.shape, dtype=bool) if known is None else known
    counts = known.sum(1)
    given = np.where(known, ratings, 0.0)
    # A user's level is over the items' averages where the network begins at those of both, else over the mean of all.
    expected = model.item_means[item_indices] if hyperparameters.lean_on_averages else model.global_mean
    means = model.global_mean + (given - np.where(known, expected, 0.0)).sum(1) / (counts + DAMPING)
    deviations = ratings - means[:, None] if hyperparameters.centering else ratings
    inputs = np.where(known, deviations + hyperparameters.input_presence, 0.0)
    if hyperparameters.input_scaling:
        inputs = inputs / np.sqrt(np.maximum(counts, 1))[:, None]
    return model.code_of(inputs @ model.encoder_weights[item_indices]), means


def decode_rows(model: TrainedModel, codes: FloatArray, means: FloatArray) -> FloatArray:
    """The second half of `forward_rows`: (m, num_items) raw reconstructions of what `encode_rows` gave."""
    z = codes @ model.decoder_weights.T + model.decoder_bias
    if model.hyperparameters.centering:
        z = z + model.link.inverse(means)[:, None]
    return np.asarray(model.link(z), dtype=np.float64)
