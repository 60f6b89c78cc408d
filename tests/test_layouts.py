"""Layouts made in a process of their own: in line, told, kept, ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from autorec_core import layouts
from autorec_core.layouts import Layouts, LayoutStatus
from autorec_core.runs import Run, RunConfig, RunStore

ROOT = Path(__file__).parent.parent


@pytest.fixture
def working() -> Iterator[Layouts]:
    made = Layouts("tests.layout_script")
    yield made
    made.close()


@pytest.fixture
def run_that(tmp_path: Path) -> Callable[[str], Run]:
    def make(how: str) -> Run:
        run = RunStore(tmp_path / "runs").create(RunConfig())
        (run.folder / "how").write_text(how)
        return run

    return make


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("It did not come about.")


def test_what_was_not_asked_for_has_no_state(working: Layouts) -> None:
    assert working.status("none") == LayoutStatus()


def test_a_layout_is_kept_beside_its_model_and_read_again(working: Layouts, run_that: Callable[[str], Run]) -> None:
    run = run_that("good")
    assert layouts.read(run, np.arange(4)) is None
    working.ask(run)
    until(lambda: working.status(run.id).state == "done")
    flat, space = layouts.read(run, np.arange(4)) or (None, None)
    assert flat is not None
    assert space is not None
    assert (flat == 1).all()
    assert space.shape == (4, 3)
    assert layouts.read(run, np.arange(5)) is None, "of other movies"


def test_one_works_while_the_other_waits_and_asking_twice_changes_nothing(
    working: Layouts, run_that: Callable[[str], Run]
) -> None:
    first, second = run_that("wait"), run_that("good")
    working.ask(first)
    until(lambda: working.status(first.id).share == 0.5)
    working.ask(second)
    working.ask(second)
    working.ask(first)
    assert working.status(first.id).state == "running"
    assert working.status(second.id).state == "waiting"
    process = working._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # as when the server is gone
    until(lambda: working.status(second.id).state == "done")
    assert working.status(first.id).state == "failed"
    assert "status 3" in working.status(first.id).message


def test_what_goes_wrong_is_told_and_can_be_asked_for_again(working: Layouts, run_that: Callable[[str], Run]) -> None:
    run = run_that("fail")
    working.ask(run)
    until(lambda: working.status(run.id).state == "failed")
    assert "there is no room for it" in working.status(run.id).message
    (run.folder / "how").write_text("good")
    working.ask(run)
    until(lambda: working.status(run.id).state == "done")


def test_one_that_says_what_is_no_text_fails_and_the_next_goes_on(
    working: Layouts, run_that: Callable[[str], Run]
) -> None:
    garbled, after = run_that("garble"), run_that("good")
    working.ask(garbled)
    working.ask(after)
    until(lambda: working.status(after.id).state == "done")
    assert working.status(garbled.id).state == "failed"
    assert "is what it says" in working.status(garbled.id).message


def test_closing_leaves_no_process_behind(working: Layouts, run_that: Callable[[str], Run]) -> None:
    run = run_that("wait")
    working.ask(run)
    until(lambda: working.status(run.id).share == 0.5)
    process = working._process
    assert process is not None
    working.close()
    assert process.poll() is not None
    working.ask(run_that("good"))
    assert working._process is None or working._process is process


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00"])
def test_a_file_that_was_cut_short_counts_as_none(run_that: Callable[[str], Run], content: bytes) -> None:
    run = run_that("good")
    (run.folder / layouts.FILE).write_bytes(content)
    assert layouts.read(run, np.arange(4)) is None


def test_what_remains_is_told_as_it_went_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    assert LayoutStatus("running", 0.1, 90.0).remaining() is None
    assert LayoutStatus("running", 0.5, 90.0).remaining() == pytest.approx(10)
