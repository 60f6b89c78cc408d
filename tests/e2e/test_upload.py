"""Own ratings, in a real browser: a fault by its row, columns corrected, kept, trained on, deleted."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from conftest import App, unfold
from playwright.sync_api import Page, expect


def write_csv(path: Path, *, fault: bool) -> Path:
    generator = np.random.default_rng(0)
    users, items = np.nonzero(generator.random((40, 30)) < 0.4)
    ratings = generator.integers(1, 6, len(users))
    lines = [
        f"person {user},<b>movie</b> {item},{rating}" for user, item, rating in zip(users, items, ratings, strict=True)
    ]
    if fault:
        lines[15] = "person 1,movie 2,many"
    path.write_text("\n".join(["who,what,stars", *lines]), encoding="utf-8")
    return path


def choose(page: Page, label: str, option: str) -> None:
    unfold(page.get_by_role("combobox", name=label))
    page.get_by_role("option", name=option, exact=True).click()


def test_own_ratings_are_corrected_kept_trained_on_and_deleted(app: App, page: Page, tmp_path: Path) -> None:
    page.goto(f"{app.url}/upload")
    ratings = page.locator('input[type="file"]').first
    ratings.set_input_files(write_csv(tmp_path / "mine.csv", fault=True))
    expect(page.get_by_text("Say which column is")).to_be_visible()
    choose(page, "Who", "who")
    choose(page, "What", "what")
    expect(page.get_by_text("Row 17", exact=False)).to_be_visible()
    expect(page.get_by_role("button", name="Keep it")).not_to_be_visible()
    page.get_by_text("Leave out the faulty row").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_visible()

    page.reload()  # another visit, with the corrected file
    page.locator('input[type="file"]').first.set_input_files(write_csv(tmp_path / "mine.csv", fault=False))
    choose(page, "Who", "who")
    choose(page, "What", "what")
    expect(page.get_by_text("of 30 items by 40 people", exact=False)).to_be_visible()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("Kept. mine.csv is chosen", exact=False)).to_be_visible()

    page.get_by_role("button", name="Train on it").click()
    expect(page.locator(".st-key-dataset input")).to_have_value("Yours: mine.csv")
    expect(page.locator(".st-key-preset input")).to_have_value("Fitted to size")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("epochs are done", exact=False).first).to_be_visible()
    expect(page.get_by_role("combobox", name="Run")).to_have_value(re.compile("^Fitted to size · I-AutoRec "))

    page.goto(f"{app.url}/upload")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing yet.", exact=False)).to_be_visible()
    assert not [path for path in (app.home / "uploads").rglob("*") if path.is_file()]
