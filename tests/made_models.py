"""Trained models with codes set by hand, for tests that know their answers by reasoning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Items, RatingScale
from autorec_core.trained_model import TrainedModel


def model_of(
    vectors: np.ndarray,
    *,
    genres: Sequence[tuple[str, ...]] | None = None,
    years: np.ndarray | None = None,
    based_on: str = "items",
) -> TrainedModel:
    """A model to which each movie is one of these vectors: its code, or the decoder's weights of a user-based one."""
    num_items, width = vectors.shape
    vectors = vectors.astype(np.float32)
    by_items = based_on == "items"
    others = np.random.default_rng(1).uniform(0.2, 0.8, (5, width)).astype(np.float32)
    codes, weights = (vectors, others) if by_items else (others, vectors)
    counts = 5 + np.arange(num_items) * 7 % 50
    return TrainedModel(
        hyperparameters=Hyperparameters(hidden_units=width, based_on=based_on),
        items=Items(
            ids=np.arange(1, num_items + 1),
            titles=np.array([f"Movie {number}" for number in range(1, num_items + 1)]),
            years=np.zeros(num_items, dtype=np.int32) if years is None else years.astype(np.int32),
            genres=tuple(genres or ((),) * num_items),
        ),
        user_ids=np.arange(1, 6),
        scale=RatingScale(0.5, 5.0),
        encoder_weights=weights,
        encoder_bias=np.zeros(width, dtype=np.float32),
        decoder_weights=weights,
        decoder_bias=np.zeros(len(weights), dtype=np.float32),
        offsets=np.full(len(codes), 3.5, dtype=np.float32),
        codes=codes,
        global_mean=3.5,
        item_means=np.full(num_items, 3.5, dtype=np.float32),
        item_counts=counts,
        user_biases=np.zeros(5, dtype=np.float32),
        user_counts=np.full(5, 10),
        residual_variance=0.8,
        population_mean=np.zeros(width + 1 if by_items else 0),
        population_covariance=np.eye(width + 1) if by_items else np.zeros((0, 0)),
        fold_in_counts=np.array([] if by_items else [0], dtype=np.int64),
        fold_in_variances=np.array([] if by_items else [0.9]),
    )
