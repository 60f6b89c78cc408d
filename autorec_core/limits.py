"""What a deployment lets its visitors ask for: past a limit there is a sentence with the limit in it."""

from __future__ import annotations

from autorec_core import datasets, settings, shelf
from autorec_core.errors import InvalidHyperparameterError, InvalidRatingsError, QueueError
from autorec_core.runs import RunConfig, RunStore


def check(config: RunConfig, store: RunStore) -> None:
    """Holds a new training of a visitor against the limits. What the app or the command line asks for is not limited.

    Args:
        config: what is asked for.
        store: where the visitor's other runs are.

    Raises:
        InvalidHyperparameterError: it has too many epochs.
        InvalidRatingsError: its data set has too many ratings.
        QueueError: the visitor has as many runs as are kept.
        InvalidSettingError: a limit is no number.
    """
    if config.kind != "visitor":
        return
    limits = settings.limits()
    searched = {} if config.search is None else config.search.ranges
    epochs = max(config.hyperparameters.epochs, int(searched.get("epochs", (0, 0))[1]))
    if epochs > limits.epochs:
        raise InvalidHyperparameterError(
            "On this server epochs must be at most {most:,}, got {given:,}. Take fewer, or train on a machine of your "
            "own: the panel Share has the command.",
            most=limits.epochs,
            given=epochs,
        )
    known = datasets.DATASETS.get(config.source.dataset or "")
    if known is not None:
        check_ratings(known.title, known.num_ratings)
    if config.owner is not None:
        kept = sum(run.config.owner == config.owner and not shelf.is_deleted(run) for run in store.all())
        if kept >= limits.runs:
            raise QueueError(
                "You have as many runs as are kept for a visitor: {count}. Delete some on the page Compare.", count=kept
            )


def check_ratings(name: str, num_ratings: int) -> None:
    """Holds the size of a set against the limit.

    Raises:
        InvalidRatingsError: it has too many ratings.
        InvalidSettingError: the limit is no number.
    """
    most = settings.limits().ratings
    if num_ratings > most:
        raise InvalidRatingsError(
            "{name} has {count:,} ratings; on this server at most {most:,} are trained on. Take a smaller set.",
            name=name,
            count=num_ratings,
            most=most,
        )
