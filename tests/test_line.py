"""The line of trainings without a worker: who may stand in it, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from autorec_core.errors import QueueError
from autorec_core.jobs import JobRunner
from autorec_core.runs import Run, RunConfig, RunStore


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobRunner:
    """A line that nobody works off, in which a visitor may stand twice."""
    monkeypatch.setattr(JobRunner, "_start_worker", lambda self: None)
    return JobRunner(RunStore(tmp_path), max_per_owner=2)


def submit(line: JobRunner, owner: str | None) -> Run:
    return line.submit(RunConfig(owner=owner))


def test_a_visitor_has_so_many_trainings_in_line_and_another_one_still_finds_room(line: JobRunner) -> None:
    first = submit(line, "me")
    submit(line, "me")
    with pytest.raises(QueueError, match="as many trainings in line as a visitor may: 2"):
        submit(line, "me")
    other = submit(line, "another")
    assert line.status(other.id).position == 2
    assert line.leave_queue(first.id)
    assert line.status(other.id).position == 1
    submit(line, "me")
    with pytest.raises(QueueError, match="as many trainings in line as a visitor may: 2"):
        submit(line, "me")


def test_what_belongs_to_nobody_is_not_counted(line: JobRunner) -> None:
    for _ in range(3):
        submit(line, None)
    submit(line, "me")


def test_an_interrupted_training_needs_room_as_a_new_one_does(line: JobRunner) -> None:
    left = submit(line, "me")
    line.leave_queue(left.id)
    for _ in range(2):
        submit(line, "me")
    with pytest.raises(QueueError, match="as many trainings in line as a visitor may: 2"):
        line.resume(left.id)


def test_the_training_that_runs_is_counted_until_it_is_asked_to_end(line: JobRunner) -> None:
    line._take({"report": "ready"})
    runs = [submit(line, "me"), submit(line, "me")]
    assert [line.status(run.id).state for run in runs] == ["starting", "queued"]
    with pytest.raises(QueueError, match="as many trainings in line as a visitor may: 2"):
        submit(line, "me")
    line.stop(runs[0].id)
    submit(line, "me")
    line._take({"report": "ended", "run_id": runs[0].id})
    with pytest.raises(QueueError, match="as many trainings in line as a visitor may: 2"):
        submit(line, "me")
