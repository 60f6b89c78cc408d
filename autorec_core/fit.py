"""One fit of a network to training ratings: its batches, its steps and its state, epoch by epoch.

It knows nothing of validation or of when to stop; `training` decides those. All randomness comes from the seed and the
number of the epoch or pass, so a state needs no generators and a restored fit goes on bit for bit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autorec_core import baselines
from autorec_core.engine import Batch
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.model import AutoRec
from autorec_core.optimizers import Penalised, learning_rate_at
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings
from autorec_core.trained_model import Link

Arrays = dict[str, np.ndarray[Any, Any]]
Weights = dict[str, Tensor]


WORK_OF_A_THREAD = 4_000_000
"""Multiplications (ratings x hidden units) of a step that make a second thread worth its waiting. Below, the threads of
a step wait for each other longer than they work, and on a busy machine much longer."""


@dataclass(frozen=True)
class EpochFigures:
    """What one epoch of steps came to."""

    objective: float
    """Squared error with penalty, over the entries it looked at."""
    train_rmse: float
    """Of the batches before their steps, dropout on, predictions clipped."""
    learning_rate: float
    """At the last step."""
    seconds: float
    """From the first step to the last."""
    ratings_seen: int
    """Observed entries that it looked at."""
    is_finite: bool
    """False when the error left every bound: the fit has diverged."""


class Fit:
    """A network on its way.

    Args:
        train: the ratings to learn from.
        hyperparameters: the model and how it is trained; `change` replaces what may change on the way.
        seed: of the first weights, the order of the batches and dropout.
    """

    def __init__(self, train: Ratings, hyperparameters: Hyperparameters, *, seed: int) -> None:
        self.train = train
        self.hyperparameters = hyperparameters
        self.seed = seed
        self.epoch = 0
        self._steps_done = 0
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._dtype = torch.float64 if hyperparameters.precision == "float64" else torch.float32
        self._rows = self.matrix(train)
        self._trained_rows = np.flatnonzero(self._rows.counts > 0)
        self.offsets, self.everything = self._prepare()
        self.model = AutoRec(
            self._rows.num_columns,
            hyperparameters.hidden_units,
            encoder_activation=hyperparameters.encoder_activation,
            link=Link.of(hyperparameters.decoder_activation, train.scale),
            initial_scale=hyperparameters.initial_scale,
            dtype=self._dtype,
            generator=self._generator("weights", 0, torch.device("cpu")),
        ).to(self._device)
        self._optimizer = Penalised(hyperparameters, zip(self.model.parameters(), self._penalties(), strict=True))
        # RProp and L-BFGS need the whole gradient at each step.
        full = hyperparameters.optimizer != "adam"
        self._schedule = "constant" if full else hyperparameters.schedule  # RProp and L-BFGS find their own steps
        self._batch_size = len(self._trained_rows) if full else hyperparameters.batch_size
        self._steps_per_pass = math.ceil(len(self._trained_rows) / self._batch_size)
        self._steps_per_epoch = hyperparameters.steps_per_epoch or self._steps_per_pass
        self._batches: list[Batch] | None = None
        self._pass_order: tuple[int, IntArray] | None = None

    def matrix(self, ratings: Ratings) -> Compressed:
        """Ratings as the network's rows: movies or users."""
        return ratings.by_item if self.hyperparameters.based_on == "items" else ratings.by_user

    @property
    def threads_worthwhile(self) -> int:
        """How many threads a step can use well; at least 1."""
        ratings_a_step = self.train.num_ratings / self._steps_per_pass
        return 1 + int(ratings_a_step * self.hyperparameters.hidden_units / WORK_OF_A_THREAD)

    def change(self, hyperparameters: Hyperparameters) -> None:
        """Takes other learning rate, penalties, dropout and epochs from the next epoch on."""
        self.hyperparameters = hyperparameters
        self._optimizer.set_penalties(self._penalties())

    def run_epoch(self) -> EpochFigures:
        """One epoch of steps."""
        hyperparameters = self.hyperparameters
        self.epoch += 1
        generator = self._generator("dropout", self.epoch)
        total_steps = hyperparameters.epochs * self._steps_per_epoch
        squared_error = torch.zeros((), dtype=torch.float64, device=self._device)
        clipped_error, count, seen, learning_rate = squared_error.clone(), 0, 0, 0.0
        began = time.perf_counter()
        for _ in range(self._steps_per_epoch):
            progress = min(1.0, self._steps_done / total_steps)
            learning_rate = learning_rate_at(self._schedule, hyperparameters.learning_rate, progress)
            self._optimizer.set_learning_rate(learning_rate)
            batch = self._next_batch()
            loss = _BatchLoss(self.model, batch, hyperparameters, generator)
            self._optimizer.step(loss)
            squared_error += loss.squared_error
            clipped_error += self._clipped_squared_error(loss.predicted, batch.targets)
            count += loss.count
            seen += len(batch.targets)
            self._steps_done += 1
        mean_squared_error = float(squared_error) / count  # waits for the last step
        seconds = time.perf_counter() - began
        penalty = sum(
            0.5 * weight * float(parameter.detach().square().sum())
            for parameter, weight in zip(self.model.parameters(), self._penalties(), strict=True)
        )
        scale = self.train.scale
        bound = 10 * max(abs(scale.low), abs(scale.high), scale.span)
        return EpochFigures(
            objective=mean_squared_error + penalty,
            train_rmse=math.sqrt(float(clipped_error) / seen),
            learning_rate=learning_rate,
            seconds=seconds,
            ratings_seen=seen,
            is_finite=math.isfinite(mean_squared_error + penalty) and mean_squared_error < bound**2,
        )

    def batches(self) -> list[Batch]:
        """All training rows in batches, made when they are first asked for."""
        if self._batches is None:
            shuffled = np.random.default_rng(self._random("rows", 0)).permutation(self._trained_rows)
            parts = range(0, len(shuffled), self._batch_size)
            self._batches = [self._rows_of(shuffled[begin : begin + self._batch_size]) for begin in parts]
        return self._batches

    def drop_batches(self) -> None:
        """Frees the memory of the batches; they are made again when a step needs them."""
        self._batches = None

    # -- measures and state -------------------------------------------------------------------------------------------

    def entries(self, ratings: Ratings) -> Batch:
        """The entries of ratings over the same users and items, to measure the reconstruction at."""
        matrix = self.matrix(ratings)
        return self._batch(matrix, matrix.values, self.offsets)

    @torch.no_grad()
    def codes(self) -> Tensor:
        """Codes (num_rows, hidden_units) of the training ratings, without dropout."""
        return self.model.encoder(self.everything, self.everything.inputs)

    @torch.no_grad()
    def squared_error_at(self, entries: Batch) -> tuple[float, int]:
        """Sum of squared errors and count of the reconstruction at some entries, clipped to the scale."""
        predicted = self.model.decoder(self.codes(), entries)
        return float(self._clipped_squared_error(predicted, entries.targets)), len(entries.targets)

    def weights(self) -> Weights:
        """A copy of the weights by name."""
        return {name: value.detach().clone() for name, value in self.model.named_parameters()}

    @torch.no_grad()
    def load_weights(self, weights: Weights) -> None:
        """Takes other weights."""
        for name, parameter in self.model.named_parameters():
            parameter.copy_(weights[name])

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """All that is needed to go on after the last epoch: arrays by name, and JSON-able values."""
        arrays, structure = self._optimizer.state()
        arrays |= {f"model.{name}": value.cpu().numpy() for name, value in self.weights().items()}
        return arrays, {"epoch": self.epoch, "steps_done": self._steps_done, "optimizer": structure}

    def load_state(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.epoch, self._steps_done = values["epoch"], values["steps_done"]
        self.load_weights(named_tensors("model.", arrays))
        self._optimizer.load_state(arrays, values["optimizer"])
        self._optimizer.set_penalties(self._penalties())

    # -- rows and batches ---------------------------------------------------------------------------------------------

    def _prepare(self) -> tuple[FloatArray, Batch]:
        """Each row's offset, and all training entries with the inputs that the encoder reads."""
        hyperparameters, rows = self.hyperparameters, self._rows
        inputs: FloatArray = rows.values.astype(np.float64)
        offsets: FloatArray = np.zeros(rows.num_rows)
        if hyperparameters.centering:
            means = self.train.mean + baselines.damped_sums(rows, rows.values - self.train.mean)
            offsets = Link.of(hyperparameters.decoder_activation, self.train.scale).inverse(means)
            inputs = inputs - means[rows.rows]
        inputs = inputs + hyperparameters.input_presence
        if hyperparameters.input_scaling:
            inputs = inputs / np.sqrt(rows.counts)[rows.rows]
        return offsets, self._batch(rows, inputs, offsets)

    def _batch(self, matrix: Compressed, inputs: FloatArray, offsets: FloatArray) -> Batch:
        def real(array: FloatArray) -> Tensor:
            return torch.from_numpy(np.array(array)).to(self._device, self._dtype)

        return Batch(
            indptr=torch.from_numpy(matrix.indptr.astype(np.int32)).to(self._device),
            columns=torch.from_numpy(np.array(matrix.indices)).to(self._device),
            inputs=real(inputs),
            targets=real(matrix.values),
            offsets=real(offsets),
            num_columns=matrix.num_columns,
        )

    def _next_batch(self) -> Batch:
        """The next step's batch. Which rows go together is drawn once, their order anew in each pass.

        So a batch's order by columns is sorted once a run; drawing the rows anew too would change nothing in accuracy
        (validation RMSE 0.878 either way on eight splits of ml-100k) and would cost a third of the time.
        """
        batches = self.batches()
        number, place = divmod(self._steps_done, self._steps_per_pass)
        if self._pass_order is None or self._pass_order[0] != number:
            order = np.random.default_rng(self._random("order", number)).permutation(self._steps_per_pass)
            self._pass_order = (number, order)
        return batches[int(self._pass_order[1][place])]

    def _rows_of(self, chosen: IntArray) -> Batch:
        everything, rows = self.everything, torch.from_numpy(chosen).to(self._device)
        starts = everything.indptr[rows]
        counts = everything.indptr[rows + 1] - starts
        indptr = torch.nn.functional.pad(torch.cumsum(counts, 0, dtype=torch.int32), (1, 0))
        entries = torch.arange(int(indptr[-1]), dtype=torch.int32, device=self._device)
        entries += torch.repeat_interleave(starts - indptr[:-1], counts)
        return Batch(
            indptr=indptr,
            columns=everything.columns.index_select(0, entries),
            inputs=everything.inputs.index_select(0, entries),
            targets=everything.targets.index_select(0, entries),
            offsets=everything.offsets[rows],
            num_columns=everything.num_columns,
        )

    def _penalties(self) -> list[float]:
        """lambda per training rating for each parameter, in the order of `model.parameters()`; biases are free.

        With the mean squared error of a batch as the loss, each batch so carries its ratings' share of the penalty,
        and lambda means the same at every batch size.
        """
        decoder = self.hyperparameters.regularization / self.train.num_ratings
        encoder = decoder * self.hyperparameters.encoder_regularization_factor
        weight = {"encoder_weights": encoder, "decoder_weights": decoder}
        return [weight.get(name, 0.0) for name, _ in self.model.named_parameters()]

    def _random(self, purpose: str, number: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, *purpose.encode(), number])

    def _generator(self, purpose: str, number: int, device: torch.device | None = None) -> torch.Generator:
        generator = torch.Generator(device or self._device)
        return generator.manual_seed(int(self._random(purpose, number).generate_state(1, np.uint64)[0] >> 1))

    def _clipped_squared_error(self, predicted: Tensor, given: Tensor) -> Tensor:
        scale = self.train.scale
        return (predicted.clamp(scale.low, scale.high) - given).square().sum(dtype=torch.float64)

    # -- to be looked at ----------------------------------------------------------------------------------------------

    def batch_of(self, rows: IntArray) -> Batch:
        """The training ratings of some rows, as the encoder reads them."""
        return self._rows_of(np.asarray(rows, dtype=np.int64))

    @torch.no_grad()
    def codes_of(self, batch: Batch) -> Tensor:
        """Codes (len(batch), hidden_units) of a batch's rows, without dropout."""
        return self.model.encoder(batch, batch.inputs)


class _BatchLoss:
    """The mean squared error of one batch with dropout, the same at every call for the same weights."""

    def __init__(
        self, model: AutoRec, batch: Batch, hyperparameters: Hyperparameters, generator: torch.Generator
    ) -> None:
        self.model, self.batch = model, batch
        self.is_over_all = hyperparameters.loss_over == "all"
        self.count = len(batch) * batch.num_columns if self.is_over_all else len(batch.targets)
        self.inputs = _dropped(batch.inputs, hyperparameters.input_dropout, generator)
        every_unit = torch.ones(
            len(batch), hyperparameters.hidden_units, dtype=batch.inputs.dtype, device=generator.device
        )
        self.code_mask = _dropped(every_unit, hyperparameters.code_dropout, generator)
        self.squared_error = self.predicted = torch.empty(0)
        self._is_first = True

    def __call__(self) -> Tensor:
        codes = self.model.encoder(self.batch, self.inputs) * self.code_mask
        if self.is_over_all:
            everywhere = self.model.decoder_everywhere(codes, self.batch)
            targets = torch.zeros_like(everywhere)
            targets[self.batch.rows, self.batch.columns] = self.batch.targets
            squared_error = (everywhere - targets).square().sum()
            predicted = everywhere[self.batch.rows, self.batch.columns]
        else:
            predicted = self.model.decoder(codes, self.batch)
            squared_error = (predicted - self.batch.targets).square().sum()
        if self._is_first:  # L-BFGS asks again after it has moved; what is reported is before the step
            self.squared_error, self.predicted, self._is_first = squared_error.detach(), predicted.detach(), False
        return squared_error / self.count


def _dropped(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """The values with a share of them at 0 and the others scaled up so that sums keep their mean."""
    if not share:
        return values
    kept = torch.rand(values.shape, generator=generator, device=values.device) >= share
    return values * kept / (1 - share)


def named_tensors(prefix: str, arrays: Arrays) -> Weights:
    """The arrays whose names begin with a prefix, as tensors by the rest of their names."""
    found = {name: array for name, array in arrays.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): torch.from_numpy(array.copy()) for name, array in found.items()}
