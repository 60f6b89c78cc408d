"""One fit of a network to training ratings: its batches, its steps and its state, epoch by epoch.

It knows nothing of validation or of when to stop; `training` decides those. All randomness comes from the seed and the
number of the epoch or pass, so a state needs no generators and a restored fit goes on bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autorec_core import averages, baselines
from autorec_core.engine import Batch
from autorec_core.errors import InvalidHyperparameterError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.mapped import settled
from autorec_core.model import AutoRec
from autorec_core.optimizers import Penalised, learning_rate_at
from autorec_core.ranks import ALONE, Ranks
from autorec_core.ratings import Compressed, FloatArray, IntArray, Ratings
from autorec_core.steps import steps_for
from autorec_core.trained_model import Link

Arrays = dict[str, np.ndarray[Any, Any]]
Weights = dict[str, Tensor]


PIECE = 1 << 20
"""Entries that are worked on at a time, where an array of all would only be in the way."""
WORK_OF_A_THREAD = 4_000_000
"""Multiplications (ratings x hidden units) of a step that make a second thread worth its waiting. Below, the threads of
a step wait for each other longer than they work, and on a busy machine much longer."""

SHARES = tuple(step / 20 for step in range(21))
"""Of what is learnt beyond the averages, that a model may keep."""
SURE = 2.326
"""Standard errors that it has to be better by: 99 % of a normal distribution lie below so many."""

BY_COLUMN = frozenset(("encoder_weights", "decoder_weights", "decoder_bias"))
"""Weights with a row a column, which ranks share out."""


@dataclass(frozen=True)
class EpochFigures:
    """What one epoch of steps came to."""

    objective: float
    """Squared error with penalty, over the entries it looked at."""
    train_rmse: float
    """Of the batches before their steps, dropout on, predictions clipped."""
    gradient_norm: float
    """Length of the objective's gradient, root of the mean square over the steps."""
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
        ranks: who fits it together, each with the weights of some columns.

    Raises:
        InvalidHyperparameterError: several ranks can't take this optimizer.
    """

    def __init__(self, train: Ratings, hyperparameters: Hyperparameters, *, seed: int, ranks: Ranks = ALONE) -> None:
        if ranks.size > 1 and hyperparameters.optimizer == "lbfgs":
            raise InvalidHyperparameterError("optimizer must be adam or rprop for several ranks, got lbfgs.")
        self.ranks = ranks
        self.train = train
        self.hyperparameters = hyperparameters
        self.seed = seed
        self.epoch = 0
        self._steps_done = 0
        self._device = ranks.device
        self._dtype = torch.float64 if hyperparameters.precision == "float64" else torch.float32
        self._rows = self.matrix(train)
        self._trained_rows = np.flatnonzero(self._rows.counts > 0)
        others = train.by_user if hyperparameters.based_on == "items" else train.by_item
        self._columns = ranks.columns(others.counts)
        self.offsets, self.everything = self._prepare()
        self.model = AutoRec(
            self._rows.num_columns,
            hyperparameters.hidden_units,
            inner_units=hyperparameters.inner_units,
            encoder_activation=hyperparameters.encoder_activation,
            link=Link.of(hyperparameters.decoder_activation, train.scale),
            initial_scale=hyperparameters.initial_scale,
            dtype=self._dtype,
            generator=self._generator("weights", 0),
            ranks=ranks,
            columns=self._columns,
        ).to(self._device)
        if hyperparameters.lean_on_averages:
            with torch.no_grad():
                self.model.decoder_bias.copy_(self._begun)
        self._optimizer = Penalised(hyperparameters, self.model, self._penalties())
        # RProp and L-BFGS need the whole gradient at each step.
        full = hyperparameters.optimizer != "adam"
        self._schedule = "constant" if full else hyperparameters.schedule  # RProp and L-BFGS find their own steps
        self._batch_size = len(self._trained_rows) if full else hyperparameters.batch_size
        self._steps_per_pass = math.ceil(len(self._trained_rows) / self._batch_size)
        self._steps_per_epoch = hyperparameters.steps_per_epoch or self._steps_per_pass
        cells = max(1, len(self._trained_rows) * self._rows.num_columns)
        self._steps = steps_for(
            self.model, self._optimizer, hyperparameters, train.scale, density=train.num_ratings / cells
        )
        self._batches: list[tuple[Any, int]] | None = None
        self._pass_order: tuple[int, IntArray] | None = None

    def matrix(self, ratings: Ratings) -> Compressed:
        """Ratings as the network's rows: movies or users."""
        return ratings.by_item if self.hyperparameters.based_on == "items" else ratings.by_user

    @property
    def threads_worthwhile(self) -> int:
        """How many threads a step can use well; at least 1."""
        ratings_a_step = self.train.num_ratings / self._steps_per_pass
        return 1 + int(ratings_a_step * self.hyperparameters.hidden_units / WORK_OF_A_THREAD)

    @property
    def num_parameters(self) -> int:
        """Weights and biases, those of all ranks together."""
        own = sum(parameter.numel() for parameter in self.model.by_column)
        total = int(self.ranks.sum(torch.tensor(own, device=self._device)))
        return total + sum(parameter.numel() for parameter in self.model.common)

    def change(self, hyperparameters: Hyperparameters) -> None:
        """Takes other learning rate, penalties, dropout and epochs from the next epoch on."""
        self.hyperparameters = hyperparameters
        self._optimizer.set_penalties(self._penalties())

    def run_epoch(self) -> EpochFigures:
        """One epoch of steps."""
        hyperparameters = self.hyperparameters
        self.epoch += 1
        seeds = self._random("dropout", self.epoch).generate_state(2 * self._steps_per_epoch, np.uint64).reshape(-1, 2)
        total_steps = hyperparameters.epochs * self._steps_per_epoch
        sums = torch.zeros(4, dtype=torch.float64, device=self._device)
        seen, learning_rate = 0, 0.0
        began = time.perf_counter()
        for input_seed, code_seed in seeds.tolist():
            progress = min(1.0, self._steps_done / total_steps)
            learning_rate = learning_rate_at(self._schedule, hyperparameters.learning_rate, progress)
            self._optimizer.set_learning_rate(learning_rate)
            batch, num_ratings = self._next_batch()
            sums += self._steps(batch, hyperparameters, (input_seed, code_seed))
            seen += num_ratings
            self._steps_done += 1
        count = float(sums[3])  # waits for the last step
        seconds = time.perf_counter() - began
        sums[3] = self._optimizer.penalty()
        squared_error, clipped_error, squares, penalty = self.ranks.sum(sums).tolist()
        mean_squared_error = squared_error / count
        scale = self.train.scale
        bound = 10 * max(abs(scale.low), abs(scale.high), scale.span)
        return EpochFigures(
            objective=mean_squared_error + penalty,
            train_rmse=math.sqrt(clipped_error / seen),
            gradient_norm=math.sqrt(squares / len(seeds)),
            learning_rate=learning_rate,
            seconds=seconds,
            ratings_seen=seen,
            is_finite=math.isfinite(mean_squared_error + penalty) and mean_squared_error < bound**2,
        )

    def batches(self) -> list[tuple[Any, int]]:
        """All training rows in batches as the steps want them, each with its number of ratings; made when asked for."""
        if self._batches is None:
            shuffled = np.random.default_rng(self._random("rows", 0)).permutation(self._trained_rows)
            parts = range(0, len(shuffled), self._batch_size)
            self._batches = []
            for begin in parts:
                batch = self._rows_of(shuffled[begin : begin + self._batch_size])
                self._batches.append((self._steps.prepared(batch), batch.num_ratings))
        return self._batches

    def drop_batches(self) -> None:
        """Frees the memory of the batches; they are made again when a step needs them."""
        self._batches = None

    # -- measures and state -------------------------------------------------------------------------------------------

    def entries(self, ratings: Ratings) -> Batch:
        """This rank's entries of ratings over the same users and items, to measure the reconstruction at."""
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
        scale = self.train.scale
        squares = (predicted.clamp(scale.low, scale.high) - entries.targets).square().sum(dtype=torch.float64)
        total, count = self.ranks.sum(torch.stack([squares, squares.new_tensor(len(entries.targets))])).tolist()
        return total, int(count)

    def weights(self) -> Weights:
        """A copy of this rank's weights by name."""
        return {name: value.detach().clone() for name, value in self.model.named_parameters()}

    def whole(self, weights: Weights) -> Weights:
        """The weights of all ranks, of each rank's."""
        return {name: self.ranks.whole(value) if name in BY_COLUMN else value for name, value in weights.items()}

    def own(self, whole: Weights) -> Weights:
        """This rank's weights, of those of all ranks."""
        first, last = self._columns
        return {name: value[first:last].clone() if name in BY_COLUMN else value for name, value in whole.items()}

    @torch.no_grad()
    def load_weights(self, weights: Weights) -> None:
        """Takes other weights, this rank's."""
        for name, parameter in self.model.named_parameters():
            parameter.copy_(weights[name])

    @contextmanager
    def holding(self, weights: Weights) -> Iterator[None]:
        """Other weights, this rank's, for as long as the context lasts; then those of before, whatever happened."""
        current = self.weights()
        try:
            self.load_weights(weights)
            yield
        finally:
            self.load_weights(current)

    def leaning(self, weights: Weights, share: float) -> Weights:
        """Weights that keep a share of what was learnt beyond the averages; at 0 they predict the averages.

        Args:
            weights: this rank's.
            share: 0 to 1.
        """
        if share == 1:
            return weights
        bias = self._begun + share * (weights["decoder_bias"] - self._begun)
        return {**weights, "decoder_weights": share * weights["decoder_weights"], "decoder_bias": bias}

    @torch.no_grad()
    def supported_share(self, entries: Batch, weights: Weights) -> float:
        """How much of what was learnt beyond the averages some ratings support, 0 to 1.

        Of `SHARES`, the one whose squared error is lowest when it is taken for `SURE` standard errors higher, in the
        paired difference from the averages: few ratings have to be clear about it, and many change nothing.

        Args:
            entries: of ratings that were not learnt from.
            weights: this rank's.
        """
        scale = self.train.scale
        errors = []
        for share in SHARES:
            with self.holding(self.leaning(weights, share)):
                predicted = self.model.decoder(self.codes(), entries).clamp(scale.low, scale.high)
            errors.append((predicted - entries.targets).double().square())
        more = torch.stack(errors) - errors[0]  # (shares, n)
        count = torch.full((len(SHARES), 1), more.shape[1], dtype=torch.float64, device=self._device)
        sums = self.ranks.sum(torch.cat([more.sum(1, keepdim=True), more.square().sum(1, keepdim=True), count], dim=1))
        total, squares, number = sums[:, 0], sums[:, 1], sums[:, 2].clamp(min=1.0)
        mean = total / number
        bounds = mean + SURE * ((squares / number - mean.square()).clamp(min=0.0) / number).sqrt()
        return SHARES[int(bounds.argmin())]

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """All that is needed to go on after the last epoch: arrays by name, and JSON-able values."""
        arrays, structure = self._optimizer.state()
        arrays |= {f"model.{name}": value.cpu().numpy() for name, value in self.whole(self.weights()).items()}
        return arrays, {"epoch": self.epoch, "steps_done": self._steps_done, "optimizer": structure}

    def load_state(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.epoch, self._steps_done = values["epoch"], values["steps_done"]
        self.load_weights(self.own(named_tensors("model.", arrays)))
        self._optimizer.load_state(arrays, values["optimizer"])
        self._optimizer.set_penalties(self._penalties())

    # -- rows and batches ---------------------------------------------------------------------------------------------

    def _prepare(self) -> tuple[FloatArray, Batch]:
        """Each row's offset, and all training entries with the inputs that the encoder reads."""
        hyperparameters, rows = self.hyperparameters, self._rows
        offsets: FloatArray = np.zeros(rows.num_rows)
        row_means: FloatArray = np.zeros(rows.num_rows)
        self.averages: averages.Averages | None = None
        mean, link = self.train.mean, Link.of(hyperparameters.decoder_activation, self.train.scale)
        if hyperparameters.lean_on_averages:
            self.averages = averages.fit(self.train)
            row_levels, column_levels = self.averages.item_biases, self.averages.user_biases
            if hyperparameters.based_on == "users":
                row_levels, column_levels = column_levels, row_levels
        else:
            row_levels, column_levels = baselines.damped_sums(rows, rows.values - mean), np.zeros(rows.num_columns)
        begun = link.inverse(mean + column_levels)  # the decoder's biases are added before the output activation
        if hyperparameters.centering:
            row_means = mean + row_levels
            offsets = link.inverse(row_means)
            begun = begun - link.inverse(np.full(rows.num_columns, mean))
        self._begun = torch.from_numpy(begun[slice(*self._columns)]).to(self._device, self._dtype)
        scaling = np.sqrt(rows.counts) if hyperparameters.input_scaling else np.ones(rows.num_rows)
        kind = np.float64 if self._dtype == torch.float64 else np.float32
        inputs: FloatArray = np.empty(len(rows.values), dtype=kind)
        for begin in range(0, len(inputs), PIECE):  # in float64, without an array of all of them
            piece = slice(begin, begin + PIECE)
            of_row = rows.rows[piece]
            inputs[piece] = (rows.values[piece] - row_means[of_row] + hyperparameters.input_presence) / scaling[of_row]
        return offsets, self._batch(rows, inputs, offsets)

    def _batch(self, matrix: Compressed, inputs: FloatArray, offsets: FloatArray) -> Batch:
        def real(array: FloatArray) -> Tensor:
            kind = np.float64 if self._dtype == torch.float64 else np.float32
            return torch.from_numpy(settled(np.array(array, dtype=kind))).to(self._device)

        first, last = self._columns
        indptr, columns, targets = matrix.indptr, matrix.indices, matrix.values
        if self.ranks.size > 1:
            is_own = (columns >= first) & (columns < last)
            counts = np.bincount(matrix.rows[is_own], minlength=matrix.num_rows)
            indptr = np.concatenate([[0], np.cumsum(counts)])
            columns, targets, inputs = columns[is_own] - np.int32(first), targets[is_own], inputs[is_own]
        return Batch(
            indptr=torch.from_numpy(indptr.astype(np.int32)).to(self._device),
            columns=torch.from_numpy(settled(np.array(columns))).to(self._device),
            inputs=real(inputs),
            targets=real(targets),
            offsets=real(offsets),
            num_columns=last - first,
        )

    def _next_batch(self) -> tuple[Any, int]:
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
        positions, count_of_all = None, None
        if self.ranks.size > 1:
            of_all = self._rows.counts[chosen]
            count_of_all = int(of_all.sum())
            begins = np.cumsum(of_all) - of_all + self._entries_before[chosen] - indptr[:-1].cpu().numpy()
            positions = torch.arange(len(entries), dtype=torch.int32, device=self._device)
            positions += torch.repeat_interleave(torch.from_numpy(begins.astype(np.int32)).to(self._device), counts)
        return Batch(
            indptr=indptr,
            columns=everything.columns.index_select(0, entries),
            inputs=everything.inputs.index_select(0, entries),
            targets=everything.targets.index_select(0, entries),
            offsets=everything.offsets[rows],
            num_columns=everything.num_columns,
            positions=positions,
            count_of_all=count_of_all,
        )

    @cached_property
    def _entries_before(self) -> IntArray:
        """(num_rows,) entries of each row at the columns of earlier ranks."""
        rows = self._rows
        return np.bincount(rows.rows[rows.indices < self._columns[0]], minlength=rows.num_rows)

    def _penalties(self) -> list[float]:
        """lambda per training rating for each parameter, in the order of `model.parameters()`; biases are free.

        With the mean squared error of a batch as the loss, the batches' objectives, weighted by their ratings, so add
        up to the paper's, and lambda means the same at every batch size. The steps themselves are not weighted: a batch
        with few ratings steps as far as others. Batches of 128 movies differ by 10 to 23 % (a standard deviation).
        """
        decoder = self.hyperparameters.regularization / self.train.num_ratings
        encoder = decoder * self.hyperparameters.encoder_regularization_factor
        weight = {
            "encoder_weights": encoder,
            "inner_encoder_weights": encoder,
            "inner_decoder_weights": encoder,
            "decoder_weights": decoder,
        }
        return [weight.get(name, 0.0) for name, _ in self.model.named_parameters()]

    def _random(self, purpose: str, number: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, *purpose.encode(), number])

    def _generator(self, purpose: str, number: int) -> torch.Generator:
        generator = torch.Generator()
        return generator.manual_seed(int(self._random(purpose, number).generate_state(1, np.uint64)[0] >> 1))

    # -- to be looked at ----------------------------------------------------------------------------------------------

    def batch_of(self, rows: IntArray) -> Batch:
        """The training ratings of some rows, as the encoder reads them."""
        return self._rows_of(np.asarray(rows, dtype=np.int64))

    @torch.no_grad()
    def codes_of(self, batch: Batch) -> Tensor:
        """Codes (len(batch), hidden_units) of a batch's rows, without dropout."""
        return self.model.encoder(batch, batch.inputs)


def named_tensors(prefix: str, arrays: Arrays) -> Weights:
    """The arrays whose names begin with a prefix, as tensors by the rest of their names."""
    found = {name: array for name, array in arrays.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): torch.from_numpy(array.copy()) for name, array in found.items()}
