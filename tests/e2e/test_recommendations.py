"""From a rating to a recommendation that gives it as a reason, and to the file that a visitor takes home."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from playwright.sync_api import Page, expect

RATED = {"4973": 5.0, "2571": 5.0}
"""Amélie and The Matrix."""


def rate_some(page: Page, app: Any, keys: str = "5451") -> list[str]:
    """Rates the first movies of the Rate page by keyboard; returns their titles, saved."""
    page.goto(f"{app.url}/rate")
    cards = page.locator(".card")
    expect(cards.first).to_be_visible()
    titles = []
    for place, key in enumerate(keys):
        cards.nth(place).locator(".stars").focus()
        page.keyboard.press(key)
        expect(cards.nth(place).locator(".state")).to_contain_text("saved")
        titles.append(cards.nth(place).locator(".title").evaluate("title => title.firstChild.textContent.trim()"))
    return titles


def test_without_ratings_the_page_says_what_to_do_and_leads_there(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/recommendations")
    expect(page.get_by_text("Nothing to go by yet")).to_be_visible()
    page.get_by_role("button", name="Rate movies").click()
    expect(page.locator(".card").first).to_be_visible()


def test_ratings_lead_to_recommendations_that_name_them_as_reasons(page: Page, app: Any) -> None:
    titles = rate_some(page, app)
    page.get_by_role("link", name="Recommendations", exact=True).click()
    rows = page.get_by_role("listitem").filter(has=page.locator(".score"))
    expect(rows).to_have_count(20)
    expect(page.get_by_text("From your 4 ratings")).to_be_visible()

    reasons = rows.first.locator(".why span").all_inner_texts()
    assert reasons
    for reason in reasons:
        assert any(f"because you gave {title}" in reason for title in titles)
    offered = set(rows.locator(".name").all_inner_texts())
    assert not any(name.startswith(title) for name in offered for title in titles)
    scores = [float(text) for text in rows.locator(".score b").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)

    bar = rows.first.locator(".rec-scale")
    expect(bar.locator(".range")).to_be_visible()
    assert bar.locator(".range").bounding_box()["width"] > 10

    with page.expect_download() as caught:
        page.get_by_role("button", name="Download as CSV").click()
    found = list(csv.DictReader(io.StringIO(caught.value.path().read_text())))
    assert len(found) == 20
    assert [float(row["predicted_rating"]) for row in found] == pytest.approx(scores, abs=0.006)  # shown in hundredths
    assert float(found[0]["low"]) <= float(found[0]["predicted_rating"]) <= float(found[0]["high"])


def test_obscure_titles_are_counted_and_can_be_let_in(page: Page, app: Any) -> None:
    app.give(page, RATED)
    page.goto(f"{app.url}/recommendations")
    left_out = page.get_by_text("left out for having fewer than 5 ratings")
    expect(left_out).to_be_visible()
    page.get_by_text("Filters and order", exact=True).first.click()
    lower = page.locator(".st-key-rec_ratings [role=slider], .st-key-rec_ratings input").first
    lower.focus()
    lower.press("Home")
    expect(left_out).to_have_count(0)
    expect(page.locator(".rec").first).to_be_visible()


def test_the_list_is_as_long_as_one_asks(page: Page, app: Any) -> None:
    app.give(page, RATED)
    page.goto(f"{app.url}/recommendations")
    expect(page.locator(".rec")).to_have_count(20)
    page.get_by_text("Filters and order", exact=True).first.click()
    page.get_by_role("radio", name="50", exact=True).click()
    expect(page.locator(".rec")).to_have_count(50)
