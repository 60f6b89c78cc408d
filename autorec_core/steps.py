"""One step: how a batch moves the weights.

There are two ways to the same numbers. `CompiledSteps` takes the compiled passes of `kernels` for the large matrices
and autograd for the small ones between them; it serves Adam on a processor. `AutogradSteps` leaves all to autograd: any
optimiser, any device, a loss over all entries, and batches so full that dense products are faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from autorec_core import engine, kernels
from autorec_core.engine import Batch
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.model import AutoRec
from autorec_core.optimizers import Moved, Penalised
from autorec_core.ratings import RatingScale

BLOCK_BYTES = 2**19
"""Weights of a block of columns: they and what a row needs fit into a core's second-level cache."""
UPDATE_COST = 4
"""Entries whose work in a pass is that of one column's update, which moves more memory: it shares out the columns."""


Back = Callable[[Tensor], tuple[Tensor, list[Tensor]]]
"""From a gradient by the codes to those by the encoder's product and by the parameters between the products."""


class Steps(Protocol):
    """A way to take a step."""

    def prepared(self, batch: Batch) -> Any:
        """What it keeps of a batch between epochs."""

    def __call__(self, batch: Any, hyperparameters: Hyperparameters, seeds: tuple[int, int]) -> Tensor:
        """Moves the weights.

        Args:
            batch: as prepared.
            hyperparameters: whose dropout is taken.
            seeds: of the input dropout and of the code dropout.

        Returns:
            (4,) float64, before the step: sum of squared errors, the same at observed entries with predictions clipped
            to the scale, squared length of the objective's gradient, and how many entries the first is over. The first
            three are this rank's, to be summed over ranks; the last is of all.
        """


def steps_for(
    model: AutoRec, optimizer: Penalised, hyperparameters: Hyperparameters, scale: RatingScale, *, density: float
) -> Steps:
    """The faster way for a model and its ratings.

    Args:
        model: to be trained.
        optimizer: of its parameters.
        hyperparameters: which say what the loss is over.
        scale: of the ratings.
        density: share of a batch's entries that are observed.
    """
    is_compiled = (
        optimizer.kind == "adam"
        and hyperparameters.loss_over == "observed"
        and model.encoder_weights.device.type == "cpu"
        and density < engine.DENSE_FROM
    )
    return (CompiledSteps if is_compiled else AutogradSteps)(model, optimizer, scale)


class AutogradSteps:
    """Steps whose gradients autograd works out."""

    def __init__(self, model: AutoRec, optimizer: Penalised, scale: RatingScale) -> None:
        self.model, self.optimizer, self.scale = model, optimizer, scale
        own = torch.tensor(len(model.decoder_bias), device=model.decoder_bias.device)
        self.num_columns = int(model.ranks.sum(own))

    def prepared(self, batch: Batch) -> Batch:
        """The batch as it is."""
        return batch

    def __call__(self, batch: Batch, hyperparameters: Hyperparameters, seeds: tuple[int, int]) -> Tensor:
        """See `Steps`."""
        is_over_all = hyperparameters.loss_over == "all"
        count = len(batch) * self.num_columns if is_over_all else batch.num_ratings
        inputs = dropped(batch.inputs, hyperparameters.input_dropout, seeds[0], batch.positions)
        mask = _code_mask(self.model, len(batch), hyperparameters.code_dropout, seeds[1])
        first: list[Tensor] = []

        def mean_squared_error() -> Tensor:
            codes = self.model.encoder(batch, inputs)
            if mask is not None:
                codes = codes * mask
            if is_over_all:
                everywhere = self.model.decoder_everywhere(codes, batch)
                targets = torch.zeros_like(everywhere)
                targets[batch.rows, batch.columns] = batch.targets
                squared_error = (everywhere - targets).square().sum()
                predicted = everywhere[batch.rows, batch.columns]
            else:
                predicted = self.model.decoder(codes, batch)
                squared_error = (predicted - batch.targets).square().sum()
            if not first:  # L-BFGS asks again after it has moved; what is reported is before the step
                clipped = predicted.detach().clamp(self.scale.low, self.scale.high) - batch.targets
                first.extend([squared_error.detach().double(), clipped.square().sum(dtype=torch.float64)])
            return squared_error / count

        square = self.optimizer.step(mean_squared_error)
        return torch.stack([*first, square.double(), first[0].new_tensor(count)])


@dataclass(frozen=True, eq=False)
class Layout:
    """A batch as `kernels` reads it: by blocks of columns and rows within them, and by columns."""

    columns: kernels.Array
    """(n,) int32, column of each entry, by blocks and rows."""
    inputs: kernels.Array
    """(n,) what the encoder reads, by blocks and rows."""
    targets: kernels.Array
    """(n,) ratings, by blocks and rows."""
    positions: kernels.Array
    """(n,) int32, place of each entry among all of the batch, on which its dropout hangs; by blocks and rows."""
    places: kernels.Array
    """(n,) int32, where each entry stands in the order of columns; by blocks and rows."""
    segments: tuple[kernels.Array, kernels.Array]
    """(S,) int32 row of each segment, and (S + 1,) int32 where each begins among the entries."""
    blocks: tuple[kernels.Array, kernels.Array]
    """(number of blocks + 1,) first segment and first column of each block."""
    offsets: kernels.Array
    """(B,) added to each row's pre-activations."""
    indptr: kernels.Array
    """(C + 1,) int32, where each column begins in the order of columns."""
    rows: kernels.Array
    """(n,) int32, row of each entry in the order of columns."""
    num_ratings: int
    """Observed entries, those of other ranks included."""
    _shares: dict[int, tuple[kernels.Array, kernels.Array]] = field(default_factory=dict)

    @cached_property
    def inputs_by_column(self) -> kernels.Array:
        """(n,) what the encoder reads where nothing is dropped, in the order of columns."""
        found = np.empty_like(self.inputs)
        found[self.places] = self.inputs
        return found

    @classmethod
    def of(cls, batch: Batch, bytes_of_a_column: int, threads: int) -> Layout:
        """Sorts a batch.

        Args:
            batch: any.
            bytes_of_a_column: of a column's weights.
            threads: that will share it out, as a rule.
        """
        indptr = batch.column_indptr.numpy()
        edges = _blocks(np.diff(indptr), bytes_of_a_column, threads)
        rows, columns = batch.rows.to(torch.int32), batch.columns
        block_of = torch.from_numpy(np.repeat(np.arange(len(edges) - 1, dtype=np.int32), np.diff(edges)))[columns]
        order = torch.sort(block_of, stable=True).indices  # rows ascend within a block already
        rows, block_of = rows[order], block_of[order]
        is_first = F.pad((rows.diff() != 0) | (block_of.diff() != 0), (1, 0), value=True)
        begins = torch.nonzero(is_first[: len(order)]).flatten()
        places = torch.empty(len(order), dtype=torch.int32)
        places[batch.by_column] = torch.arange(len(order), dtype=torch.int32)
        return cls(
            columns=columns[order].numpy(),
            inputs=batch.inputs[order].numpy(),
            targets=batch.targets[order].numpy(),
            positions=(order.to(torch.int32) if batch.positions is None else batch.positions[order]).numpy(),
            places=places[order].numpy(),
            segments=(rows[begins].numpy(), F.pad(begins, (0, 1), value=len(order)).to(torch.int32).numpy()),
            blocks=(np.searchsorted(block_of[begins].numpy(), np.arange(len(edges))), edges),
            offsets=batch.offsets.numpy(),
            indptr=indptr,
            rows=batch.column_rows.numpy(),
            num_ratings=batch.num_ratings,
        )

    def shares(self, threads: int) -> tuple[kernels.Array, kernels.Array]:
        """(threads + 1,) the first segment and the first column of each thread."""
        if threads not in self._shares:
            number = len(self.blocks[0]) - 1
            bounds = [round(thread * number / threads) for thread in range(threads + 1)]
            self._shares[threads] = self.blocks[0][bounds], self.blocks[1][bounds]
        return self._shares[threads]


def _blocks(counts: kernels.Array, bytes_of_a_column: int, threads: int) -> kernels.Array:
    """(number of blocks + 1,) the first column of each block: as few as fit the cache, as many for each thread.

    Args:
        counts: (C,) entries of each column.
        bytes_of_a_column: of its weights.
        threads: to share out the blocks, which are of equal work.
    """
    number = threads * max(1, math.ceil(len(counts) * bytes_of_a_column / (threads * BLOCK_BYTES)))
    done = np.concatenate([[0], np.cumsum(counts + UPDATE_COST, dtype=np.int64)])
    edges = np.searchsorted(done, np.linspace(0, done[-1], number + 1))
    edges[0], edges[-1] = 0, len(counts)
    return edges


class CompiledSteps:
    """Steps through the compiled passes; Adam on a processor."""

    def __init__(self, model: AutoRec, optimizer: Penalised, scale: RatingScale) -> None:
        self.model, self.optimizer = model, optimizer
        self._large, self._common = model.by_column, model.common
        self._dtype = model.encoder_weights.detach().numpy().dtype
        self._hidden = kernels.ACTIVATIONS[model.encoder_activation]
        self._link = kernels.ACTIVATIONS[model.link.activation]
        self._scale = np.array([model.link.shift, model.link.factor, scale.low, scale.high], dtype=np.float64)
        self._room: dict[str, kernels.Array] = {}
        chosen = torch.get_num_threads()
        kernels.make_threads()
        torch.set_num_threads(chosen)  # else the second step of a process would run on other threads than the first

    def prepared(self, batch: Batch) -> Layout:
        """The batch in its two orders."""
        weights = self._large[0]
        return Layout.of(batch, weights.shape[1] * weights.itemsize, torch.get_num_threads())

    def __call__(self, batch: Layout, hyperparameters: Hyperparameters, seeds: tuple[int, int]) -> Tensor:
        """See `Steps`."""
        ranks, threads = self.model.ranks, torch.get_num_threads()
        encoder, decoder, bias = (self.optimizer.moved(parameter) for parameter in self._large)
        starts, parts = batch.shares(threads)
        by_rows = (starts, batch.segments, batch.columns)
        num_rows, units = len(batch.offsets), encoder.weights.shape[1]
        are_dropped = hyperparameters.input_dropout > 0
        inputs = self._empty("inputs", len(batch.inputs)) if are_dropped else batch.inputs_by_column
        errors = self._empty("errors", len(batch.inputs))
        products, to_codes = (self._empty(name, threads, num_rows, units) for name in ("products", "to_codes"))
        sums = np.zeros((3, threads, 8))

        kernels.encode(
            threads,
            encoder.weights,
            *by_rows,
            batch.inputs,
            batch.positions,
            np.uint64(seeds[0]),
            hyperparameters.input_dropout,
            batch.places,
            inputs,
            products,
        )
        mask = _code_mask(self.model, num_rows, hyperparameters.code_dropout, seeds[1])
        codes, back = self._code(ranks.sum(torch.from_numpy(products[0])), mask)
        shown = codes.numpy()
        kernels.decode(
            threads,
            decoder.weights,
            bias.weights,
            shown,
            batch.offsets,
            *by_rows,
            batch.targets,
            batch.places,
            self._link,
            self._scale,
            2.0 / batch.num_ratings,
            errors,
            to_codes,
            sums[0],
        )
        to_products, to_common = back(ranks.sum(torch.from_numpy(to_codes[0])))
        _update(decoder, bias, shown, batch, errors, parts, sums[1])
        _update(encoder, None, to_products.numpy(), batch, inputs, parts, sums[2], are_dropped=are_dropped)
        square = sums[1:3, :, 0].sum()
        for parameter, gradient in zip(self._common, to_common, strict=True):
            square += _move(self.optimizer.moved(parameter), gradient) / ranks.size  # each rank counts its share
        return torch.from_numpy(np.array([*sums[0, :, :2].sum(axis=0), square, batch.num_ratings]))

    def _code(self, products: Tensor, mask: Tensor | None) -> tuple[Tensor, Back]:
        """Codes (B, k) after dropout, and the way back from a gradient by them."""
        model = self.model
        if model.inner_units:
            leaf = products.requires_grad_()
            attached = model.code(leaf)
            if mask is not None:
                attached = attached * mask

            def back(to_codes: Tensor) -> tuple[Tensor, list[Tensor]]:
                to_products, *to_common = torch.autograd.grad(attached, [leaf, *self._common], to_codes)
                return to_products, to_common

            return attached.detach(), back

        with torch.no_grad():  # autograd would take longer than the products of a small batch
            codes = model.code(products)

        def back_compiled(to_codes: Tensor) -> tuple[Tensor, list[Tensor]]:
            before, to_bias = codes.numpy(), np.empty(codes.shape[1], dtype=self._dtype)
            dropout = before[:0] if mask is None else mask.numpy()
            kernels.through_code(self._hidden, before, dropout, to_codes.numpy(), to_bias)
            return to_codes, [torch.from_numpy(to_bias)]

        return codes if mask is None else codes * mask, back_compiled

    def _empty(self, name: str, *shape: int) -> kernels.Array:
        """Room to work in, kept from step to step: fresh memory would have to be cleared by the system each time."""
        size, room = math.prod(shape), self._room.get(name)
        if room is None or len(room) < size:
            room = self._room[name] = np.empty(size, dtype=self._dtype)
        return room[:size].reshape(shape)


def _update(
    moved: Moved,
    bias: Moved | None,
    to_weights: kernels.Array,
    batch: Layout,
    values: kernels.Array,
    parts: kernels.Array,
    sums: kernels.Array,
    *,
    are_dropped: bool = False,
) -> None:
    """See `kernels.update`."""
    adam = adam_of_bias = moved.step()
    nothing = moved.weights[0, :0]
    of_bias = (nothing, nothing, nothing)
    if bias is not None:
        adam_of_bias, of_bias = bias.step(), (bias.weights, bias.first, bias.second)
    kernels.update(
        len(parts) - 1,
        moved.weights,
        of_bias[0],
        (moved.first, moved.second, *of_bias[1:]),
        to_weights,
        batch.indptr,
        batch.rows,
        values,
        are_dropped,
        adam,
        adam_of_bias,
        parts,
        sums,
    )


def _move(moved: Moved, gradient: Tensor) -> float:
    """See `kernels.move`."""
    of_weights, moments = gradient.contiguous().numpy().ravel(), (moved.first.ravel(), moved.second.ravel())
    square: float = kernels.move(moved.weights.ravel(), of_weights, moments, moved.step())
    return square


def dropped(values: Tensor, share: float, seed: int, positions: Tensor | None = None) -> Tensor:
    """The values with a share of them at 0 and the others scaled up so that sums keep their mean, same shape.

    Args:
        values: of any shape.
        share: 0 to 1.
        seed: the same one, the same values dropped (on one kind of device).
        positions: of the flat values, int32, among those of all ranks; from 0 on where None.
    """
    if not share:
        return values
    if values.device.type != "cpu":
        generator = torch.Generator(values.device).manual_seed(seed >> 1)
        return values * (torch.rand(values.shape, generator=generator, device=values.device) >= share) / (1 - share)
    flat = values.reshape(-1).numpy()
    out = np.empty_like(flat)
    places = np.arange(len(flat), dtype=np.int32) if positions is None else positions.numpy()
    kernels.drop(flat, places, np.uint64(seed), share, out)
    return torch.from_numpy(out).reshape(values.shape)


def _code_mask(model: AutoRec, num_rows: int, share: float, seed: int) -> Tensor | None:
    """(num_rows, hidden_units) to multiply the codes by; None where none are dropped."""
    if not share:
        return None
    like = model.encoder_weights
    return dropped(torch.ones((num_rows, like.shape[1]), dtype=like.dtype, device=like.device), share, seed)
