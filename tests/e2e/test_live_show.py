"""What is to be seen while a model learns: nothing blinks, the matrix fills in, one can go back and on from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import App, visitor
from playwright.sync_api import Browser, Page, expect
from test_train_page import button, epochs_done, held_after, start_a_long_one, stop, wait_for_epochs

from benchmarks.live_browser import REMOVALS


@pytest.fixture(scope="module")
def running(app: App, browser: Browser) -> Iterator[Page]:
    """A page with a training that goes on for as long as these tests take; they come to it one after the other."""
    with visitor(app, browser) as page:
        start_a_long_one(page, app)
        yield page
        stop(page)


def matrix(page: Page) -> Any:
    return page.locator(".matrix")


def written_pixels(page: Page) -> str:
    return str(page.locator("canvas.written").evaluate("canvas => canvas.toDataURL()"))


def glides_from(page: Page, pixels: str) -> bool:
    """Whether the picture becomes another within a few hundred frames."""
    return bool(
        page.locator("canvas.written").evaluate(
            """(canvas, before) => new Promise(done => {
                let frames = 0;
                const look = () => {
                    if (canvas.toDataURL() !== before) done(true);
                    else if (frames++ > 300) done(false);
                    else requestAnimationFrame(look);
                };
                look();
            })""",
            pixels,
        )
    )


def test_nothing_is_taken_out_of_the_page_while_a_training_runs(running: Page) -> None:
    expect(matrix(running).get_by_text(re.compile(r", after epoch \d+"))).to_be_visible()
    wait_for_epochs(running, epochs_done(running) + 5)  # the axes may widen at the start
    seen = running.evaluate(REMOVALS, {"epochs": 5, "seconds": 3, "most": 30})
    assert seen["removed"] == []
    assert seen["epochs"] >= 5


def test_nothing_but_what_is_said_changes_while_a_training_runs(running: Page) -> None:
    """The picture is not drawn anew, nothing moves and nothing is dimmed from one tick to the next."""
    page = running
    for _ in range(4):  # the vertical axis may widen a few times at the start; then all must stay
        before = epochs_done(page)
        seen = page.evaluate(
            """async ({before}) => {
                const picture = () => document.querySelector(".stVegaLiteChart canvas, .stVegaLiteChart svg");
                const place = () => JSON.stringify(document.querySelector(".stVegaLiteChart").getBoundingClientRect());
                const first = picture(), stood = place();
                const seen = {missing: 0, moved: 0, dimmed: 0, redrawn: 0, frames: 0};
                const done = () => +document.querySelector(".live-numbers b").innerText.replace(",", "");
                while (done() < before + 4 && seen.frames < 2000) {
                    await new Promise(requestAnimationFrame);
                    seen.frames += 1;
                    seen.missing += !picture();
                    seen.moved += place() !== stood;
                    for (const part of document.querySelectorAll(".stVegaLiteChart, .live-numbers, .live-state"))
                        for (let up = part; up && up !== document.body; up = up.parentElement)
                            seen.dimmed += getComputedStyle(up).opacity < 0.9;
                }
                seen.redrawn = +(picture() !== first);
                return seen;
            }""",
            {"before": before},
        )
        assert (seen["missing"], seen["moved"], seen["dimmed"]) == (0, 0, 0)
        if not seen["redrawn"]:
            break
    assert not seen["redrawn"]


def test_the_matrix_fills_in_and_is_read_by_mouse_and_keyboard(running: Page) -> None:
    page = running
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
    page.get_by_role("radio", name="Both").click()


def test_a_part_of_the_curve_is_looked_at_closely_until_the_whole_run_is_asked_for(running: Page) -> None:
    page = running
    part, axis = page.locator(".st-key-curve_part"), page.locator(".st-key-picture_curve svg")
    whole = part.get_by_role("button", name="Whole run")
    expect(whole).to_be_disabled()
    end = part.get_by_role("slider").last
    end.focus()
    end.press("Home")
    for _ in range(8):
        end.press("ArrowRight")
    expect(end).to_have_attribute("aria-valuetext", "8")

    def is_shown() -> None:
        expect(axis.get_by_text("7", exact=True)).to_be_attached()
        expect(axis.get_by_text("2000", exact=True)).not_to_be_attached()
        expect(end).to_have_attribute("aria-valuetext", "8")

    is_shown()
    wait_for_epochs(page, epochs_done(page) + 8)
    is_shown()
    choices = page.locator(".st-key-curve_choices")
    choices.get_by_text("Seconds", exact=True).click()
    expect(axis.get_by_text("seconds of training")).to_be_attached()
    choices.get_by_text("Epochs", exact=True).click()
    page.emulate_media(color_scheme="dark")
    wait_for_epochs(page, epochs_done(page) + 4)
    is_shown()
    page.emulate_media(color_scheme="light")
    whole.click()
    expect(axis.get_by_text("2000", exact=True)).to_be_attached()
    expect(whole).to_be_disabled()

    # The same by the mouse, which is held for as long as a few ticks.
    thumb, track = end.locator("xpath=../..").bounding_box(), part.get_by_role("group").bounding_box()
    assert thumb is not None
    assert track is not None
    x, y = thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 0.3 * track["width"], y)
    wait_for_epochs(page, epochs_done(page) + 8)
    page.mouse.move(x - 0.6 * track["width"], y)
    page.mouse.up()
    expect(whole).to_be_enabled()
    drawn_to = int(str(end.get_attribute("aria-valuetext")))
    assert 600 < drawn_to < 1000
    button(page, "pause").click()
    held_after(page)
    button(page, "resume").click()
    wait_for_epochs(page, epochs_done(page) + 8)
    expect(end).to_have_attribute("aria-valuetext", str(drawn_to))
    expect(axis.get_by_text("2000", exact=True)).not_to_be_attached()
    whole.click()
    expect(whole).to_be_disabled()


def test_the_learning_rate_is_changed_while_it_trains_and_marked_on_the_curve(running: Page, app: App) -> None:
    page = running
    page.get_by_role("button", name="Change while it trains").first.click()
    slider = page.locator("[class*=change_][class*=_learning_rate]").locator("[role=slider], input").first
    slider.focus()
    slider.press("ArrowLeft")
    changed = None
    for _ in range(200):
        found = [line for path in app.home.glob("runs/*/events.jsonl") for line in path.read_text().splitlines()]
        changed = next((line for line in found if '"changed"' in line), None)
        if changed:
            break
        page.wait_for_timeout(100)
    assert changed is not None
    assert "learning_rate" in changed
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-picture_curve svg").get_by_text(re.compile(r"^rate [\d.e-]+$"))).to_be_attached()


def test_whoever_reloads_or_closes_the_page_finds_the_training_again_as_far_as_it_has_come(running: Page) -> None:
    done = epochs_done(running)
    running.reload()
    wait_for_epochs(running, done + 1)
    done = epochs_done(running)
    address = running.url
    running.goto("about:blank")  # for the server, a tab that is closed
    running.goto(address)
    wait_for_epochs(running, done + 1)


def test_one_can_go_back_to_an_earlier_epoch_and_on_from_there(running: Page) -> None:
    page = running
    wait_for_epochs(page, 8)
    button(page, "pause").click()
    held_at = held_after(page)
    after = matrix(page).locator(".written-after")
    expect(after).to_have_text(f", after epoch {held_at}")
    now = written_pixels(page)
    slider = page.locator(".st-key-rewind_row [role=slider], .st-key-rewind_row input").first
    slider.focus()
    slider.press("Home")
    expect(after).to_have_text(", after epoch 0")
    assert glides_from(page, now)
    expect(page.locator(".st-key-fork button").first).to_have_text("Resume from epoch 0")
    page.locator(".st-key-fork button").first.click()
    wait_for_epochs(page, 1)
    box = page.locator("[class*=st-key-shown_run] input")
    expect(box.last).to_have_value(re.compile("from epoch 0"))  # the box before may still be there for a moment
    expect(box).to_have_count(1)
