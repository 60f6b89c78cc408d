"""Rating in a real browser: by mouse and keyboard, and nothing that was shown as saved is ever lost."""

from __future__ import annotations

import re
import sqlite3

from playwright.sync_api import Page, expect


def stars(page: Page, title: str):
    return page.get_by_role("slider", name=f"Rate {title}", exact=True)


def open_rate(page: Page, url: str) -> None:
    page.goto(f"{url}/rate")
    expect(stars(page, "Forrest Gump")).to_be_visible()


def card(page: Page, title: str):
    return page.locator(".card", has=stars(page, title))


def test_a_half_star_by_mouse_is_saved_and_there_after_a_reload(page: Page, app):
    open_rate(page, app.url)
    box = stars(page, "Forrest Gump").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.87, box["y"] + box["height"] / 2)
    expect(card(page, "Forrest Gump").get_by_role("status")).to_have_text("✓ saved")
    expect(stars(page, "Forrest Gump")).to_have_attribute("aria-valuenow", "4.5")
    open_rate(page, app.url)
    expect(stars(page, "Forrest Gump")).to_have_attribute("aria-valuenow", "4.5")


def test_the_keyboard_rates_changes_and_clears(page: Page, app):
    open_rate(page, app.url)
    slider, status = stars(page, "Pulp Fiction"), card(page, "Pulp Fiction").get_by_role("status")
    slider.press("4")
    expect(status).to_have_text("✓ saved")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "4.5")
    expect(status).to_have_text("✓ saved")
    slider.press("Backspace")
    expect(status).to_have_text("✓ cleared")
    open_rate(page, app.url)
    expect(stars(page, "Pulp Fiction")).to_have_attribute("aria-valuetext", "not rated")


def test_rapid_ratings_of_many_movies_are_all_kept(page: Page, app):
    open_rate(page, app.url)
    for place in range(12):
        page.get_by_role("slider").and_(page.locator(".stars")).nth(place).press("3")
    for place in range(12):
        expect(page.locator(".card").nth(place).get_by_role("status")).to_have_text("✓ saved")
    expect(page.get_by_text("You rated 12 movies.")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("12 movies rated")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("You rated 11 movies.")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("11 movies rated")


def test_a_rating_that_the_database_does_not_take_is_told_and_the_old_one_stands(page: Page, app):
    open_rate(page, app.url)
    status = card(page, "Forrest Gump").get_by_role("status")
    stars(page, "Forrest Gump").press("2")
    expect(status).to_have_text("✓ saved")
    other = sqlite3.connect(app.home / "visitors.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        stars(page, "Forrest Gump").press("5")
        expect(page.get_by_text("Could not save the rating")).to_be_visible()
    finally:
        other.execute("ROLLBACK")
        other.close()
    expect(stars(page, "Forrest Gump")).to_have_attribute("aria-valuenow", "2")
    stars(page, "Forrest Gump").press("5")
    expect(status).to_have_text("✓ saved")
    open_rate(page, app.url)
    expect(stars(page, "Forrest Gump")).to_have_attribute("aria-valuenow", "5")


def test_a_search_finds_titles_as_people_write_them(page: Page, app):
    open_rate(page, app.url)
    page.get_by_role("textbox", name="Search").fill("the matrix")
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(stars(page, "Forrest Gump")).to_have_count(0)
    expect(page.locator(".card .title").first).to_have_text(re.compile("^The Matrix"))


def test_the_visitors_id_is_out_of_reach_of_the_page_and_its_address(page: Page, app):
    open_rate(page, app.url)
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "autorec_visitor")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert len(cookie["value"]) == 43
    assert "autorec_visitor" not in page.evaluate("document.cookie")
    assert cookie["value"] not in page.url
    assert cookie["value"] not in page.content()
