"""Users of the training data, met as visitors will be: a model's errors with only some of somebody's ratings known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from autorec_core.new_rows import forward_rows
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel

KNOWN_COUNTS = (0, 1, 2, 5, 10, 20, 50)
"""Numbers of known ratings at which errors are measured."""


def validation_visitors(
    split: Split, users_read: int = 300
) -> Iterator[tuple[IntArray, FloatArray, IntArray, FloatArray]]:
    """Users of the training data, to be met as visitors are: some of their training ratings known, validation scored.

    Args:
        split: what a model was trained on.
        users_read: at most so many users, drawn by the split's seed.

    Yields:
        (n,) items and (n,) training ratings of them, in the order in which they become known, at most as many as the
        last of `KNOWN_COUNTS`; (m,) items and (m,) validation ratings of them.
    """
    generator = np.random.default_rng([split.seed, 3])
    train, valid = split.train.by_user, split.valid.by_user
    users = np.flatnonzero((valid.counts > 0) & (train.counts > 0))
    if len(users) > users_read:
        users = generator.choice(users, users_read, replace=False)
    for user in users.tolist():
        order = generator.permutation(train.counts[user])[: KNOWN_COUNTS[-1]]
        items, ratings = train.row(user)
        yield items[order], ratings[order], *valid.row(user)


def at_known_counts(model: TrainedModel, items: IntArray, ratings: FloatArray, targets: IntArray) -> FloatArray:
    """(len(KNOWN_COUNTS), m) a user-based model's raw predictions of `targets`, with so many first ratings known."""
    known = np.arange(len(items)) < np.array(KNOWN_COUNTS)[:, None]
    some = replace(model, decoder_weights=model.decoder_weights[targets], decoder_bias=model.decoder_bias[targets])
    return forward_rows(some, items, np.broadcast_to(ratings, known.shape), known)


def user_based_errors(model: TrainedModel, split: Split, *, users_read: int = 300) -> tuple[IntArray, FloatArray]:
    """How far off a user-based model's forward passes are when only some ratings of a user are known.

    Args:
        model: user-based.
        split: what it was trained on; known ratings come from train, the errors from validation.
        users_read: at most so many users.

    Returns:
        (m,) int64 numbers of known ratings and (m,) float64 mean squared errors, in squared rating units.
    """
    totals, number = np.zeros(len(KNOWN_COUNTS)), 0
    for items, ratings, targets, given in validation_visitors(split, users_read):
        differences = model.scale.clip(at_known_counts(model, items, ratings, targets)) - given
        totals, number = totals + np.square(differences).sum(1), number + len(given)
    errors = totals / number if number else np.full(len(KNOWN_COUNTS), model.residual_variance)
    return np.array(KNOWN_COUNTS, dtype=np.int64), errors
