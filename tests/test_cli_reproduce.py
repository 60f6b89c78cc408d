"""`reproduce` as its caller sees it: tables, files, progress and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autorec_core import cli_reproduce
from autorec_core.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    lines = [f"{u},{i},{1 + (u * i) % 5},{1000 * u + i}" for u in range(30) for i in range(20) if (u + i) % 2]
    path = tmp_path / "mine.csv"
    path.write_text("userId,movieId,rating,timestamp\n" + "\n".join(lines))
    return path


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    """Two files as u1.base and u1.test have it."""
    rows = [f"{u}\t{i}\t{1 + (u * i) % 5}\t{1000 * u + i}" for u in range(30) for i in range(20) if (u + i) % 2]
    train, test = tmp_path / "u1.base", tmp_path / "u1.test"
    train.write_text("\n".join(rows[::2] + rows[1::4]))
    test.write_text("\n".join(rows[3::4]))
    return train, test


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["reproduce", *map(str, arguments)])
    output = capsys.readouterr()
    return status, output.out, output.err


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    try:
        status = main(["reproduce", *map(str, arguments)])
    except SystemExit as stop:
        status = stop.code  # type: ignore[assignment]
    output = capsys.readouterr()
    assert status == 2
    assert output.out == ""
    return output.err


def test_a_file_is_measured_and_its_table_printed_and_written(
    capsys: pytest.CaptureFixture[str], ratings: Path, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    status, out, err = run(capsys, ratings, "--variants", "quick", "--seeds", 2, "--into", into)
    assert status == 0
    assert "| I-AutoRec, preset quick |" in out
    assert "[2/2] mine, quick, seed 1: test RMSE" in err
    assert "gone, about 0 s to go" in err
    (folder,) = into.iterdir()
    assert (folder / "table.md").read_text() == out
    again = run(capsys, ratings, "--variants", "quick", "--seeds", 2, "--into", into)
    assert again[1] == out
    assert again[2].count("(found)") == 2


def test_json_is_one_object_with_a_table_for_each_set(
    capsys: pytest.CaptureFixture[str], ratings: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    other.write_text(ratings.read_text())
    out = run(capsys, ratings, other, "--variants", "quick", "--seeds", 1, "--by-time", "--json")[1]
    tables = json.loads(out)["tables"]
    assert [table["ratings"]["name"] for table in tables] == ["mine", "other"]
    assert tables[0]["protocol"]["by_time"] is True
    assert tables[0]["rows"][0]["test_rmse"]["mean"] == tables[1]["rows"][0]["test_rmse"]["mean"]


def test_a_published_split_is_taken_as_it_is(capsys: pytest.CaptureFixture[str], parts: tuple[Path, Path]) -> None:
    train, test = parts
    out = run(
        capsys, "--train", train, "--test", test, "--variants", "quick", "--based-on", "users", "--seeds", 1, "--json"
    )[1]
    (table,) = json.loads(out)["tables"]
    assert table["ratings"]["test_file"] == "u1"
    assert table["rows"][0]["variant"] == "quick-by-users"
    assert table["rows"][0]["test_ratings"] == len(test.read_text().splitlines())


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], ratings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (ratings, "--variants", "quick", "--seeds", 2, "--into", tmp_path / "into")
    show = cli_reproduce._Told.show

    def interrupt(told: cli_reproduce._Told, step: cli_reproduce.Step) -> None:
        show(told, step)
        if step.done == 1 and step.outcome is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cli_reproduce._Told, "show", interrupt)
        status, out, err = run(capsys, *asked)
    assert (status, out) == (130, "")
    assert "broken off; 1 trainings are kept" in err
    assert run(capsys, *asked)[2].count("(found)") == 1


def test_wrong_calls_are_told_in_a_line(capsys: pytest.CaptureFixture[str], parts: tuple[Path, Path]) -> None:
    assert "Did you mean ml-1m" in refused(capsys, "ml-1n")
    assert "go together" in refused(capsys, "--train", parts[0])
    assert "not both" in refused(capsys, "ml-1m", "--train", parts[0], "--test", parts[1])
    assert "variants must be of" in refused(capsys, "--variants", "fast")
    assert "seeds must be 1 or more" in refused(capsys, "--seeds", 0)
    assert "invalid choice" in refused(capsys, "--based-on", "movies")


def test_ratings_without_times_are_not_split_by_time(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "timeless.csv"
    path.write_text("user,item,rating\n" + "\n".join(f"{u},{i},{1 + (u + i) % 5}" for u in range(9) for i in range(9)))
    assert "timeless can't be split by time" in refused(capsys, path, "--variants", "quick", "--by-time")


@pytest.mark.parametrize(("seconds", "text"), [(3.4, "3 s"), (75, "1 min 15 s"), (3600 + 125, "1 h 02 min")])
def test_durations_are_told_as_people_say_them(seconds: float, text: str) -> None:
    assert cli_reproduce._duration(seconds) == text
