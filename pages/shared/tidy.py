"""Gives back the memory of visitors who have left, and keeps what is freed in one piece.

Streamlit keeps the session of somebody who left for two minutes, since the connection may only have broken, and then
lets go of it when somebody else leaves: the last visitors of a day would stay until the next one. It only lets go: that
the session is over nobody hears, and what is kept elsewhere for it, the files that it brought or offered, would stay
for good. What a session holds is a web of objects that point at each other, for which Python looks the more rarely the
more there is in all. And the C library keeps what was freed for itself. So all of them are asked, some time after
somebody has left.

Left alone, Streamlit has Python look for such webs after each run of a page and each tick of a fragment, through
everything that all visitors hold: with 50 of them that was a third of all that the server did. The settings turn it off
(`runner.postScriptGC`), and it is done here, for all at once.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
from collections import deque
from collections.abc import Container
from typing import Any

from streamlit import runtime

from autorec_core import logs

_LOG = logging.getLogger(f"{logs.NAME}.tidy")

SECONDS = 20.0
"""Between two looks at who is kept no longer."""
LARGE = 2**20
"""Bytes from which on a piece of memory is the system's own, and goes back to it as soon as it is free."""
ARENAS = 2
"""Heaps that the threads of the server share."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""What `mallopt` of glibc calls them."""


def keep_large_apart() -> None:
    """Lets the C library take large arrays from the system one by one, where it can; before there are any.

    Left alone, it moves that limit up to 32 MB with the largest array that was freed, and from then on models and what
    pages calculate lie among the small objects of sessions: each gap waits for an array that fits. And NumPy asks for
    huge pages for its large arrays, a wish that outlives the array: whatever small comes to lie there takes 2 MB.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None and not {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"} & set(os.environ):
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, 2 * LARGE)


def keep_arenas_few() -> None:
    """Lets all threads take their memory from a few heaps, where the C library can; before there are many threads.

    Left alone, it makes eight a core. Each session runs on a thread of its own, and leaves gaps in the heap of that
    thread that those of others can't fill: the server grew by some MB an hour for as long as visitors came.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_ARENA_MAX, ARENAS)


async def keep_tidy() -> None:
    """Looks from time to time, as long as the server lives; on the thread of the server's event loop."""
    gc.collect()
    gc.freeze()  # what was imported stays: no later search for webs need walk through it
    if not runtime.exists():
        return
    sessions = runtime.get_instance()._session_mgr
    dropped = note_dropped(sessions._session_storage)
    while True:
        await asyncio.sleep(SECONDS)
        try:
            if let_go(sessions._session_storage, dropped, sessions._active_session_info_by_id):
                give_back()
            else:
                gc.collect()
        except Exception:  # of one session; the next look is for the others
            _LOG.exception("a session could not be ended")


def note_dropped(storage: Any) -> deque[Any]:
    """The sessions that Streamlit will have dropped from its storage, whyever, as long as nobody takes them out.

    Args:
        storage: Streamlit's storage of the sessions of those who left.
    """
    dropped: deque[Any] = deque()
    storage._cache._on_remove = lambda _, info: dropped.append(info.session)
    return dropped


def let_go(storage: Any, dropped: deque[Any], active: Container[str]) -> int:
    """Ends the sessions that are kept no longer; how many these were.

    Args:
        storage: Streamlit's storage of the sessions of those who left.
        dropped: as `note_dropped` has them; empty afterwards.
        active: the ids of the sessions of those who are there.
    """
    storage._cache.expire()
    ended = 0
    while dropped:
        session = dropped.popleft()
        if session.id not in active and session.id not in storage._cache:  # else they have come back
            session.shutdown()  # which lets go of its files, too
            ended += 1
    return ended


def give_back() -> None:
    """Finds what only points at itself, and hands freed memory back to the system where the C library can."""
    gc.collect()
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _c_library() -> ctypes.CDLL | None:
    """The C library of this process; None on Windows, where it has no such settings."""
    return ctypes.CDLL(None) if os.name == "posix" else None
