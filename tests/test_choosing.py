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

STAGES = (Stage("regularization", (0.1, 1.0, 10.0, 100.0, 1000.0)), Stage("hidden_units", (5, 8, 9)))


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

    return Choosing(Hyperparameters(hidden_units=7, regularization=0.1), STAGES, lambda: split, kept_at)


def test_a_stage_goes_on_while_neighbours_are_better_and_begins_with_what_was_chosen(
    split: Split, asked: list[tuple[float, int, bool]], tmp_path: Path
) -> None:
    found = work(split, tmp_path)
    assert list(found) == [(done, 8) for done in (1, 2, 3, 4, 5, 6, 7)]
    # 1 and 10 are better each, 100 diverges, 1000 is not tried; the nearest to 7 is 8, 5 is worse, 9 better.
    assert asked[:4] == [(value, 7, False) for value in (0.1, 1, 10, 100)]
    assert asked[4:] == [(10, units, False) for units in (8, 5, 9)]
    assert found.chosen == Hyperparameters(hidden_units=9, regularization=10)
    assert found.tried[3] == {"stage": "regularization", "value": 100.0, "valid_rmse": None}


def test_what_was_tried_is_not_tried_again(split: Split, asked: list[tuple[float, int, bool]], tmp_path: Path) -> None:
    begun = iter(work(split, tmp_path))
    for _ in range(3):
        next(begun)
    again = work(split, tmp_path)
    list(again)
    assert len(asked) == 7
    assert again.chosen == Hyperparameters(hidden_units=9, regularization=10)


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
    paper = replace(paper, hyperparameters=paper.hyperparameters.with_changes(epochs=1, hidden_units=8), stages=STAGES)
    make = partial(Reproduction, low_rank[0], (paper,), Protocol(seeds=(4, 5)), tmp_path)
    steps = list(first := make())
    done = [step.choosing for step in steps]
    before = done.index(None)
    assert done[:before] == [(number, 8) for number in range(1, before + 1)]
    assert set(done[before:]) == {None}
    assert before == len(asked) + 1  # what the first stage chose is where the second begins: it is known
    tried = len(asked)
    assert {outcome.figures["hyperparameters"]["regularization"] for outcome in first.outcomes.values()} == {10.0}
    text = markdown_of(table_of(first))
    assert "| I-AutoRec, preset paper, regularization 10, hidden units 9 chosen on validation |" in text
    assert "split of seed 4, for all splits" in text
    again = list(make())
    assert len(asked) == tried
    assert all(step.was_found for step in again if step.outcome is not None)
