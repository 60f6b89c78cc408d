"""The Train page where all that the server says arrives late; by itself, as a training elsewhere would come first."""

from __future__ import annotations

import re

from conftest import App, unfold
from playwright.sync_api import Page, expect
from test_train_page import button, epochs_done, shown_run, start_a_long_one, state, stop, wait_for_epochs

from autorec_core import snapshots

LATE = """{
    const listens = WebSocket.prototype.addEventListener;
    WebSocket.prototype.addEventListener = function (kind, listener, ...rest) {
        const late = (event) => setTimeout(() => listener.call(this, event), 1500);
        return listens.call(this, kind, kind === "message" ? late : listener, ...rest);
    };
}"""
"""Lets all that the server sends arrive 1.5 s later, in order, as from far away or on a busy machine."""


def test_what_is_shown_again_on_a_slow_connection_does_not_break_the_page(page: Page, app: App) -> None:
    """Ticks and clicks cross answers that are on their way; what the server takes for known must still be there."""
    page.add_init_script(LATE)
    start_a_long_one(page, app)
    choice = page.locator(".st-key-block input")
    for name in (snapshots.AT_RANDOM, snapshots.TOP) * 2:
        unfold(choice)
        page.get_by_role("option", name=name).click()
        expect(page.locator("canvas.known")).to_have_attribute("aria-label", re.compile(name))
    wait_for_epochs(page, epochs_done(page) + 3)
    first = shown_run(page)
    button(page, "restart").click()  # ticks that are on their way still name the run of before
    expect(state(page)).to_contain_text("before yours")
    second = shown_run(page)
    assert second != first
    wait_for_epochs(page, 2)
    assert shown_run(page) == second
    stop(page)
