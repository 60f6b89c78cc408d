"""The process that lays a run's movies out with UMAP: `python -m autorec_core.umap_layout FOLDER_OF_THE_RUN`.

A process of its own, as the library takes seconds to import and a minute to compile and run. It writes `umap.npy` into
the run's folder and says on standard output how far it is, a line of JSON each time; it ends when its input does.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import threading
from pathlib import Path

import numpy as np
import umap

from autorec_core import projection
from autorec_core.layouts import FILE, NUM_NEIGHBOURS, NUM_PASSES, as_bytes
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.recommender import Recommender
from autorec_core.runs import Run
from autorec_core.storage import replace_file

SEED = 0
"""Of the layout: the same run gets the same map."""


class _Passes(io.StringIO):
    """Where the library's progress bar writes; tells it on."""

    def __init__(self, told: int) -> None:
        super().__init__()
        self._told = told

    def write(self, text: str) -> int:
        found = re.search(r"(\d+)/(\d+)", text)
        if found:
            share = int(found[1]) / int(found[2])
            # Space has a third axis to move along, and takes about as much longer.
            _tell("layout", 0.1 + 0.4 * share if self._told == 2 else 0.5 + 0.5 * share)
        return len(text)


def _tell(step: str, share: float) -> None:
    sys.__stdout__.write(json.dumps({"step": step, "share": share}) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def lay_out(vectors: FloatArray, start: FloatArray, known: tuple[IntArray, FloatArray], axes: int) -> FloatArray:
    """A layout of vectors in so many axes.

    Args:
        vectors: (n, width) unit vectors.
        start: (n, 3) their principal components, from which the layout sets out.
        known: (n, neighbours) each one's nearest, itself first, and how far they are.
        axes: 2 or 3.

    Returns:
        (n, axes) float32.

    Source: McInnes, Healy and Melville 2018, as implemented by umap-learn.
    """
    spread = max(float(np.abs(start).max(initial=0.0)), 1e-12)
    jitter = np.random.default_rng(SEED).normal(scale=1e-3, size=(len(vectors), axes))
    layout = umap.UMAP(
        n_components=axes,
        n_neighbors=known[0].shape[1],
        n_epochs=NUM_PASSES,
        min_dist=0.3,
        init=(10.0 / spread * start[:, :axes] + jitter).astype(np.float32),
        precomputed_knn=known,
        force_approximation_algorithm=True,  # or it would measure all distances of a small set again
        random_state=SEED,
        n_jobs=1,
        verbose=True,
        tqdm_kwds={"disable": False, "file": _Passes(axes), "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.2},
    )
    with contextlib.redirect_stdout(io.StringIO()):  # what it says is not for who reads the progress
        return np.asarray(layout.fit_transform(vectors), dtype=np.float32)


def main(folder: Path) -> None:
    """Lays out a run's movies and keeps the result beside its model."""
    recommender = Recommender(Run(folder).load_model())
    shown = projection.shown_items(recommender.model)
    directions = recommender.directions[shown]
    _tell("neighbours", 0.05)
    start = projection.principal_components(projection.movie_vectors(recommender.model)[shown]).places
    known = projection.nearest(directions, min(NUM_NEIGHBOURS, len(shown)))
    _tell("layout", 0.1)
    flat, space = (lay_out(directions, start, known, axes) for axes in (2, 3))
    replace_file(folder / FILE, as_bytes(shown, flat, space))
    _tell("done", 1.0)


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # pages and trainings come first
    main(Path(sys.argv[1]))
