"""The network of the paper: `h(r) = f(W g(V r + mu) + b)`.

It knows inputs and codes, not users or items: whether a row is a movie or a user is its caller's business.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from autorec_core.engine import Batch, decode, encode
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
        encoder_activation: name of g.
        link: f, laid onto the rating scale.
        initial_scale: standard deviation of the first weights; biases begin at 0.
        dtype: of all weights.
        generator: draws the first weights.

    Source: Sedhain et al. 2015, equation 1.
    """

    def __init__(
        self,
        num_inputs: int,
        hidden_units: int,
        *,
        encoder_activation: str,
        link: Link,
        initial_scale: float,
        dtype: torch.dtype,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.encoder_activation = encoder_activation
        self.link = link

        def weights() -> nn.Parameter:
            drawn = torch.randn(num_inputs, hidden_units, generator=generator, dtype=dtype)
            return nn.Parameter(initial_scale * drawn)

        self.encoder_weights = weights()  # (num_inputs, hidden_units): V transposed
        self.encoder_bias = nn.Parameter(torch.zeros(hidden_units, dtype=dtype))  # mu
        self.decoder_weights = weights()  # (num_inputs, hidden_units): W
        self.decoder_bias = nn.Parameter(torch.zeros(num_inputs, dtype=dtype))  # b

    def encoder(self, batch: Batch, inputs: Tensor) -> Tensor:
        """Codes (B, hidden_units) of a batch's rows, from its inputs (n,)."""
        return self.code(encode(self.encoder_weights, inputs, batch))

    def code(self, products: Tensor) -> Tensor:
        """Codes (B, hidden_units) of the encoder's products (B, hidden_units)."""
        return ACTIVATIONS[self.encoder_activation](products + self.encoder_bias)

    def decoder(self, codes: Tensor, batch: Batch) -> Tensor:
        """Reconstructed ratings (n,) at the batch's observed entries, from codes (B, hidden_units); not clipped."""
        z = decode(codes, self.decoder_weights, self.decoder_bias, batch) + batch.offsets[batch.rows]  # (n,)
        return self.apply_link(z)

    def decoder_everywhere(self, codes: Tensor, batch: Batch) -> Tensor:
        """Reconstructed ratings (B, num_inputs) at all entries, known or not: the dense product that AutoRec avoids."""
        z = codes @ self.decoder_weights.T + self.decoder_bias + batch.offsets[:, None]
        return self.apply_link(z)

    def apply_link(self, z: Tensor) -> Tensor:
        """Ratings of pre-activations, same shape."""
        return self.link.shift + self.link.factor * ACTIVATIONS[self.link.activation](z)

    def forward(self, batch: Batch) -> Tensor:
        """Reconstructed ratings (n,) at the batch's observed entries, without dropout; not clipped."""
        return self.decoder(self.encoder(batch, batch.inputs), batch)
