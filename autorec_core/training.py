"""The training loop: an iterator of events that anybody may watch, pause by not asking for more, and resume later.

All randomness of an epoch comes from the run's seed and the epoch's number, so a checkpoint needs no generator state
and a resumed run equals an uninterrupted one bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autorec_core import baselines
from autorec_core.engine import Batch
from autorec_core.errors import AutoRecError
from autorec_core.events import EpochEnded, TrainingEnded, TrainingEvent, TrainingStarted
from autorec_core.fold_in import user_based_errors
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import mae, rmse
from autorec_core.model import AutoRec
from autorec_core.optimizers import Penalised, learning_rate_at
from autorec_core.population import Population
from autorec_core.population import fit as fit_population
from autorec_core.ratings import Compressed, FloatArray, Ratings
from autorec_core.splits import Split
from autorec_core.trained_model import Link, TrainedModel

Arrays = dict[str, np.ndarray[Any, Any]]


class Trainer:
    """One training, as an iterator: `for event in Trainer(split, hyperparameters, seed=0)`.

    Args:
        split: what to learn from, choose by and score on.
        hyperparameters: the model and how it is trained.
        seed: of the first weights, the order of the batches and dropout.
        checkpoint: what `checkpoint()` returned, to go on from there.
    """

    def __init__(
        self,
        split: Split,
        hyperparameters: Hyperparameters,
        *,
        seed: int = 0,
        checkpoint: tuple[Arrays, dict[str, Any]] | None = None,
    ) -> None:
        self.split = split
        self.hyperparameters = hyperparameters
        self.seed = seed
        self.epoch = 0
        self._steps_done = 0
        self._best_epoch = 0
        self._best_valid = math.inf
        self._epoch_seconds: list[float] = []
        self._is_stopping = False
        self._has_diverged = False
        self._trained: tuple[int, TrainedModel] | None = None
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._dtype = torch.float64 if hyperparameters.precision == "float64" else torch.float32
        self._baselines = baselines.fit_all(split.train)
        self._by_items = hyperparameters.based_on == "items"
        self._rows = self._matrix(split.train)
        self._trained_rows = np.flatnonzero(self._rows.counts > 0)
        self._num_train = split.train.num_ratings
        self._prepare_tensors()
        self.model = self._new_model()
        self._best = self._weights()
        self._optimizer = Penalised(hyperparameters, zip(self.model.parameters(), self._penalties(), strict=True))
        self._batch_size = len(self._trained_rows) if self._is_full_batch else hyperparameters.batch_size
        self._steps_per_pass = math.ceil(len(self._trained_rows) / self._batch_size)
        self._steps_per_epoch = hyperparameters.steps_per_epoch or self._steps_per_pass
        self._pass_order: tuple[int, Tensor] | None = None
        if checkpoint is not None:
            self._restore(*checkpoint)

    # -- the loop -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[TrainingEvent]:
        yield TrainingStarted(
            epoch=self.epoch,
            epochs=self.hyperparameters.epochs,
            num_parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            num_train=self._num_train,
            num_valid=self.split.valid.num_ratings,
            num_test=self.split.test.num_ratings,
            baselines=baselines.rmse_of_all(self._baselines, self.split.valid),
        )
        while (reason := self._reason_to_end()) is None:
            yield self._run_epoch()
        yield self._end(reason)

    def stop(self) -> None:
        """The next event is the last."""
        self._is_stopping = True

    def change(self, **hyperparameters: Any) -> None:
        """Changes learning rate, penalty, dropout, epochs or patience from the next epoch on.

        Raises:
            InvalidHyperparameterError: a value is not accepted.
            ValueError: the change would need a new model or other batches.
        """
        changeable = {"learning_rate", "regularization", "encoder_regularization_factor", "input_dropout"}
        changeable |= {"code_dropout", "epochs", "patience"}
        if fixed := set(hyperparameters) - changeable:
            raise ValueError(f"{', '.join(sorted(fixed))} can't change while it trains; start a new run.")
        self.hyperparameters = self.hyperparameters.with_changes(**hyperparameters)
        self._optimizer.set_penalties(self._penalties())

    def _reason_to_end(self) -> str | None:
        if self._has_diverged:
            return "diverged"
        if self.epoch >= self.hyperparameters.epochs:
            return "finished"
        patience = self.hyperparameters.patience
        if patience and self.epoch - self._best_epoch >= patience:
            return "early_stopped"
        return "stopped" if self._is_stopping else None

    def _run_epoch(self) -> EpochEnded:
        hyperparameters = self.hyperparameters
        self.epoch += 1
        generator = self._generator("dropout", self.epoch)
        total_steps = hyperparameters.epochs * self._steps_per_epoch
        squared_error = torch.zeros((), dtype=torch.float64, device=self._device)
        clipped_error, count, seen = squared_error.clone(), 0, 0
        learning_rate = 0.0
        began = time.perf_counter()
        for _ in range(self._steps_per_epoch):
            learning_rate = learning_rate_at(
                hyperparameters.schedule, hyperparameters.learning_rate, min(1.0, self._steps_done / total_steps)
            )
            self._optimizer.set_learning_rate(learning_rate)
            batch = self._next_batch()
            loss = _BatchLoss(self.model, batch, hyperparameters, generator)
            self._optimizer.step(loss)
            squared_error += loss.squared_error
            clipped_error += self._clipped_squared_error(loss.predicted, batch.targets)
            count += loss.count
            seen += len(batch.targets)
            self._steps_done += 1
        total = float(squared_error)  # waits for the last step
        seconds = time.perf_counter() - began
        self._epoch_seconds.append(seconds)
        valid_rmse = self._rmse_on(self._valid)
        penalty = sum(
            0.5 * float(weight) * float(parameter.detach().square().sum())
            for parameter, weight in zip(self.model.parameters(), self._penalties(), strict=True)
        )
        objective = total / count + penalty
        scale = self.split.train.scale
        too_far = max(abs(scale.low), abs(scale.high), scale.span) * 10
        self._has_diverged = not (math.isfinite(objective) and math.isfinite(valid_rmse)) or total / count > too_far**2
        is_best = not self._has_diverged and valid_rmse < self._best_valid
        if is_best:
            self._best_valid, self._best_epoch, self._best = valid_rmse, self.epoch, self._weights()
        return EpochEnded(
            epoch=self.epoch,
            objective=objective,
            train_rmse=math.sqrt(float(clipped_error) / seen),
            valid_rmse=valid_rmse,
            learning_rate=learning_rate,
            seconds=seconds,
            ratings_per_second=seen / seconds,
            is_best=is_best,
        )

    def _end(self, reason: str) -> TrainingEnded:
        common: dict[str, Any] = {
            "reason": reason,
            "epochs_run": self.epoch,
            "best_epoch": self._best_epoch,
            "baselines": baselines.rmse_of_all(self._baselines, self.split.test),
            "seconds": sum(self._epoch_seconds),
            "epoch_seconds_median": median(self._epoch_seconds) if self._epoch_seconds else 0.0,
        }
        common["ratings_per_second"] = self._num_train / max(common["epoch_seconds_median"], 1e-9)
        if not self._best_epoch:
            message = {
                "diverged": "The training diverged: the error left every bound. Lower the learning rate.",
                "stopped": "Stopped before the first epoch ended.",
            }.get(reason, "No epoch gave a finite validation RMSE. Lower the learning rate.")
            return TrainingEnded(
                **common,
                message=message,
                train_rmse=None,
                valid_rmse=None,
                test_rmse=None,
                test_mae=None,
                num_test_fallback=0,
            )
        current = self._weights()
        self._load_weights(self._best)
        train_rmse = self._rmse_on(self._everything)
        self._load_weights(current)
        model, test = self.trained_model(), self.split.test
        users, items, given = test.by_user.rows, test.by_user.indices, test.by_user.values
        predicted = model.predict_pairs(users, items)
        best = f"epoch {self._best_epoch} was the best on validation"
        message = {
            "finished": f"All {self.epoch} epochs are done; {best}.",
            "early_stopped": f"No better epoch in {self.hyperparameters.patience}; {best}.",
            "stopped": f"Stopped after epoch {self.epoch}; {best}.",
            "diverged": f"Diverged in epoch {self.epoch}: lower the learning rate. Until then {best}.",
        }[reason]
        return TrainingEnded(
            **common,
            message=message,
            train_rmse=train_rmse,
            valid_rmse=self._best_valid,
            test_rmse=rmse(predicted, given) if len(given) else None,
            test_mae=mae(predicted, given) if len(given) else None,
            num_test_fallback=int(model.needs_fallback(users, items).sum()),
        )

    # -- what a training leaves ---------------------------------------------------------------------------------------

    def checkpoint(self) -> tuple[Arrays, dict[str, Any]]:
        """Everything needed to go on from the last finished epoch, as arrays by name and JSON-able values."""
        arrays, structure = self._optimizer.state()
        arrays |= {f"model.{name}": value.cpu().numpy() for name, value in self._weights().items()}
        arrays |= {f"best.{name}": value.cpu().numpy() for name, value in self._best.items()}
        return arrays, {
            "epoch": self.epoch,
            "steps_done": self._steps_done,
            "best_epoch": self._best_epoch,
            "best_valid_rmse": self._best_valid if self._best_epoch else None,
            "epoch_seconds": self._epoch_seconds,
            "has_diverged": self._has_diverged,
            "hyperparameters": self.hyperparameters.to_json(),
            "optimizer": structure,
        }

    def _restore(self, arrays: Arrays, meta: dict[str, Any]) -> None:
        self.epoch = meta["epoch"]
        self._steps_done = meta["steps_done"]
        self._best_epoch = meta["best_epoch"]
        self._best_valid = math.inf if meta["best_valid_rmse"] is None else meta["best_valid_rmse"]
        self._epoch_seconds = list(meta["epoch_seconds"])
        self._has_diverged = meta["has_diverged"]
        self.hyperparameters = Hyperparameters.from_json(meta["hyperparameters"])

        def part(prefix: str) -> dict[str, Tensor]:
            found = {name: array for name, array in arrays.items() if name.startswith(prefix)}
            return {name.removeprefix(prefix): torch.from_numpy(array.copy()) for name, array in found.items()}

        self._load_weights(part("model."))
        self._best = {name: value.to(self._device) for name, value in part("best.").items()}
        self._optimizer.load_state(arrays, meta["optimizer"])
        self._optimizer.set_penalties(self._penalties())

    @torch.no_grad()
    def trained_model(self) -> TrainedModel:
        """The model of the best validation epoch.

        Raises:
            AutoRecError: no epoch has a finite validation RMSE yet.
        """
        if not self._best_epoch:
            raise AutoRecError("This training has no model: no epoch ended with a finite validation RMSE.")
        if self._trained is None or self._trained[0] != self._best_epoch:
            self._trained = (self._best_epoch, self._make_trained_model())
        return self._trained[1]

    def _make_trained_model(self) -> TrainedModel:
        current = self._weights()
        self._load_weights(self._best)
        encoded = self.model.encoder(self._everything, self._everything.inputs)
        self._load_weights(current)
        best = {name: value.cpu().numpy().astype(np.float32) for name, value in self._best.items()}
        bias_model = self._baselines["user_item_bias"]
        train = self.split.train
        offsets = self._everything.offsets.cpu().numpy().astype(np.float32)
        codes = encoded.cpu().numpy().astype(np.float32)
        nobody = np.zeros(0)
        population = Population(nobody, nobody)
        if self._by_items:
            population = fit_population(
                codes,
                offsets,
                self.model.link,
                np.column_stack([best["decoder_weights"], best["decoder_bias"]]),
                train.by_user,
                self._best_valid**2,
                seed=self.seed,
            )
        model = TrainedModel(
            hyperparameters=self.hyperparameters,
            items=train.items,
            user_ids=train.user_ids,
            scale=train.scale,
            **best,
            offsets=offsets,
            codes=codes,
            global_mean=bias_model.global_mean,
            item_means=(bias_model.global_mean + bias_model.item_biases).astype(np.float32),
            item_counts=train.by_item.counts,
            user_biases=bias_model.user_biases.astype(np.float32),
            user_counts=train.by_user.counts,
            residual_variance=self._best_valid**2,
            population_mean=population.mean,
            population_covariance=population.covariance,
            fold_in_counts=np.zeros(0, dtype=np.int64),
            fold_in_variances=nobody,
        )
        if self._by_items:
            return model
        counts, variances = user_based_errors(model, self.split)
        return replace(model, fold_in_counts=counts, fold_in_variances=variances)

    # -- rows, batches and measures -----------------------------------------------------------------------------------

    @property
    def _is_full_batch(self) -> bool:
        return self.hyperparameters.optimizer != "adam"

    def _matrix(self, ratings: Ratings) -> Compressed:
        return ratings.by_item if self._by_items else ratings.by_user

    def _prepare_tensors(self) -> None:
        """What every batch is cut from: the training entries row by row, and the validation entries."""
        hyperparameters, rows = self.hyperparameters, self._rows
        link = Link.of(hyperparameters.decoder_activation, self.split.train.scale)
        inputs: FloatArray = rows.values.astype(np.float64)
        offsets: FloatArray = np.zeros(rows.num_rows)
        if hyperparameters.centering:
            mean = self.split.train.mean
            means = mean + baselines.damped_sums(rows, rows.values - mean)
            offsets = link.inverse(means)
            inputs = inputs - means[rows.rows]
        if hyperparameters.input_scaling:
            inputs = inputs / np.sqrt(rows.counts)[rows.rows]
        self._everything = self._batch(rows, inputs, offsets)
        valid = self._matrix(self.split.valid)
        self._valid = self._batch(valid, valid.values, offsets)

    def _batch(self, matrix: Compressed, inputs: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> Batch:
        def real(array: np.ndarray[Any, Any]) -> Tensor:
            return torch.from_numpy(np.array(array)).to(self._device, self._dtype)

        return Batch(
            indptr=torch.from_numpy(matrix.indptr.astype(np.int32)).to(self._device),
            columns=torch.from_numpy(np.array(matrix.indices)).to(self._device),
            inputs=real(inputs),
            targets=real(matrix.values),
            offsets=real(offsets),
            num_columns=matrix.num_columns,
        )

    def _new_model(self) -> AutoRec:
        hyperparameters = self.hyperparameters
        return AutoRec(
            self._rows.num_columns,
            hyperparameters.hidden_units,
            encoder_activation=hyperparameters.encoder_activation,
            link=Link.of(hyperparameters.decoder_activation, self.split.train.scale),
            initial_scale=hyperparameters.initial_scale,
            dtype=self._dtype,
            generator=self._generator("weights", 0, torch.device("cpu")),
        ).to(self._device)

    def _penalties(self) -> list[float]:
        """lambda per training rating for each parameter, in the order of `model.parameters()`; biases are free."""
        decoder = self.hyperparameters.regularization / self._num_train
        encoder = decoder * self.hyperparameters.encoder_regularization_factor
        weight = {"encoder_weights": encoder, "decoder_weights": decoder}
        return [weight.get(name, 0.0) for name, _ in self.model.named_parameters()]

    def _random(self, purpose: str, number: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, *purpose.encode(), number])

    def _generator(self, purpose: str, number: int, device: torch.device | None = None) -> torch.Generator:
        generator = torch.Generator(device or self._device)
        return generator.manual_seed(int(self._random(purpose, number).generate_state(1, np.uint64)[0] >> 1))

    def _next_batch(self) -> Batch:
        number, place = divmod(self._steps_done, self._steps_per_pass)
        if self._pass_order is None or self._pass_order[0] != number:
            shuffled = np.random.default_rng(self._random("order", number)).permutation(self._trained_rows)
            self._pass_order = (number, torch.from_numpy(shuffled).to(self._device))
        rows = self._pass_order[1][place * self._batch_size : (place + 1) * self._batch_size]
        everything = self._everything
        starts = everything.indptr[rows]
        counts = everything.indptr[rows + 1] - starts
        indptr = torch.nn.functional.pad(torch.cumsum(counts, 0, dtype=torch.int32), (1, 0))
        entries = torch.arange(int(indptr[-1]), device=self._device)
        entries += torch.repeat_interleave(starts - indptr[:-1], counts)
        return Batch(
            indptr=indptr,
            columns=everything.columns[entries],
            inputs=everything.inputs[entries],
            targets=everything.targets[entries],
            offsets=everything.offsets[rows],
            num_columns=everything.num_columns,
        )

    def _clipped_squared_error(self, predicted: Tensor, given: Tensor) -> Tensor:
        scale = self.split.train.scale
        return (predicted.clamp(scale.low, scale.high) - given).square().sum(dtype=torch.float64)

    @torch.no_grad()
    def _rmse_on(self, batch: Batch) -> float:
        """RMSE at the entries of a batch that holds all rows, reconstructed from the training ratings."""
        codes = self.model.encoder(self._everything, self._everything.inputs)
        predicted = self.model.decoder(codes, batch)
        return math.sqrt(float(self._clipped_squared_error(predicted, batch.targets)) / max(1, len(batch.targets)))

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.named_parameters()}

    @torch.no_grad()
    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.copy_(weights[name])


class _BatchLoss:
    """The mean squared error of one batch with dropout, the same at every call for the same weights."""

    def __init__(
        self, model: AutoRec, batch: Batch, hyperparameters: Hyperparameters, generator: torch.Generator
    ) -> None:
        self.model, self.batch = model, batch
        self.is_over_all = hyperparameters.loss_over == "all"
        self.count = len(batch) * batch.num_columns if self.is_over_all else len(batch.targets)
        self.inputs = _dropped(batch.inputs, hyperparameters.input_dropout, generator)
        silenced = torch.ones(
            len(batch), hyperparameters.hidden_units, dtype=batch.inputs.dtype, device=generator.device
        )
        self.code_mask = _dropped(silenced, hyperparameters.code_dropout, generator)
        self.squared_error = self.predicted = torch.empty(0)

    def __call__(self) -> Tensor:
        codes = self.model.encoder(self.batch, self.inputs) * self.code_mask
        if self.is_over_all:
            everywhere = self.model.decoder_everywhere(codes, self.batch)
            targets = torch.zeros_like(everywhere)
            targets[self.batch.rows, self.batch.columns] = self.batch.targets
            squared_error = (everywhere - targets).square().sum()
            predicted = everywhere.detach()[self.batch.rows, self.batch.columns]
        else:
            observed = self.model.decoder(codes, self.batch)
            squared_error = (observed - self.batch.targets).square().sum()
            predicted = observed.detach()
        if not self.squared_error.numel() or self.predicted.numel() == 0:
            self.squared_error, self.predicted = squared_error.detach(), predicted  # of the first call: before the step
        return squared_error / self.count


def _dropped(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """The values with a share of them at 0 and the others scaled up so that sums keep their mean."""
    if not share:
        return values
    kept = torch.rand(values.shape, generator=generator, device=values.device) >= share
    return values * kept / (1 - share)
