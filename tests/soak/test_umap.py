"""UMAP itself, whose compilation alone takes minutes: `make soak` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from made_models import model_of

from autorec_core import layouts, projection
from autorec_core.runs import RunConfig, RunStore

ROOT = Path(__file__).parents[2]


def test_umap_itself_keeps_two_kinds_of_movies_apart(tmp_path: Path) -> None:
    run = RunStore(tmp_path / "runs").create(RunConfig())
    generator = np.random.default_rng(0)
    kinds = np.repeat([[1.0, 0, 0, 0], [0, 0, 1.0, 0]], 40, axis=0)
    model = model_of(kinds + 0.05 * generator.normal(size=(80, 4)))
    run.save_model(model)
    line = [sys.executable, "-m", layouts.MODULE, str(run.folder)]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.read()
    assert process.returncode == 0
    assert '"share": 1.0' in told
    for places in layouts.read(run, projection.shown_items(model)) or ():
        middles = places[:40].mean(0), places[40:].mean(0)
        own = [np.linalg.norm(places[:40] - middle, axis=1) for middle in middles]
        assert (own[0] < own[1]).mean() > 0.95
        assert places.shape[0] == 80
    assert layouts.read(run, projection.shown_items(model)) is not None
