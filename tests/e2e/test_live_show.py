"""What is to be seen while a model learns: nothing blinks, the matrix fills in, one can go back and on from there."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect
from test_train_page import button, epochs_done, open_train, start_a_long_one, state, wait_for_epochs

REMOVALS = """async ({epochs}) => {
    // Everything on the page, and what components keep in roots of their own.
    const removed = [], watching = [];
    const note = (records) => records.forEach((record) => record.removedNodes.forEach((node) => {
        if (node.nodeType !== Node.ELEMENT_NODE) return;
        const inTooltip = record.target.closest?.("#vg-tooltip-element, [role=tooltip]");
        // A picture's axes are drawn anew as its numbers grow; the picture itself must stay.
        const inPicture = record.target.closest?.("svg, .vega-embed summary");
        if (!inTooltip && !inPicture) removed.push(node.outerHTML.slice(0, 200));
    }));
    const watch = (root) => {
        const observer = new MutationObserver(note);
        observer.observe(root, {childList: true, subtree: true});
        watching.push(observer);
        root.querySelectorAll("*").forEach((one) => one.shadowRoot && watch(one.shadowRoot));
    };
    watch(document.querySelector("[data-testid=stMain]"));
    const done = () => +document.querySelector(".live-numbers b").innerText.replace(",", "");
    const until = done() + epochs;
    const began = performance.now();
    while ((done() < until || performance.now() - began < 4000) && performance.now() - began < 30000)
        await new Promise(requestAnimationFrame);
    watching.forEach((observer) => observer.disconnect());
    return {removed, epochs: done() - until + epochs};
}"""


def matrix(page: Page) -> Any:
    return page.locator(".matrix")


def written_pixels(page: Page) -> str:
    return str(page.locator("canvas.written").evaluate("canvas => canvas.toDataURL()"))


def test_nothing_is_taken_out_of_the_page_while_a_training_runs(page: Page, app: Any) -> None:
    open_train(page, app)
    start_a_long_one(page)
    expect(matrix(page).get_by_text(re.compile(r", after epoch \d+"))).to_be_visible()
    wait_for_epochs(page, epochs_done(page) + 5)  # the axes may widen at the start
    seen = page.evaluate(REMOVALS, {"epochs": 5})
    assert seen["removed"] == []
    assert seen["epochs"] >= 5
    button(page, "stop").click()
    expect(page.get_by_text("The test, scored once")).to_be_visible()


def test_the_matrix_fills_in_and_is_read_by_mouse_and_keyboard(page: Page, app: Any) -> None:
    open_train(page, app)
    start_a_long_one(page)
    canvas = page.locator("canvas.written")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"64 users by 54 movies.*after epoch \d+"))
    before = written_pixels(page)
    page.wait_for_function(
        """before => {
            const inside = (one) => one.shadowRoot?.querySelector("canvas.written");
            const canvas = [...document.querySelectorAll("*")].map(inside).find(Boolean);
            return canvas && canvas.toDataURL() !== before;
        }""",
        arg=before,
    )
    canvas.hover(position={"x": 1, "y": 1})
    reading = page.locator(".matrix .reading")
    expect(reading).to_contain_text(
        re.compile(r"\(\d{4}\) · user \d+ (gave [\d.]+|has not rated it), the model writes")
    )
    first = reading.locator("b").inner_text()
    page.mouse.move(0, 0)
    canvas.focus()
    canvas.press("Home")
    canvas.press("ArrowRight")
    expect(reading.locator("b")).not_to_have_text(first)
    page.get_by_role("radio", name="What is known").click()
    expect(canvas).to_be_hidden()
    button(page, "stop").click()
    expect(page.get_by_text("The test, scored once")).to_be_visible()


def test_one_can_go_back_to_an_earlier_epoch_and_on_from_there(page: Page, app: Any) -> None:
    open_train(page, app)
    start_a_long_one(page)
    wait_for_epochs(page, 8)
    button(page, "pause").click()
    expect(state(page)).to_contain_text("Paused after epoch")
    held_at = epochs_done(page)
    after = matrix(page).locator(".written-after")
    expect(after).to_have_text(f", after epoch {held_at}")
    now = written_pixels(page)
    slider = page.locator(".st-key-rewind_row [role=slider], .st-key-rewind_row input").first
    slider.focus()
    slider.press("Home")
    expect(after).to_have_text(", after epoch 0")
    assert written_pixels(page) != now
    expect(page.locator(".st-key-fork button").first).to_have_text("Resume from epoch 0")
    page.locator(".st-key-fork button").first.click()
    wait_for_epochs(page, 1)
    expect(page.locator(".st-key-shown_run input")).to_have_value(re.compile("from epoch 0"))
    button(page, "stop").click()
    expect(page.get_by_text("The test, scored once")).to_be_visible()


def test_a_change_while_it_trains_is_made_from_the_page(page: Page, app: Any) -> None:
    open_train(page, app)
    start_a_long_one(page)
    page.get_by_role("button", name="Change while it trains").first.click()
    slider = page.locator("[class*=_input_dropout] [role=slider], [class*=change_][class*=_input_dropout] input").first
    slider.focus()
    slider.press("ArrowRight")
    changed = None
    for _ in range(200):
        found = [line for path in app.home.glob("runs/*/events.jsonl") for line in path.read_text().splitlines()]
        changed = next((line for line in found if '"changed"' in line), None)
        if changed:
            break
        page.wait_for_timeout(100)
    assert changed is not None
    assert "input_dropout" in changed
    page.keyboard.press("Escape")
    button(page, "stop").click()
    expect(page.get_by_text("The test, scored once")).to_be_visible()
