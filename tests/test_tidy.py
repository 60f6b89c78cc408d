"""Whoever has left is let go of, by and by, though nobody else leaves."""

from __future__ import annotations

import weakref

from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from pages.shared import tidy


class Left:
    """Stands for the session of somebody who left; it points at itself, as one does."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.itself = self
        self.is_shut_down = False

    def shutdown(self) -> None:
        self.is_shut_down = True


def storage_with(clock: list[float], *sessions: Left) -> MemorySessionStorage:
    storage = MemorySessionStorage(ttl_seconds=120)
    storage._cache._timer = lambda: clock[0]
    for session in sessions:
        storage.save(SessionInfo(client=None, session=session, script_run_count=1))
    return storage


def test_who_left_is_kept_for_a_while_and_then_let_go() -> None:
    clock, session = [0.0], Left("one")
    storage = storage_with(clock, session)
    clock[0] = 119.0
    assert tidy.let_go(storage) == 0
    assert storage.get("one") is not None
    assert not session.is_shut_down
    clock[0] = 121.0
    assert tidy.let_go(storage) == 1
    assert session.is_shut_down
    assert not storage._cache._data


def test_who_left_later_stays() -> None:
    clock = [0.0]
    storage = storage_with(clock, Left("one"))
    clock[0] = 100.0
    storage.save(SessionInfo(client=None, session=Left("two"), script_run_count=1))
    clock[0] = 130.0
    assert tidy.let_go(storage) == 1
    assert storage.get("two") is not None


def test_what_only_points_at_itself_is_given_back() -> None:
    session = Left("one")
    gone = weakref.ref(session)
    del session
    tidy.give_back()
    assert gone() is None


def test_streamlit_keeps_sessions_where_this_looks_for_them() -> None:
    storage = MemorySessionStorage()
    manager = WebsocketSessionManager(storage, *([None] * 3))
    assert manager._session_storage is storage
    assert callable(storage._cache.expire)
    assert callable(AppSession.shutdown)
