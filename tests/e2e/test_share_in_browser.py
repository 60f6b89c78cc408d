"""A link opened elsewhere, a script copied and run, a model and a picture taken home."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import App, visitor
from playwright.sync_api import Browser, Page, expect

from pages.shared.controls import nice_values
from pages.shared.share import SECONDS_TO_ARRIVE

ROOT = Path(__file__).parent.parent.parent
LINK = "hidden_units=12&batch_size=1000&epochs=5&seed=4"


def train_by(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_text("Test RMSE").first).to_be_visible()
    button = page.get_by_role("button", name="Start training")
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_text("The test, scored once")).to_be_visible()


def reload(page: Page) -> None:
    """What a button gives is made anew at each drawing: of a training that has ended there is but one."""
    page.reload()
    expect(page.get_by_text("The test, scored once")).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached()


@pytest.fixture(scope="module")
def trained(app: App, browser: Browser) -> Iterator[Page]:
    """A page with a training by `LINK` that has ended; the panel of what can be shared is open."""
    with visitor(app, browser) as page:
        train_by(page, f"{app.url}/train?{LINK}")
        reload(page)
        page.get_by_text("Share and take home").click()
        yield page


def curve_of(page: Page) -> list[str]:
    """Validation RMSE of each epoch, as the CSV has them."""
    with page.expect_download() as caught:
        page.get_by_role("button", name="Curve as CSV").click()
    return [line.split(",")[3] for line in caught.value.path().read_text().splitlines()[1:]]


def copied(page: Page, tab: str) -> str:
    """What the panel's copy button puts on the clipboard."""
    page.get_by_role("tab", name=tab).click()
    block = page.get_by_role("tabpanel", name=tab).locator("[data-testid=stCode]")
    block.hover()
    block.get_by_role("button").dispatch_event("click")  # it shows while pointed at, and moves as it does
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_link_opened_elsewhere_shows_the_same_and_gives_the_same_curve(
    trained: Page, app: App, browser: Browser
) -> None:
    link = copied(trained, "Link")
    assert link == f"{app.url}/train?{LINK}"
    first = curve_of(trained)
    assert len(first) == 5
    with browser.new_context(accept_downloads=True) as elsewhere:
        other = elsewhere.new_page()
        train_by(other, link)
        reload(other)
        expect(other.locator(".st-key-preset input")).to_have_value("Custom")
        assert other.url == link
        assert [float(number) for number in curve_of(other)] == pytest.approx([float(n) for n in first], abs=1e-6)


def test_the_copied_script_and_command_give_the_curve_of_the_page(trained: Page, tmp_path: Path) -> None:
    curve = [float(number) for number in curve_of(trained)]
    trained.get_by_text("The run shown").click()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AUTOREC_HOME": str(tmp_path / "home")}

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, *arguments]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

    (tmp_path / "copied.py").write_text(copied(trained, "Python"))
    _, *arguments = copied(trained, "Command line").split()
    with begin("copied.py") as script, begin(*arguments, "--json") as command:  # both at once
        printed, told = script.communicate()[0], command.communicate()[0]
    assert script.returncode == command.returncode == 0
    found = [float(number) for number in re.findall(r"validation RMSE ([\d.]+)", printed)]
    assert found == pytest.approx(curve, abs=1e-6)
    assert json.loads(told)["valid_rmse"] == pytest.approx(min(curve), abs=1e-6)


def test_the_address_follows_the_controls_and_back_undoes_a_change(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/train?{LINK}")
    slider = page.locator(".st-key-hyperparameter_epochs [role=slider], .st-key-hyperparameter_epochs input").first
    expect(slider).to_be_visible()
    slider.focus()
    slider.press("ArrowLeft")
    expect(page).to_have_url(f"{app.url}/train?{LINK.replace('epochs=5', 'epochs=2')}")
    page.wait_for_timeout(1100 * SECONDS_TO_ARRIVE)  # until then it counts as the address that was just left
    page.go_back()
    expect(page).to_have_url(f"{app.url}/train?{LINK}")
    expect(page.locator(".st-key-hyperparameter_epochs")).to_contain_text("5")


def test_changes_in_quick_succession_are_all_kept(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/train?{LINK}")
    epochs, units = (
        page.locator(f".st-key-hyperparameter_{name}").locator("[role=slider], input").first
        for name in ("epochs", "hidden_units")
    )
    expect(page).to_have_url(f"{app.url}/train?{LINK}")
    epochs.focus()
    for _ in range(3):
        epochs.press("ArrowRight")
    units.focus()
    units.press("ArrowRight")
    said = page.locator(".st-key-hyperparameter_epochs"), page.locator(".st-key-hyperparameter_hidden_units")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page).not_to_have_url(re.compile("epochs=5"))
    expect(page).not_to_have_url(re.compile("hidden_units=12(&|$)"))
    for name, before, moves, shown in zip(("epochs", "hidden_units"), (5, 12), (3, 1), said, strict=True):
        stops = sorted({*nice_values(name), before})
        after = stops[stops.index(before) + moves]
        expect(page).to_have_url(re.compile(rf"{name}={after}(&|$)"))
        expect(shown).to_contain_text(str(after))


def test_a_bad_link_is_told_and_the_default_stands(page: Page, app: Any) -> None:
    page.goto(f"{app.url}/train?hidden_units=5000&epochs=7&seed=![x](http://outside.invalid/x.png)")
    expect(page.get_by_text("hidden_units must be between 1 and 1000, got 5000.")).to_be_visible()
    expect(page.get_by_text("seed must be a whole number")).to_be_visible()
    expect(page).to_have_url(f"{app.url}/train?epochs=7")


def test_the_model_and_the_pictures_are_taken_home(trained: Page, tmp_path: Path) -> None:
    page = trained
    with page.expect_download() as caught:
        page.get_by_role("button", name="Model and figures").click()
    caught.value.save_as(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as packed:
        names = {Path(name).name for name in packed.namelist()}
        assert packed.testzip() is None
    assert names >= {"model.safetensors", "model.json", "items.csv", "result.json", "curve.csv", "train.py"}
    chart = page.locator(".stVegaLiteChart").first
    expect(chart.locator("canvas, svg").first).to_be_visible()
    chart.hover()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download as PNG: Train").dispatch_event("click")
    assert caught.value.path().read_bytes().startswith(b"\x89PNG")

    def saved(picture: str) -> bytes:
        with page.expect_download() as caught:
            page.locator(".pictures").get_by_role("button", name=picture, exact=True).click()
        return caught.value.path().read_bytes()

    svg = saved("Curve").decode()
    words = {found.text for found in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"train", "validation", "RMSE in rating units"} <= words
    assert saved("Weights").startswith(b"<svg")
    assert saved("Matrix").startswith(b"\x89PNG")
