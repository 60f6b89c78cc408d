"""The Data page as its visitor uses it: a click on a genre moves all panels, and the matrix is read cell by cell."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect


def figure(page: Page, label: str) -> Any:
    metric = page.get_by_test_id("stMetric").filter(has_text=label)
    return metric.get_by_test_id("stMetricValue")


def test_a_genre_chosen_in_a_picture_is_followed_by_all_panels(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/data")
    expect(figure(page, "Ratings")).to_have_text("100,004")
    overview = page.locator(".overview")
    expect(overview.locator(".across")).to_have_text(re.compile("1 to 9,066 of 9,066"))

    bars = page.locator("[class*=st-key-explore_genre_chart] .mark-rect.role-mark path")
    bars.first.click()  # Action, the first by name
    expect(page.locator(".st-key-explore_genre input")).to_have_value("Action")
    expect(figure(page, "Ratings")).not_to_have_text("100,004")
    shown = figure(page, "Movies").inner_text()
    expect(overview.locator(".across")).to_have_text(re.compile(f"1 to {shown} of {shown}"))
    expect(page.get_by_text(f"movies of {shown} have half of all ratings")).to_be_visible()

    page.get_by_role("button", name="All movies").click()
    expect(figure(page, "Ratings")).to_have_text("100,004")
    expect(page.locator(".st-key-explore_genre input")).to_have_value("")
    page.get_by_role("radio", name="By year").click()  # with its next word the browser says again what it has chosen
    expect(page.get_by_role("radio", name="By year")).to_be_checked()
    expect(overview.locator(".across")).to_have_text(re.compile("1 to 9,066 of 9,066"))


def test_the_matrix_is_read_from_afar_and_from_near_by_keyboard(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/data")
    overview = page.locator(".overview")
    canvas = overview.locator("canvas")
    expect(canvas).to_have_attribute("aria-label", re.compile(r"tiles of \d+ by \d+ cells: movies 1 to 9,066"))
    canvas.hover(position={"x": 5, "y": 5})
    expect(overview.locator(".reading")).to_have_text(re.compile(r"\d+ of \d+ cells known"))

    page.mouse.move(0, 0)
    overview.get_by_role("button", name="Cells").click()
    expect(canvas).to_have_attribute("aria-label", re.compile("single cells: movies 1 to "))
    canvas.press("ArrowRight")
    canvas.press("ArrowDown")
    expect(overview.locator(".reading")).to_have_text(re.compile(r"\(\d{4}\) · user \d+ (gave|has not rated)"))
    expect(overview.get_by_text("validation", exact=True)).to_be_visible()

    canvas.press("0")
    expect(canvas).to_have_attribute("aria-label", re.compile("movies 1 to 9,066 of 9,066, users 1 to 671 of 671"))
