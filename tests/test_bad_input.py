"""Whatever comes in: a sentence, within a few seconds and a stated memory, and nothing written outside the home."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autorec_core import cli, cli_train, links
from autorec_core.errors import AutoRecError
from autorec_core.hyperparameters import names
from autorec_core.runs import Run, RunConfig, RunStore
from autorec_core.visitors import VisitorStore
from pages.shared import stars

ROOT = Path(__file__).parent.parent
Outcomes = tuple[dict[str, dict[str, str]], Path]
"""Case -> reader -> what came of it, and the folder in which all was read."""


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What came of all hostile files, and the folder in which they were read."""
    folder = tmp_path_factory.mktemp("hostile")
    quick = [] if request.config.getoption("--hostile-files-whole") else ["--quick"]
    (folder / "work").mkdir()
    (folder / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "hostile_files.py"), str(folder / "work"), *quick],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(folder / "tmp"),
            "AUTOREC_HOME": str(folder / "home"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"it died: {done.stderr[-1500:]}"
    return json.loads(done.stdout), folder


def test_every_reader_reads_or_says_in_a_sentence_why_not(outcomes: Outcomes) -> None:
    found, _ = outcomes
    assert len(found) > 40
    wrong = {
        (case, reader): text for case, by in found.items() for reader, text in by.items() if text.startswith("WRONG")
    }
    assert wrong == {}


def test_nothing_is_written_elsewhere(outcomes: Outcomes) -> None:
    _, folder = outcomes
    assert {path.name for path in folder.iterdir()} <= {"work", "tmp", "home"}
    assert {path.name for path in (folder / "work").iterdir()} <= {"given", "unpacked", "runs"}
    assert list((folder / "tmp").iterdir()) == [], "every temporary folder is gone"


def test_what_must_not_be_read_is_not(outcomes: Outcomes) -> None:
    found, _ = outcomes
    for case in (
        "a zip bomb",
        "very many rows of Parquet",
        "a header of ten million columns",
        "a zip in a zip",
    ):
        assert found[case]["upload"].startswith("told"), case
    assert "outside its folder" in found["paths that reach outside"]["data set"]


DATA_FLAGS = ("seed", "test-fraction", "valid-fraction", "holdout-users", "rating-scale")
ODD = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["nan", "inf", "-1", "0", "1e999", "9" * 400, "0x10", "--", "", "True", "\0", "é", "-0", "1e-320"]),
)


@settings(max_examples=40)
@given(
    flag=st.sampled_from([*names(), "seed", "test-fraction", "valid-fraction", "holdout-users", "rating-scale"]),
    value=ODD,
)
def test_no_flag_of_train_ends_in_a_traceback(
    flag: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating\n" + "\n".join(f"{u},{i},{1 + (u * i) % 5}" for u in range(9) for i in range(9)))

    def only_prepare(ranks: object, chosen: object) -> int:
        cli_train.config_of(chosen).split()  # type: ignore[arg-type]
        return 0

    monkeypatch.setattr(cli_train, "_train_with", only_prepare)
    values = [value, "5"] if flag == "rating-scale" else [value]
    assert status_of(["train", "--ratings", str(path), f"--{flag.replace('_', '-')}", *values]) in (0, 2)


def status_of(arguments: list[str]) -> int:
    try:
        return cli.main(arguments)
    except SystemExit as error:
        return int(error.code or 0)


@settings(max_examples=40)
@given(
    command=st.sampled_from(["datasets", "recommend", "runs", "evaluate", "status", "backup", "restore"]),
    given_=st.lists(
        ODD | st.sampled_from(["--run", "--ratings", "--count", "--runs", "--json", "delete", "list"]), max_size=4
    ),
)
def test_no_other_command_ends_in_a_traceback(command: str, given_: list[str], tmp_path: Path, capfd) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # a relative name may become a file, which then is here
        if command == "backup":
            given_ = [str(tmp_path / "x") for _ in given_]
        assert status_of([command, *given_]) in (0, 2)
    assert "Traceback" not in capfd.readouterr().err


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*names(), "seed", "dataset", "preset", "x", "run"]), ODD, max_size=5))
def test_no_address_ends_in_anything_but_a_training_and_sentences(query: dict[str, str]) -> None:
    config, faults = links.from_query(query)
    assert isinstance(config, RunConfig)
    assert all(isinstance(fault, str) and len(fault) < 2000 for fault in faults)
    assert links.from_query(links.to_query(config))[0].hyperparameters == config.hyperparameters


FILES = ("run.json", "events.jsonl", "result.json", "note.json", "model.json", "items.csv", "model.safetensors")


@settings(max_examples=40)
@given(name=st.sampled_from((*FILES, "last.safetensors", "trials.jsonl")), content=st.binary(max_size=400))
def test_arbitrary_bytes_in_a_run_are_told_or_passed_over(name: str, content: bytes, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    run = store.create(RunConfig())
    (run.folder / "model.json").write_text("{}")
    (run.folder / name).write_bytes(content)
    for act in (store.all, run.events, run.load_model, run.load_checkpoint, lambda: Run(run.folder), lambda: run.state):
        with contextlib.suppress(AutoRecError):  # and nothing else
            act()
    assert run.result is None or isinstance(run.result, dict)
    assert run.beats_averages in (True, False)


@settings(max_examples=40)
@given(visitor=st.text(max_size=80), item=st.text(max_size=300), rating=st.floats())
def test_whatever_a_browser_sends_as_a_rating_is_kept_or_refused(
    visitor: str, item: str, rating: float, tmp_path: Path
) -> None:
    store = VisitorStore(f"sqlite:///{tmp_path / 'visitors.sqlite3'}")
    with contextlib.closing(store), contextlib.suppress(AutoRecError):  # and nothing else
        store.rate(visitor, "movielens", item, rating)
        assert store.ratings_of(visitor, "movielens")[item] == rating


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_CHANGE = _JSON | st.fixed_dictionaries({"number": _JSON, "id": _JSON, "value": _JSON}, optional={"notSeen": _JSON})


@given(sent=_JSON | st.fixed_dictionaries({"client": _JSON, "changes": _JSON | st.lists(_CHANGE, max_size=3)}))
@settings(max_examples=200)
def test_whatever_comes_in_place_of_clicked_stars_is_read_or_left_out(sent: object) -> None:
    client, changes = stars.changes_in(sent)
    assert len(client) <= 64
    for number, item_id, value, is_not_seen in changes:
        assert isinstance(number, int)
        assert isinstance(item_id, str)
        assert value is None or isinstance(value, float)
        assert is_not_seen in (None, True, False)
