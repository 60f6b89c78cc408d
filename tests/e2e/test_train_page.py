"""Training as a visitor sees it: start, watch, hold, go on, end; and what happens when the worker dies."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from conftest import unfold
from playwright.sync_api import Browser, Page, expect

from autorec_core.events import EpochEnded
from autorec_core.hyperparameters import PRESETS
from autorec_core.runs import RunStore
from pages.shared.trying import EXPERIMENTS

FOUR_DECIMALS = re.compile(r"^\d\.\d{4}$")


LONG = "preset=quick&epochs=2000"
"""A training of so many small epochs that it does not end by itself."""


def open_train(page: Page, app: Any, query: str = "") -> None:
    """Opens the page, its controls as a link says."""
    page.goto(f"{app.url}/train{'?' if query else ''}{query}")
    expect(page.get_by_text("Test RMSE").first).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()


def push_to_the_end(page: Page, name: str) -> None:
    """Moves a hyperparameter's slider to its highest value."""
    slider = page.locator(f".st-key-hyperparameter_{name} [role=slider], .st-key-hyperparameter_{name} input").first
    slider.focus()
    slider.press("End")
    expect(page.locator(".st-key-preset input")).to_have_value("Custom")


def start_a_long_one(page: Page, app: Any) -> None:
    """Starts a training of 2,000 small epochs, and waits until its first ones are drawn."""
    open_train(page, app, LONG)
    page.get_by_role("button", name="Start training").click()
    wait_for_epochs(page, 2)


def stop(page: Page) -> None:
    """Stops the training, and goes on as soon as that is understood."""
    button(page, "stop").click()
    expect(state(page)).to_contain_text("Stop")


def epochs_done(page: Page) -> int:
    return int(page.locator(".live-numbers b").first.inner_text().replace(",", ""))


def shown_run(page: Page) -> str:
    """The id of the run whose numbers are shown."""
    return str(page.locator(".live-numbers").get_attribute("data-run"))


def epochs_of(app: Any, run_id: str) -> list[EpochEnded]:
    events = RunStore(app.home / "runs").get(run_id).events()
    return [event for event in events if isinstance(event, EpochEnded)]


def wait_for_epochs(page: Page, count: int) -> None:
    page.wait_for_function(
        """count => {
            const number = document.querySelector(".live-numbers b");
            const state = document.querySelector(".live-state");
            return number && state.classList.contains("running") && +number.innerText.replace(",", "") >= count;
        }""",
        arg=count,
    )


def button(page: Page, name: str) -> Any:
    return page.locator(f".st-key-transport_{name} button").first  # a second copy of each is for touch screens


def state(page: Page) -> Any:
    return page.locator(".live-state")


def held_after(page: Page) -> int:
    """The epoch of a pause, as soon as sentence and numbers agree on it: one of them comes first."""
    expect(state(page)).to_contain_text("Paused after epoch")
    page.wait_for_function("""() => {
        const said = document.querySelector(".live-state").innerText.match(/[0-9]+/);
        return said && said[0] === document.querySelector(".live-numbers b").innerText.replace(",", "");
    }""")
    return epochs_done(page)


def test_a_training_is_held_stepped_resumed_stopped_and_then_scored_once(page: Page, app: Any) -> None:
    open_train(page, app)
    for name in ("pause", "resume", "step", "stop"):
        expect(button(page, name)).to_be_disabled()
    unfold(page.locator(".st-key-preset input"))
    page.get_by_role("option", name=PRESETS["quick"].label).click()
    expect(page.get_by_text(PRESETS["quick"].help)).to_be_visible()
    push_to_the_end(page, "epochs")
    page.get_by_role("button", name="Start training").click()
    wait_for_epochs(page, 2)
    expect(page.locator(".stVegaLiteChart").first).to_be_visible()

    button(page, "pause").click()
    held_at = held_after(page)
    expect(button(page, "pause")).to_be_disabled()

    button(page, "step").click()
    expect(state(page)).to_contain_text(f"Paused after epoch {held_at + 1}.")
    assert held_after(page) == held_at + 1

    page.reload()  # whoever comes back finds the training again, as it was
    expect(state(page)).to_contain_text(f"Paused after epoch {held_at + 1}.")
    expect(page.locator(".live-numbers b").nth(1)).to_have_text(FOUR_DECIMALS)

    button(page, "resume").click()
    wait_for_epochs(page, held_at + 3)

    button(page, "stop").click()
    expect(page.get_by_text("The test, scored once")).to_be_visible()
    expect(state(page)).to_contain_text("Stopped after epoch")
    figures = page.get_by_test_id("stMetricValue")
    expect(figures.nth(0)).to_have_text(FOUR_DECIMALS)
    expect(figures.nth(1)).to_have_text(FOUR_DECIMALS)
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()

    with page.expect_download() as caught:
        page.get_by_role("button", name="Curve as CSV").click()
    lines = caught.value.path().read_text().splitlines()
    assert lines[0].startswith("epoch,objective,train_rmse,valid_rmse")
    assert len(lines) - 1 == epochs_done(page)

    first = shown_run(page)
    button(page, "restart").click()  # an ended one: the page goes over to the new run by itself
    expect(page.locator(f'.live-numbers[data-run="{first}"]')).not_to_be_attached()
    wait_for_epochs(page, 2)
    second = shown_run(page)
    assert second != first
    begun = [[event.valid_rmse for event in epochs_of(app, name)][:2] for name in (first, second)]
    assert begun[0] == begun[1]  # from the same first weights
    stop(page)


def test_a_killed_worker_is_told_and_the_training_resumes_from_its_checkpoint(page: Page, app: Any) -> None:
    start_a_long_one(page, app)
    button(page, "pause").click()  # a pause writes a checkpoint
    saved_at = held_after(page)
    button(page, "resume").click()
    wait_for_epochs(page, saved_at + 1)

    (worker,) = app.workers()
    os.kill(worker, signal.SIGKILL)
    expect(state(page)).to_contain_text("stopped unexpectedly")
    offered = button(page, "resume")
    expect(offered).to_contain_text("Resume from epoch")
    assert int(offered.inner_text().rsplit(" ", 1)[1]) >= saved_at

    offered.click()
    wait_for_epochs(page, saved_at + 2)
    assert worker not in app.workers()
    stop(page)


def test_the_second_visitor_waits_in_line_is_told_so_and_can_leave(page: Page, app: Any, browser: Browser) -> None:
    start_a_long_one(page, app)
    with browser.new_context() as other_context:
        other = other_context.new_page()
        open_train(other, app)
        other.get_by_role("button", name="Start training").click()
        expect(state(other)).to_contain_text("1 run before yours")
        button(other, "stop").get_by_text("Leave the queue").click()
        expect(state(other)).to_contain_text("left the line")
        expect(button(other, "resume")).to_have_text("Start again")
    assert epochs_done(page) >= 2
    stop(page)


def test_a_rate_that_is_too_high_is_tried_and_told_as_a_result(page: Page, app: Any) -> None:
    open_train(page, app)
    one = EXPERIMENTS["too_fast"]
    page.get_by_role("button", name=one.label).click()
    expect(page.get_by_test_id("stCaptionContainer").get_by_text(one.looks)).to_be_visible()
    expect(page).to_have_url(re.compile(r"learning_rate=1\.0(&|$)"))  # the change has come to the server
    expect(page.locator(".st-key-pace input")).to_have_value("1 epoch a second")
    expect(page.locator(".st-key-preset input")).to_have_value("Custom")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".live-state.diverged")).to_be_visible()
    expect(page.locator(".live-state")).to_contain_text("iverged")
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
