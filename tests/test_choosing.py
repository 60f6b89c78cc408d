"""Choosing on validation before a reproduction: stage by stage, on validation alone, and never twice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from autorec_core import choosing
from autorec_core.choosing import Choosing, Stage, valid_rmse
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.reproduce import Protocol, Reproduction, variants_of
from autorec_core.reproduce_table import markdown_of, table_of
from autorec_core.splits import Split, random_split

pytestmark = pytest.mark.usefixtures("one_thread")

STAGES = (Stage("regularization", (1.0, 10.0, 100.0), {"hidden_units": 3}), Stage("hidden_units", (5, 8)))


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=3)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int, bool]]:
    """What was trained; a lambda of 10 is best, and the longer code; with a lambda of 100 it diverges."""
    found: list[tuple[float, int, bool]] = []

    def instead(split: Split, chosen: Hyperparameters) -> float | None:
        found.append((chosen.regularization, chosen.hidden_units, chosen.refit))
        if chosen.regularization == 100:
            return None
        return abs(chosen.regularization - 10) + 1 / chosen.hidden_units

    monkeypatch.setattr(choosing, "valid_rmse", instead)
    return found


def work(split: Split, folder: Path) -> Choosing:
    def kept_at(chosen: Hyperparameters) -> Path:
        return folder / f"{chosen.regularization:g}-{chosen.hidden_units}.json"

    return Choosing(Hyperparameters(hidden_units=7), STAGES, lambda: split, kept_at)


def test_a_stage_begins_with_what_the_earlier_ones_chose(
    split: Split, asked: list[tuple[float, int, bool]], tmp_path: Path
) -> None:
    found = work(split, tmp_path)
    assert list(found) == [(done, 5) for done in (1, 2, 3, 4, 5)]
    assert asked == [(1, 3, False), (10, 3, False), (100, 3, False), (10, 5, False), (10, 8, False)]
    assert found.chosen == Hyperparameters(hidden_units=8, regularization=10)
    assert [one["valid_rmse"] for one in found.tried][2] is None


def test_what_was_tried_is_not_tried_again(split: Split, asked: list[tuple[float, int, bool]], tmp_path: Path) -> None:
    begun = iter(work(split, tmp_path))
    for _ in range(3):
        next(begun)
    again = work(split, tmp_path)
    list(again)
    assert len(asked) == 5
    assert again.chosen == Hyperparameters(hidden_units=8, regularization=10)


def test_test_ratings_have_no_say(split: Split) -> None:
    small = Hyperparameters(hidden_units=3, epochs=2)
    values = split.test.by_user.values
    turned = replace(split.test, by_user=replace(split.test.by_user, values=values[::-1].copy()))
    assert valid_rmse(split, small) == valid_rmse(replace(split, test=turned), small)


def test_the_papers_variant_is_chosen_once_for_all_splits(
    low_rank: tuple[Ratings, np.ndarray], asked: list[tuple[float, int, bool]], tmp_path: Path
) -> None:
    paper, fixed = variants_of(["paper", "paper-preset"], 100)
    assert paper.stages
    assert not fixed.stages
    assert paper.hyperparameters == fixed.hyperparameters
    paper = replace(paper, hyperparameters=paper.hyperparameters.with_changes(epochs=1), stages=STAGES)
    make = partial(Reproduction, low_rank[0], (paper,), Protocol(seeds=(4, 5)), tmp_path)
    steps = list(first := make())
    assert [step.choosing for step in steps][:6] == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5), None]
    assert {outcome.figures["hyperparameters"]["regularization"] for outcome in first.outcomes.values()} == {10.0}
    text = markdown_of(table_of(first))
    assert "| I-AutoRec, preset paper, regularization 10, hidden units 8 chosen on validation |" in text
    assert "split of seed 4, for all splits" in text
    again = list(make())
    assert len(asked) == 5
    assert all(step.was_found for step in again if step.outcome is not None)
