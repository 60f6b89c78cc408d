"""The lesson as its reader walks through it, and the test set seen whole."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect


def test_a_reader_steps_through_the_lesson_and_is_fooled(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/learn")
    expect(page.get_by_role("heading", name="1. Vector")).to_be_visible()
    expect(page.locator(".stVegaLiteChart")).to_be_visible()
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_role("heading", name="2. Mask")).to_be_visible()
    before = page.get_by_text("holes filled with 0")
    expect(before).to_be_visible()
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("holes filled with 0.5")).to_be_visible()
    page.get_by_role("radio", name="Six ways to fool yourself").click()
    page.get_by_role("button", name="Train it", exact=True).click()
    figures = page.get_by_test_id("stMetricValue")
    expect(figures.nth(1)).to_have_text(re.compile(r"^0\.\d{4}$"))
    expect(figures.nth(0)).to_have_text("?")  # what it is worth is for the reader to ask
    page.get_by_text("Show what it is worth", exact=True).click()
    expect(figures.nth(0)).to_have_text(re.compile(r"^3\.\d{4}$"))


def test_the_whole_test_set_has_its_numbers_to_take_home(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/reconstruction")
    page.get_by_role("radio", name="The whole test set").click()
    expect(page.locator(".stVegaLiteChart")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Numbers as CSV").click()
    first, *rest = download.value.path().read_text(encoding="utf-8").splitlines()
    assert first.startswith("group,test_ratings,share,rmse")
    assert sum(int(line.split(",")[1]) for line in rest) == 10_000
