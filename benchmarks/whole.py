"""What memory does a whole training take, from the file to the scored model, and was that told?

    python -m benchmarks.whole FILE ... [--hidden-units 64] [--batch-size 4096] [--epochs 1]

FILES are made by `benchmarks.make_ratings`. One process a set loads, splits, trains, saves checkpoints, refits and
scores as the app does. Told beside the prediction: the most memory at a time that nothing but the training's end can
give back, and the most with the pages of mapped files, which the machine takes back when it needs them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from autorec_core import memory
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore, Source
from benchmarks.machine import machine

KINDS = {"RssAnon": "own", "VmRSS": "with mapped"}
"""What Linux calls them, and we."""


def measured(path: str, chosen: Hyperparameters) -> str:
    """A line of the table, of one training."""
    most = dict.fromkeys(KINDS, 0.0)
    has_ended = threading.Event()

    def watch() -> None:
        while not has_ended.wait(0.02):
            told = Path("/proc/self/status").read_text(encoding="ascii")
            for kind in KINDS:
                found = re.search(rf"{kind}:\s+(\d+) kB", told)
                most[kind] = max(most[kind], 1024 * float(found[1]) if found else 0.0)

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = RunStore(Path(folder)).create(RunConfig(source=Source(ratings=path), hyperparameters=chosen))
        result = record(run, lambda *_: True)
        model = run.load_model()
    seconds = time.perf_counter() - began
    has_ended.set()
    watching.join()
    assert result is not None
    parts = result["split"]
    num_ratings = parts["num_train"] + parts["num_valid"] + parts["num_test"]
    size = (num_ratings, len(model.user_ids), len(model.items))
    told = memory.predicted_bytes(*size, chosen)
    cells = [told, *most.values()]
    return f"| {size[0]:,} | {' | '.join(f'{cell / 1e9:.2f} GB' for cell in cells)} | {seconds:.0f} s |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line a set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--hidden-units", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=1)
    asked = parser.parse_args(arguments)
    options = ["--hidden-units", str(asked.hidden_units), "--batch-size", str(asked.batch_size)]
    options += ["--epochs", str(asked.epochs)]
    if len(asked.files) > 1:
        print(f"{machine(f'torch {torch.__version__}')}\n\n| ratings | told | {' | '.join(KINDS.values())} | seconds |")
        print("|---|---|---|---|---|", flush=True)
        for path in asked.files:
            subprocess.run([sys.executable, "-m", "benchmarks.whole", path, *options], check=True)
        return
    chosen = Hyperparameters(
        hidden_units=asked.hidden_units, batch_size=asked.batch_size, epochs=asked.epochs, patience=0
    )
    print(measured(asked.files[0], chosen), flush=True)


if __name__ == "__main__":
    main()
