"""Runs beside each other: read off their files, ranked within a split and never across."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autorec_core import comparison, datasets, shelf
from autorec_core.comparison import Point, Summary
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore, Source

USUAL = Summary(
    run_id="a",
    config=RunConfig(),
    note=shelf.Note(),
    has_ended=True,
    curve=(Point(1, 0.5, 0.9),),
    valid_rmse=0.9,
    test_rmse=0.91,
    seconds=0.5,
    num_parameters=10,
    bytes_on_disk=100,
    fingerprint="f",
)


def made(run_id: str, valid_rmse: float | None = 0.9, **changes: object) -> Summary:
    return replace(USUAL, run_id=run_id, valid_rmse=valid_rmse, **changes)


def test_a_run_is_read_off_its_folder(tmp_path: Path) -> None:
    lines = [f"{u},{i},{1 + (u * i) % 5}" for u in range(40) for i in range(30) if (u + i) % 2]
    (tmp_path / "mine.csv").write_text("userId,movieId,rating\n" + "\n".join(lines))
    hyperparameters = Hyperparameters(hidden_units=3, epochs=4)
    config = RunConfig(source=Source(ratings=str(tmp_path / "mine.csv")), hyperparameters=hyperparameters)
    run = RunStore(tmp_path / "runs").create(config)
    before = comparison.summary_of(run)
    assert (before.has_ended, before.curve, before.valid_rmse, before.num_parameters) == (False, (), None, None)
    record(run, lambda *_: True)
    shelf.name(run, "mine")
    summary = comparison.summary_of(run)
    epochs = [event for event in run.events() if isinstance(event, EpochEnded)]
    assert run.result is not None
    assert [point.valid_rmse for point in summary.curve] == [event.valid_rmse for event in epochs]
    assert summary.curve[-1].seconds == pytest.approx(sum(event.seconds for event in epochs))
    assert summary.seconds == summary.curve[-1].seconds
    assert summary.valid_rmse == run.result["valid_rmse"]
    assert summary.test_rmse == run.result["test_rmse"]
    assert summary.fingerprint == run.result["split"]["fingerprint"]
    assert summary.num_parameters == 3 * 40 + 3 + 40 * 3 + 40
    assert summary.note.name == "mine"
    assert summary.bytes_on_disk == sum(path.stat().st_size for path in run.folder.iterdir())


@pytest.mark.parametrize(
    "other",
    [
        made("b", config=RunConfig(seed=1)),
        made("b", config=RunConfig(source=Source(dataset="ml-1m"))),
        made("b", config=RunConfig(valid_fraction=0.2)),
        made("b", config=RunConfig(test_fraction=0.2)),
        made("b", config=RunConfig(holdout_users=0.1)),
        made("b", config=RunConfig(by_time=True)),
        made("b", fingerprint="other ratings in the same file"),
    ],
)
def test_another_split_is_another_group(other: Summary) -> None:
    assert [len(group) for group in comparison.by_split([USUAL, other]).values()] == [1, 1]


def test_other_hyperparameters_are_of_the_same_group() -> None:
    other = made("b", config=RunConfig(hyperparameters=Hyperparameters(hidden_units=5), preset=None))
    (group,) = comparison.by_split([other, USUAL]).values()
    assert [one.run_id for one in group] == ["b", "a"]


def test_a_run_under_way_stands_with_those_that_asked_for_the_same() -> None:
    running = made("new", has_ended=False, fingerprint=None)
    (group,) = comparison.by_split([running, USUAL]).values()
    assert [one.run_id for one in group] == ["new", "a"]


def test_validation_ranks_and_what_is_under_way_has_no_rank() -> None:
    group = [made("a", 0.9), made("b", 0.8), made("c", 0.9), made("d", 0.7, has_ended=False), made("e", None)]
    assert comparison.ranks(group) == {"b": 1, "a": 2, "c": 2}


def test_the_hyperparameters_that_differ_are_named_in_the_order_of_the_form() -> None:
    one = made("b", config=RunConfig(hyperparameters=Hyperparameters(refit=False, hidden_units=5)))
    assert comparison.differing([USUAL, one]) == ["hidden_units", "refit"]
    assert comparison.differing([USUAL]) == []


def test_no_two_runs_have_the_same_label_and_an_own_name_comes_first() -> None:
    named = made("c", note=shelf.Note("Custom, I-AutoRec 256"))
    labels = comparison.labels([USUAL, made("b"), named, made("d", note=shelf.Note("best"))])
    assert list(labels.values()) == [
        "Custom, I-AutoRec 256",
        "Custom, I-AutoRec 256 (2)",
        "Custom, I-AutoRec 256 (3)",
        "best",
    ]


def test_a_split_is_told_with_all_that_makes_it_another() -> None:
    config = RunConfig(source=Source(dataset=datasets.BUNDLED), seed=2, valid_fraction=0.25, holdout_users=0.1)
    words = comparison.split_in_words(config)
    assert "seed 2" in words
    assert "validation 25 %" in words
    assert "10 % of the users held out" in words
