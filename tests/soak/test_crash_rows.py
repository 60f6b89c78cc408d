"""Kills at random moments, full disks, cut power, few of each: nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    """All crashes, few of each."""
    command = [sys.executable, "-m", "benchmarks.crashes", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return {row["scenario"]: row for row in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "scenario",
    ["kill_training", "kill_rating", "cut_power", "two_servers", "full_disk", "out_of_memory", "stop_server"],
)
def test_nothing_is_lost(rows: dict[str, dict], scenario: str) -> None:
    row = rows[scenario]
    if row["note"].startswith("skipped"):
        pytest.skip(row["note"])
    assert row["times"] > 0
    assert row["lost"] == 0, row["note"]
