"""A search as a visitor sees it: started, stopped, and its winner on the sliders of the Train page."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect


def test_a_search_tries_is_stopped_and_its_best_is_taken_to_train(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/train?hidden_units=8&epochs=3&batch_size=1000&seed=6")
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    page.get_by_role("link", name="Search").click()
    start = page.get_by_role("button", name="Start searching")
    expect(start).to_be_enabled()
    start.click()
    expect(page.get_by_text("Best so far")).to_be_visible()
    expect(page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg").first).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    told = page.get_by_text(re.compile(r"trials? (is|are) done\. Trial \d+ was the best on validation"))
    expect(told).to_be_visible()
    take = page.get_by_role("button", name="Take the best to Train")
    expect(take).to_be_enabled()
    take.click()
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    expect(page.locator(".st-key-preset input")).to_have_value("Custom")
    expect(page).to_have_url(re.compile(r"epochs=3.*input_dropout=0\.\d+.*seed=6"))
