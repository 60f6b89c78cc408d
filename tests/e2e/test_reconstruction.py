"""What the model gives back: of a visitor, of a movie and of a user."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect
from test_recommendations import rate_some


def choose(page: Page, whose: str) -> None:
    page.get_by_role("radio", name=whose, exact=True).click()


def test_without_ratings_the_page_says_what_to_do(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/reconstruction")
    expect(page.get_by_text("You have no ratings that this model knows")).to_be_visible()
    expect(page.get_by_role("button", name="Rate movies")).to_be_visible()


def test_a_visitor_sees_what_was_expected_of_each_rating(page: Page, app: Any) -> None:
    rate_some(page, app, "515")
    page.get_by_role("link", name="Reconstruction", exact=True).click()
    expect(page.locator(".stVegaLiteChart")).to_be_visible()
    figures = page.get_by_test_id("stMetricValue")
    expect(figures.nth(0)).to_have_text("3")
    for place in (1, 2):
        expect(figures.nth(place)).to_have_text(re.compile(r"^\d\.\d{4}$"))
    expect(page.locator(".stDataFrame")).to_be_visible()


def test_a_movie_of_the_data_shows_its_parts_and_their_errors(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/reconstruction")
    choose(page, "A movie")
    for part in ("training", "validation", "test"):
        expect(page.get_by_text(f"{part} ratings").first).to_be_visible()
    expect(page.locator(".stVegaLiteChart")).to_be_visible()

    page.get_by_role("textbox", name="Find a movie").fill("matrix")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-reconstruct_movie input")).to_have_value(re.compile("Matrix"))
    page.get_by_role("textbox", name="Find a movie").fill("no movie is called so")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No movie has these words")).to_be_visible()


def test_a_user_is_found_by_id(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/reconstruction")
    choose(page, "A user")
    expect(page.locator(".stVegaLiteChart")).to_be_visible()
    page.get_by_role("textbox", name="Find a user by id").fill("15")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-reconstruct_user input")).to_have_value(re.compile(r"^User 15 "))
