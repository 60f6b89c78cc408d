"""What a server does by itself, and how its process ends while pages are still being drawn."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import streamlit as st

from autorec_core import shelf
from autorec_core.runs import RunConfig, RunStore
from pages.shared import server, services

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


def test_what_was_deleted_a_day_ago_goes_for_good_while_the_server_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SECONDS_BETWEEN_CLEAN_UPS", 0.01)
    st.cache_resource.clear()
    store = services.run_store()
    old, new = store.create(RunConfig()), store.create(RunConfig())
    really, failures = shelf.clean_up, [PermissionError()]

    def clean_up(store: RunStore) -> int:
        if failures:  # once: the server looks again all the same
            raise failures.pop()
        return really(store)

    monkeypatch.setattr(shelf, "clean_up", clean_up)

    async def serve() -> None:
        cleaning = asyncio.create_task(server.keep_cleaning_up())
        for run, seconds in ((old, shelf.SECONDS_TO_UNDO + 60), (new, 60)):
            shelf.delete(run)
            os.utime(run.folder / "deleted", (time.time() - seconds,) * 2)
        for _ in range(3000):
            if not old.folder.exists():
                break
            await asyncio.sleep(0.01)
        cleaning.cancel()

    asyncio.run(serve())
    st.cache_resource.clear()
    assert not old.folder.exists()
    assert shelf.is_deleted(new)
