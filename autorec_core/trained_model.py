"""A trained AutoRec as arrays: all that predicting needs, without torch.

With rows the vectors that the autoencoder reads (movies for I-AutoRec, users for U-AutoRec) and columns their entries,
the reconstruction of entry (r, c) is `link(codes[r] @ decoder_weights[c] + decoder_bias[c] + offsets[r])`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import FloatArray, IntArray, Items, RatingScale

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

ACTIVATION: dict[str, Callable[[FloatArray], Any]] = {
    "identity": lambda x: x,
    "sigmoid": lambda x: 0.5 * (1.0 + np.tanh(0.5 * x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
}
"""Each activation by name, element by element."""

ACTIVATION_SLOPE: dict[str, Callable[[FloatArray], FloatArray]] = {
    "identity": np.ones_like,
    "sigmoid": lambda x: 0.25 * (1.0 - np.tanh(0.5 * x) ** 2),
    "tanh": lambda x: 1.0 - np.tanh(x) ** 2,
    "relu": lambda x: (x > 0).astype(x.dtype),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(x, 0.0))),
}
"""The derivative of each activation by name."""

GATHERED = 2**18
"""Numbers of rows gathered at a time, where single entries are asked for: 1 MB, which stays in a core's cache."""


@dataclass(frozen=True)
class Link:
    """The output activation, laid onto the rating scale: `rating = shift + factor * f(z)`.

    Identity is left alone. A bounded function spans the scale; one that is bounded below begins at its low end.
    """

    activation: str
    """Name of f."""
    shift: float
    """In rating units."""
    factor: float
    """In rating units."""

    @staticmethod
    def of(activation: str, scale: RatingScale) -> Link:
        """The link of an output activation for a rating scale."""
        middle, half = (scale.low + scale.high) / 2, scale.span / 2
        shift, factor = {
            "identity": (0.0, 1.0),
            "sigmoid": (scale.low, scale.span),
            "tanh": (middle, half),
            "relu": (scale.low, 1.0),
            "selu": (scale.low, 1.0),
        }[activation]
        return Link(activation, shift, factor)

    def __call__(self, z: FloatArray) -> FloatArray:
        """Ratings of pre-activations, same shape."""
        return np.asarray(self.shift + self.factor * ACTIVATION[self.activation](z))

    def slope(self, z: FloatArray) -> FloatArray:
        """Derivative of the rating by the pre-activation, same shape."""
        return np.asarray(self.factor * ACTIVATION_SLOPE[self.activation](z))

    def inverse(self, ratings: FloatArray) -> FloatArray:
        """The pre-activations that give these ratings, kept off the flat ends of a bounded function; same shape."""
        y = (np.asarray(ratings, dtype=np.float64) - self.shift) / self.factor
        if self.activation == "sigmoid":
            y = np.clip(y, 0.05, 0.95)
            return np.log(y / (1.0 - y))
        if self.activation == "tanh":
            return np.arctanh(np.clip(y, -0.9, 0.9))
        if self.activation == "relu":
            return np.maximum(y, 0.0)
        if self.activation == "selu":
            return np.maximum(y, 0.0) / SELU_SCALE
        return y


def normal_reach(level: float) -> float:
    """Standard deviations to either side of the mean that hold a normal variable with probability `level`."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def _nothing() -> FloatArray:
    return np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Weights, codes and what the training data said of each user and item. Arrays are float32 unless said."""

    hyperparameters: Hyperparameters
    """What it was trained with."""
    items: Items
    """The items it knows."""
    user_ids: np.ndarray[Any, Any]
    """(num_users,) the users it was trained on."""
    scale: RatingScale
    """The rating scale."""
    encoder_weights: FloatArray
    """(num_columns, hidden_units), the paper's V transposed."""
    encoder_bias: FloatArray
    """(hidden_units,), the paper's mu."""
    decoder_weights: FloatArray
    """(num_columns, hidden_units), the paper's W."""
    decoder_bias: FloatArray
    """(num_columns,), the paper's b."""
    offsets: FloatArray
    """(num_rows,) added to each row's pre-activations: where centred, the link's inverse of the row's damped mean."""
    codes: FloatArray
    """(num_rows, hidden_units), the code of each row's training ratings."""
    global_mean: float
    """Mean of the training ratings, in rating units."""
    item_means: FloatArray
    """(num_items,) damped means of the training ratings, in rating units; by `averages` where the network leans."""
    item_counts: IntArray
    """(num_items,) int64, training ratings of each item."""
    user_biases: FloatArray
    """(num_users,) damped mean of each user's training ratings over `item_means`, in rating units."""
    user_counts: IntArray
    """(num_users,) int64, training ratings of each user."""
    residual_variance: float
    """Mean squared error on the validation ratings, in squared rating units."""
    population_mean: FloatArray
    """(hidden_units + 1,) float64 mean of the users' weights over `[code, 1]`; empty for a user-based model."""
    population_covariance: FloatArray
    """(hidden_units + 1, hidden_units + 1) float64 covariance of the same; empty for a user-based model."""
    fold_in_counts: IntArray
    """(m,) int64 ascending numbers of known ratings; empty for an item-based model."""
    fold_in_variances: FloatArray
    """(m,) float64 squared error on validation with so many ratings known; empty for an item-based model."""
    item_noise: FloatArray = field(default_factory=_nothing)
    """(num_items,) variance of a rating of each item over `residual_variance`; empty where all are taken as alike."""
    interval_levels: FloatArray = field(default_factory=_nothing)
    """(m,) float64 ascending probabilities; empty where a rating is taken to be normal around its prediction."""
    interval_reaches: FloatArray = field(default_factory=_nothing)
    """(m,) float64 standard deviations, to either side of a prediction, that held so many validation ratings."""
    item_prior: FloatArray = field(default_factory=_nothing)
    """(3,) float64, the `averages.ItemPrior` of `item_means`; empty where these are plainly damped."""
    inner_encoder_weights: FloatArray = field(default_factory=_nothing)
    """(inner_units, hidden_units); empty, as the next three, where there is no inner layer."""
    inner_encoder_bias: FloatArray = field(default_factory=_nothing)
    """(inner_units,)."""
    inner_decoder_weights: FloatArray = field(default_factory=_nothing)
    """(hidden_units, inner_units)."""
    inner_decoder_bias: FloatArray = field(default_factory=_nothing)
    """(hidden_units,)."""

    @property
    def by_items(self) -> bool:
        """Whether rows are items (I-AutoRec)."""
        return self.hyperparameters.based_on == "items"

    @property
    def noise_variances(self) -> FloatArray:
        """(num_items,) float64 variance of a rating of each item around its prediction, in squared rating units."""
        shares = self.item_noise if len(self.item_noise) else np.ones(len(self.items))
        return np.asarray(self.residual_variance * shares, dtype=np.float64)

    def reach(self, level: float) -> float:
        """How many standard deviations an interval goes to either side of a prediction.

        Args:
            level: the probability to hold a new rating, over 0, under 1.
        """
        normal = normal_reach(level)
        if not len(self.interval_levels):
            return normal
        known = [0.0, *map(normal_reach, self.interval_levels.tolist())]
        if normal > known[-1]:
            return float(normal * self.interval_reaches[-1] / known[-1])
        return float(np.interp(normal, known, [0.0, *self.interval_reaches.tolist()]))

    @property
    def link(self) -> Link:
        """The output activation on the rating scale."""
        return Link.of(self.hyperparameters.decoder_activation, self.scale)

    def code_of(self, products: FloatArray) -> FloatArray:
        """Codes of rows that the model never saw.

        Args:
            products: (m, hidden_units), the rows' inputs times `encoder_weights`.

        Returns:
            (m, hidden_units).
        """
        activated = ACTIVATION[self.hyperparameters.encoder_activation]
        codes = activated(products + self.encoder_bias)
        if len(self.inner_encoder_bias):
            inner = activated(codes @ self.inner_encoder_weights.T + self.inner_encoder_bias)
            codes = activated(inner @ self.inner_decoder_weights.T + self.inner_decoder_bias)
        return np.asarray(codes)

    def reconstruct_rows(self, rows: IntArray) -> FloatArray:
        """Raw reconstructions (len(rows), num_columns) of whole rows, not clipped."""
        z = self.codes[rows] @ self.decoder_weights.T + self.decoder_bias + self.offsets[rows, None]
        return self.link(z)

    def reconstruct_pairs(self, users: IntArray, items: IntArray) -> FloatArray:
        """Raw reconstructions (n,) of single entries, not clipped.

        Args:
            users: (n,) user indices.
            items: (n,) item indices.
        """
        rows, columns = (items, users) if self.by_items else (users, items)
        parts = []
        at_once = max(1, GATHERED // self.codes.shape[1])
        for start in range(0, len(rows), at_once):
            r, c = rows[start : start + at_once], columns[start : start + at_once]
            products = np.einsum("nk,nk->n", self.codes[r], self.decoder_weights[c])
            parts.append(self.link(products + self.decoder_bias[c] + self.offsets[r]))
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def predict_pairs(self, users: IntArray, items: IntArray) -> FloatArray:
        """Predicted ratings (n,), clipped to the scale; the fallback where user or item had no training rating.

        The fallback is the item's damped mean plus the user's damped bias: with no rating of either, the global
        mean, or what is expected of a movie without ratings where the network leans on `averages`.
        """
        fallback = self.item_means[items] + self.user_biases[users]
        predicted = np.where(self.needs_fallback(users, items), fallback, self.reconstruct_pairs(users, items))
        return np.asarray(self.scale.clip(predicted))

    def needs_fallback(self, users: IntArray, items: IntArray) -> np.ndarray[Any, Any]:
        """(n,) bool, True where the user or the item had no training rating."""
        return np.asarray((self.user_counts[users] == 0) | (self.item_counts[items] == 0))

    def predict_user(self, user: int) -> FloatArray:
        """Predicted ratings (num_items,) of one user index, clipped, with the fallback where needed."""
        items = np.arange(len(self.items))
        return self.predict_pairs(np.full(len(items), user), items)

    def predict_item(self, item: int) -> FloatArray:
        """Predicted ratings (num_users,) of one item index, clipped, with the fallback where needed."""
        users = np.arange(len(self.user_ids))
        return self.predict_pairs(users, np.full(len(users), item))

    @property
    def num_parameters(self) -> int:
        """Weights and biases together."""
        parts = ("encoder", "decoder", "inner_encoder", "inner_decoder")
        arrays = [getattr(self, f"{part}_{kind}") for part in parts for kind in ("weights", "bias")]
        return sum(math.prod(array.shape) for array in arrays)
