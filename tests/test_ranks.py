"""Several processes that train one network, for real: two ranks under `torchrun`, against one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autorec_core.errors import InvalidHyperparameterError
from autorec_core.fit import Fit
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ranks import ALONE, Ranks
from autorec_core.ratings import Ratings

ROOT = Path(__file__).parents[1]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": paths, "AUTOREC_HOME": str(home)}
    return subprocess.run(
        [*TORCHRUN, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=180
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two ranks found, as `ranks_script.py` wrote it."""
    folder = tmp_path_factory.mktemp("ranks")
    torchrun(str(ROOT / "tests" / "ranks_script.py"), str(folder / "found.json"), home=folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_two_ranks_move_weights_as_one_process_does(found: dict[str, Any]) -> None:
    assert found["size"] == 2
    assert len(found["weights"]) == 7
    for name, apart in found["weights"].items():
        assert apart < 1e-8, name


def test_two_ranks_report_what_one_process_does(found: dict[str, Any]) -> None:
    assert all(apart < 1e-8 for apart in found["figures"].values()), found["figures"]


def test_each_rank_holds_the_weights_of_some_columns_only(found: dict[str, Any]) -> None:
    assert 10 < found["own_columns"] < 50


def test_two_ranks_score_as_one_process_does(found: dict[str, Any]) -> None:
    assert found["together"] == pytest.approx(found["test_rmse"], abs=1e-8)


def test_a_checkpoint_moves_between_numbers_of_ranks(found: dict[str, Any]) -> None:
    assert found["then_alone"] == pytest.approx(found["test_rmse"], abs=1e-8)
    assert found["then_together"] == pytest.approx(found["test_rmse"], abs=1e-8)


def test_all_ranks_stop_where_one_is_asked_to(found: dict[str, Any]) -> None:
    assert found["stopped_after"] == 2


def test_what_the_first_rank_says_is_heard_as_it_was_said(found: dict[str, Any]) -> None:
    assert found["heard"] == "é"


def test_nothing_holds_the_group_of_ranks_after_they_have_left(found: dict[str, Any]) -> None:
    assert found["group_is_gone"]  # else its threads meet the end of the interpreter, which may abort the process


def test_the_command_line_trains_one_run_with_two_ranks(tmp_path: Path, autorec_home: Path) -> None:
    command = ["-m", "autorec_core", "train", "--preset", "quick", "--epochs", "3", "--json"]
    finished = torchrun(*command, "--runs", str(tmp_path / "two"), home=autorec_home)
    two = json.loads(finished.stdout)
    alone = subprocess.run(
        [sys.executable, *command, "--runs", str(tmp_path / "one")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert two["test_rmse"] == pytest.approx(json.loads(alone.stdout)["test_rmse"], abs=1e-4)
    assert two["epochs_run"] == 3
    (run,) = (tmp_path / "two").iterdir()
    assert (run / "model.safetensors").exists()


def test_a_process_that_nobody_started_with_others_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert Ranks.join() is ALONE
    assert ALONE.is_first
    assert ALONE.columns(np.array([3, 0, 2])) == (0, 3)
    part = torch.ones(3)
    assert ALONE.whole(part) is part
    assert ALONE.sum(part) is part
    assert [ALONE.any(True), ALONE.any(False)] == [True, False]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_columns_are_shared_out_without_gap_or_overlap_and_evenly(size: int) -> None:
    counts = np.random.default_rng(0).zipf(1.5, 400).clip(max=2_000)
    shares = [Ranks(rank, size).columns(counts) for rank in range(size)]
    assert shares[0][0] == 0
    assert shares[-1][1] == 400
    assert all(first[1] == second[0] for first, second in pairwise(shares))
    work = [int(counts[begin:end].sum()) + (end - begin) * counts.mean() for begin, end in shares]
    assert max(work) - min(work) < 2 * counts.max() + 2 * counts.mean()


def test_lbfgs_is_refused_for_several_ranks(toy: Ratings) -> None:
    with pytest.raises(InvalidHyperparameterError, match="adam or rprop"):
        Fit(toy, Hyperparameters(optimizer="lbfgs"), seed=0, ranks=Ranks(0, 2))
