"""What every answer of the server says to the browser about safety, and the address for whoever watches the server."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from autorec_core import operating, settings
from pages.shared import services

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def _hashes_of_inline_scripts() -> str:
    """The scripts inside Streamlit's own page, each by its hash, so that no other one may stand in a page."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _INLINE.findall(page))
    return " ".join(f"'sha256-{one}'" for one in hashes)


def policy() -> str:
    """The Content-Security-Policy of a page: everything comes from this server, and nothing goes anywhere else.

    Styles may stand in the page, since Streamlit writes its own there. `wasm-unsafe-eval` lets it compile WebAssembly,
    which it does at the start, and `blob:` runs the scripts of components, which the page makes out of text that the
    server sent. There is no `unsafe-eval`: Vega interprets the expressions of a chart.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'wasm-unsafe-eval' blob: {_hashes_of_inline_scripts()}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "media-src 'self' blob:",
            "manifest-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    )


class Guard:
    """Adds the headers to every answer.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self._policy = policy()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on, and adds the headers to what comes back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_media = scope["path"].startswith("/media/")

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-content-type-options"] = "nosniff"
                headers["x-frame-options"] = "SAMEORIGIN"
                headers["referrer-policy"] = "same-origin"
                headers["cross-origin-opener-policy"] = "same-origin"
                headers["permissions-policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
                # what is downloaded runs nothing, should a browser ever show it
                headers["content-security-policy"] = "default-src 'none'; sandbox" if is_media else self._policy
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Metrics:
    """`/metrics` for Prometheus, for whoever knows the secret of `AUTOREC_METRICS_TOKEN`; nothing where there is none.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers `/metrics`, and passes every other request on."""
        token = settings.text(settings.METRICS_TOKEN)
        if scope["type"] != "http" or scope["path"] != "/metrics" or not token:
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
            answer = PlainTextResponse("Unauthorized\n", 401, headers={"www-authenticate": "Bearer"})
        else:
            answer = PlainTextResponse(await run_in_threadpool(_metrics), headers={"cache-control": "no-store"})
        await answer(scope, receive, send)


def _metrics() -> str:
    queued, is_training = services.jobs().line()
    return operating.as_metrics(operating.status(), queued=queued, is_training=is_training)
