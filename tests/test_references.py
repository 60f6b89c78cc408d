"""Whatever the server refers to, the browser still has, in whatever order requests and answers cross."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from autorec_core import logs
from pages.shared import references

KEPT = int(config.get_option("global.maxCachedMessageAge"))
FRAGMENT = "the live panel"


class Browser:
    """What Streamlit's page keeps of messages, by the same rules; it knows nothing but what it is sent."""

    def __init__(self, kept: int) -> None:
        self.kept, self.ended = kept, 0
        self.messages: dict[str, tuple[int, str]] = {}

    def take(self, data: bytes) -> None:
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "script_finished":
            self._end(list(message.metadata.run.fragment_ids))
        elif kind == "ref_hash":
            assert message.ref_hash in self.messages, "Cached ForwardMsg MISS"
            self.messages[message.ref_hash] = (self.ended, self.messages[message.ref_hash][1])
        elif message.metadata.cacheable:
            self.messages[message.hash] = (self.ended, message.delta.fragment_id)

    def _end(self, fragments: list[str]) -> None:
        self.ended += 1
        self.messages = {
            key: (at, fragment)
            for key, (at, fragment) in self.messages.items()
            if (fragments and fragment not in fragments) or self.ended - at <= self.kept
        }

    def asks(self) -> bytes:
        request = BackMsg()
        request.rerun_script.cached_message_hashes.extend(self.messages)
        return request.SerializeToString()


def content(key: str, fragment: str) -> bytes:
    message = ForwardMsg(hash=f"{key} {fragment}")
    message.delta.new_element.markdown.body = key
    message.delta.fragment_id = fragment
    message.metadata.cacheable = True
    return message.SerializeToString()


def reference(key: str, fragment: str) -> bytes:
    return ForwardMsg(ref_hash=f"{key} {fragment}").SerializeToString()


def end(fragment: str) -> bytes:
    message = ForwardMsg(script_finished=ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
    if not fragment:
        message.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
    else:
        message.metadata.run.fragment_ids.append(fragment)
    return message.SerializeToString()


def run(request: bytes, keys: list[str], fragment: str) -> list[bytes]:
    """What a run of the script sends, that draws so many large elements and knows what the browser listed."""
    listed = BackMsg.FromString(request).rerun_script.cached_message_hashes
    sent = [(reference if f"{key} {fragment}" in listed else content)(key, fragment) for key in keys]
    return [*sent, end(fragment)]


def flipping(browser: Browser, checked: Any, note: Any) -> None:
    """A visitor goes back to what was shown before, while a tick that was asked for just before is on its way."""

    def answer(request: bytes, key: str) -> None:
        for data in run(request, [key], FRAGMENT):
            note(data)
            browser.take(data)

    for key in ("one part", "another part"):
        answer(checked(browser.asks()), key)
    tick, click = checked(browser.asks()), checked(browser.asks())
    answer(tick, "another part")
    answer(click, "one part")


def test_by_itself_the_page_would_break_where_a_tick_and_a_click_cross() -> None:
    with pytest.raises(AssertionError, match="MISS"):
        flipping(Browser(kept=2), lambda data: data, lambda data: None)  # as Streamlit has it


def test_it_does_not_where_the_list_is_checked() -> None:
    sent = references.Sent()
    flipping(Browser(KEPT), sent.checked, sent.note)


@given(st.lists(st.tuples(st.sampled_from(["", FRAGMENT]), st.sets(st.sampled_from("abcd")), st.integers(0, 12))))
def test_nothing_is_missing_however_late_answers_are(steps: list[tuple[str, set[str], int]]) -> None:
    """Each step is a request; it is answered when so many more have been made, in order."""
    browser, sent = Browser(KEPT), references.Sent()
    waiting: list[tuple[bytes, set[str], str]] = []

    def answer() -> None:
        for data in run(waiting[0][0], sorted(waiting[0][1]), waiting[0][2]):
            sent.note(data)
            browser.take(data)
        del waiting[0]

    for fragment, keys, late in steps:
        waiting.append((sent.checked(browser.asks()), keys, fragment))
        while len(waiting) > late:
            answer()
    while waiting:
        answer()


def test_what_is_drawn_at_every_tick_is_sent_once() -> None:
    browser, sent = Browser(KEPT), references.Sent()
    for tick in range(100):
        answer = run(sent.checked(browser.asks()), ["the matrix"], FRAGMENT)
        assert ForwardMsg.FromString(answer[0]).WhichOneof("type") == ("ref_hash" if tick else "delta")
        for data in answer:
            sent.note(data)
            browser.take(data)


def test_other_requests_pass() -> None:
    sent = references.Sent()
    for data in (BackMsg(stop_script=True).SerializeToString(), BackMsg().SerializeToString()):
        assert sent.checked(data) == data


@pytest.mark.parametrize("come", [{"bytes": b"\xff" * 9}, {"text": "hello"}, {"bytes": None, "text": "hello"}])
def test_what_is_no_request_ends_its_connection_and_is_a_line_in_the_log(
    come: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(logs.NAME), "propagate", True)
    heard: list[Any] = []
    sent: list[Any] = []

    async def server(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())

    async def browser() -> Any:
        return {"type": "websocket.receive", **come}

    async def send(event: Any) -> None:
        sent.append(event)

    asyncio.run(references.References(server)({"type": "websocket"}, browser, send))
    assert heard == [{"type": "websocket.disconnect", "code": 1002}]
    assert sent == [{"type": "websocket.close", "code": 1002}]
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]


def test_along_a_websocket_requests_and_answers_are_looked_at() -> None:
    """Two answers have been sent; the browser lists both and a third that this connection never sent."""
    come: list[Any] = []

    async def server(scope: Any, receive: Any, send: Any) -> None:
        for key in "ab":
            await send({"type": "websocket.send", "bytes": content(key, "")})
        come.append(await receive())

    async def browser() -> Any:
        request = BackMsg()
        request.rerun_script.cached_message_hashes.extend(["a ", "b ", "c "])
        return {"type": "websocket.receive", "bytes": request.SerializeToString()}

    async def send(event: Any) -> None:
        come.append(event)

    asyncio.run(references.References(server)({"type": "websocket"}, browser, send))
    assert [event["bytes"] for event in come[:2]] == [content("a", ""), content("b", "")]
    assert list(BackMsg.FromString(come[2]["bytes"]).rerun_script.cached_message_hashes) == ["a ", "b "]
