"""Settings that torch and its threads read once, as they are loaded; a process that trains sets them first."""

from __future__ import annotations

import os

FOR_TRAINING = {
    # On huge pages the sparse products find their rows sooner: a fifth of an epoch of MovieLens 1M with 500 units.
    "THP_MEM_ALLOC_ENABLE": "1",
    # Threads that wait for each other spin only for a moment. As long as they spin, a machine that is busy with
    # anything else has nothing left for the thread that they wait for: epochs have taken twenty times as long.
    "GOMP_SPINCOUNT": "2000",
}
"""Name -> value; what a person has set already stays as it is."""


def prepare() -> None:
    """Sets them for this process. Call it before torch is imported."""
    for name, value in FOR_TRAINING.items():
        os.environ.setdefault(name, value)
