"""The command line, as its caller sees it: standard output, standard error and the status."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import autorec_core
from autorec_core.cli import main


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    lines = [f"{u},{i},{1 + (u * i) % 5}" for u in range(60) for i in range(40) if (u + i) % 2]
    path = tmp_path / "mine.csv"
    path.write_text("userId,movieId,rating\n" + "\n".join(lines))
    return path


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return status, output.out, output.err


def fails(capsys, *arguments: object) -> str:
    """The one line that a wrong call gets."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    output = capsys.readouterr()
    assert status == 2
    assert output.out == ""
    assert "Traceback" not in output.err
    return output.err


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"autorec_core {autorec_core.__version__}\n"


def test_train_prints_one_object_with_all_its_figures(capsys, ratings):
    status, out, _ = run(
        capsys, *("train", "--ratings", ratings, "--epochs", 3, "--hidden-units", 4, "--holdout-users", 0.2, "--json")
    )
    result = json.loads(out)
    assert status == 0
    assert set(result) >= {
        *("run_id", "dataset", "split", "hyperparameters", "epochs_run", "best_epoch", "train_rmse", "valid_rmse"),
        *("test_rmse", "test_mae", "baselines", "seconds", "epoch_seconds_median", "ratings_per_second", "peak_rss_mb"),
        "fold_in",
    }
    assert set(result["dataset"]) == {"name", "num_ratings", "num_users", "num_items", "scale"}
    assert set(result["split"]) == {"seed", "num_train", "num_valid", "num_test", "fingerprint"}
    assert set(result["baselines"]) == {"global_mean", "item_mean", "user_item_bias"}
    assert set(result["seconds"]) == {"load", "train", "total"}
    assert set(result["fold_in"]) == {"1", "5", "10", "20", "all"}
    assert result["hyperparameters"]["hidden_units"] == 4
    assert result["epochs_run"] == 3


def test_the_same_seed_gives_the_same_figures(capsys, ratings):
    scores = []
    for _ in range(2):
        out = run(capsys, "train", "--ratings", ratings, "--epochs", 2, "--hidden-units", 4, "--seed", 7, "--json")[1]
        scores.append(json.loads(out)["test_rmse"])
    assert scores[0] == scores[1]


def test_recommend_uses_a_run_and_says_what_it_ignored(capsys, ratings, tmp_path):
    out = run(capsys, "train", "--ratings", ratings, "--epochs", 2, "--hidden-units", 4, "--json")[1]
    visitor = tmp_path / "visitor.csv"
    visitor.write_text("item_id,rating\n1,5\n2,1\n999,3\n")
    status, out, _ = run(
        capsys, *("recommend", "--run", json.loads(out)["run_id"], "--ratings", visitor, "--count", 4, "--json")
    )
    answer = json.loads(out)
    assert status == 0
    assert answer["ignored"] == ["999"]
    assert len(answer["recommendations"]) == 4
    for one in answer["recommendations"]:
        assert set(one) == {"item_id", "title", "year", "genres", "predicted_rating", "interval", "because"}
        assert one["item_id"] not in (1, 2)
        low, high = one["interval"]
        assert 1 <= low <= one["predicted_rating"] <= high <= 5
        assert {reason["item_id"] for reason in one["because"]} <= {1, 2}


def test_runs_and_datasets_list_what_there_is(capsys, ratings):
    run_id = json.loads(run(capsys, "train", "--ratings", ratings, "--epochs", 1, "--json")[1])["run_id"]
    assert [one["run_id"] for one in json.loads(run(capsys, "runs", "--json")[1])["runs"]] == [run_id]
    named = json.loads(run(capsys, "datasets", "--json")[1])["datasets"]
    assert named[0]["name"] == "ml-latest-small-2016"
    assert named[0]["ready"] is True
    assert run_id in run(capsys, "runs")[1]


def test_a_deleted_run_is_listed_no_more_until_it_is_restored_or_gone_for_good(capsys, ratings):
    first, second = (
        json.loads(run(capsys, "train", "--ratings", ratings, "--epochs", 1, "--seed", seed, "--json")[1])["run_id"]
        for seed in (0, 1)
    )

    def listed() -> set[str]:
        return {one["run_id"] for one in json.loads(run(capsys, "runs", "--json")[1])["runs"]}

    assert run(capsys, "runs", "delete", first)[0] == 0
    assert listed() == {second}
    assert json.loads(run(capsys, "runs", "restore", first, "--json")[1]) == {"restored": [first]}
    assert listed() == {first, second}
    assert json.loads(run(capsys, "runs", "delete", first, second, "--for-good", "--json")[1])["deleted"]
    assert listed() == set()
    assert "There is no run" in fails(capsys, "runs", "restore", first)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["runs", "delete"], "runs delete needs the id of a run"),
        (["runs", "delete", "20260101-000000-aaaaaaaa"], "There is no run"),
        (["runs", "hide", "x"], "invalid choice"),
        (["train", "--hidden-units", "0"], "hidden_units must be between 1 and 1000, got 0."),
        (["train", "--learning-rate", "nan"], "learning_rate must be between"),
        (["train", "--preset", "none"], "preset must be one of"),
        (["train", "--dataset", "ml-10k"], "Did you mean"),
        (["train", "--ratings", "/no/such/file.csv"], "There is no file /no/such/file.csv."),
        (["train", "--test-fraction", "2"], "test_fraction must be between 0 and 0.9, got 2."),
        (["train", "--resume", "20260101-000000-aaaaaaaa"], "There is no run"),
        (["recommend", "--run", "nothing", "--ratings", "x.csv"], "There is no run"),
        (["train", "--epochs", "many"], "invalid int value"),
        (["fly"], "invalid choice"),
    ],
)
def test_a_wrong_call_gets_one_clear_line_and_status_2(capsys, arguments, sentence):
    assert sentence in fails(capsys, *arguments)


def test_all_faults_of_a_file_are_named_at_once(capsys, ratings):
    lines = ratings.read_text().splitlines()
    lines[16], lines[18] = "1,1,much", "2,2,inf"
    ratings.write_text("\n".join(lines))
    error = fails(capsys, "train", "--ratings", ratings)
    assert "Row 17 of mine.csv" in error
    assert "Row 19 of mine.csv" in error


def test_a_visitors_faults_are_named_by_row(capsys, ratings, tmp_path):
    run_id = json.loads(run(capsys, "train", "--ratings", ratings, "--epochs", 1, "--json")[1])["run_id"]
    visitor = tmp_path / "visitor.csv"
    visitor.write_text("item_id,rating\n1,9\n2,x\n3,4\n3,4\n")
    error = fails(capsys, "recommend", "--run", run_id, "--ratings", visitor)
    assert "Row 2 of visitor.csv: rating 9 is outside 1 to 5." in error
    assert "Row 3 of visitor.csv: rating 'x' is not a number." in error
    assert "Row 5 of visitor.csv: item 3 is rated twice." in error


def test_ctrl_c_saves_a_checkpoint_from_which_resume_goes_on(ratings, tmp_path):
    def start(*arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "autorec_core", *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    data = ("train", "--runs", str(tmp_path / "runs"), "--ratings", str(ratings))
    common = (*data, "--hidden-units", "4", "--batch-size", "1", "--epochs", "60")
    process = start(*common)
    deadline = time.monotonic() + 60
    while not any(path.read_text().count('"epoch"') > 3 for path in (tmp_path / "runs").glob("*/events.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    told = error.strip().splitlines()[-1].partition("python -m autorec_core ")[2]
    assert told.startswith("train --resume ")
    out, _ = start(*shlex.split(told)).communicate(timeout=120)  # what it says to do, done
    assert json.loads(out)["epochs_run"] == 60
    whole = json.loads(start(*common).communicate(timeout=120)[0])
    assert json.loads(out)["test_rmse"] == whole["test_rmse"]


def test_evaluate_prints_all_figures_of_a_run(capsys, ratings):
    arguments = ("--ratings", ratings, "--epochs", 2, "--hidden-units", 4, "--holdout-users", 0.2, "--json")
    result = json.loads(run(capsys, "train", *arguments)[1])
    status, out, _ = run(capsys, "evaluate", result["run_id"], "--listed", 5, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["rmse"] == pytest.approx(result["test_rmse"], abs=1e-6)
    assert found["ranking"]["listed"] == 5
    assert found["fold_in"] == result["fold_in"]
    assert "people never seen" in run(capsys, "evaluate", result["run_id"])[1]


def test_evaluate_refuses_ratings_that_have_changed(capsys, ratings):
    run_id = json.loads(run(capsys, "train", "--ratings", ratings, "--epochs", 1, "--json")[1])["run_id"]
    lines = ratings.read_text().splitlines()
    ratings.write_text("\n".join(lines[:-50]))
    assert "have changed since it was trained" in fails(capsys, "evaluate", run_id)


def test_evaluate_needs_test_ratings_and_a_list(capsys, ratings):
    arguments = ("--ratings", ratings, "--epochs", 1, "--test-fraction", 0, "--json")
    run_id = json.loads(run(capsys, "train", *arguments)[1])["run_id"]
    assert "has no test ratings" in fails(capsys, "evaluate", run_id)
    assert "--listed must be 1 or more" in fails(capsys, "evaluate", run_id, "--listed", 0)


def test_train_by_time_tests_on_the_newest(capsys, tmp_path):
    rows = [f"{u},{i},{1 + (u * i) % 5},{100 * u + i}" for u in range(20) for i in range(20)]
    path = tmp_path / "timed.csv"
    path.write_text("user,item,rating,timestamp\n" + "\n".join(rows))
    result = json.loads(run(capsys, "train", "--ratings", path, "--by-time", "--epochs", 1, "--json")[1])
    assert result["num_test_fallback"] == 40  # the two newest users are in no other part
