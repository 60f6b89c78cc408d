"""How many frames a second does the map of the movies draw, and what does a frame cost the browser and a GPU?

    python -m benchmarks.map_frames [--points 9066] [--frames 300] [--quick]

The map's own script and style on a page of their own, in Chromium: the movies of the bundled set where the principal
components of their ratings put them, or as many more as are asked for, dealt out around them. It is turned in space and
moved flat for so many frames, a step a frame, and recoloured. Told are

- frames a second, and the 95th percentile of the time between two;
- the script's own time in a frame, which every machine has to find whatever draws its points;
- all that the page's thread did, a frame: the script, and what Chromium does to show a frame;
- what was asked of WebGL in a frame: calls that draw, and bytes that were sent.

Without a GPU two things can draw: the plain canvas that the map then takes, and, made to, WebGL in software
(SwiftShader, on the processor's cores). What only a GPU can show, its own time for a frame, is not told here.
"""

from __future__ import annotations

import argparse
import base64
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from autorec_core import datasets
from autorec_core.ratings import FloatArray, Ratings
from benchmarks.machine import machine
from pages.shared import assets, movie_map
from pages.shared.palette import BASELINE, RUNS, YOU

DRAWS = {
    "WebGL in software": ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
    "plain canvas": ("--disable-gpu", "--disable-3d-apis"),
}
"""What draws the points -> how Chromium is started."""

SIZES = {"1280 px": (1006, 1, 620), "1280 px, dense screen": (1006, 2, 620), "390 px": (358, 3, 500)}
"""A window -> the map's width, pixels of the screen to one of the page, and room for it, as the page of the app has."""

COUNT = """() => {
  // WebGL even where no GPU does it, so that its calls can be counted.
  const context = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, wanted) {
    return context.call(this, kind, {...wanted, failIfMajorPerformanceCaveat: false});
  };
  const parameter = WebGLRenderingContext.prototype.getParameter;
  WebGLRenderingContext.prototype.getParameter = function (key) {
    return key === 0x9246 ? "as if it were a GPU" : parameter.call(this, key); // UNMASKED_RENDERER_WEBGL
  };
  // Each drawn frame's time, and whatever is asked of WebGL meanwhile.
  window.counted = {script: [], at: [], calls: 0, points: 0, bytes: 0};
  const later = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (task) => later((now) => {
    const began = performance.now();
    task(now);
    if (task.name !== "draw") return;
    counted.script.push(performance.now() - began);
    counted.at.push(began);
  });
  const gl = WebGLRenderingContext.prototype;
  const wrap = (name, note) => {
    const own = gl[name];
    gl[name] = function (...given) { note(given); return own.apply(this, given); };
  };
  wrap("drawArrays", ([, , count]) => { counted.calls += 1; counted.points += count; });
  wrap("bufferData", ([, values]) => { counted.bytes += values.byteLength; });
  for (const name of ["uniform1f", "uniform2f"]) wrap(name, (given) => { counted.bytes += 4 * (given.length - 1); });
  wrap("uniformMatrix3fv", ([, , values]) => { counted.bytes += 4 * values.length; });
}"""

OPEN = """async ({script, movies, view}) => {
  const text = new Blob([script], {type: "text/javascript"});
  const {default: show} = await import(URL.createObjectURL(text));
  window.autorecMapView = view;
  show({data: movies, parentElement: document.body, setTriggerValue: () => {}});
  window.map = document.querySelector(".atlas").autorec;
  await new Promise((done) => setTimeout(done, 1200)); // the first glide
}"""

DRAW = """async ({frames, what, other}) => {
  const step = (number) => {
    if (what === "turned") map.move(4, 1.5);
    else if (what === "moved") map.move(number % 80 < 40 ? 5 : -5, number % 50 < 25 ? 3 : -3);
    else if (number % 30 === 0) {
      const view = (number / 30) % 2 ? window.autorecMapView : other;
      window.autorecMapView = {...view, stamp: `${number}`, coloured: `${number}`};
      window.dispatchEvent(new Event("autorec-map-view"));
    }
  };
  const frame = () => new Promise(requestAnimationFrame);
  for (let number = 0; number < 30; number += 1) { step(number); await frame(); }
  Object.assign(counted, {script: [], at: [], calls: 0, points: 0, bytes: 0});
  for (let number = 0; number < frames; number += 1) { step(number); await frame(); }
  return {...counted};
}"""


@dataclass(frozen=True)
class Found:
    """What one way of drawing came to."""

    rate: float
    """Frames a second."""
    apart: float
    """Milliseconds between two frames, 95th percentile."""
    script: tuple[float, float]
    """Milliseconds of the script in a frame: median and 95th percentile."""
    thread: float
    """Milliseconds of the page's thread in a frame, mean."""
    calls: float
    """Calls of WebGL that draw, a frame."""
    sent: float
    """Bytes sent to WebGL, a frame."""


def places_of(ratings: Ratings, count: int) -> FloatArray:
    """(count, 3) places of movies by the principal components of their ratings; those beyond lie around these."""
    matrix = np.zeros((ratings.num_items, ratings.num_users), dtype=np.float32)
    matrix[ratings.by_item.rows, ratings.by_item.indices] = ratings.by_item.values - ratings.by_item.values.mean()
    left, sizes, _ = np.linalg.svd(matrix, full_matrices=False)
    places = left[:, :3] * sizes[:3]
    places = np.sign(places) * np.abs(places) ** 0.5  # as much apart as those of codes
    generator = np.random.default_rng(0)
    chosen = np.arange(count) % len(places)
    moved = places[chosen] + (chosen != np.arange(count))[:, None] * generator.normal(0, 0.3, (count, 3))
    return movie_map.fitted(moved.astype(np.float32))


def told(ratings: Ratings, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page sends to the map: its movies, and how they are shown."""
    chosen = np.arange(count) % ratings.num_items
    counts = ratings.by_item.counts[chosen]
    items = ratings.items
    movies = {
        "name": "measured",
        "n": count,
        "titles": [str(items.titles[item]) for item in chosen.tolist()],
        "years": items.years[chosen].tolist(),
        "counts": counts.tolist(),
        "means": movie_map.as_text(np.full(count, 3.5)),
        "genres": [[] for _item in chosen],
        "genreNames": [],
        "words": {"you": "You"},
    }
    view = {
        "name": "measured",
        "n": count,
        "axes": 3,
        "placed": "pca 3",
        "places": movie_map.as_text(places_of(ratings, count)),
        "of": base64.b64encode((np.arange(count) % 7).astype(np.uint8).tobytes()).decode(),
        "palette": list(RUNS[:7]),
        "blank": BASELINE,
        "entries": [],
        "ramp": None,
        "predicted": None,
        "rated": [[place, True, "5"] for place in range(0, 200, 10)],
        "you": [0.1, 0.1, 0.1],
        "youColour": YOU,
        "chosen": -1,
        "neighbours": [],
        "selected": [],
        "theme": "light",
        "coloured": "first",
        "stamp": "first",
    }
    return movies, view


def measure(page: Page, view: dict[str, Any], what: str, frames: int) -> Found:
    """Draws so many frames of a map that is turned, moved or recoloured."""
    axes = 3 if what == "turned" else 2
    shown = {**view, "axes": axes, "placed": f"pca {axes}", "stamp": what}
    page.evaluate(
        """async (view) => {
        window.autorecMapView = view;
        window.dispatchEvent(new Event("autorec-map-view"));
        await new Promise((done) => setTimeout(done, 1000));
    }""",
        shown,
    )
    other = {**shown, "of": base64.b64encode(bytes(3 for _ in range(view["n"]))).decode()}
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = _thread(session)
    counted = page.evaluate(DRAW, {"frames": frames, "what": what, "other": other})
    worked = _thread(session) - before
    at = np.array(counted["at"])
    apart = np.diff(at)
    return Found(
        rate=1000 * len(apart) / float(at[-1] - at[0]),
        apart=float(np.percentile(apart, 95)),
        script=(float(np.median(counted["script"])), float(np.percentile(counted["script"], 95))),
        thread=1000 * worked / (frames + 30),
        calls=counted["calls"] / len(at),
        sent=counted["bytes"] / len(at),
    )


def _thread(session: Any) -> float:
    """Seconds that the page's thread has worked so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def opened(browser: Browser, size: str, movies: dict[str, Any], view: dict[str, Any]) -> Page:
    """A page with nothing but the map."""
    width, ratio, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=ratio)
    page = context.new_page()
    page.set_content(
        "<style>body{margin:0;--st-text-color:#1b1f24;--st-background-color:#ffffff;--st-border-color:#ccc;"
        f"--st-primary-color:#06c;--st-font:sans-serif}}{assets.read('movie_map.css')}</style>{movie_map.HTML}"
    )
    page.evaluate(COUNT)
    script = assets.read("movie_map_paper.js") + assets.read("movie_map.js")
    page.evaluate(OPEN, {"script": script, "movies": movies, "view": view})
    return page


def main() -> None:
    """Prints a line for each thing that draws, size and movement."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, nargs="+", default=[9066])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="one size and few frames, to see that it runs")
    asked = parser.parse_args()
    ratings = datasets.load(datasets.BUNDLED)
    frames, sizes = (60, list(SIZES)[:1]) if asked.quick else (asked.frames, list(SIZES))
    print(machine())
    print(
        f"{'points drawn by':<26} {'window':<22} {'map is':<10} {'frames/s':>8} {'p95 apart':>10} "
        f"{'script ms, p95':>15} {'thread ms':>10} {'draws':>6} {'bytes':>8}"
    )
    with sync_playwright() as playwright:
        for count in asked.points:
            movies, view = told(ratings, count)
            for name, arguments in DRAWS.items():
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", *arguments]
                )
                for size in sizes:
                    page = opened(browser, size, movies, view)
                    drawn_by = page.locator(".atlas").get_attribute("data-renderer")
                    assert (drawn_by == "webgl") == (name != "plain canvas"), f"{name} is drawn by {drawn_by}."
                    for what in ("turned", "moved", "recoloured"):
                        found = measure(page, view, what, frames)
                        print(
                            f"{f'{count:,}, {name}':<26} {size:<22} {what:<10} {found.rate:>8.1f} "
                            f"{found.apart:>7.1f} ms {found.script[0]:>8.1f} {found.script[1]:>6.1f} "
                            f"{found.thread:>10.1f} {found.calls:>6.1f} {found.sent:>8,.0f}",
                            flush=True,
                        )
                    page.context.close()
                browser.close()


if __name__ == "__main__":
    main()
