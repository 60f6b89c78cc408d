"""A search: many short trainings, each chosen by what the ones before it came to, on validation alone.

Source: Optuna's tree-structured Parzen estimator and median pruner (Akiba et al. 2019; Bergstra et al. 2011).
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from autorec_core import datasets, memory, trials
from autorec_core.events import EpochEnded, TrainingEnded, TrainingStarted
from autorec_core.hyperparameters import Hyperparameters, choice_of
from autorec_core.recording import Control, use_worthwhile_threads
from autorec_core.runs import Run, RunConfig
from autorec_core.search_space import SearchSpace
from autorec_core.splits import Split
from autorec_core.training import Trainer
from autorec_core.trials import Trial

FIRST_TRIALS = 5
"""Trials that go their whole way whatever they come to, so that there is something to lie behind."""
PARTS = 10
"""Of a training: trials are held against each other after each of its tenths, however many epochs they have."""
LEAST_FOR_IMPORTANCE = 5

_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


class _TrialTrainer(Trainer):
    """A training that remembers that somebody stopped it: then the whole search ends."""

    is_stopped = False

    def stop(self, why: str = "") -> None:
        """The next event is the last."""
        self.is_stopped = True
        super().stop(why)


def record_search(run: Run, control: Control, *, progress: datasets.Progress | None = None) -> dict[str, Any] | None:
    """Searches, from the trials that are there already, and keeps each trial in the run's folder.

    Args:
        run: whose config has a search; this process holds it until it returns.
        control: asked between the epochs of each trial. Stopping its trainer ends the search.
        progress: told how far a download of the data is.

    Returns:
        The best trial and how many there were; None where control did not let it go on.

    Raises:
        ValueError: the run is no search.
        QueueError: another process works on it.
        NotEnoughMemoryError: its largest trial would not fit into the memory.
        AutoRecError: the ratings can't be loaded, or the disk does not take a file.
    """
    space = run.config.search
    if space is None:
        raise ValueError(f"Run {run.id} is no search.")
    with run.hold():
        split = run.config.split(progress)
        train, largest = split.train, space.largest(run.config.hyperparameters)
        num_ratings = sum(part.num_ratings for part in (train, split.valid, split.test))
        size = (num_ratings, train.num_users, train.num_items)
        memory.check(max(memory.predicted_bytes(*size, chosen) for chosen in largest))
        split = replace(split, test=split.test.select(split.test.by_user.values < 0), holdout=None)  # out of reach
        distributions = {name: _distribution(space, name) for name in space.searched}
        done = trials.trials_of(run)
        study = _study(run.config, done, distributions)
        is_stopped = False
        while not is_stopped and not _is_spent(space, done):
            asked = study.ask(distributions)
            outcome = _try(run, split, asked, len(done) + 1, control)
            if outcome is None:
                return None
            trial, is_stopped = outcome
            done.append(trial)
            trials.append(run, trial)
            state = _STATES.get(trial.outcome, TrialState.FAIL)
            study.tell(asked, trial.valid_rmse if state == TrialState.COMPLETE else None, state=state)
            _weigh(run, study)
        best = trials.best_of(done)
        run.append(_end(done, best, is_stopped))
        return {"num_trials": len(done), "best": None if best is None else best.values}


def _is_spent(space: SearchSpace, done: list[Trial]) -> bool:
    if space.num_trials is not None:
        return len(done) >= space.num_trials
    return sum(trial.seconds for trial in done) >= 60 * (space.minutes or 0.0)


def _distribution(space: SearchSpace, name: str) -> BaseDistribution:
    if name in space.options:
        return CategoricalDistribution(space.options[name])
    (low, high), choice = space.ranges[name], choice_of(name)
    is_log = choice.log and low > 0
    if isinstance(getattr(Hyperparameters(), name), int):
        return IntDistribution(int(low), int(high), log=is_log and low >= 1)
    return FloatDistribution(float(low), float(high), log=is_log)


def _by_part(curve: Sequence[float], epochs: int) -> dict[int, float]:
    """The lowest validation RMSE after each tenth of a training's epochs that is done.

    >>> _by_part([0.9, 0.8], 4)
    {1: 0.9, 2: 0.9, 3: 0.8, 4: 0.8, 5: 0.8}
    """
    found: dict[int, float] = {}
    for epoch, best in enumerate(itertools.accumulate(curve, min), start=1):
        for part in range(len(found) + 1, PARTS * epoch // epochs + 1):
            found[part] = best
    return found


def _study(config: RunConfig, done: list[Trial], distributions: dict[str, BaseDistribution]) -> optuna.Study:
    base = config.hyperparameters
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=config.seed + len(done), n_startup_trials=2 * FIRST_TRIALS)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS, n_warmup_steps=2)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    for trial in done:
        state = _STATES.get(trial.outcome, TrialState.FAIL)
        study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=trial.valid_rmse if state == TrialState.COMPLETE else None,
                params=trial.values,
                distributions=distributions,
                intermediate_values=_by_part(trial.curve, base.with_changes(**trial.values).epochs),
            )
        )
    return study


def _try(run: Run, split: Split, asked: optuna.Trial, number: int, control: Control) -> tuple[Trial, bool] | None:
    """One training: the trial, and whether somebody ended the search with it; None where it may not go on."""
    began = time.perf_counter()
    hyperparameters = run.config.hyperparameters.with_changes(**asked.params, refit=False)
    trainer = _TrialTrainer(split, hyperparameters, seed=run.config.seed)
    use_worthwhile_threads(trainer)
    curve: list[float] = []
    outcome, parts = "complete", 0
    for event in trainer:
        if isinstance(event, TrainingStarted) and not (run.folder / "events.jsonl").exists():
            run.append(event)
        if isinstance(event, EpochEnded) and math.isfinite(event.valid_rmse):
            curve.append(event.valid_rmse)
            by_part = _by_part(curve, hyperparameters.epochs)
            for part in range(parts + 1, len(by_part) + 1):
                asked.report(by_part[part], part)
            parts = len(by_part)
            if asked.should_prune():
                outcome = "pruned"
                break
        if isinstance(event, TrainingEnded) and event.reason in ("diverged", "stopped"):
            outcome = event.reason
        if not isinstance(event, TrainingEnded) and not control(trainer, event, _save_nothing):
            return None
    trial = Trial(
        number=number,
        outcome=outcome,
        values=dict(asked.params),
        valid_rmse=min(curve, default=None),
        curve=tuple(curve),
        seconds=time.perf_counter() - began,
    )
    return trial, trainer.is_stopped


def _save_nothing() -> None:
    """A trial that is interrupted begins anew."""


def _weigh(run: Run, study: optuna.Study) -> None:
    """Keeps how much each hyperparameter accounts for, where enough trials say so."""
    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(whole) >= LEAST_FOR_IMPORTANCE and len({trial.value for trial in whole}) > 1:
        trials.save_importance(run, optuna.importance.get_param_importances(study))


def _end(done: list[Trial], best: Trial | None, is_stopped: bool) -> TrainingEnded:
    told = (
        "None went its whole way with a finite error."
        if best is None
        else (f"Trial {best.number} was the best on validation, {best.valid_rmse:.4f}.")
    )
    return TrainingEnded(
        reason="stopped" if is_stopped else "finished",
        message=f"{len(done)} {'trial is' if len(done) == 1 else 'trials are'} done. {told}",
        epochs_run=sum(len(trial.curve) for trial in done),
        best_epoch=0,
        is_refitted=False,
        train_rmse=None,
        valid_rmse=None if best is None else best.valid_rmse,
        test_rmse=None,
        test_mae=None,
        num_test_fallback=0,
        baselines={},
        seconds=sum(trial.seconds for trial in done),
        epoch_seconds_median=0.0,
        ratings_per_second=0.0,
    )
