"""The training loop: an iterator of events that anybody may watch, pause by not asking for more, and resume later.

A training has two parts. In the first, each epoch is measured on the validation ratings, and the best one chosen. Then,
where the hyperparameters say `refit`, the network is fitted once more from the same first weights to train and
validation together, for as many epochs as were best. The test ratings score the resulting model, once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import astuple, replace
from statistics import median
from typing import Any

import numpy as np

from autorec_core import baselines, item_noise, population, reach
from autorec_core.averages import Averages
from autorec_core.errors import AutoRecError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded, TrainingEvent, TrainingStarted
from autorec_core.fit import Arrays, EpochFigures, Fit, Weights, named_tensors
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import mae, rmse, squared_error
from autorec_core.ranks import ALONE, Ranks
from autorec_core.ratings import BoolArray, FloatArray, Ratings
from autorec_core.rehearsal import user_based_errors
from autorec_core.splits import Split
from autorec_core.trained_model import TrainedModel

CHANGEABLE = frozenset(
    ("learning_rate", "regularization", "encoder_regularization_factor", "input_dropout", "code_dropout")
)
"""What may change while it trains."""
LEAST_ERROR = 0.001
"""Share of the scale that a rating is taken to miss its prediction by at least."""


class Trainer:
    """One training, as an iterator: `for event in Trainer(split, hyperparameters, seed=0)`.

    Args:
        split: what to learn from, choose by and score on.
        hyperparameters: the model and how it is trained.
        seed: of the first weights, the order of the batches and dropout.
        checkpoint: what `checkpoint()` returned, to go on from there.
        ranks: who trains it together; all iterate, and each has the same events.
    """

    def __init__(
        self,
        split: Split,
        hyperparameters: Hyperparameters,
        *,
        seed: int = 0,
        checkpoint: tuple[Arrays, dict[str, Any]] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.split = split
        self.ranks = ranks
        self.hyperparameters = hyperparameters
        self.seed = seed
        self._baselines = baselines.fit_all(split.train)
        self._fit = Fit(split.train, hyperparameters, seed=seed, ranks=ranks)
        is_cold = _is_cold(split.valid, split.train)
        self._valid = self._fit.entries(split.valid.select(~is_cold))
        self._cold_error = self._fallback_error(split.valid.select(is_cold))
        self._best: Weights = self._fit.weights()
        self._best_epoch = 0
        self._best_valid = math.inf
        self._refit: Fit | None = None
        self._epoch_seconds: list[float] = []
        self._is_stopping = False
        self._why_stopped = ""
        self._has_diverged = False
        self._trained: TrainedModel | None = None
        self._share: float | None = None
        self._gradient_norm: float | None = None
        if checkpoint is not None:
            self._restore(*checkpoint)

    @property
    def epoch(self) -> int:
        """Epochs done of the first part."""
        return self._fit.epoch

    @property
    def valid_baselines(self) -> dict[str, float]:
        """Validation RMSE of each baseline by name: the lines to get under."""
        return baselines.rmse_of_all(self._baselines, self.split.valid)

    @property
    def threads_worthwhile(self) -> int:
        """How many threads a step can use well; at least 1."""
        return self._fit.threads_worthwhile

    # -- the loop -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[TrainingEvent]:
        yield TrainingStarted(
            epoch=self.epoch,
            epochs=self.hyperparameters.epochs,
            num_parameters=self._fit.num_parameters,
            num_train=self.split.train.num_ratings,
            num_valid=self.split.valid.num_ratings,
            num_test=self.split.test.num_ratings,
            baselines=self.valid_baselines,
        )
        while (reason := self._reason_to_end()) is None:
            yield self._run_epoch()
        if self.hyperparameters.refit and reason in ("finished", "early_stopped") and self._best_epoch:
            yield from self._run_refit()
            if self._is_stopping and not self._is_refitted:
                reason = "stopped"
        yield self._end(reason)

    def stop(self, why: str = "") -> None:
        """The next event is the last.

        Args:
            why: a sentence that goes before how it ended; nothing where a person asked for it.
        """
        self._is_stopping, self._why_stopped = True, why

    def change(self, **hyperparameters: Any) -> None:
        """Changes some of `CHANGEABLE` from the next epoch on.

        Raises:
            InvalidHyperparameterError: a value is not accepted.
            ValueError: the change would need a new model or other batches, or the refit has begun, which repeats what
                validation chose.
        """
        if self._refit is not None:
            raise ValueError("The refit repeats the epochs that validation chose; nothing can change in it.")
        if fixed := set(hyperparameters) - CHANGEABLE:
            raise ValueError(f"{', '.join(sorted(fixed))} can't change while it trains; start a new run.")
        self.hyperparameters = self.hyperparameters.with_changes(**hyperparameters)
        self._fit.change(self.hyperparameters)

    def _reason_to_end(self) -> str | None:
        if self._has_diverged:
            return "diverged"
        reason = self.hyperparameters.reason_to_end(self.epoch, self._best_epoch)
        return reason or ("stopped" if self._is_asked_to_stop() else None)

    def _is_asked_to_stop(self) -> bool:
        self._is_stopping = self.ranks.any(self._is_stopping)
        return self._is_stopping

    def _run_epoch(self) -> EpochEnded:
        figures = self._fit.run_epoch()
        self._gradient_norm = figures.gradient_norm
        self._epoch_seconds.append(figures.seconds)
        valid_rmse = self._valid_rmse()
        self._has_diverged = not (figures.is_finite and math.isfinite(valid_rmse))
        is_best = not self._has_diverged and valid_rmse < self._best_valid
        if is_best:
            self._best_valid, self._best_epoch, self._best = valid_rmse, self.epoch, self._fit.weights()
            self._trained, self._share = None, None
        return EpochEnded(
            epoch=self.epoch,
            objective=figures.objective,
            train_rmse=figures.train_rmse,
            valid_rmse=valid_rmse,
            learning_rate=figures.learning_rate,
            seconds=figures.seconds,
            ratings_per_second=figures.ratings_seen / figures.seconds,
            is_best=is_best,
        )

    def _valid_rmse(self) -> float:
        """As the test is scored: who or what has no training rating gets the fallback."""
        total, count = self._fit.squared_error_at(self._valid)
        return math.sqrt((total + self._cold_error[0]) / (count + self._cold_error[1]))

    def _fallback_error(self, cold: Ratings) -> tuple[float, int]:
        bias = self._fit.averages or self._baselines["user_item_bias"]
        predicted = cold.scale.clip(bias.predict_pairs(cold.by_user.rows, cold.by_user.indices))
        return squared_error(predicted, cold.by_user.values)

    def _run_refit(self) -> Iterator[RefitEpochEnded]:
        self._fit.drop_batches()
        if self._refit is None:
            self._refit = self._new_refit()
        while self._refit.epoch < self._best_epoch and not self._is_asked_to_stop():
            figures: EpochFigures = self._refit.run_epoch()
            if not figures.is_finite:  # the chosen model is there; it is used instead
                self._refit = None
                return
            self._trained = None  # somebody may have asked for the model before it was refitted
            yield RefitEpochEnded(
                epoch=self._refit.epoch,
                epochs=self._best_epoch,
                seconds=figures.seconds,
                train_rmse=figures.train_rmse,
            )
        self._refit.drop_batches()  # the memory is wanted for the model and its scoring

    def _new_refit(self) -> Fit:
        # The schedule is laid over the epochs that there will be, so that the learning rate comes to rest.
        hyperparameters = self.hyperparameters.with_changes(epochs=self._best_epoch)
        train = _joined(self.split.train, self.split.valid)
        return Fit(train, hyperparameters, seed=self.seed, ranks=self.ranks)

    def _kept_share(self) -> float:
        """How much of what was learnt beyond the averages the model keeps."""
        if self._share is None:
            leans = self.hyperparameters.lean_on_averages
            self._share = self._fit.supported_share(self._valid, self._best) if leans else 1.0
        return self._share

    @property
    def _is_refitted(self) -> bool:
        return self._refit is not None and self._refit.epoch == self._best_epoch

    def _end(self, reason: str) -> TrainingEnded:
        middle = median(self._epoch_seconds) if self._epoch_seconds else 0.0
        common: dict[str, Any] = {
            "reason": reason,
            "epochs_run": self.epoch,
            "best_epoch": self._best_epoch,
            "is_refitted": self._is_refitted,
            "baselines": baselines.rmse_of_all(self.final_baselines(), self.split.test),
            "seconds": sum(self._epoch_seconds),
            "epoch_seconds_median": middle,
            "ratings_per_second": self.split.train.num_ratings / max(middle, 1e-9),
        }
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
        model, test = self.trained_model(), self.split.test
        users, items, given = test.by_user.rows, test.by_user.indices, test.by_user.values
        predicted = model.predict_pairs(users, items)
        best = f"epoch {self._best_epoch} was the best on validation"
        message = {
            "finished": f"{'1 epoch is' if self.epoch == 1 else f'All {self.epoch} epochs are'} done; {best}.",
            "early_stopped": f"No better epoch in {self.hyperparameters.patience}; {best}.",
            "stopped": f"Stopped after epoch {self.epoch}; {best}.",
            "diverged": f"Diverged in epoch {self.epoch}: lower the learning rate. Until then {best}.",
        }[reason]
        if reason == "stopped" and self._why_stopped:
            message = f"{self._why_stopped} {message}"
        if self._is_refitted:
            message += f" The model was fitted again to train and validation, up to epoch {self._best_epoch}."
        if (share := self._kept_share()) < 1:
            message += f" Of what it learnt beyond averages, {share:.0%} is kept: so much does validation support."
        with self._fit.holding(self._fit.leaning(self._best, share)):
            total, count = self._fit.squared_error_at(self._fit.everything)
        return TrainingEnded(
            **common,
            message=message,
            train_rmse=math.sqrt(total / count),
            valid_rmse=self._best_valid,
            test_rmse=rmse(predicted, given) if len(given) else None,
            test_mae=mae(predicted, given) if len(given) else None,
            num_test_fallback=int(model.needs_fallback(users, items).sum()),
        )

    def final_baselines(self) -> dict[str, baselines.Baseline]:
        """Fitted to the same ratings as the model that is scored, so that neither has seen more."""
        return baselines.fit_all(self._refit.train) if self._is_refitted and self._refit else self._baselines

    # -- what a training leaves ---------------------------------------------------------------------------------------

    def checkpoint(self) -> tuple[Arrays, dict[str, Any]]:
        """Everything needed to go on from the last finished epoch, as arrays by name and JSON-able values."""
        arrays, state = self._fit.state()
        arrays |= {f"best.{name}": value.cpu().numpy() for name, value in self._fit.whole(self._best).items()}
        refit: dict[str, Any] | None = None
        if self._refit is not None:
            refit_arrays, refit = self._refit.state()
            arrays |= {f"refit.{name}": array for name, array in refit_arrays.items()}
        return arrays, {
            "epoch": self.epoch,
            "fit": state,
            "refit": refit,
            "best_epoch": self._best_epoch,
            "best_valid_rmse": self._best_valid if self._best_epoch else None,
            "epoch_seconds": list(self._epoch_seconds),
            "has_diverged": self._has_diverged,
            "hyperparameters": self.hyperparameters.to_json(),
        }

    def _restore(self, arrays: Arrays, meta: dict[str, Any]) -> None:
        self._best_epoch = meta["best_epoch"]
        self._best_valid = math.inf if meta["best_valid_rmse"] is None else meta["best_valid_rmse"]
        self._epoch_seconds = list(meta["epoch_seconds"])
        self._has_diverged = meta["has_diverged"]
        self.hyperparameters = Hyperparameters.from_json(meta["hyperparameters"])
        self._fit.change(self.hyperparameters)
        self._fit.load_state(arrays, meta["fit"])
        self._best = self._fit.own(named_tensors("best.", arrays))
        if meta["refit"] is not None:
            parts = {name.removeprefix("refit."): array for name, array in arrays.items() if name.startswith("refit.")}
            self._refit = self._new_refit()
            self._refit.load_state(parts, meta["refit"])

    def trained_model(self) -> TrainedModel:
        """The model: refitted where that is done, else of the best validation epoch.

        Raises:
            AutoRecError: no epoch has a finite validation RMSE yet.
        """
        if not self._best_epoch:
            raise AutoRecError("This training has no model: no epoch ended with a finite validation RMSE.")
        if self._trained is None:
            weights = self._fit.leaning(self._best, self._kept_share())
            bias = self._fit.averages or self._baselines["user_item_bias"]
            self._trained = self._with_certainty(_as_arrays(self._fit, weights, self._residual_variance, bias))
        return self._trained

    def _with_certainty(self, model: TrainedModel) -> TrainedModel:
        """The model, refitted where that is done, with how sure it is: measured on validation, before a refit sees it.

        Args:
            model: of the best validation epoch.
        """
        if not model.by_items:
            counts, variances = user_based_errors(model, self.split)
            model = replace(model, fold_in_counts=counts, fold_in_variances=variances)
        levels, reaches = reach.measured(model, self.split)
        if self._is_refitted and self._refit is not None:
            counts, variances = model.fold_in_counts, model.fold_in_variances
            model = replace(self._refitted(self._refit), fold_in_counts=counts, fold_in_variances=variances)
        return replace(model, interval_levels=levels, interval_reaches=reaches)

    @property
    def _residual_variance(self) -> float:
        """Of a rating around its prediction; never 0, as where all ratings are the same: nobody is that predictable."""
        return max(self._best_valid**2, (LEAST_ERROR * self.split.train.scale.span) ** 2)

    def _refitted(self, refit: Fit) -> TrainedModel:
        weights = refit.leaning(refit.weights(), self._kept_share())
        bias = refit.averages or self.final_baselines()["user_item_bias"]
        model = _as_arrays(refit, weights, self._residual_variance, bias)
        return replace(model, hyperparameters=self.hyperparameters)

    @property
    def current_fit(self) -> Fit:
        """The network as it stands after the last epoch, before any refit; to be looked at and not changed."""
        return self._fit

    @property
    def gradient_norm(self) -> float | None:
        """Length of the objective's gradient in the last epoch; None before there was one."""
        return self._gradient_norm

    @property
    def has_diverged(self) -> bool:
        """Whether the last epoch left every bound."""
        return self._has_diverged


def _is_cold(ratings: Ratings, train: Ratings) -> BoolArray:
    """(num_ratings,) bool, True where the user or the item has no training rating."""
    users, items = ratings.by_user.rows, ratings.by_user.indices
    return np.asarray((train.by_user.counts[users] == 0) | (train.by_item.counts[items] == 0))


def _joined(train: Ratings, valid: Ratings) -> Ratings:
    """Train and validation as one set over the same users and items, those without a rating included."""
    rows = np.concatenate([train.by_user.rows, valid.by_user.rows])
    columns = np.concatenate([train.by_user.indices, valid.by_user.indices])
    values = np.concatenate([train.by_user.values, valid.by_user.values])
    order = np.lexsort((columns, rows))
    counts = np.bincount(rows, minlength=train.num_users)
    return replace(
        train,
        by_user=replace(
            train.by_user,
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            indices=columns[order],
            values=values[order],
        ),
        timestamps=None,
    )


def _as_arrays(fit: Fit, own: Weights, residual_variance: float, bias: baselines.Baseline) -> TrainedModel:
    """A fit's network under some weights of this rank's, with its codes, and what it knows of users and items."""
    train = fit.train
    weights = {name: value.cpu().numpy().astype(np.float32) for name, value in fit.whole(own).items()}
    with fit.holding(own):
        codes = fit.codes().cpu().numpy().astype(np.float32)
    offsets = fit.offsets.astype(np.float32)
    nothing = np.zeros(0)
    users = population.Population(nothing, nothing)
    if fit.hyperparameters.based_on == "items":
        decoder_rows = np.column_stack([weights["decoder_weights"], weights["decoder_bias"]])
        users = population.fit(
            codes, offsets, fit.model.link, decoder_rows, train.by_user, residual_variance, seed=fit.seed
        )
    model = TrainedModel(
        hyperparameters=fit.hyperparameters,
        items=train.items,
        user_ids=train.user_ids,
        scale=train.scale,
        **weights,
        offsets=offsets,
        codes=codes,
        global_mean=bias.global_mean,
        item_means=(bias.global_mean + bias.item_biases).astype(np.float32),
        item_counts=train.by_item.counts,
        user_biases=bias.user_biases.astype(np.float32),
        item_prior=np.array(astuple(bias.item_prior) if isinstance(bias, Averages) else ()),
        user_counts=train.by_user.counts,
        residual_variance=residual_variance,
        population_mean=users.mean,
        population_covariance=users.covariance,
        fold_in_counts=np.zeros(0, dtype=np.int64),
        fold_in_variances=nothing,
    )
    return replace(model, item_noise=_item_noise(model, train, fit.seed)) if model.by_items else model


def _item_noise(model: TrainedModel, train: Ratings, seed: int) -> FloatArray:
    users, items, ratings = train.by_user.rows, train.by_user.indices, train.by_user.values
    if len(items) > item_noise.RATINGS_READ:
        some = np.random.default_rng([seed, 4]).choice(len(items), item_noise.RATINGS_READ, replace=False)
        users, items, ratings = users[some], items[some], ratings[some]
    return item_noise.relative_noise(ratings - model.predict_pairs(users, items), items, train.num_items)
