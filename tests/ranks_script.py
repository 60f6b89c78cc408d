"""Run by `torchrun`: trains together and alone, and the first rank writes how far apart the two are, as JSON."""

from __future__ import annotations

import json
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed
from made_ratings import ratings_of

from autorec_core.events import TrainingEnded
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ranks import ALONE, Ranks
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.splits import random_split
from autorec_core.training import Trainer

EXACT = Hyperparameters(
    hidden_units=5, epochs=4, batch_size=16, input_dropout=0.4, code_dropout=0.2, precision="float64"
)
CASES: dict[str, dict[str, Any]] = {
    "items": {},
    "users": {"based_on": "users"},
    "rprop": {"optimizer": "rprop"},
    "all": {"loss_over": "all"},
    "sigmoid output": {"decoder_activation": "sigmoid"},
    "leaning items": {"lean_on_averages": True},
    "leaning users": {"lean_on_averages": True, "based_on": "users"},
}


def planted() -> Ratings:
    generator = np.random.default_rng(7)
    matrix = 3.0 + generator.uniform(-1, 1, (60, 2)) @ generator.uniform(-0.95, 0.95, (2, 80))
    observed = generator.random((60, 80)) < 0.25
    observed[0, :] = True
    return ratings_of(matrix, name="planted", scale=RatingScale(1, 5, 0.5), observed=observed)


def distance(together: Fit, alone: Fit) -> float:
    """The largest difference of any weight; together must be asked on every rank."""
    found = together.whole(together.weights())
    return max(float((found[name] - value).abs().max()) for name, value in alone.weights().items())


def end_of(trainer: Trainer) -> TrainingEnded:
    *_, last = trainer
    assert isinstance(last, TrainingEnded)
    return last


def main(path: str) -> None:
    ranks, ratings = Ranks.join(), planted()
    found: dict[str, Any] = {"size": ranks.size, "weights": {}, "figures": {}}
    for name, changes in CASES.items():
        hyperparameters = EXACT.with_changes(**changes)
        together, alone = (Fit(ratings, hyperparameters, seed=1, ranks=who) for who in (ranks, ALONE))
        ours, theirs = [(together.run_epoch(), alone.run_epoch()) for _ in range(3)][-1]
        found["weights"][name] = distance(together, alone)
        found["figures"][name] = max(
            abs(getattr(ours, figure) - getattr(theirs, figure))
            for figure in ("objective", "train_rmse", "gradient_norm", "ratings_seen")
        )
        found["own_columns"] = len(together.weights()["decoder_bias"])
    split = random_split(ratings, seed=0)
    whole = end_of(Trainer(split, EXACT))
    found["test_rmse"] = whole.test_rmse
    found["together"] = end_of(Trainer(split, EXACT, ranks=ranks)).test_rmse
    for first, second, name in [(ranks, ALONE, "then_alone"), (ALONE, ranks, "then_together")]:
        broken = Trainer(split, EXACT, ranks=first)
        events = iter(broken)
        for _ in range(3):
            next(events)
        resumed = Trainer(split, EXACT, checkpoint=broken.checkpoint(), ranks=second)
        found[name] = end_of(resumed).test_rmse
    stopped = Trainer(split, EXACT.with_changes(epochs=50, refit=False), ranks=ranks)
    for event in stopped:
        if getattr(event, "epoch", 0) == 2 and not ranks.is_first:
            stopped.stop()  # asked of one rank, all stop
        if isinstance(event, TrainingEnded):
            found["stopped_after"] = event.epochs_run
    found["heard"] = ranks.first_says("é" if ranks.is_first else "")
    group = weakref.ref(torch.distributed.group.WORLD)
    ranks.leave()
    found["group_is_gone"] = group() is None
    if ranks.is_first:
        Path(path).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
