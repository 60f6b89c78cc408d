"""A history from another site: what was found is told before it is stored, stored whole, undone whole; and all of it
can be taken away and deleted."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from conftest import unfold
from playwright.sync_api import Page, expect

LETTERBOXD = (
    "Date,Name,Year,Letterboxd URI,Rating\n"
    "2021-03-04,Amélie,2001,x,4.5\n2021-03-04,The Matrix,1999,x,4\n2021-03-05,Star Wars,1977,x,5\n"
    "2021-03-05,Hamlet,2000,x,3\n2021-03-05,No such movie at all,2031,x,5\n2021-03-05,Fargo,1996,x,\n"
)
IMDB = "Const,Your Rating,Title,Title Type,Year\ntt1,7,The Matrix,Movie,1999\ntt2,9,Alien,Movie,1979\n"


def give(page: Page, app: Any, name: str, text: str) -> None:
    page.goto(f"{app.url}/history")
    page.locator("input[type=file]").set_input_files([{"name": name, "mimeType": "text/csv", "buffer": text.encode()}])


def rated(page: Page, count: int):
    return expect(page.get_by_test_id("stSidebar")).to_contain_text(f"{count} movies rated")


def ratings_in(page: Page, layout: str) -> dict[str, float]:
    # While the page is drawn anew a button still offers the old file, which the server gives no longer.
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()
    with page.expect_download() as caught:
        page.get_by_role("button", name=f"In the layout of {layout}").click()
    rows = csv.DictReader(io.StringIO(caught.value.path().read_text(encoding="utf-8")))
    return {row["movie_id"]: float(row["rating" if layout == "MovieLens" else "Rating"]) for row in rows}


def test_a_history_is_told_chosen_from_stored_and_undone(page: Page, app: Any) -> None:
    give(page, app, "ratings.csv", LETTERBOXD)
    expect(page.get_by_text("Which movie is it?")).to_be_visible()
    metrics = page.get_by_test_id("stMetricValue")
    expect(metrics).to_have_text(["2", "2", "1"])
    expect(page.get_by_text("3 new, 0 changed")).to_be_visible()
    rated(page, 0)  # nothing is stored yet

    unfold(page.get_by_role("combobox", name="Hamlet (2000)"))
    page.get_by_role("option", name="Hamlet (2000)").first.click()
    page.get_by_role("button", name="Bring in 4 ratings").click()
    expect(page.get_by_text("4 ratings are stored.")).to_be_visible()
    rated(page, 4)
    expect(page.get_by_role("link", name="See your recommendations")).to_be_visible()
    first = ratings_in(page, "MovieLens")
    assert first["2571"] == 4.0
    assert ratings_in(page, "Letterboxd") == first

    give(page, app, "ratings.csv", IMDB)
    expect(page.get_by_text("10 becomes 5, 7 becomes 3.5")).to_be_visible()
    page.get_by_text("Replace my ratings", exact=True).click()
    expect(page.get_by_text("1 new, 1 changed, 0 as they are, 3 of yours go")).to_be_visible()
    page.get_by_role("button", name="Bring in 2 ratings").click()
    rated(page, 2)
    assert ratings_in(page, "MovieLens")["2571"] == 3.5

    page.get_by_role("button", name="Undo the import").click()
    rated(page, 4)
    assert ratings_in(page, "MovieLens") == first


def test_a_file_that_cannot_be_used_is_told_in_a_sentence_and_the_next_one_works(page: Page, app: Any) -> None:
    give(page, app, "ratings.csv", "a,b\n1,2\n")
    expect(page.get_by_role("alert")).to_contain_text("ratings.csv is no export of")
    give(page, app, "ratings.csv", IMDB)
    expect(page.get_by_role("button", name="Bring in 2 ratings")).to_be_visible()


def test_all_that_is_stored_can_be_taken_away_and_deleted(page: Page, app: Any) -> None:
    give(page, app, "ratings.csv", IMDB)
    page.get_by_role("button", name="Bring in 2 ratings").click()
    rated(page, 2)
    page.get_by_role("link", name="Privacy").click()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download all of it").click()
    stored = json.loads(caught.value.path().read_text())
    assert {row["item_id"]: row["rating"] for row in stored["visitor_ratings"]} == {"2571": 3.5, "1214": 4.5}
    button = page.get_by_role("button", name="Delete everything stored of me")
    expect(button).to_be_disabled()
    page.get_by_text("Yes, delete all of it for good").click()
    button.click()
    expect(page.get_by_text("2 ratings are gone for good")).to_be_visible()
    rated(page, 0)
    page.get_by_role("link", name="Bring your history").click()
    expect(page.get_by_text("You have no ratings yet")).to_be_visible()
    expect(page.get_by_role("button", name="Undo the import")).to_have_count(0)
