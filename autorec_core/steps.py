"""One step: how a batch moves the weights.

There are two ways to the same numbers. `CompiledSteps` takes the compiled passes of `kernels` for the large matrices
and autograd for the small ones between them; it serves Adam on a processor. `AutogradSteps` leaves all to autograd: any
optimiser, any device, a loss over all entries, and batches so full that dense products are faster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from autorec_core import engine, kernels
from autorec_core.engine import Batch
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.model import AutoRec
from autorec_core.optimizers import Penalised
from autorec_core.ratings import RatingScale

UPDATE_COST = 4
"""Entries whose work in a pass is that of one column's update, which moves more memory: it shares out the columns."""


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
class ColumnOrder:
    """A batch by its columns, as `kernels` reads it."""

    num_rows: int
    """B."""
    indptr: kernels.Array
    """(C + 1,) int32, where each column begins among the entries."""
    rows: kernels.Array
    """(n,) int32, row of each entry."""
    positions: kernels.Array
    """(n,) int32, place of each entry in the order of rows, on which its dropout hangs."""
    inputs: kernels.Array
    """(n,) what the encoder reads."""
    targets: kernels.Array
    """(n,) ratings."""
    offsets: kernels.Array
    """(B,) added to each row's pre-activations."""
    num_ratings: int
    """Observed entries, those of other ranks included."""

    _parts: dict[int, kernels.Array] = field(default_factory=dict)

    def parts(self, threads: int) -> kernels.Array:
        """(threads + 1,) first columns of shares of equal work."""
        if threads in self._parts:
            return self._parts[threads]
        work = self.indptr.astype(np.int64) + UPDATE_COST * np.arange(len(self.indptr))
        bounds = np.searchsorted(work, np.linspace(0, work[-1], threads + 1))
        bounds[0], bounds[-1] = 0, len(self.indptr) - 1
        self._parts[threads] = bounds
        return bounds


class CompiledSteps:
    """Steps through the compiled passes; Adam on a processor."""

    def __init__(self, model: AutoRec, optimizer: Penalised, scale: RatingScale) -> None:
        self.model, self.optimizer = model, optimizer
        self._encoder, self._decoder, self._bias = (
            parameter.detach().numpy()
            for parameter in (model.encoder_weights, model.decoder_weights, model.decoder_bias)
        )
        large = {id(model.encoder_weights), id(model.decoder_weights), id(model.decoder_bias)}
        self._small = [parameter for parameter in model.parameters() if id(parameter) not in large]
        self._link = kernels.LINKS[model.link.activation]
        self._bounds = np.array([model.link.shift, model.link.factor, scale.low, scale.high], dtype=np.float64)
        self._room: dict[str, kernels.Array] = {}
        chosen = torch.get_num_threads()
        kernels.make_threads()
        torch.set_num_threads(chosen)  # else the second step of a process would run on other threads than the first

    def prepared(self, batch: Batch) -> ColumnOrder:
        """The batch in the order of its columns."""
        order = batch.by_column
        return ColumnOrder(
            num_rows=len(batch),
            indptr=batch.column_indptr.numpy(),
            rows=batch.column_rows.numpy(),
            positions=(order if batch.positions is None else batch.positions[order]).numpy(),
            inputs=batch.inputs.index_select(0, order).numpy(),
            targets=batch.targets.index_select(0, order).numpy(),
            offsets=batch.offsets.numpy(),
            num_ratings=batch.num_ratings,
        )

    def __call__(self, batch: ColumnOrder, hyperparameters: Hyperparameters, seeds: tuple[int, int]) -> Tensor:
        """See `Steps`."""
        model, threads = self.model, torch.get_num_threads()
        parts = batch.parts(threads)
        inputs = batch.inputs
        if share := hyperparameters.input_dropout:
            inputs = self._empty("inputs", len(inputs))
            kernels.drop(batch.inputs, batch.positions, np.uint64(seeds[0]), share, inputs)
        entries = (batch.indptr, batch.rows)
        shape = (threads, batch.num_rows, self._encoder.shape[1])
        gradient, sums = self._empty("gradient", threads, shape[2]), np.zeros((threads, 4))
        terms = self._empty("terms", *shape)

        kernels.encode(self._encoder, *entries, inputs, parts, terms)
        products = model.ranks.sum(torch.from_numpy(terms.sum(axis=0))).requires_grad_()  # (B, k)
        codes = model.code(products)
        mask = _code_mask(model, batch.num_rows, hyperparameters.code_dropout, seeds[1])
        if mask is not None:
            codes = codes * mask
        kernels.decode_and_update(
            self._decoder,
            self._bias,
            (*self._moments(model.decoder_weights), *self._moments(model.decoder_bias)),
            codes.detach().contiguous().numpy(),
            batch.offsets,
            *entries,
            batch.targets,
            self._link,
            self._bounds,
            2.0 / batch.num_ratings,
            self.optimizer.adam_of(model.decoder_weights),
            self.optimizer.adam_of(model.decoder_bias),
            parts,
            terms,
            gradient,
            sums,
        )
        to_codes = model.ranks.sum(torch.from_numpy(terms.sum(axis=0)))
        to_products, *to_common = torch.autograd.grad(codes, [products, *model.common], to_codes)
        for parameter, found in zip(model.common, to_common, strict=True):
            parameter.grad = found
        kernels.update_encoder(
            self._encoder,
            self._moments(model.encoder_weights),
            to_products.numpy(),
            *entries,
            inputs,
            self.optimizer.adam_of(model.encoder_weights),
            parts,
            gradient,
            sums,
        )
        square = float(self.optimizer.step_given()) + sums[:, 2:].sum()
        return torch.tensor([*sums[:, :2].sum(axis=0), square, batch.num_ratings], dtype=torch.float64)

    def _moments(self, parameter: Tensor) -> tuple[kernels.Array, kernels.Array]:
        first, second = self.optimizer.moments_of(parameter)
        return first.numpy(), second.numpy()

    def _empty(self, name: str, *shape: int) -> kernels.Array:
        """Room to work in, kept from step to step: fresh memory would have to be cleared by the system each time."""
        size, room = math.prod(shape), self._room.get(name)
        if room is None or len(room) < size:
            room = self._room[name] = np.empty(size, dtype=self._encoder.dtype)
        return room[:size].reshape(shape)


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
    like = model.encoder_weights
    ones = torch.ones((num_rows, like.shape[1]), dtype=like.dtype, device=like.device)
    return dropped(ones, share, seed) if share else None
