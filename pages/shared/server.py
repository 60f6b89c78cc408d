"""What the web server does besides Streamlit: it knows a browser again, and ends the trainings when it stops."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders

import autorec_core
from autorec_core import logs, settings, shelf, storage
from autorec_core.visitors import is_visitor_id, new_visitor_id
from pages.shared import services, tidy
from pages.shared.state import VISITOR_COOKIE

_LOG = logging.getLogger(f"{logs.NAME}.server")

SECONDS_REMEMBERED = 400 * 24 * 3600
"""The longest that browsers keep a cookie."""

SECONDS_BETWEEN_CLEAN_UPS = 3600.0
"""Of the runs that were deleted."""


class VisitorCookie:
    """Gives each browser an unguessable id that scripts in the page can't read.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on, and adds the cookie to the answer where the browser sent none."""
        is_page = scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith("/static/")
        if not is_page or _visitor_of(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        is_https = "https" in (scope.get("scheme"), Headers(scope=scope).get("x-forwarded-proto"))

        async def send_with_cookie(message: Any) -> None:
            headers = MutableHeaders(scope=message) if message["type"] == "http.response.start" else None
            if headers is not None and headers.get("content-type", "").startswith("text/html"):
                headers.append(
                    "set-cookie",
                    f"{VISITOR_COOKIE}={new_visitor_id()}; Path=/; Max-Age={SECONDS_REMEMBERED}; HttpOnly; "
                    f"SameSite=Lax{'; Secure' if is_https else ''}",
                )
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _visitor_of(headers: Headers) -> bool:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return False
    return VISITOR_COOKIE in cookies and is_visitor_id(cookies[VISITOR_COOKIE].value)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Around the server's life: the starter model trains before the first visitor comes, and at the end a training that
    runs is saved and no process is left behind. In between, what visitors who left have taken up is given back."""
    logs.prepare(also=("streamlit", "uvicorn"))
    settings.limits()  # what can't be read ends the server here, with its sentence, and not at a visitor's click
    tidy.keep_large_apart()
    tidy.keep_arenas_few()
    atexit.register(leave_threads_behind)
    _LOG.info("the server begins", extra={"home": str(storage.home()), "version": autorec_core.__version__})
    threading.Thread(target=services.begin, daemon=True).start()
    tasks = [asyncio.create_task(tidy.keep_tidy()), asyncio.create_task(keep_cleaning_up())]
    yield
    for task in tasks:
        task.cancel()
    services.close_jobs()
    _LOG.info("the server has ended")


async def keep_cleaning_up() -> None:
    """Removes for good what was deleted a day ago, again and again as long as the server lives; `services.begin` is the
    first to do so."""
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_CLEAN_UPS)
        try:
            await asyncio.to_thread(lambda: shelf.clean_up(services.run_store()))
        except Exception:  # a folder that can't be read just now; the next look is another
            _LOG.exception("deleted runs could not be removed")


def leave_threads_behind() -> None:
    """Ends the process at once where other threads still run; the last thing that it does, when all has been saved.

    Streamlit runs pages on threads that the interpreter does not wait for: it takes itself apart, and each of them ends
    where it next asks for something of it. One that is in the midst of a table for a chart is then unwound through
    Arrow's C++, which allows for no such thing: "terminate called without an active exception", and the process aborts.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
