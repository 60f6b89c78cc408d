"""The sparse arithmetic against the dense product that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from autorec_core import engine
from autorec_core.engine import Batch, decode, encode

PATTERNS = {
    "a batch like any other": [[1, 0, 1, 0, 1], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]],
    "a row without a rating first": [[0, 0, 0, 0, 0], [0, 1, 0, 0, 1], [1, 0, 0, 0, 0]],
    "a row without a rating in the middle": [[1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]],
    "a row without a rating last": [[1, 0, 0, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]],
    "one rating in all": [[0, 0, 0, 0, 0], [0, 0, 0, 1, 0]],
    "no rating at all": [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
    "a single row": [[0, 1, 0, 1, 1]],
}
UNITS = 4


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=[0.0, 2.0], ids=["whole products", "products of observed entries"], autouse=True)
def _route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test takes both ways to the same numbers."""
    monkeypatch.setattr(engine, "DENSE_FROM", request.param)


@pytest.fixture(params=PATTERNS.values(), ids=PATTERNS.keys())
def observed(request: pytest.FixtureRequest) -> np.ndarray:
    return np.array(request.param, dtype=bool)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def parameter(*shape: int, seed: int) -> Tensor:
    return random(*shape, seed=seed).requires_grad_()


def batch_of(observed: np.ndarray) -> Batch:
    counts, columns = observed.sum(1), np.nonzero(observed)[1]
    return Batch(
        indptr=torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)),
        columns=torch.from_numpy(columns.astype(np.int32)),
        inputs=random(len(columns), seed=1),
        targets=random(len(columns), seed=2),
        offsets=random(len(observed), seed=3),
        num_columns=observed.shape[1],
    )


def dense_inputs(batch: Batch) -> Tensor:
    dense = torch.zeros(len(batch), batch.num_columns, dtype=torch.float64)
    dense[batch.rows, batch.columns.long()] = batch.inputs
    return dense


def test_encode_and_its_gradient_are_those_of_the_dense_product(observed: np.ndarray) -> None:
    batch, upstream = batch_of(observed), random(len(observed), UNITS, seed=9)
    sparse, dense = parameter(5, UNITS, seed=4), parameter(5, UNITS, seed=4)
    codes, expected = encode(sparse, batch.inputs, batch), dense_inputs(batch) @ dense
    torch.testing.assert_close(codes, expected, rtol=0, atol=1e-13)
    (codes * upstream).sum().backward()
    (expected * upstream).sum().backward()
    torch.testing.assert_close(sparse.grad, dense.grad, rtol=0, atol=1e-13)


def test_decode_and_its_gradients_are_those_of_the_dense_product(observed: np.ndarray) -> None:
    batch = batch_of(observed)
    upstream = random(len(batch.columns), seed=9)
    sparse = [parameter(len(batch), UNITS, seed=5), parameter(5, UNITS, seed=6), parameter(5, seed=7)]
    dense = [parameter(len(batch), UNITS, seed=5), parameter(5, UNITS, seed=6), parameter(5, seed=7)]
    decoded = decode(*sparse, batch)
    expected = (dense[0] @ dense[1].T + dense[2])[batch.rows, batch.columns.long()]
    torch.testing.assert_close(decoded, expected, rtol=0, atol=1e-13)
    (decoded * upstream).sum().backward()
    (expected * upstream).sum().backward()
    for ours, theirs in zip(sparse, dense, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-13)


def test_gradients_agree_with_finite_differences(observed: np.ndarray) -> None:
    batch = batch_of(observed)
    assert torch.autograd.gradcheck(lambda weights: encode(weights, batch.inputs, batch), parameter(5, UNITS, seed=4))
    arguments = (parameter(len(batch), UNITS, seed=5), parameter(5, UNITS, seed=6), parameter(5, seed=7))
    assert torch.autograd.gradcheck(lambda *given: decode(*given, batch), arguments)


def test_the_whole_chain_agrees_with_dense_autograd(observed: np.ndarray) -> None:
    """Encoder, sigmoid, decoder and squared error: the chain that a step differentiates."""
    batch = batch_of(observed)

    def gradients(is_sparse: bool) -> list[Tensor]:
        encoder, mu = parameter(5, UNITS, seed=4), parameter(UNITS, seed=8)
        decoder, bias = parameter(5, UNITS, seed=6), parameter(5, seed=7)
        if is_sparse:
            codes = torch.sigmoid(encode(encoder, batch.inputs, batch) + mu)
            predicted = decode(codes, decoder, bias, batch)
        else:
            codes = torch.sigmoid(dense_inputs(batch) @ encoder + mu)
            predicted = (codes @ decoder.T + bias)[batch.rows, batch.columns.long()]
        (predicted - batch.targets).square().sum().backward()
        return [leaf.grad for leaf in (encoder, mu, decoder, bias) if leaf.grad is not None]

    for ours, theirs in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_column_that_nobody_rated_gets_exactly_no_gradient() -> None:
    observed = np.array([[1, 0, 1], [1, 0, 0]], dtype=bool)
    batch = batch_of(observed)
    encoder, decoder, bias = parameter(3, UNITS, seed=4), parameter(3, UNITS, seed=6), parameter(3, seed=7)
    decode(encode(encoder, batch.inputs, batch), decoder, bias, batch).square().sum().backward()
    for leaf in (encoder, decoder, bias):
        assert leaf.grad is not None
        assert (leaf.grad[1] == 0).all()
        assert (leaf.grad[[0, 2]] != 0).all()


def test_codes_that_are_not_contiguous_decode_the_same() -> None:
    batch = batch_of(np.array(PATTERNS["a batch like any other"], dtype=bool))
    codes, decoder, bias = random(UNITS, 3, seed=5).T, random(5, UNITS, seed=6), random(5, seed=7)
    torch.testing.assert_close(decode(codes, decoder, bias, batch), decode(codes.clone(), decoder, bias, batch))


def test_float32_does_not_drift_from_float64_on_long_rows() -> None:
    generator = np.random.default_rng(0)
    observed = generator.random((30, 2_000)) < 0.3
    batch = batch_of(observed)
    weights = random(2_000, UNITS, seed=4)
    exact = encode(weights, batch.inputs, batch)
    rough = encode(weights.float(), batch.inputs.float(), batch)
    torch.testing.assert_close(rough.double(), exact, rtol=0, atol=1e-3)


def test_only_a_batch_that_is_nearly_full_and_small_is_multiplied_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "DENSE_FROM", 0.5)
    assert batch_of(np.array([[1, 1], [0, 1]], dtype=bool)).is_full
    assert not batch_of(np.array([[1, 0, 0], [0, 1, 0]], dtype=bool)).is_full
    monkeypatch.setattr(engine, "DENSE_UP_TO", 3)
    assert not batch_of(np.array([[1, 1], [0, 1]], dtype=bool)).is_full
