"""The arithmetic of AutoRec at the cost of the ratings, not of the matrix.

A mini-batch is a few rows of a sparse matrix. Nearly all of a row is unknown, so nothing here ever forms it: the
encoder sums the weights of the known inputs (an embedding bag), the decoder computes the outputs at known entries only
(a sampled matrix product), and the weight gradients are embedding bags over the batch by columns. An epoch costs
`O(ratings x hidden_units)` for the products, whatever the size of the matrix. Only a batch that is nearly full is
multiplied whole.

These products are differentiable and run on any device. `kernels` has the same arithmetic compiled, for the steps of
Adam on a processor.

Shapes: a batch has `B` rows, `C` columns, `n` observed entries; the code has `k` units.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# torch says once a process that its sparse layout is in beta; only its construction and sampled product are used here.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")

DENSE_FROM = 0.5
"""Share of observed entries from which whole dense products beat those over observed entries (`benchmarks.density`)."""
DENSE_UP_TO = 50_000_000
"""Most entries of a matrix that is ever formed whole."""


@dataclass(frozen=True, eq=False)
class Batch:
    """A few rows of ratings, known entries only; the order by columns is worked out when a gradient asks for it."""

    indptr: Tensor
    """(B + 1,) int32, where each row begins among the entries."""
    columns: Tensor
    """(n,) int32, column of each entry, row by row."""
    inputs: Tensor
    """(n,) what the encoder reads there: centred and scaled as the hyperparameters say."""
    targets: Tensor
    """(n,) ratings, in rating units."""
    offsets: Tensor
    """(B,) added to each row's pre-activations."""
    num_columns: int
    """C."""
    positions: Tensor | None = None
    """(n,) int32, place of each entry among those of all ranks; None where there are no others."""
    count_of_all: int | None = None
    """Observed entries of all ranks; None where there are no others."""

    @property
    def num_ratings(self) -> int:
        """Observed entries, those of other ranks included."""
        return len(self.columns) if self.count_of_all is None else self.count_of_all

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @cached_property
    def rows(self) -> Tensor:
        """(n,) int64, row of each entry, row by row."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.columns.device), self.indptr.diff())

    @cached_property
    def by_column(self) -> Tensor:
        """(n,) int32, the entries in the order of their columns, rows ascending within one."""
        return torch.sort(self.columns, stable=True).indices.to(torch.int32)

    @cached_property
    def column_indptr(self) -> Tensor:
        """(C + 1,) int32, where each column begins among `by_column`."""
        per_column = torch.bincount(self.columns, minlength=self.num_columns)
        return F.pad(torch.cumsum(per_column, 0), (1, 0)).to(torch.int32)

    @cached_property
    def column_rows(self) -> Tensor:
        """(n,) int32, row of each entry, in the order of `by_column`."""
        return self.rows.to(torch.int32).index_select(0, self.by_column)

    @cached_property
    def is_full(self) -> bool:
        """Whether so much of it is observed that whole dense products are faster."""
        cells = len(self) * self.num_columns
        return DENSE_FROM * cells <= len(self.columns) and 0 < cells <= DENSE_UP_TO

    @cached_property
    def cells(self) -> Tensor:
        """(n,) int64, place of each entry in the whole (B, C) matrix, flat."""
        return self.rows * self.num_columns + self.columns


def _bags(indices: Tensor, indptr: Tensor, weights: Tensor, table: Tensor) -> Tensor:
    """Sum over each bag of `weights[e] * table[indices[e]]`: a sparse matrix times `table`, (len(indptr) - 1, k)."""
    if not len(indices):
        return table.new_zeros(len(indptr) - 1, table.shape[1])
    return F.embedding_bag(indices, table, indptr, mode="sum", per_sample_weights=weights, include_last_offset=True)


class _Encode(torch.autograd.Function):
    """`X @ V` for a sparse X: (B, k)."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, inputs: Tensor, batch: Batch) -> Tensor:
        ctx.batch, ctx.inputs = batch, inputs
        return _bags(batch.columns, batch.indptr, inputs, weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        batch = ctx.batch
        inputs = ctx.inputs.index_select(0, batch.by_column)
        by_column = _bags(batch.column_rows, batch.column_indptr, inputs, gradients[0].contiguous())
        return by_column, None, None  # (C, k)


class _Decode(torch.autograd.Function):
    """`(codes @ W.T + b)` at the observed entries only: (n,)."""

    @staticmethod
    def forward(ctx: Any, codes: Tensor, weights: Tensor, bias: Tensor, batch: Batch) -> Tensor:
        ctx.batch = batch
        ctx.save_for_backward(codes, weights)
        pattern = torch.sparse_csr_tensor(
            batch.indptr,
            batch.columns,
            bias.index_select(0, batch.columns),
            (len(batch), batch.num_columns),
            check_invariants=False,
        )
        product: Tensor = torch.sparse.sampled_addmm(pattern, codes, weights.T)
        return product.values()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        batch, (codes, weights) = ctx.batch, ctx.saved_tensors
        errors = gradients[0].contiguous()
        to_codes = _bags(batch.columns, batch.indptr, errors, weights)  # (B, k)
        by_column = errors.index_select(0, batch.by_column)
        to_weights = _bags(batch.column_rows, batch.column_indptr, by_column, codes)  # (C, k)
        to_bias = errors.new_zeros(batch.num_columns).index_add_(0, batch.columns, errors)  # (C,)
        return to_codes, to_weights, to_bias, None


def encode(weights: Tensor, inputs: Tensor, batch: Batch) -> Tensor:
    """The encoder's product, differentiable in the weights.

    Args:
        weights: (C, k) encoder weights, the paper's V transposed.
        inputs: (n,) the batch's inputs, after dropout.
        batch: which entries they stand at.

    Returns:
        (B, k) sums of the known inputs' weights.
    """
    if batch.is_full:
        whole = inputs.new_zeros(len(batch) * batch.num_columns).index_copy_(0, batch.cells, inputs)
        return whole.view(len(batch), -1) @ weights
    return _Encode.apply(weights, inputs, batch)  # type: ignore[no-untyped-call,no-any-return]


def decode(codes: Tensor, weights: Tensor, bias: Tensor, batch: Batch) -> Tensor:
    """The decoder's product at observed entries, differentiable in codes, weights and bias.

    Args:
        codes: (B, k).
        weights: (C, k) decoder weights, the paper's W.
        bias: (C,) the paper's b.
        batch: which entries are observed.

    Returns:
        (n,) `codes[row] @ weights[column] + bias[column]` of each observed entry.
    """
    if batch.is_full:
        return torch.addmm(bias, codes, weights.T).flatten().index_select(0, batch.cells)
    return _Decode.apply(codes.contiguous(), weights, bias, batch)  # type: ignore[no-untyped-call,no-any-return]
