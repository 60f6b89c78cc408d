"""The network of the paper, written out: its first weights, and what it makes of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from autorec_core.engine import Batch
from autorec_core.hyperparameters import ACTIVATIONS
from autorec_core.model import AutoRec
from autorec_core.ranks import ALONE, Ranks
from autorec_core.trained_model import ACTIVATION, Link

pytestmark = pytest.mark.usefixtures("one_thread")

LINK = Link("identity", 0.0, 1.0)


def made(**changes: Any) -> AutoRec:
    """A network of 7 inputs and 4 hidden units."""
    arguments: dict[str, Any] = {
        "encoder_activation": "sigmoid",
        "link": LINK,
        "initial_scale": 0.5,
        "dtype": torch.float64,
        "generator": torch.Generator().manual_seed(3),
    }
    return AutoRec(7, 4, **(arguments | changes))


def batch_of(num_columns: int = 7) -> Batch:
    """Three rows with 3, 0 and 2 entries."""
    generator = torch.Generator().manual_seed(8)
    return Batch(
        indptr=torch.tensor([0, 3, 3, 5], dtype=torch.int32),
        columns=torch.tensor([0, 2, 4, 1, 4], dtype=torch.int32),
        inputs=torch.randn(5, generator=generator, dtype=torch.float64),
        targets=torch.randn(5, generator=generator, dtype=torch.float64),
        offsets=torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64),
        num_columns=num_columns,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("columns", [None, (2, 5)])
def test_the_first_weights_are_drawn_from_the_generator_one_layer_after_the_other(
    dtype: torch.dtype, columns: tuple[int, int] | None
) -> None:
    model = made(inner_units=9, dtype=dtype, columns=columns)
    generator, (first, last) = torch.Generator().manual_seed(3), columns or (0, 7)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    expected = {
        "encoder_weights": 0.5 * drawn(7, 4)[first:last],
        "decoder_weights": 0.5 * drawn(7, 4)[first:last],
        "inner_encoder_weights": drawn(9, 4) / 2,  # the root of 4 units that it reads
        "inner_decoder_weights": drawn(4, 9) / 3,  # and of 9
        "encoder_bias": torch.zeros(4, dtype=dtype),
        "inner_encoder_bias": torch.zeros(9, dtype=dtype),
        "inner_decoder_bias": torch.zeros(4, dtype=dtype),
        "decoder_bias": torch.zeros(last - first, dtype=dtype),
    }
    found = dict(model.named_parameters())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name].detach(), value, rtol=0, atol=0, msg=name)
    assert model.columns == (first, last)


def test_unless_it_is_asked_for_there_is_no_inner_layer_and_nobody_to_train_with() -> None:
    model = made()
    assert model.inner_units == 0
    assert model.ranks is ALONE
    assert [name for name, _ in model.named_parameters()] == [
        "encoder_weights",
        "encoder_bias",
        "decoder_weights",
        "decoder_bias",
    ]
    assert {id(found) for found in model.by_column} == {
        id(model.encoder_weights),
        id(model.decoder_weights),
        id(model.decoder_bias),
    }
    assert [id(found) for found in model.common] == [id(model.encoder_bias)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("decoder", ACTIVATIONS)
@pytest.mark.parametrize("inner_units", [0, 3])
def test_a_batch_is_reconstructed_as_the_papers_equation_says(activation: str, decoder: str, inner_units: int) -> None:
    link = Link(decoder, 1.5, 3.0)
    model, batch = made(encoder_activation=activation, link=link, inner_units=inner_units), batch_of()
    generator = torch.Generator().manual_seed(4)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    dense = np.zeros((3, 7))
    dense[batch.rows, batch.columns] = batch.inputs
    g, f = ACTIVATION[activation], ACTIVATION[decoder]
    codes = g(dense @ weights["encoder_weights"] + weights["encoder_bias"])
    if inner_units:
        inner = g(codes @ weights["inner_encoder_weights"].T + weights["inner_encoder_bias"])
        codes = g(inner @ weights["inner_decoder_weights"].T + weights["inner_decoder_bias"])
    z = codes @ weights["decoder_weights"].T + weights["decoder_bias"] + np.array([0.5, -1.0, 2.0])[:, None]
    whole = 1.5 + 3.0 * f(z)
    with torch.no_grad():
        found = model.encoder(batch, batch.inputs)
        np.testing.assert_allclose(found, codes, atol=1e-12)
        np.testing.assert_allclose(model.decoder_everywhere(found, batch), whole, atol=1e-12)
        np.testing.assert_allclose(model.decoder(found, batch), whole[batch.rows, batch.columns], atol=1e-12)
        np.testing.assert_allclose(model(batch), whole[batch.rows, batch.columns], atol=1e-12)


class _Marking(Ranks):
    """Leaves a mark on everything that is summed over ranks."""

    def sum_forward(self, tensor: Tensor) -> Tensor:
        return tensor + 10.0

    def sum_backward(self, tensor: Tensor) -> Tensor:
        return tensor * 3.0


def test_codes_are_summed_over_ranks_before_their_activation_and_their_gradients_before_the_encoders() -> None:
    alone, together = (made(encoder_activation="identity", ranks=ranks) for ranks in (ALONE, _Marking()))
    batch = batch_of()
    flat = replace(batch, offsets=torch.zeros(3, dtype=torch.float64))
    with torch.no_grad():
        codes = alone.encoder(batch, batch.inputs)
        torch.testing.assert_close(together.encoder(batch, batch.inputs), codes + 10.0)
        torch.testing.assert_close(together.decoder(codes, flat), 3.0 * alone.decoder(codes, flat))
        everywhere = 3.0 * alone.decoder_everywhere(codes, flat)
        torch.testing.assert_close(together.decoder_everywhere(codes, flat), everywhere)
