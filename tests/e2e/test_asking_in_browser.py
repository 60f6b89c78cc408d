"""Being asked: one movie after the other, and what is known grows with each answer."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect


def known(page: Page) -> float:
    text = page.get_by_text("What the model knows about you").inner_text()
    return float(re.findall(r"[0-9.]+", text)[0])


def test_each_answer_brings_another_question_and_more_knowledge_and_not_seen_is_remembered(
    page: Page, app: Any
) -> None:
    def open_questions() -> None:
        page.goto(f"{app.url}/rate")
        page.get_by_text("Ask me", exact=True).click()
        expect(page.get_by_text("Have you seen this one?")).to_be_visible()
        expect(page.locator(".card")).to_have_count(1)

    open_questions()
    title = page.locator(".card .title")
    asked, shares = [title.inner_text()], [known(page)]
    assert shares == [0.0]
    for key in "42":
        page.locator(".card .stars").press(key)
        expect(title).not_to_have_text(asked[-1])
        expect(page.get_by_text(f"You rated {len(shares)} movie")).to_be_visible()
        expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()
        asked.append(title.inner_text())
        shares.append(known(page))
    assert shares == sorted(set(shares))
    page.get_by_role("button", name="Not seen").click()
    expect(title).not_to_have_text(asked[-1])
    after = title.inner_text()
    assert len({*asked, after}) == 4
    open_questions()
    expect(title).to_have_text(after)
    page.get_by_role("button", name="Ask again about all").click()
    expect(title).to_have_text(asked[-1])
