"""How much memory a training will take, told before it begins.

The prediction is a sum of what grows: the ratings, in all the shapes that a training holds them in (parsed, split, by
rows and by columns, in batches), and the weights with everything of their size (gradients, two moments, the best so
far, a refit beside the first fit, a checkpoint on its way to the disk). What is mapped from files (`mapped`) is not in
it: the machine takes that memory back when it needs it. Its constants were fitted to the peaks of whole trainings,
set-up and scoring included, of 0.1 to 110 million ratings and 8 to 1,000 hidden units; it meets them within 5 %.
"""

from __future__ import annotations

from pathlib import Path

import psutil

from autorec_core.errors import NotEnoughMemoryError, Sentence
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.mapped import MAPPED_FROM

BASE = 0.54e9
"""Bytes of Python, torch and the compiled passes before there is a rating."""
A_RATING = 120
"""Bytes of a rating in all its shapes."""
A_RATING_OF_MANY = 50
"""The same where the ratings of a training are so many that most shapes are mapped."""
TRAINED = 0.81
"""Share of the ratings that the first fit learns from."""
WEIGHT_COPIES = {"adam": 14, "rprop": 18, "lbfgs": 102}
"""How many arrays of the size of all weights there are at the peak. L-BFGS keeps twenty of its last steps for each of
the two fits, and as many again are on their way to the disk."""
WHOLE_COPIES = 7
"""How many of them several ranks hold a part of."""
_CGROUP = Path("/sys/fs/cgroup")


def predicted_bytes(
    num_ratings: int, num_users: int, num_items: int, hyperparameters: Hyperparameters, *, ranks: int = 1
) -> float:
    """The peak memory of a whole training.

    Args:
        num_ratings: of the data set, all parts together.
        num_users: users.
        num_items: items.
        hyperparameters: the model and how it is trained.
        ranks: processes that share out the weights, but for the whole ones that a checkpoint and the model take.

    Returns:
        Bytes, of one process.
    """
    num_inputs = num_users if hyperparameters.based_on == "items" else num_items
    num_rows = num_items if hyperparameters.based_on == "items" else num_users
    width = 8 if hyperparameters.precision == "float64" else 4
    units = hyperparameters.hidden_units
    weights = 2 * num_inputs * units * width
    codes = 4 * num_rows * units * width
    whole_rows = 0
    if hyperparameters.loss_over == "all":
        rows = min(num_rows, hyperparameters.batch_size) if hyperparameters.optimizer == "adam" else num_rows
        whole_rows = 4 * rows * num_inputs * width
    is_mapped = 4 * TRAINED * num_ratings >= MAPPED_FROM
    a_rating = A_RATING_OF_MANY if is_mapped else A_RATING
    copies = WEIGHT_COPIES[hyperparameters.optimizer] - WHOLE_COPIES * (1 - 1 / ranks)
    return float(BASE + a_rating * num_ratings + copies * weights + codes + whole_rows)


def available_bytes() -> float:
    """Memory that this machine, or the container around the process, still has to give."""
    available = float(psutil.virtual_memory().available)
    try:
        limit, used = (
            (_CGROUP / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current")
        )
        return available if limit == "max" else min(available, float(limit) - float(used))
    except (OSError, ValueError):  # no container, or one of another kind
        return available


def shortage(predicted: float) -> Sentence:
    """What to tell somebody whose training will not fit; nothing where it will.

    Args:
        predicted: bytes beyond what the training's process holds already.
    """
    available = available_bytes()
    if predicted <= available:
        return Sentence("")
    return Sentence(
        "This training would need about {needed} of memory, and {free} are free. Take fewer hidden units or a smaller "
        "data set.",
        needed=in_words(predicted),
        free=in_words(available),
    )


def check(predicted: float) -> None:
    """Holds the predicted peak of this process against what there is.

    Raises:
        NotEnoughMemoryError: it will not fit.
    """
    text = shortage(predicted - psutil.Process().memory_info().rss)
    if text:
        raise NotEnoughMemoryError(text)


def in_words(num_bytes: float) -> str:
    """Bytes as people read them.

    >>> in_words(5.84e9), in_words(405e6)
    ('5.8 GB', '405 MB')
    """
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{max(0.0, num_bytes) / 1e6:.0f} MB"
