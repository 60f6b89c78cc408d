"""One training from its folder and into it: the loop that the worker process and the command line share."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

from autorec_core import datasets, kernels, memory
from autorec_core.errors import StorageError
from autorec_core.evaluation import fold_in_rmse
from autorec_core.events import HyperparametersChanged, TrainingEnded, TrainingEvent
from autorec_core.fit import Arrays
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ranks import ALONE, Ranks
from autorec_core.recommender import Recommender
from autorec_core.runs import Run
from autorec_core.snapshots import Album
from autorec_core.splits import Split
from autorec_core.training import CHANGEABLE, Trainer
from autorec_core.watching import Watcher

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

THREADS = torch.get_num_threads()
"""The threads that torch would use by itself."""
SECONDS_BETWEEN_CHECKPOINTS = 2.0
"""What a crash can cost at most, besides the epoch it falls into."""


class Control(Protocol):
    """Whoever may hold a training up between two events."""

    def __call__(self, trainer: Trainer, event: TrainingEvent, save: Callable[[], None]) -> bool:
        """Asked after each event but the last; it may change the trainer and take its time.

        Args:
            trainer: suspended after `event`.
            event: what just happened.
            save: writes a checkpoint, and where the training is watched, a picture of all that can be.

        Returns:
            Whether to go on; if not, a checkpoint is written and the run can be resumed.
        """


def record(
    run: Run,
    control: Control,
    *,
    progress: datasets.Progress | None = None,
    ranks: Ranks = ALONE,
    is_watched: bool = False,
) -> dict[str, Any] | None:
    """Trains a run, from its checkpoint where it has one, and keeps all that comes of it in its folder.

    Args:
        run: to train; this process holds it until it returns.
        control: asked between events.
        progress: told how far a download of the data is.
        ranks: who trains it together: all call this, with the same run; only the first one writes.
        is_watched: whether to keep pictures of the network on its way, for whoever looks on.

    Returns:
        The figures, as `result.json` has them, on the first rank; None where control did not let it go on.

    Raises:
        QueueError: another process trains it.
        NotEnoughMemoryError: it would not fit into the memory.
        AutoRecError: the ratings can't be loaded, or the disk does not take a file; what was saved before is there.
    """
    with run.hold() if ranks.is_first else contextlib.nullcontext():
        if ranks.size == 1 and run.ended is not None and run.result is not None:
            return run.result  # another server came first, while this one had it in its line
        began = time.perf_counter()
        hyperparameters, named = run.config.hyperparameters, datasets.DATASETS.get(run.config.source.dataset or "")
        if named is not None:  # its size is known before it is loaded
            size = (named.num_ratings, named.num_users, named.num_items)
            memory.check(memory.predicted_bytes(*size, hyperparameters, ranks=ranks.size))
        split = run.config.split(progress)
        train = split.train
        size = (_num_ratings(split), train.num_users, train.num_items)
        memory.check(memory.predicted_bytes(*size, hyperparameters, ranks=ranks.size))
        seconds_to_load = time.perf_counter() - began
        fingerprint = split.train.fingerprint
        try:
            checkpoint = run.load_checkpoint()
        except StorageError:  # cut short or damaged: what it held is lost, and the training begins anew
            checkpoint = None
        if checkpoint is not None and checkpoint[1].get("fingerprint") not in (None, fingerprint):
            raise StorageError(
                f"The ratings of run {run.id} have changed since it began, so it can't go on: it would be scored on "
                "what it learnt from. Start a new run."
            )
        if ranks.is_first and checkpoint is None:
            run.cut_back(-1)
        elif ranks.is_first and checkpoint is not None:
            refit = checkpoint[1]["refit"]
            run.cut_back(checkpoint[1]["epoch"], 0 if refit is None else refit["epoch"])
        trainer = Trainer(split, run.config.hyperparameters, seed=run.config.seed, checkpoint=checkpoint, ranks=ranks)
        use_worthwhile_threads(trainer)
        saved_at = time.monotonic()

        def state() -> tuple[Arrays, dict[str, Any]]:
            arrays, values = trainer.checkpoint()  # all ranks give their parts of it
            return arrays, values | {"fingerprint": fingerprint}

        def save() -> None:
            arrays, values = state()
            if ranks.is_first:
                run.save_checkpoint(arrays, values)

        def hold() -> None:
            save()
            if watcher is not None:
                with contextlib.suppress(StorageError):
                    watcher.see_all()

        watcher = Watcher(Album(run.folder), split, trainer, state) if is_watched else None
        for event in trainer:
            if watcher is not None:  # before the event is told: whoever hears of an epoch finds its pictures
                with contextlib.suppress(StorageError):  # a picture is not worth a training
                    watcher.see(event)
            if isinstance(event, TrainingEnded):
                save()
                if not ranks.is_first:
                    return {}
                result = _keep(run, trainer, event, split, seconds_to_load, began)
                run.append(event)  # last: whoever sees the end finds the model and the figures
                run.drop_checkpoint()
                return result
            if ranks.is_first:
                run.append(event)
            if ranks.any(ranks.is_first and time.monotonic() - saved_at >= SECONDS_BETWEEN_CHECKPOINTS):
                save()
                saved_at = time.monotonic()
            before = trainer.hyperparameters
            asked_at = time.perf_counter()
            goes_on = control(trainer, event, hold)
            if watcher is not None:
                watcher.wait(time.perf_counter() - asked_at)
            if trainer.hyperparameters != before and ranks.is_first:
                run.append(_change(trainer, before))
            if ranks.any(not goes_on):
                save()
                return None
    raise StorageError(f"The training of run {run.id} gave no end.")


def use_worthwhile_threads(trainer: Trainer) -> None:
    """Gives torch as many threads as a step of this training can use well, and no more than it would take by itself."""
    kernels.launch_threads()
    torch.set_num_threads(min(THREADS, trainer.threads_worthwhile))


def _change(trainer: Trainer, before: Hyperparameters) -> HyperparametersChanged:
    now = trainer.hyperparameters.to_json()
    changed = {name: float(now[name]) for name in sorted(CHANGEABLE) if now[name] != getattr(before, name)}
    return HyperparametersChanged(epoch=trainer.epoch, changes=changed)


def _keep(
    run: Run, trainer: Trainer, event: TrainingEnded, split: Split, seconds_to_load: float, began: float
) -> dict[str, Any]:
    """Writes the model and the figures of an ended training."""
    whole = split.train
    result: dict[str, Any] = {
        "run_id": run.id,
        "dataset": {
            "name": whole.name,
            "num_ratings": _num_ratings(split),
            "num_users": whole.num_users,
            "num_items": whole.num_items,
            "scale": [whole.scale.low, whole.scale.high],
        },
        "split": {
            "seed": split.seed,
            "num_train": whole.num_ratings,
            "num_valid": split.valid.num_ratings,
            "num_test": split.test.num_ratings,
            "fingerprint": whole.fingerprint,
        },
        "hyperparameters": trainer.hyperparameters.to_json(),
        "ended": event.reason,
        "epochs_run": event.epochs_run,
        "best_epoch": event.best_epoch,
        "is_refitted": event.is_refitted,
        "train_rmse": event.train_rmse,
        "valid_rmse": event.valid_rmse,
        "valid_baselines": trainer.valid_baselines,
        "test_rmse": event.test_rmse,
        "test_mae": event.test_mae,
        "num_test_fallback": event.num_test_fallback,
        "baselines": event.baselines if split.test.num_ratings else dict.fromkeys(event.baselines),
    }
    if event.best_epoch:
        model = trainer.trained_model()
        run.save_model(model)
        if split.holdout is not None:
            result["fold_in"] = fold_in_rmse(Recommender(model), split)
    result |= {
        "seconds": {"load": seconds_to_load, "train": event.seconds, "total": time.perf_counter() - began},
        "epoch_seconds_median": event.epoch_seconds_median,
        "ratings_per_second": event.ratings_per_second,
        "peak_rss_mb": _peak_rss_mb(),
    }
    run.save_result(result)
    return result


def _num_ratings(split: Split) -> int:
    return sum(part.num_ratings for part in (split.train, split.valid, split.test, split.holdout) if part is not None)


def _peak_rss_mb() -> float | None:
    """Most memory that this process has held so far, in megabytes; None where the system does not tell."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak / (1_000_000 if sys.platform == "darwin" else 1_000))
