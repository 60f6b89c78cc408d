"""Hyperparameters chosen on validation before a reproduction begins, one after the other, as its paper chose them.

All is tried on the split of one seed, whose test ratings are put out of reach. What was tried is kept, so that a choice
that was broken off goes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autorec_core import storage
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import use_worthwhile_threads
from autorec_core.splits import Split
from autorec_core.training import Trainer


@dataclass(frozen=True)
class Stage:
    """One hyperparameter and what may be tried of it."""

    name: str
    """Of the hyperparameter."""
    values: tuple[float, ...]
    """In ascending order; the search begins at the nearest to what it is, and goes on to neighbours while they are
    better, so that it need not try what lies far off."""


PAPERS_STAGES = (
    # The paper's {0.001, 0.01, 0.1, 1, 100, 1000}, with what lies between where it matters.
    Stage("regularization", (0.001, 0.01, 0.1, 1.0, 10.0, 30.0, 100.0, 300.0, 1000.0)),
    Stage("hidden_units", (10, 20, 40, 80, 100, 200, 300, 400, 500)),
)
"""What the paper chose on validation, for each data set.

Source: Sedhain et al. 2015, section 3.
"""


@dataclass
class Choosing:
    """Iterate it to try what is worth it, as far as it was not; each step gives how many are done, and of how many at
    most."""

    base: Hyperparameters
    """What the stages change."""
    stages: tuple[Stage, ...]
    """In their order: a later one begins with what earlier ones chose."""
    split: Callable[[], Split]
    """Draws the split; called where something is left to try."""
    kept_at: Callable[[Hyperparameters], Path]
    """Where the validation RMSE of a try is kept."""
    chosen: Hyperparameters | None = None
    """The result, after the iteration."""
    tried: list[dict[str, Any]] = field(default_factory=list)
    """Each try: stage, value, validation RMSE (None where it diverged)."""
    _split: Split | None = field(default=None, init=False, repr=False)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        most = sum(len(stage.values) for stage in self.stages)
        current = self.base
        for stage in self.stages:
            value = getattr(current, stage.name)
            best = min(range(len(stage.values)), key=lambda place: abs(stage.values[place] - value))
            scores = {best: self._score(current, stage, best)}
            yield len(self.tried), most
            for step in (-1, 1):
                while 0 <= best + step < len(stage.values):
                    if best + step not in scores:
                        scores[best + step] = self._score(current, stage, best + step)
                        yield len(self.tried), most
                    if scores[best + step] >= scores[best]:
                        break
                    best += step
            current = current.with_changes(**{stage.name: stage.values[best]})
        self.chosen = current

    def _score(self, current: Hyperparameters, stage: Stage, place: int) -> float:
        asked = current.with_changes(**{stage.name: stage.values[place], "refit": False})
        path = self.kept_at(asked)
        found, is_known = _read(path)
        if not is_known:
            self._split = self.split() if self._split is None else self._split
            found = valid_rmse(self._split, asked)
            storage.replace_file(path, json.dumps({"valid_rmse": found}).encode())
        self.tried.append({"stage": stage.name, "value": stage.values[place], "valid_rmse": found})
        return math.inf if found is None else found


def valid_rmse(split: Split, hyperparameters: Hyperparameters) -> float | None:
    """The best validation RMSE of one training; None where no epoch has a finite one. Test ratings are out of reach."""
    nothing = split.test.select(split.test.by_user.values < split.test.scale.low)
    trainer = Trainer(replace(split, test=nothing, holdout=None), hyperparameters, seed=split.seed)
    use_worthwhile_threads(trainer)
    scores = [event.valid_rmse for event in trainer if isinstance(event, EpochEnded)]
    return min((score for score in scores if math.isfinite(score)), default=None)


def _read(path: Path) -> tuple[float | None, bool]:
    """What was kept, and whether something was."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["valid_rmse"], True
    except (OSError, ValueError, KeyError, TypeError):
        return None, False
