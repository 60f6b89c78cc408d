"""The list as the visitor wants it, what would be if, and what is not to be shown again."""

from __future__ import annotations

from conftest import App, unfold
from playwright.sync_api import Locator, Page, expect

RATED = {"4973": 4.5, "2571": 4.0, "608": 1.0, "47": 5.0}
"""Amélie, The Matrix, Fargo, Se7en."""


def open_list(page: Page, app: App) -> None:
    app.give(page, RATED)
    page.goto(f"{app.url}/recommendations")
    expect(page.locator(".rec")).to_have_count(20)


def choose(page: Page, control: str, option: str) -> None:
    unfold(page.get_by_role("combobox", name=control))
    page.get_by_role("option", name=option).first.click()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached()


def open_part(page: Page, title: str, control: Locator) -> None:
    """Unfolds a part of the page, and waits until nothing moves: what is clicked on its way may miss the click."""
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached()
    page.get_by_text(title, exact=True).first.click()
    expect(control).to_be_visible()
    page.wait_for_function("() => document.getAnimations().every(one => one.playState !== 'running')")


def names(page: Page) -> list[str]:
    return page.locator(".rec .name").all_inner_texts()


def test_a_rating_thought_away_moves_the_list_and_is_stored_only_when_kept(page: Page, app: App) -> None:
    open_list(page, app)
    expect(page.get_by_text("From your 4 ratings")).to_be_visible()
    page.get_by_text("What if, and what your ratings say").click()
    expect(page.locator(".own").first).to_contain_text("you gave")
    before = names(page)
    choose(page, "What if I had rated this otherwise?", "Fargo")
    page.get_by_text("As if not rated").click()
    expect(page.get_by_text("From your 3 ratings")).to_be_visible()
    expect(page.locator(".rec .place small").first).to_be_visible()
    assert not any(name.startswith("Fargo") for name in names(page))
    expect(page.get_by_test_id("stSidebar")).to_contain_text("4 movies rated")
    page.get_by_role("button", name="Back to what I gave").click()
    expect(page.get_by_text("From your 4 ratings")).to_be_visible()
    expect(page.locator(".rec .name")).to_have_text(before)

    choose(page, "What if I had rated this otherwise?", "Fargo")
    page.get_by_text("As if not rated").click()
    expect(page.get_by_text("From your 3 ratings")).to_be_visible()
    page.get_by_role("button", name="Keep this change").click()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("3 movies rated")


def test_what_is_not_interesting_stays_away_until_it_is_brought_back_and_what_is_rated_leaves(
    page: Page, app: App
) -> None:
    open_list(page, app)
    first, card = page.locator(".rec .name").first, page.locator(".card").first
    text = first.inner_text()
    open_part(page, "Seen one of these, or not interested?", card)
    card.get_by_role("button", name="I am not interested in").click()
    expect(first).not_to_have_text(text)
    page.reload()
    expect(page.locator(".rec")).to_have_count(20)
    assert text not in names(page)
    open_part(page, "Seen one of these, or not interested?", card)
    page.get_by_role("button", name="Passed over (1)").click()
    page.get_by_role("button", name="Bring all back").click()
    expect(first).to_have_text(text)

    title = text.rsplit(" ", 1)[0]
    expect(card).to_contain_text(title)
    card.locator(".stars").press("4")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("5 movies rated")
    expect(first).not_to_have_text(text)
    expect(card).not_to_contain_text(title)


def test_a_wish_for_the_obscure_brings_movies_that_fewer_people_rated(page: Page, app: App) -> None:
    def people() -> float:
        facts = page.locator(".rec .facts").all_inner_texts()
        return sum(float(fact.split(", ")[1].split()[0].replace(",", "")) for fact in facts)

    open_list(page, app)
    before, first = people(), names(page)
    obscurity = page.get_by_role("slider", name="Popular to obscure")
    open_part(page, "Filters and order", obscurity)
    obscurity.press("ArrowRight")
    expect(page.get_by_text("more obscure")).to_be_visible()
    page.wait_for_function(
        "old => [...document.querySelectorAll('.rec .name')].map(name => name.innerText).join() !== old",
        arg=",".join(first),
    )
    expect(page.locator(".rec")).to_have_count(20)
    assert people() < before


def test_what_would_make_a_movie_a_five_is_told_and_nothing_is_changed(page: Page, app: App) -> None:
    open_list(page, app)
    before = names(page)
    page.get_by_text("What if, and what your ratings say").click()
    unfold(page.get_by_role("combobox", name="What would make this movie a 5 for me?"))
    page.get_by_role("option").last.click()
    expect(page.get_by_text("would be predicted in place of")).to_be_visible()
    expect(page.locator(".turn li").first).to_contain_text("instead of")
    expect(page.locator(".rec .name")).to_have_text(before)
    expect(page.get_by_test_id("stSidebar")).to_contain_text("4 movies rated")
