"""A model whose titles are markup, a visitor who gives hostile names, and every page: all of it is only text.

The same walk holds every page against the Content-Security-Policy and the network log: nothing is refused by the
policy, and nothing is asked of another server.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from autorec_core.visitors import VisitorStore
from pages.shared.frame import PAGES

sys.path.insert(0, str(Path(__file__).parent))
from conftest import ROOT, SECONDS, App, serve

TITLES = (
    "**zzbold**",
    "_zzem_ and *zzem*",
    "[zzlink](http://evil.example/)",
    "![zzimage](http://evil.example/x.png)",
    "<b>zzhtml</b>",
    '<img src=x onerror="window.zzran=1">zzimg',
    "<script>window.zzran=1</script>zzscript",
    "`zzcode`",
    ":red[zzred]",
    ":material/home: zzicon",
    "$zzmath^2$",
    '"><svg onload=window.zzran=1>zzsvg',
    "zz\x1b[31mcolour\x07",
    '=HYPERLINK("http://evil.example/")zzformula',
    "{{zzbraces}} ${zzdollar} %s",
    "zz&lt;entity&gt;",
    "zzlong" + 10_000 * "L",
    "\u202ezzturned\u2028over\x00",
    "zzmarked e" + 300 * "\u0301",
    "zz\u05e9\u05dc\u05d5\u05dd \u0641\u064a\u0644\u0645 \U0001f468\u200d\U0001f469\u200d\U0001f467",
)
RATED = (*range(6), *range(16, 20))
ID = "m\u00e9/\U0001f3ac {}"
MARKED = "b,strong,em,i,a,code,s,del,mark,sup,sub,h1,h2,h3,h4,.katex,[class*=colored],[style*=color]"
DRAWN = {
    "train": ".live-state",
    "rate": ".grid :text('_zzem_ and *zzem*')",
    "recommendations": ".rec :text('zzformula')",
    "reconstruction": "canvas",
}
"""Page -> something that it draws last, and would not without its scripts."""
SPIED = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
FOUND = f"""() => ({{
  refused: window.refused,
  ran: window.zzran ?? null,
  marked: [...document.querySelectorAll("{MARKED}")]
    .filter((node) => /^\\s*zz(bold|em|link|html|code|red|math|icon)/.test(node.textContent)).map((n) => n.outerHTML),
  outside: [...document.querySelectorAll("[src],[href]")]
    .filter((node) => /evil/.test(node.getAttribute("src") || node.getAttribute("href"))).map((n) => n.outerHTML),
  wider: [...document.querySelectorAll("[data-testid=stMain]")].filter((n) => n.scrollWidth > n.clientWidth).length,
  broken: [...document.querySelectorAll(".stException")].map((node) => node.textContent),
}})"""

TRAIN = """
import sys
from pathlib import Path
import numpy as np
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore, Source
folder, ratings, titles = sys.argv[1:]
config = RunConfig(
    source=Source(ratings=ratings, items=titles), kind="starter",
    hyperparameters=Hyperparameters(hidden_units=4, epochs=3, refit=False),
)
run = RunStore(Path(folder)).create(config)
record(run, lambda *_: True, is_watched=True)
print(run.id)
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, str]]:
    """A server whose only model is of hostile titles, and the id of its run."""
    folder = tmp_path_factory.mktemp("hostile")
    ratings, titles = folder / "**zzbold** ratings.csv", folder / "titles.csv"
    rows = (f"{u},{ID.format(i)},{1 + (u * i) % 5}" for u in range(40) for i in range(len(TITLES)) if (u + i) % 4)
    ratings.write_text("user,item,rating\n" + "\n".join(rows))
    quoted = ('"' + title.replace('"', '""') + '"' for title in TITLES)
    lines = (
        f"{ID.format(number)},{title},{40 * 'zzgenre'}|<i>zzgenre</i>|**zzbold**" for number, title in enumerate(quoted)
    )
    titles.write_text("item,title,genres\n" + "\n".join(lines))
    command = [sys.executable, "-c", TRAIN, str(folder / "home" / "runs"), str(ratings), str(titles)]
    run_id = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with serve(folder) as app:
        yield app, run_id


def test_hostile_titles_and_names_are_only_text_and_no_page_asks_or_runs_anything_from_elsewhere(
    hostile: tuple[App, str], browser: Browser
) -> None:
    app, run_id = hostile
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.set_default_timeout(1000 * SECONDS)
    page: Page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.add_init_script(SPIED)
    page.goto(app.url)
    (cookie,) = [one for one in context.cookies() if one["name"] == "autorec_visitor"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    store = VisitorStore(f"sqlite:///{app.home / 'visitors.sqlite3'}")
    for number in RATED:
        store.rate(cookie["value"], f"run:{run_id}", ID.format(number), 1.0 + number % 5)
    wrong: dict[str, object] = {}
    for name, title in PAGES.items():
        page.goto(f"{app.url}/{'' if name == 'home' else name}?**zzbold**=<b>zzhtml</b>&seed=-1&hidden_units=1e9")
        expect(page).to_have_title(f"{title} · AutoRec Playground")
        expect(page.locator("h1").first).to_be_visible()
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        if name in DRAWN:  # by a component, or from ratings: what comes last
            expect(page.locator(DRAWN[name]).first).to_be_visible()
        found = page.evaluate(FOUND)
        if any(found.values()):
            wrong[name] = found
    assert wrong == {}
    assert failed == [], "a script of a page"
    own = (app.url, app.url.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert len(asked) > 50
    context.close()


def test_every_answer_carries_the_policy_and_other_sites_are_kept_out(hostile: tuple[App, str]) -> None:
    app, _ = hostile
    with urllib.request.urlopen(app.url) as answer:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self' 'wasm-unsafe-eval' blob: 'sha256-" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/_stcore/health", "/metrics", "/media/nothing.csv", "/../../etc/passwd", "/static/..%2f..%2fapp.py"):
        try:
            with urllib.request.urlopen(app.url + path) as answer:
                headers, content = answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            headers, content = error.headers, error.read()
        assert headers["content-security-policy"]
        assert b"root:" not in content
        assert b"import streamlit" not in content
    # a page of another site can neither read an answer, nor open the websocket, nor bring a file
    other = urllib.request.Request(f"{app.url}/_stcore/host-config", headers={"Origin": "http://evil.example"})
    with urllib.request.urlopen(other) as answer:
        assert answer.headers["access-control-allow-origin"] is None
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    for origin, status in (("http://evil.example", 403), (app.url, 101)):
        connection = http.client.HTTPConnection(app.url.removeprefix("http://"), timeout=SECONDS)
        connection.request("GET", "/_stcore/stream", headers=upgrade | {"Origin": origin})
        assert connection.getresponse().status == status
        connection.close()
    file = urllib.request.Request(f"{app.url}/_stcore/upload_file/a/b", data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(file)
    assert refused.value.code == 403
