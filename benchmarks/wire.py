"""A browser session without a browser: it speaks with the server over the websocket, as Streamlit's page does.

It asks for a page, reads all that comes, follows what redraws itself, sets widgets and presses buttons by their keys,
and notes every exception and every red box. Unlike a browser it keeps no message to be sent a reference next time, so
the server writes everything in full each time: somewhat more work, never less.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from pages.shared.state import VISITOR_COOKIE

SECONDS = 120.0
"""How long a page may take until it counts as an error."""
LARGEST = 64 * 2**20
"""Bytes of a message."""


def fault_of(message: ForwardMsg) -> str | None:
    """What a message says of something that went wrong: an exception, a red box or a script that did not compile.

    >>> fault_of(ForwardMsg(script_finished=ForwardMsg.FINISHED_WITH_COMPILE_ERROR))
    'the script did not compile'
    """
    kind = message.WhichOneof("type")
    if kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
        return "the script did not compile"
    if kind == "session_event" and message.session_event.WhichOneof("type") == "script_compilation_exception":
        return message.session_event.script_compilation_exception.message
    if kind == "page_not_found":
        return f"no such page: {message.page_not_found.page_name}"
    if kind != "delta" or message.delta.WhichOneof("type") != "new_element":
        return None
    element = message.delta.new_element
    if element.WhichOneof("type") == "exception":
        return f"{element.exception.type}: {element.exception.message}"
    if element.WhichOneof("type") == "alert" and element.alert.format == Alert.ERROR:
        return element.alert.body
    return None


def words_of(element: Element) -> str:
    """The text of an element, where it has some that matters here; else "".

    >>> element = Element()
    >>> element.markdown.body = "**3** movies rated"
    >>> words_of(element)
    '**3** movies rated'
    """
    kind = element.WhichOneof("type")
    if kind in ("markdown", "html", "alert"):
        return str(getattr(element, kind).body)
    if kind == "heading":
        return str(element.heading.body)
    if kind == "bidi_component":
        return str(element.bidi_component.json)
    return ""


@dataclass
class Drawn:
    """A whole run of a page's script."""

    page: str
    seconds: float
    """From the request until the server said that it is finished."""
    size: int
    """Bytes of all messages."""
    elements: list[Element] = field(repr=False)
    """In the order in which they came."""

    @property
    def words(self) -> str:
        """All its text."""
        return "\n".join(filter(None, map(words_of, self.elements)))


class Session:
    """A visitor's session, from the connection until they leave: `async with Session(url, visitor) as session`.

    Args:
        url: of the server, `http://127.0.0.1:...`.
        visitor: the id in the cookie.
    """

    def __init__(self, url: str, visitor: str) -> None:
        self.url, self.visitor = url, visitor
        self.faults: list[str] = []
        self.ticks = 0
        """Times that a part of a page redrew itself."""
        self._pages: dict[str, str] = {}
        self._page = ""
        self._query = ""
        self._elements: list[Element] = []
        self._size = 0
        self._widgets: dict[str, WidgetState] = {}
        self._by_key: dict[str, Any] = {}
        self._latest: dict[str, str] = {}
        self._finished: asyncio.Future[None] | None = None
        self._clocks: dict[str, asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)
        self._is_leaving = False

    async def __aenter__(self) -> Session:
        """Connects."""
        self._socket: ClientConnection = await connect(
            f"{self.url.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers={"Cookie": f"{VISITOR_COOKIE}={self.visitor}"},
            max_size=LARGEST,
            compression=None,
            open_timeout=SECONDS,
            ping_timeout=None,
            proxy=None,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves, as somebody does who closes the tab."""
        self._is_leaving = True
        self._stop_clocks()
        await self._socket.close()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    # -- what a person does -------------------------------------------------------------------------------------------

    async def open(self, page: str, query: str = "") -> Drawn:
        """Opens a page by its address at first, by the menu later; `query` is what follows `?` in the address."""
        self._stop_clocks()
        self._page, self._query = page, query
        self._widgets.clear()
        return await self._run()

    async def rate(self, key: str, item_id: str, value: float) -> Drawn:
        """Clicks stars of a card, as the component does: a numbered change, sent until it is acknowledged."""
        card = self._by_key[key]
        number = next(self._numbers)
        change = {"number": number, "id": item_id, "value": value}
        sent = {"client": self.visitor[:16], "changes": [change], "at": int(1000 * time.time())}
        trigger = WidgetState(
            id=f"{STREAMLIT_INTERNAL_KEY_PREFIX}_{card.id}__events",
            json_trigger_value=json.dumps([{"event": "rated", "value": sent}]),
        )
        drawn = await self._run(trigger)
        told = self.read(key)
        if told["acknowledged"].get(self.visitor[:16], 0) < number or told["ratings"].get(item_id) != value:
            self.faults.append(f"the rating {number} was not acknowledged: {told['refused']}")
        return drawn

    async def press(self, key: str) -> Drawn:
        """Presses a button."""
        return await self._run(WidgetState(id=self._by_key[key].id, trigger_value=True))

    def read(self, key: str) -> dict[str, Any]:
        """What a component with this key was last given to show."""
        found: dict[str, Any] = json.loads(self._latest[key])
        return found

    # -- the wire -----------------------------------------------------------------------------------------------------

    async def _run(self, *triggers: WidgetState) -> Drawn:
        self._finished = asyncio.get_running_loop().create_future()
        self._elements, self._size = [], 0
        began = time.perf_counter()
        try:
            await self._ask("", triggers)
            await asyncio.wait_for(self._finished, SECONDS)
        except TimeoutError:
            self.faults.append(f"{self._page}: nothing for {SECONDS:.0f} s")
        except (WebSocketException, OSError) as error:
            self.faults.append(f"{self._page}: {error}")
        self._finished = None
        return Drawn(self._page, time.perf_counter() - began, self._size, self._elements)

    async def _ask(self, fragment: str, triggers: tuple[WidgetState, ...] = ()) -> None:
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = self._query
        asked.widget_states.widgets.extend([*self._widgets.values(), *triggers])
        asked.context_info.timezone = "UTC"
        asked.context_info.locale = "en-US"
        asked.context_info.url = f"{self.url}/{self._page}"
        if self._page in self._pages:
            asked.page_script_hash = self._pages[self._page]
        else:
            asked.page_name = self._page
        if fragment:
            asked.fragment_id, asked.is_auto_rerun = fragment, True
        await self._socket.send(message.SerializeToString())

    async def _read(self) -> None:
        try:
            async for raw in self._socket:
                assert isinstance(raw, bytes)
                self._size += len(raw)
                self._take(ForwardMsg.FromString(raw))
        except WebSocketException as error:
            self.faults.append(f"the connection broke: {error}")
        finally:
            if not self._is_leaving:
                self.faults.append("nothing more is read")
            self._finish()

    def _take(self, message: ForwardMsg) -> None:
        fault = fault_of(message)
        if fault is not None:
            self.faults.append(f"{self._page}: {fault}")
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._note(message.delta.new_element)
        elif kind == "new_session" and not message.metadata.run.fragment_ids:
            self._stop_clocks()
            self._elements = []
        elif kind == "auto_rerun":
            fragment, interval = message.auto_rerun.fragment_id, message.auto_rerun.interval
            if fragment not in self._clocks:
                self._clocks[fragment] = asyncio.create_task(self._tick(fragment, interval))
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._stop_clock(fragment)
        elif kind == "script_finished":
            whole = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)
            if message.script_finished in whole:
                self._finish()

    def _finish(self) -> None:
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

    def _note(self, element: Element) -> None:
        if self._finished is not None:
            self._elements.append(element)
        kind = element.WhichOneof("type")
        if kind not in ("button", "bidi_component"):
            return
        found = getattr(element, kind)
        key = found.id.rsplit("-", 1)[-1]  # an id ends with the key that the page gave
        self._by_key[key] = found
        if kind == "bidi_component":
            self._latest[key] = found.json

    async def _tick(self, fragment: str, interval: float) -> None:
        with contextlib.suppress(WebSocketException, OSError):
            while True:
                await asyncio.sleep(interval)
                self.ticks += 1
                await self._ask(fragment)

    def _stop_clock(self, fragment: str) -> None:
        clock = self._clocks.pop(fragment, None)
        if clock is not None:
            clock.cancel()

    def _stop_clocks(self) -> None:
        for fragment in list(self._clocks):
            self._stop_clock(fragment)
