"""The map: a movie is found in spite of a slip, its neighbours show, some are encircled. The units: one is chosen."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from conftest import unfold
from playwright.sync_api import Page, expect

DRAWN = """(canvas, [theme, before]) => {
  // The theme's ground, once points have been drawn on it. The page draws its own anew, too, when the theme changes, so
  // both are read together.
  const app = getComputedStyle(document.querySelector(".stApp"));
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const ground = `rgb(${data[0]}, ${data[1]}, ${data[2]})`;
  if (app.colorScheme !== theme || app.backgroundColor !== ground || ground === before) return null;
  const pixels = new Uint32Array(data.buffer), share = pixels.filter((one) => one !== pixels[0]).length / pixels.length;
  return 0.02 < share && share < 0.9 ? ground : null;
}"""


def test_a_movie_is_found_on_the_map_and_its_neighbours_and_a_lasso_are_listed(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/map")
    atlas = page.locator(".atlas[data-ready]")
    expect(atlas).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d,\d{3} movies are drawn"))).to_be_visible()

    page.get_by_role("textbox", name="Find a movie").fill("matirx")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Near The Matrix (1999)")).to_be_visible()
    expect(page.locator(".atlas[data-chosen='The Matrix'][data-neighbours='10']")).to_be_visible()

    atlas.get_by_role("radio", name="Lasso").click()
    box = page.locator("canvas.marks").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] - 70, middle[1] - 70)
    page.mouse.down()
    for x, y in ((70, -70), (70, 70), (-70, 70), (-70, -60)):
        page.mouse.move(middle[0] + x, middle[1] + y, steps=3)
    page.mouse.up()
    heading = page.get_by_role("heading", name=re.compile(r"^[\d,]+ movies? in the lasso"))
    expect(heading).to_be_visible()
    count = int(heading.inner_text().split()[0].replace(",", ""))
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download these as CSV").click()
    assert len(list(csv.DictReader(io.StringIO(caught.value.path().read_text())))) == count


def test_without_a_gpu_points_are_drawn_on_the_ground_of_the_theme(page: Page, app: Any) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(f"{app.url}/map")
    expect(page.locator(".atlas[data-ready][data-renderer='canvas']")).to_be_visible()
    grounds = [None]
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        found, asked = None, 0
        while found is None and asked < 400:  # of the canvas that is there now: the page may make it anew
            page.wait_for_timeout(100)
            found, asked = page.locator("canvas.points").evaluate(DRAWN, [theme, grounds[-1]]), asked + 1
        grounds.append(found)
        assert found is not None, theme


def test_a_unit_is_chosen_by_what_it_favours(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/units")
    expect(page.get_by_role("heading", name=re.compile(r"^Unit \d+$"))).to_be_visible()
    chooser = page.locator(".st-key-units_unit input")
    unfold(chooser)
    page.get_by_role("option").nth(1).click()
    expect(chooser).not_to_have_value("")
    number = re.search(r"\d+", chooser.input_value())
    assert number is not None
    expect(page.get_by_role("heading", name=f"Unit {number[0]}", exact=True)).to_be_visible()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download this unit as CSV").click()
    values = [float(row["value"]) for row in csv.DictReader(io.StringIO(caught.value.path().read_text()))]
    assert values == sorted(values, reverse=True)
    assert len(values) > 1000
