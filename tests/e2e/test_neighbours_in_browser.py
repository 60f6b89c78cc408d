"""Who is like the visitor, and what may be taken back while rating."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect


def test_a_visitor_rates_takes_one_back_and_meets_people_and_movies_like_theirs(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/rate")
    cards = page.locator(".card")
    expect(cards.first).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    for place, key in enumerate("545"):
        cards.nth(place).locator(".stars").press(key)
    expect(page.get_by_text("You rated 3 movies.")).to_be_visible()
    cards.nth(2).locator(".stars").press("1")
    expect(cards.nth(2).locator(".state")).to_have_text("✓ saved")
    page.get_by_role("button", name="Undo").click()
    expect(cards.nth(2).locator(".stars")).to_have_attribute("aria-valuenow", "5")
    page.get_by_role("button", name="Undo").click()
    expect(cards.nth(2).locator(".stars")).to_have_attribute("aria-valuetext", "not rated")
    expect(page.get_by_text("You rated 2 movies.")).to_be_visible()

    unseen = cards.nth(4).get_by_role("button", name="I have not seen")
    unseen.click()
    expect(cards.nth(4).locator(".state")).to_have_text("✓ not asked about again")
    title = cards.nth(4).locator(".title").inner_text()
    page.get_by_text("Not rated yet").click()
    expect(page.locator(".card .title").filter(has_text=title)).to_have_count(0)
    expect(cards.first).to_be_visible()

    page.get_by_role("link", name="Neighbours", exact=True).click()
    people = page.get_by_role("listitem").filter(has_text="rated by both of you")
    expect(people).to_have_count(5)
    expect(people.first).to_contain_text("Loved, and not rated by you:")
    search = page.get_by_role("textbox", name="Search")
    search.fill("no such movie at all")
    search.press("Enter")
    expect(page.get_by_text("No movie has these words in its title")).to_be_visible()
    search.fill("toy stroy 1995")
    search.press("Enter")
    expect(page.get_by_text("No movie has these words in its title")).to_have_count(0)
    expect(page.locator(".st-key-near_movie input").first).to_have_value(re.compile("^Toy Story"))
    near = page.get_by_role("listitem").filter(has_text="mean")
    expect(near).to_have_count(10)
    expect(near.filter(has_text="Toy Story1995")).to_have_count(0)  # a movie is not its own neighbour
