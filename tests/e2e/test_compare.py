"""Two runs compared, one named, pinned, deleted and taken back, with the keyboard where it is words."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect


def train(page: Page, app: Any, query: str) -> None:
    page.goto(f"{app.url}/train?{query}")
    expect(page.get_by_text("Test RMSE").first).to_be_visible()
    button = page.get_by_role("button", name="Start training")
    expect(button).to_be_enabled()
    before = page.locator(".live-numbers").get_attribute("data-run")
    button.click()
    expect(page.locator(f'.live-numbers[data-run="{before}"]')).not_to_be_attached()  # it has an end to show, too
    expect(page.locator(".live-state.ended")).to_be_visible()
    expect(page.get_by_text("The test, scored once")).to_be_visible()


def in_the_pictures(page: Page) -> Any:
    return page.get_by_test_id("stMultiSelect")


def settled(page: Page) -> None:
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached()


def test_runs_are_named_pinned_deleted_and_taken_back(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/compare")
    expect(page.get_by_text("Nothing of yours to compare yet.")).to_be_visible()
    page.get_by_role("button", name="Train a model").click()
    expect(page.get_by_role("button", name="Start training")).to_be_visible()

    train(page, app, "hidden_units=11&epochs=4&batch_size=1000")
    train(page, app, "hidden_units=22&epochs=4&batch_size=1000")
    page.get_by_role("link", name="Compare").click()
    drawn = in_the_pictures(page)
    expect(drawn).to_contain_text("Custom, I-AutoRec 11")
    expect(drawn).to_contain_text("Custom, I-AutoRec 22")
    for picture in ("Time against error", "What makes the difference"):
        expect(page.get_by_role("heading", name=picture)).to_be_visible()
    expect(page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg")).to_have_count(3)
    settled(page)

    name = page.get_by_label("Name")
    name.fill("The twenty-two")
    name.press("Enter")
    expect(drawn).to_contain_text("The twenty-two")
    expect(drawn).not_to_contain_text("Custom, I-AutoRec 22")
    box = page.locator(".st-key-compare_run input").first
    expect(box).to_have_value("The twenty-two")
    settled(page)

    page.locator(".st-key-compare_actions").get_by_text("Pin", exact=True).click()
    expect(page.get_by_role("switch", name="Pin").or_(page.get_by_role("checkbox", name="Pin")).first).to_be_checked()
    settled(page)
    page.reload()  # a name and a pin stay
    expect(page.get_by_label("Name")).to_have_value("The twenty-two")
    expect(page.get_by_role("switch", name="Pin").or_(page.get_by_role("checkbox", name="Pin")).first).to_be_checked()
    settled(page)

    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted: The twenty-two")).to_be_visible()
    expect(drawn).not_to_contain_text("The twenty-two")
    expect(box).to_have_value("Custom, I-AutoRec 11")  # what another press would delete
    settled(page)
    page.reload()  # and so does a deletion, until it is taken back
    expect(page.get_by_text("Deleted: The twenty-two")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Deleted: The twenty-two")).not_to_be_visible()
    expect(drawn).to_contain_text("Custom, I-AutoRec 11")
    page.reload()
    expect(in_the_pictures(page)).to_contain_text("The twenty-two")
