"""What is copied from a run, run: the same curve and the same test RMSE, as Python and as a command."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autorec_core import cli, cli_train, scripts
from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import PRESETS, Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source

ROOT = Path(__file__).parent.parent
SMALL = Hyperparameters(hidden_units=8, epochs=4, batch_size=32)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Ratings of one's own, in a folder whose name needs quoting."""
    folder = tmp_path / "it's mine"
    folder.mkdir()
    lines = [f"{u},{i},{1 + (u * i + u) % 5},{u + 7 * i}" for u in range(60) for i in range(40) if (u + i) % 2]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(lines))
    return Source(ratings=str(folder / "ratings.csv"), scale=(1.0, 5.0))


def trained(config: RunConfig, folder: Path, *, stop_after: int | None = None) -> Run:
    run = RunStore(folder).create(config)

    def control(trainer: Any, event: Any, save: Any) -> bool:
        if isinstance(event, EpochEnded) and event.epoch == stop_after:
            trainer.stop()
        return True

    record(run, control)
    return run


def curve_of(run: Run) -> list[float]:
    return [event.valid_rmse for event in run.events() if isinstance(event, EpochEnded)]


def output_of(*arguments: str, folder: Path) -> str:
    """What a command prints, run in a folder, as whoever copied it would run it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def printed_curve(printed: str) -> list[float]:
    return [float(number) for number in re.findall(r"validation RMSE ([\d.]+)", printed)]


def output_of_script(config: RunConfig, folder: Path, **options: Any) -> str:
    path = folder / "copied.py"
    path.write_text(scripts.python_script(config, **options))
    return output_of(str(path), folder=folder)


def run_of_command(config: RunConfig, folder: Path, **options: Any) -> Run:
    python, *arguments = shlex.split(scripts.command(config, **options))
    assert python == "python"
    result = json.loads(output_of(*arguments, "--runs", str(folder / "again"), "--json", folder=folder))
    return RunStore(folder / "again").get(result["run_id"])


CONFIGS = {
    "as by default": RunConfig(hyperparameters=SMALL),
    "tested on the newest": RunConfig(hyperparameters=SMALL, by_time=True),
    "users, another seed and split": RunConfig(
        hyperparameters=PRESETS["users"].hyperparameters.with_changes(epochs=3, hidden_units=5, refit=False),
        seed=5,
        valid_fraction=0.2,
        holdout_users=0.1,
    ),
    "users with values of the other base": RunConfig(
        hyperparameters=SMALL.with_changes(based_on="users", precision="float64", loss_over="all", centering=False)
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_script_and_command_give_the_same_curve_and_test_rmse(name: str, source: Source, tmp_path: Path) -> None:
    config = replace(CONFIGS[name], source=source)
    run = trained(config, tmp_path / "runs")
    assert run.result is not None
    printed = output_of_script(config, tmp_path)
    assert len(curve_of(run)) == config.hyperparameters.epochs
    assert printed_curve(printed) == pytest.approx(curve_of(run), abs=1e-6)
    assert float(printed.split("test RMSE ")[1]) == pytest.approx(run.result["test_rmse"], abs=1e-6)

    again = run_of_command(config, tmp_path)
    assert again.result is not None
    assert again.config.hyperparameters == config.hyperparameters
    assert again.config.source == config.source
    assert curve_of(again) == pytest.approx(curve_of(run), abs=1e-6)
    assert again.result["test_rmse"] == pytest.approx(run.result["test_rmse"], abs=1e-6)


def test_a_training_that_was_stopped_is_told_with_the_epoch_at_which_it_was(source: Source, tmp_path: Path) -> None:
    config = RunConfig(source=source, hyperparameters=SMALL.with_changes(epochs=9))
    run = trained(config, tmp_path / "runs", stop_after=3)
    assert run.result is not None
    printed = output_of_script(config, tmp_path, stop_after=3)
    assert len(curve_of(run)) == 3
    assert printed_curve(printed) == pytest.approx(curve_of(run), abs=1e-6)
    assert float(printed.split("test RMSE ")[1]) == pytest.approx(run.result["test_rmse"], abs=1e-6)
    again = run_of_command(config, tmp_path, stop_after=3)
    assert curve_of(again) == pytest.approx(curve_of(run), abs=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("changes", [{}, {"based_on": "users"}, {"based_on": "items", "refit": False}])
def test_a_command_asks_for_exactly_what_was_asked_for(preset: str, changes: dict[str, Any]) -> None:
    hyperparameters = PRESETS[preset].hyperparameters.with_changes(**changes)
    config = RunConfig(hyperparameters=hyperparameters, seed=3, test_fraction=0.25)
    _, _, _, *arguments = shlex.split(scripts.command(config))
    asked = cli_train.config_of(cli._parser().parse_args(arguments))
    assert asked.hyperparameters == hyperparameters
    assert (asked.seed, asked.test_fraction, asked.source) == (3, 0.25, config.source)


def test_a_preset_makes_a_command_short() -> None:
    config = RunConfig(hyperparameters=PRESETS["paper"].hyperparameters.with_changes(epochs=7))
    words = "train --dataset ml-latest-small-2016 --preset paper --epochs 7"
    assert scripts.command(config) == f"python -m autorec_core {words}"


def test_a_file_whose_name_looks_like_code_stays_a_name(tmp_path: Path) -> None:
    path = tmp_path / 'x"""; print("out"); """.csv'
    script = scripts.python_script(RunConfig(source=Source(ratings=str(path))))
    calls = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    named = [argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant)]
    assert str(path) in named
    assert "out" not in named


def test_a_stopped_training_needs_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--stop-after", "0"]) == 2
    assert "--stop-after must be 1 or more, got 0." in capsys.readouterr().err
