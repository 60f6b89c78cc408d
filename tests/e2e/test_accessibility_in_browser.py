"""Every page in both themes: axe-core finds nothing serious, and the browser has nothing to complain of."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from conftest import App, visitor
from playwright.sync_api import Browser, Page, expect

from pages.shared import fooled, frame, lesson

RATED = {"4973": 5.0, "2571": 5.0, "1": 4.0, "318": 4.5, "296": 2.0}
"""Amélie, The Matrix, Toy Story, The Shawshank Redemption and Pulp Fiction."""

NOT_OURS = (
    ("list", '[data-testid="stSidebarNavItems"]'),
    ("listitem", '[data-testid="stSidebarNavItems"] li'),
)
"""Rule and selector of what no app can mend: Streamlit puts a `div` for each section between its menu and the entries,
which then are no list to a screen reader. The sections are worth more than that: their links have names and order."""

SCAN = """async ([where, rules, notOurs]) => {
  const options = { resultTypes: ["violations"], selectors: false, elementRef: true, ...rules };
  const { violations } = await axe.run(where, options);
  const isOurs = (rule, { element }) => !notOurs.some(([id, those]) => id === rule && element?.matches(those));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, impact, nodes }) => nodes
      .filter((node) => isOurs(id, node))
      .map(({ html, failureSummary }) => `${impact}, ${id}: ${html}\\n${failureSummary}`));
}"""

SETTLED = """(theme) => {
  const within = (root) => [...root.querySelectorAll("*")].flatMap((one) => [
    one, ...(one.shadowRoot ? within(one.shadowRoot) : [])]);
  const isNamed = (one) => one.textContent || one.ariaLabel || one.title || one.placeholder;
  const app = document.querySelector(".stApp");
  const all = within(document);
  const seen = window.settled;
  if (all.length !== seen?.elements) window.settled = { elements: all.length, since: performance.now() };
  return performance.now() - window.settled.since > 300
    && app?.dataset.testScriptState === "notRunning"
    && getComputedStyle(app).colorScheme === theme
    && document.querySelector('[data-testid="stMain"] h1')
    && !document.querySelector('[data-testid="stSkeleton"]')
    && all.filter((one) => one.dataset?.word).every(isNamed)
    && !document.getAnimations().some((one) => one instanceof CSSTransition && one.playState === "running");
}"""
"""The page has drawn all that it draws, in a theme's colours: nothing has come or gone for a while, since a picture is
put into the page only after the page's script has ended, and writes its words itself."""

NAMELESS = """() => {
  window.nameless = [];
  const isNamed = (one) => one.textContent || one.ariaLabel || one.title;
  const look = () => {
    for (const { shadowRoot } of document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')) {
      for (const one of shadowRoot?.querySelectorAll("button[data-word], canvas[data-word]") ?? []) {
        if (!isNamed(one) && one.checkVisibility({ visibilityProperty: true })) window.nameless.push(one.outerHTML);
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
"""Notes what is shown without its words, be it for one frame."""

THEMES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},  # the rest is the same
}
"""Theme -> which rules."""
PARTS = {
    "The method, step by step": ("Steps", [step.title for step in lesson.STEPS.values()]),
    "Six ways to fool yourself": ("Ways to fool yourself", [way.title for way in fooled.WAYS.values()]),
}
"""The two parts of Learn: what chooses within each, and what there is to choose."""


class Visit:
    """Somebody with ratings who goes through all pages, with what the browser said on the way."""

    def __init__(self, page: Page, app: App) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(f"({NAMELESS})()")
        self.theme = "light"
        page.emulate_media(color_scheme="light")
        app.give(page, RATED)
        page.goto(app.url)
        page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))

    def found(self, where: str = "html") -> list[str]:
        """What axe-core finds on a part of the page as it stands, in both themes: first in that which it has."""
        faults = []
        for theme in sorted(THEMES, key=lambda one: one != self.theme):
            self.theme = theme
            self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            self.page.wait_for_function(SETTLED, arg=theme)
            said = self.page.evaluate(SCAN, [where, THEMES[theme], NOT_OURS])
            faults += [f"{self.page.title()}, {theme}, {fault}" for fault in said]
        return faults


@pytest.fixture(scope="module")
def visit(app: App, browser: Browser) -> Iterator[Visit]:
    """One visit for all pages: whatever it asks for must come from the app's own server."""
    with visitor(app, browser) as page:
        yield Visit(page, app)


@pytest.mark.parametrize("name", frame.PAGES)
def test_a_page_has_no_serious_fault_in_either_theme_and_no_error_in_the_console(visit: Visit, name: str) -> None:
    title, page = frame.PAGES[name], visit.page
    visit.complaints.clear()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True).click()
    expect(page).to_have_title(f"{title} · AutoRec Playground")
    assert visit.found() == []
    assert visit.complaints == []
    assert page.evaluate("nameless.splice(0)") == []


def test_no_step_of_the_lesson_and_no_way_to_be_fooled_has_a_serious_fault(visit: Visit) -> None:
    page = visit.page
    faults: list[str] = []
    visit.complaints.clear()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Learn", exact=True).click()
    for part, (what, titles) in PARTS.items():
        page.get_by_role("radio", name=part, exact=True).click()
        choices = page.get_by_role("radiogroup", name=what, exact=True)
        for number, title in enumerate(titles, 1):
            choices.get_by_text(f"{number} {title()}", exact=True).click()
            expect(page.get_by_role("heading", name=f"{number}. {title()}", exact=True)).to_be_visible()
            faults += visit.found('[data-testid="stMain"]')
    assert faults == []
    assert visit.complaints == []
