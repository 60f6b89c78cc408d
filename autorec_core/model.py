"""The network of the paper: `h(r) = f(W g(V r + mu) + b)`.

It knows inputs and codes, not users or items: whether a row is a movie or a user is its caller's business.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autorec_core.engine import Batch, decode, encode
from autorec_core.ranks import ALONE, Ranks
from autorec_core.trained_model import Link

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "selu": torch.selu,
}


class AutoRec(nn.Module):
    """An autoencoder on sparse rows of ratings.

    Args:
        num_inputs: length of a row, known or not.
        hidden_units: length of the code.
        inner_units: of a layer between two of `hidden_units`; 0 for one hidden layer.
        encoder_activation: name of g, on every hidden layer.
        link: f, laid onto the rating scale.
        initial_scale: standard deviation of the first weights; biases begin at 0, inner weights at a scale that
            keeps the size of what passes through them.
        dtype: of all weights.
        generator: draws the first weights.
        ranks: who trains it together.
        columns: the first input that this rank has the weights of, and the one after its last; all where None.

    Source: Sedhain et al. 2015, equation 1.
    """

    def __init__(
        self,
        num_inputs: int,
        hidden_units: int,
        *,
        inner_units: int = 0,
        encoder_activation: str,
        link: Link,
        initial_scale: float,
        dtype: torch.dtype,
        generator: torch.Generator,
        ranks: Ranks = ALONE,
        columns: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.encoder_activation = encoder_activation
        self.link = link
        self.ranks = ranks
        self.columns = first, last = columns or (0, num_inputs)

        def weights() -> nn.Parameter:
            drawn = torch.randn(num_inputs, hidden_units, generator=generator, dtype=dtype)
            return nn.Parameter(initial_scale * drawn[first:last])

        self.encoder_weights = weights()  # (num_inputs, hidden_units): V transposed
        self.encoder_bias = nn.Parameter(torch.zeros(hidden_units, dtype=dtype))  # mu
        self.decoder_weights = weights()  # (num_inputs, hidden_units): W
        self.decoder_bias = nn.Parameter(torch.zeros(last - first, dtype=dtype))  # b
        self.inner_units = inner_units
        if inner_units:
            inward = torch.randn(inner_units, hidden_units, generator=generator, dtype=dtype)
            outward = torch.randn(hidden_units, inner_units, generator=generator, dtype=dtype)
            self.inner_encoder_weights = nn.Parameter(inward / hidden_units**0.5)
            self.inner_encoder_bias = nn.Parameter(torch.zeros(inner_units, dtype=dtype))
            self.inner_decoder_weights = nn.Parameter(outward / inner_units**0.5)
            self.inner_decoder_bias = nn.Parameter(torch.zeros(hidden_units, dtype=dtype))

    @property
    def by_column(self) -> tuple[nn.Parameter, nn.Parameter, nn.Parameter]:
        """The parameters with a row a column, which ranks share out; all others are the same on each rank."""
        return self.encoder_weights, self.decoder_weights, self.decoder_bias

    @property
    def common(self) -> list[nn.Parameter]:
        """The parameters that are the same on each rank: the small ones."""
        return [found for found in self.parameters() if not any(found is own for own in self.by_column)]

    def encoder(self, batch: Batch, inputs: Tensor) -> Tensor:
        """Codes (B, hidden_units) of a batch's rows, from its inputs (n,)."""
        return self.code(self.ranks.sum_forward(encode(self.encoder_weights, inputs, batch)))

    def code(self, products: Tensor) -> Tensor:
        """Codes (B, hidden_units) of the encoder's products (B, hidden_units), through an inner layer."""
        activated = ACTIVATIONS[self.encoder_activation]
        codes = activated(products + self.encoder_bias)  # (B, hidden_units)
        if self.inner_units:
            inner = activated(F.linear(codes, self.inner_encoder_weights, self.inner_encoder_bias))  # (B, inner_units)
            codes = activated(F.linear(inner, self.inner_decoder_weights, self.inner_decoder_bias))  # (B, hidden_units)
        return codes

    def decoder(self, codes: Tensor, batch: Batch) -> Tensor:
        """Reconstructed ratings (n,) at the batch's observed entries, from codes (B, hidden_units); not clipped."""
        codes = self.ranks.sum_backward(codes)
        z = decode(codes, self.decoder_weights, self.decoder_bias, batch) + batch.offsets[batch.rows]  # (n,)
        return self.apply_link(z)

    def decoder_everywhere(self, codes: Tensor, batch: Batch) -> Tensor:
        """Reconstructed ratings (B, num_inputs) at all entries, known or not: the dense product that AutoRec avoids."""
        z = self.ranks.sum_backward(codes) @ self.decoder_weights.T + self.decoder_bias + batch.offsets[:, None]
        return self.apply_link(z)

    def apply_link(self, z: Tensor) -> Tensor:
        """Ratings of pre-activations, same shape."""
        return self.link.shift + self.link.factor * ACTIVATIONS[self.link.activation](z)

    def forward(self, batch: Batch) -> Tensor:
        """Reconstructed ratings (n,) at the batch's observed entries, without dropout; not clipped."""
        return self.decoder(self.encoder(batch, batch.inputs), batch)
