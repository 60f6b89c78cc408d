"""How a server's process ends while pages are still being drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENDS = """
import atexit, sys, threading
from pages.shared import server
atexit.register(lambda: print("taken apart"))  # after what is registered later
atexit.register(server.leave_threads_behind)
print("saved", end=" ")  # not written yet
begun = threading.Event()
def draw():
    import numpy as np, pyarrow
    columns = {"a": np.arange(20_000), "b": [str(number) for number in range(20_000)]}
    begun.set()
    while True:
        pyarrow.table(columns)
if sys.argv[1] == "drawing":
    threading.Thread(target=draw, daemon=True).start()
    begun.wait()
"""


@pytest.mark.parametrize(("state", "said"), [("drawing", "saved "), ("idle", "saved taken apart\n")])
def test_a_page_that_is_being_drawn_is_left_behind_and_nothing_that_was_written_is_lost(state: str, said: str) -> None:
    ended = subprocess.run([sys.executable, "-c", ENDS, state], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, said, "")
