"""Gives back the memory of visitors who have left.

Streamlit keeps the session of somebody who left for two minutes, since the connection may only have broken, and then
lets go of it when somebody else leaves: the last visitors of a day would stay until the next one. What a session holds
is a web of objects that point at each other, for which Python looks the more rarely the more there is in all. And the C
library keeps what was freed for itself. So all three are asked, some time after somebody has left.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Any

from streamlit import runtime

SECONDS = 20.0
"""Between two looks at who is kept no longer."""


async def keep_tidy() -> None:
    """Looks from time to time, as long as the server lives; on the thread of the server's event loop."""
    gc.collect()
    gc.freeze()  # what was imported stays: no later search for webs need walk through it
    while True:
        await asyncio.sleep(SECONDS)
        if runtime.exists() and let_go(runtime.get_instance()._session_mgr._session_storage):
            give_back()


def let_go(storage: Any) -> int:
    """Ends the sessions that need not be kept any longer; how many these were.

    Args:
        storage: Streamlit's storage of the sessions of those who left.
    """
    kept = storage._cache
    over = [info.session for session_id, info in kept._data.items() if session_id not in kept]
    kept.expire()
    for session in over:
        session.shutdown()  # which lets go of its files, too
    return len(over)


def give_back() -> None:
    """Finds what only points at itself, and hands freed memory back to the system where the C library can."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
