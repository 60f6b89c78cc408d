"""Whoever has left is let go of, by and by, though nobody else leaves, and nothing of them stays."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import subprocess
import sys
import tomllib
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from pages.shared import tidy

ROOT = Path(__file__).parents[1]
KEPT = 120.0


class Left:
    """Stands for the session of somebody who left; it points at itself, as one does."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.itself = self
        self.is_shut_down = False

    def shutdown(self) -> None:
        self.is_shut_down = True


def storage_with(clock: list[float], *sessions: Left) -> MemorySessionStorage:
    storage = MemorySessionStorage(ttl_seconds=int(KEPT))
    storage._cache._timer = lambda: clock[0]
    for session in sessions:
        save(storage, session)
    return storage


def save(storage: MemorySessionStorage, session: Any) -> None:
    storage.save(SessionInfo(client=None, session=session, script_run_count=1))


def test_who_left_is_kept_for_a_while_and_then_let_go() -> None:
    clock, session = [0.0], Left("one")
    storage = storage_with(clock, session)
    dropped = tidy.note_dropped(storage)
    clock[0] = KEPT - 1
    assert tidy.let_go(storage, dropped, {}) == 0
    assert storage.get("one") is not None
    assert not session.is_shut_down
    clock[0] = KEPT + 1
    assert tidy.let_go(storage, dropped, {}) == 1
    assert session.is_shut_down
    assert not storage._cache._data


def test_who_left_later_stays() -> None:
    clock = [0.0]
    storage = storage_with(clock, Left("one"))
    dropped = tidy.note_dropped(storage)
    clock[0] = 100.0
    save(storage, Left("two"))
    clock[0] = KEPT + 10
    assert tidy.let_go(storage, dropped, {}) == 1
    assert storage.get("two") is not None


def test_who_is_dropped_as_somebody_else_leaves_is_ended_too() -> None:
    clock, session = [0.0], Left("one")
    storage = storage_with(clock, session)
    dropped = tidy.note_dropped(storage)
    clock[0] = KEPT + 1
    save(storage, Left("two"))
    assert list(storage._cache._data) == ["two"]
    assert tidy.let_go(storage, dropped, {}) == 1
    assert session.is_shut_down


@pytest.mark.parametrize("is_there", [True, False])
def test_who_came_back_is_not_ended(is_there: bool) -> None:
    clock, session = [0.0], Left("one")
    storage = storage_with(clock, session)
    dropped = tidy.note_dropped(storage)
    storage.delete("one")  # as it is resumed
    if not is_there:
        save(storage, session)  # and left once more
    assert tidy.let_go(storage, dropped, {"one"} if is_there else {}) == 0
    assert not session.is_shut_down


def test_what_only_points_at_itself_is_given_back() -> None:
    session = Left("one")
    gone = weakref.ref(session)
    del session
    tidy.give_back()
    assert gone() is None


def test_webs_of_objects_are_looked_for_though_nobody_has_left_and_no_run_of_a_page_does_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["runner"]["postScriptGC"] is False
    sessions = SimpleNamespace(_session_storage=storage_with([0.0]), _active_session_info_by_id={})
    monkeypatch.setattr(tidy.runtime, "exists", lambda: True)
    monkeypatch.setattr(tidy.runtime, "get_instance", lambda: SimpleNamespace(_session_mgr=sessions))
    monkeypatch.setattr(tidy, "SECONDS", 0.01)
    gc.disable()  # Python's own looks would hide that nobody else looks
    try:
        asyncio.run(_leave_a_web_behind())
    finally:
        gc.unfreeze()
        gc.enable()


async def _leave_a_web_behind() -> None:
    tidying = asyncio.create_task(tidy.keep_tidy())
    await asyncio.sleep(0)  # what was there before it began is not looked at
    session = Left("one")
    gone = weakref.ref(session)
    del session
    assert gone() is not None
    async with asyncio.timeout(60):
        while gone() is not None:
            await asyncio.sleep(0.01)
    tidying.cancel()


def test_of_real_sessions_that_came_and_went_neither_objects_nor_files_stay() -> None:
    asyncio.run(_come_and_go())


async def _come_and_go() -> None:
    clock = [0.0]
    storage, files = storage_with(clock), MemoryUploadedFileManager("/files")
    manager = WebsocketSessionManager(storage, files, ScriptCache(), lambda: None)
    dropped = tidy.note_dropped(storage)
    sessions = []
    for number in range(12):  # one a quarter of the time that one is kept: the first go as others leave
        session_id = manager.connect_session(None, ScriptData("app.py", False), {})  # type: ignore[arg-type]
        files.add_file(session_id, UploadedFileRec(f"file {number}", "ratings.csv", "text/csv", b"1,2,3"))
        info = manager.get_active_session_info(session_id)
        assert info is not None
        sessions.append(weakref.ref(info.session))
        del info
        manager.disconnect_session(session_id)
        clock[0] += KEPT / 4
    assert len(files.file_storage) == len(sessions)
    assert tidy.let_go(storage, dropped, manager._active_session_info_by_id) == len(sessions) - 3
    assert len(files.file_storage) == 3
    clock[0] += KEPT
    assert tidy.let_go(storage, dropped, manager._active_session_info_by_id) == 3
    tidy.give_back()
    assert not files.file_storage
    assert [session() for session in sessions] == [None] * len(sessions)


_APART = """
import ctypes
from pages.shared import tidy

class Allocated(ctypes.Structure):
    _fields_ = [(f"number_{place}", ctypes.c_size_t) for place in range(10)]

glibc = ctypes.CDLL(None)
glibc.mallinfo2.restype = Allocated
glibc.malloc.restype, glibc.malloc.argtypes, glibc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
glibc.free(glibc.malloc(30 * 2**20))  # as a page's largest array, once
tidy.keep_large_apart()
before = glibc.mallinfo2().number_4  # bytes in pieces that are the system's own
glibc.malloc(20 * 2**20)
print(glibc.mallinfo2().number_4 - before >= 20 * 2**20)
"""


@pytest.mark.parametrize(("has_set", "expected"), [(False, "True"), (True, "False")])
def test_large_arrays_lie_apart_unless_a_person_has_set_it_otherwise(has_set: bool, expected: str) -> None:
    if os.name != "posix" or not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("not glibc, or an old one")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    chosen = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20)} if has_set else {}
    told = subprocess.run(
        [sys.executable, "-c", _APART], capture_output=True, text=True, check=True, env={**clean, **chosen}
    )
    assert told.stdout.strip() == expected


_ARENAS = """
import ctypes, sys, threading
from pages.shared import tidy
tidy.keep_arenas_few()
glibc = ctypes.CDLL(None)
glibc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(12)
def take():
    together.wait()
    glibc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
stream = ctypes.c_void_p(glibc.fopen(sys.argv[1].encode(), b"w"))
glibc.malloc_info(0, stream)
glibc.fclose(stream)
print(open(sys.argv[1]).read().count("<heap nr="))
"""


@pytest.mark.parametrize(("has_set", "at_most"), [(False, tidy.ARENAS), (True, 12)])
def test_threads_share_a_few_heaps_unless_a_person_has_set_it_otherwise(
    has_set: bool, at_most: int, tmp_path: Path
) -> None:
    if os.name != "posix" or not hasattr(ctypes.CDLL(None), "malloc_info"):
        pytest.skip("not glibc")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    chosen = {"MALLOC_ARENA_MAX": "12"} if has_set else {}
    told = subprocess.run(
        [sys.executable, "-c", _ARENAS, str(tmp_path / "heaps.xml")],
        capture_output=True,
        text=True,
        check=True,
        env={**clean, **chosen},
    )
    heaps = int(told.stdout)
    assert heaps <= at_most
    assert (heaps > tidy.ARENAS) == has_set
