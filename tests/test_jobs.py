"""Trainings in line, in a worker of their own that may die."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autorec_core.errors import NotFoundError, QueueError
from autorec_core.events import HyperparametersChanged
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.jobs import JobRunner
from autorec_core.runs import Run, RunConfig, RunStore, Source

SECONDS = 60
LONG = Hyperparameters(hidden_units=4, epochs=2000, batch_size=1)
SHORT = Hyperparameters(hidden_units=4, epochs=3)


def until(holds: Callable[[], object]) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


@pytest.fixture
def ratings_file(tmp_path: Path) -> Path:
    """1,200 ratings with a pattern."""
    lines = [f"{u},{i},{1 + (u * i) % 5}" for u in range(60) for i in range(40) if (u + i) % 2]
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "\n".join(lines))
    return path


@pytest.fixture
def config(ratings_file: Path) -> Callable[[Hyperparameters], RunConfig]:
    """Makes a run's configuration."""
    return lambda values: RunConfig(source=Source(ratings=str(ratings_file)), hyperparameters=values)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    """A line of its own; its worker is ended afterwards."""
    made = JobRunner(RunStore(tmp_path / "runs"), max_queued=2, pause_limit=0.3)
    made.start()
    yield made
    made.close()


def epochs(run: Run) -> int:
    last = run.last_epoch
    return last.epoch if last else 0


def test_a_training_ends_with_a_model_and_figures(runner, config):
    run = runner.submit(config(SHORT))
    until(lambda: runner.status(run.id).state == "ended")
    assert run.has_model
    assert run.result["epochs_run"] == 3
    assert run.result["test_rmse"] == run.ended.test_rmse


def test_others_wait_in_order_and_may_leave(runner, config):
    first = runner.submit(config(LONG))
    until(lambda: epochs(first))
    second, third = runner.submit(config(SHORT)), runner.submit(config(SHORT))
    assert [runner.status(run.id).position for run in (second, third)] == [1, 2]
    assert runner.status(second.id).state == "queued"
    with pytest.raises(QueueError, match="The line is full: it has room for 2"):
        runner.submit(config(SHORT))
    assert runner.leave_queue(second.id)
    assert runner.status(third.id).position == 1
    runner.stop(first.id)
    until(lambda: runner.status(third.id).state == "ended")
    assert first.ended.reason == "stopped"
    assert second.state == "waiting"


def test_pause_holds_step_trains_one_epoch_and_resume_goes_on(runner, config):
    run = runner.submit(config(LONG))
    until(lambda: epochs(run))
    runner.pause(run.id)
    until(lambda: runner.status(run.id).state == "paused")
    held = epochs(run)
    assert run.checkpoint_epoch == held
    runner.step(run.id)
    until(lambda: epochs(run) > held and runner.status(run.id).state == "paused")
    assert epochs(run) == held + 1
    runner.go_on(run.id)
    until(lambda: epochs(run) > held + 3)
    runner.stop(run.id)
    until(lambda: runner.status(run.id).state == "ended")
    assert run.ended.test_rmse is not None


def test_a_forgotten_pause_steps_aside_for_those_who_wait(runner, config):
    paused = runner.submit(config(LONG))
    until(lambda: epochs(paused))
    runner.pause(paused.id)
    until(lambda: runner.status(paused.id).state == "paused")
    waiting = runner.submit(config(SHORT))
    until(lambda: runner.status(waiting.id).state == "ended")
    assert runner.status(paused.id).state == "interrupted"
    runner.resume(paused.id)
    held = paused.checkpoint_epoch
    until(lambda: epochs(paused) > held)


def test_a_killed_worker_interrupts_its_run_and_another_takes_over(runner, config):
    run = runner.submit(config(LONG))
    until(lambda: epochs(run) > 2)
    os.kill(runner._process.pid, signal.SIGKILL)
    until(lambda: runner.status(run.id).state == "interrupted")
    assert "stopped unexpectedly" in runner.status(run.id).message
    runner.resume(run.id)
    resumed_from = run.checkpoint_epoch or 0
    until(lambda: runner.status(run.id).state == "running" and epochs(run) > resumed_from)
    numbers = [event.epoch for event in run.events() if event.kind == "epoch"]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_worker_that_dies_where_no_other_can_start_fails_who_waits_and_the_next_one_tries_again(
    runner, config, monkeypatch
):
    running, waiting = runner.submit(config(LONG)), runner.submit(config(SHORT))
    until(lambda: epochs(running))
    with monkeypatch.context() as full:

        def no_room(*_: object, **__: object) -> None:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

        full.setattr(subprocess, "Popen", no_room)
        os.kill(runner._process.pid, signal.SIGKILL)
        until(lambda: runner.status(waiting.id).state == "failed")
    assert "worker does not start" in runner.status(waiting.id).message
    assert runner.status(running.id).state == "interrupted"
    runner.resume(waiting.id)
    until(lambda: runner.status(waiting.id).state == "ended")


def test_a_run_that_can_not_load_its_ratings_fails_with_the_sentence(runner, config, ratings_file):
    ratings_file.write_text("user,item,rating\n1,1,bad\n")
    run = runner.submit(config(SHORT))
    until(lambda: runner.status(run.id).state == "failed")
    assert "Row 2 of ratings.csv" in runner.status(run.id).message


def test_closing_saves_the_training_and_leaves_no_process(tmp_path, config):
    runner = JobRunner(RunStore(tmp_path / "runs"))
    run = runner.submit(config(LONG))
    until(lambda: epochs(run))
    process = runner._process
    runner.close()
    assert process.poll() is not None
    assert run.state == "interrupted"
    assert run.checkpoint_epoch >= 1
    with pytest.raises(QueueError, match="shutting down"):
        runner.submit(config(SHORT))


def test_a_worker_whose_parent_is_killed_saves_and_leaves(tmp_path, config):
    store = RunStore(tmp_path / "runs")
    run = store.create(config(LONG))
    program = (
        "import sys, time; from pathlib import Path; from autorec_core.jobs import JobRunner; "
        "from autorec_core.runs import RunStore; r = JobRunner(RunStore(Path(sys.argv[1]))); r.resume(sys.argv[2]); "
        "print(r._process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(store.folder), run.id], stdout=subprocess.PIPE, text=True
    )
    worker = int(parent.stdout.readline())
    until(lambda: epochs(run))
    parent.kill()
    parent.wait()
    until(lambda: not Path(f"/proc/{worker}").exists() if Path("/proc").exists() else run.state == "interrupted")
    assert run.state == "interrupted"
    assert run.checkpoint_epoch == epochs(run)


def test_only_an_interrupted_run_can_be_resumed(runner, config):
    run = runner.submit(config(SHORT))
    until(lambda: runner.status(run.id).state == "ended")
    with pytest.raises(QueueError, match="only an interrupted one"):
        runner.resume(run.id)
    with pytest.raises(QueueError, match="is not being trained now"):
        runner.pause(run.id)
    with pytest.raises(NotFoundError):
        runner.resume("20260101-000000-aaaaaaaa")


def test_the_process_that_serves_pages_never_imports_torch():
    rooms = "autorec_core.jobs, autorec_core.recommender, autorec_core.visitors, autorec_core.catalogue"
    program = f"import sys; import {rooms}; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_a_paced_training_is_held_back_and_let_go_when_the_pace_is_taken_off(runner, config):
    run = runner.submit(config(SHORT), pace=0.001)  # an epoch in a thousand seconds
    until(lambda: epochs(run) == 1)
    assert runner.pace(run.id) == 0.001
    runner.set_pace(run.id, 0.0)
    until(lambda: runner.status(run.id).state == "ended")
    assert run.ended.epochs_run == 3


def test_a_paced_training_still_follows_its_buttons(runner, config):
    run = runner.submit(config(LONG), pace=0.001)
    until(lambda: epochs(run) == 1)
    runner.pause(run.id)
    until(lambda: runner.status(run.id).state == "paused")
    runner.step(run.id)
    until(lambda: epochs(run) == 2)
    runner.stop(run.id)
    until(lambda: run.ended is not None)


def test_a_run_that_goes_on_from_an_earlier_epoch_makes_a_paused_one_step_aside(runner, config):
    run = runner.submit(config(LONG))
    until(lambda: epochs(run))
    runner.pause(run.id)
    until(lambda: runner.status(run.id).state == "paused")
    held = epochs(run)
    made = runner.fork(run.id, held, owner="somebody")
    until(lambda: epochs(made) > held)
    assert runner.status(run.id).state == "interrupted"
    assert f"epoch {held}" in runner.status(run.id).message
    runner.stop(made.id)
    until(lambda: made.ended is not None)


def test_nothing_is_put_in_line_whose_ratings_are_gone(runner, config, ratings_file):
    run = runner.submit(config(LONG))
    until(lambda: epochs(run))
    runner.pause(run.id)
    until(lambda: runner.status(run.id).state == "paused")
    held = epochs(run)
    runner._send("interrupt")
    until(lambda: runner.status(run.id).state == "interrupted")
    ratings_file.unlink()
    asked = (
        lambda: runner.submit(config(SHORT)),
        lambda: runner.fork(run.id, held, owner=None),
        lambda: runner.resume(run.id),
    )
    for ask in asked:
        with pytest.raises(NotFoundError, match="have been deleted"):
            ask()
    assert [one.id for one in runner.store.all()] == [run.id]
    assert runner.line() == (0, False)


def test_a_run_that_goes_on_from_an_earlier_epoch_keeps_the_pace_that_is_asked_for(runner, config):
    run = runner.submit(config(LONG))
    until(lambda: epochs(run))
    runner.pause(run.id)
    until(lambda: runner.status(run.id).state == "paused")
    made = runner.fork(run.id, epochs(run), owner=None, pace=4.0)
    assert (runner.pace(run.id), runner.pace(made.id)) == (0.0, 4.0)
    runner.stop(made.id)


def test_what_changes_while_it_trains_is_in_its_events(runner, config):
    run = runner.submit(config(LONG))
    until(lambda: epochs(run))
    runner.change(run.id, regularization=77.0)
    until(lambda: [event for event in run.events() if isinstance(event, HyperparametersChanged)])
    (change,) = [event for event in run.events() if isinstance(event, HyperparametersChanged)]
    assert change.changes == {"regularization": 77.0}
    runner.stop(run.id)
    until(lambda: run.ended is not None)
