"""Sees to it that the server refers only to messages that the browser still has.

What is large and was sent before, Streamlit sends as a reference: with each request, a browser lists what it keeps. But
at the end of each run it drops what it has not been sent for some runs, so that what it listed may be gone when the
answer comes: where a tick and a click ask soon after each other, the end of the one may drop what the answer to the
other refers to. A reference to what is gone ends a page: all its controls are off, and only loading it anew helps. That
was read in Streamlit's source, and was not seen to happen. So the list is cut down here to what was sent in the last
few runs, while `.streamlit/config.toml` lets the browser keep everything for much longer.

Since it reads each request anyway, it ends a connection over which something comes that is none, with a line in the
log; Streamlit would write a traceback for each.
"""

from __future__ import annotations

import logging
from typing import Any

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from autorec_core import logs

_LOG = logging.getLogger(f"{logs.NAME}.references")

PROTOCOL_ERROR = 1002
"""Of websockets: what came is not what was agreed upon."""
RUNS = 3
"""A message may be referred to that was sent at most so many ended runs ago."""
_COUNTED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
"""The ends of runs by which a browser counts how long it has not been sent a message."""


class Sent:
    """What a browser was sent lately over one connection."""

    def __init__(self) -> None:
        self._ended = 0
        self._at: dict[str, int] = {}

    def note(self, data: bytes) -> None:
        """Takes down a message to the browser."""
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            self._at[message.ref_hash] = self._ended
        elif message.metadata.cacheable and message.hash:
            self._at[message.hash] = self._ended
        elif kind == "script_finished" and message.script_finished in _COUNTED:
            self._ended += 1
            self._at = {key: at for key, at in self._at.items() if self._ended - at <= RUNS}

    def checked(self, data: bytes) -> bytes:
        """A request of the browser, which lists no message but those that it will still have at the answer.

        Raises:
            google.protobuf.message.DecodeError: it is no request.
        """
        request = BackMsg.FromString(data)
        if request.WhichOneof("type") != "rerun_script" or not request.rerun_script.cached_message_hashes:
            return data
        listed = [key for key in request.rerun_script.cached_message_hashes if key in self._at]
        request.rerun_script.cached_message_hashes[:] = listed
        return request.SerializeToString()


class References:
    """Checks what browsers say that they keep.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes everything on, and along a websocket looks at what goes each way."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        sent = Sent()

        async def receive_checked() -> Any:
            event = await receive()
            if event["type"] != "websocket.receive":
                return event
            data = event.get("bytes")
            try:
                if data is None:
                    raise DecodeError("text")
                return {**event, "bytes": sent.checked(data)}
            except DecodeError:
                _LOG.warning("a message that is no request; its connection is ended")
                await send({"type": "websocket.close", "code": PROTOCOL_ERROR})
                return {"type": "websocket.disconnect", "code": PROTOCOL_ERROR}

        async def send_noted(event: Any) -> None:
            if event["type"] == "websocket.send" and event.get("bytes"):
                sent.note(event["bytes"])
            await send(event)

        await self.app(scope, receive_checked, send_noted)
