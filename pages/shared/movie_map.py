"""The map as a component: movies as points that are drawn, moved, named, picked and encircled in the browser."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from autorec_core.catalogue import Catalogue
from autorec_core.ratings import BoolArray, FloatArray, IntArray
from pages.shared import assets, state
from pages.shared.genres import genre_name
from pages.shared.palette import BASELINE, RATINGS, RUNS, YOU
from pages.shared.words import _

KEY = "movie_map"
MOST_GENRES = 7
"""Told apart by colour at once."""
BLANK = 255
"""Colour of a movie of which there is nothing to say."""

HTML = """<div class="atlas" data-tool="move" style="visibility:hidden">
  <div class="bar">
    <div class="group" role="radiogroup" data-word="tools" data-as="label">
      <button type="button" role="radio" aria-checked="true" data-choose="move" data-word="move"></button>
      <button type="button" role="radio" aria-checked="false" data-choose="lasso" data-word="lasso"></button>
    </div>
    <div class="group">
      <button type="button" data-choose="out" data-word="out" data-as="label">−</button>
      <button type="button" data-choose="in" data-word="in" data-as="label">+</button>
      <button type="button" data-choose="home" data-word="home"></button>
    </div>
    <span class="how"></span>
  </div>
  <div class="stage">
    <canvas class="points" aria-hidden="true"></canvas>
    <canvas class="marks" tabindex="0" role="img"></canvas>
    <div class="tip" hidden></div>
  </div>
  <div class="legend"></div>
</div>
"""


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component(
        "autorec_movie_map",
        html=HTML,
        css=assets.read("movie_map.css"),
        js=assets.read("movie_map_paper.js") + assets.read("movie_map.js"),
    )


@st.cache_resource(show_spinner=False)
def _messenger() -> Any:
    return st.components.v2.component(
        "autorec_movie_map_view", html="<span hidden></span>\n", js=assets.read("movie_map_view.js")
    )


@dataclass(frozen=True, eq=False)
class Colouring:
    """What the colours of a map say."""

    of: IntArray
    """(n,) uint8: place in `palette`, or 0 to 254 along a ramp; `BLANK` where there is nothing to say."""
    palette: Sequence[str]
    """Colours."""
    entries: Sequence[tuple[str, int]] = ()
    """Names and numbers of movies, in the order of the palette; none for a ramp."""
    ramp: tuple[str, str, str] | None = None
    """What a ramp shows, and what its low and high ends are."""


def by_genre(is_of: BoolArray, names: Sequence[str]) -> Colouring:
    """Colours by genre; a movie of several gets the one that fewest movies have, which says most about it.

    Args:
        is_of: (n, genres) bool, at most `MOST_GENRES`.
        names: of the genres.
    """
    sizes = is_of.sum(0)
    of = np.full(len(is_of), BLANK, dtype=np.uint8)
    for genre in np.argsort(-sizes, kind="stable").tolist():
        of[is_of[:, genre]] = genre
    return Colouring(of, RUNS[: len(names)], list(zip(names, sizes.tolist(), strict=True)))


def by_number(values: FloatArray, known: BoolArray, name: str, form: str) -> Colouring:
    """Colours along a ramp that spans all but the outermost twentieths.

    Args:
        values: (n,).
        known: (n,) bool, False where there is no value.
        name: of what is shown.
        form: of the numbers at the ends, as in `format`.
    """
    low, high = np.percentile(values[known], [5, 95]) if known.any() else (0.0, 1.0)
    share = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    of = np.where(known, np.rint(254 * share), BLANK).astype(np.uint8)
    return Colouring(of, RATINGS, ramp=(name, format(low, form), format(high, form)))


def words() -> dict[str, str]:
    """What the map says by itself, in the visitor's language."""
    return {
        "tools": _("What dragging does"),
        "move": _("Move"),
        "lasso": _("Lasso"),
        "in": _("Closer"),
        "out": _("Farther"),
        "home": _("All"),
        "you": _("You"),
        "ring": _("rated by you; thick: liked"),
        "alone": _("Show these alone"),
        "mean": _("mean {mean} of {count} ratings", mean="{mean}", count="{count}"),
        "predicted": _("predicted for you: {rating}", rating="{rating}"),
        "own": _("you gave {rating}", rating="{rating}"),
        "howFlat": _("Drag to move, click a movie to see its neighbours; click first, then the wheel zooms."),
        "howSpace": _("Drag to turn, with Shift to move; click a movie to see its neighbours, then the wheel zooms."),
        "howLasso": _("Draw around some movies; they are listed below the map."),
        "picture": _("Map of the movies. Arrow keys move it, plus and minus zoom; the search above finds a movie."),
    }


@st.cache_data(show_spinner=False, max_entries=8)
def _movies(run_id: str, _catalogue: Catalogue, _shown: IntArray) -> dict[str, Any]:
    items = _catalogue.items
    place = {name: number for number, name in enumerate(items.genre_names)}
    return {
        "name": run_id,
        "n": len(_shown),
        "titles": [_catalogue.display_titles[item] for item in _shown.tolist()],
        "years": items.years[_shown].tolist(),
        "counts": _catalogue.counts[_shown].tolist(),
        "means": as_text(_catalogue.means[_shown]),
        "genres": [[place[genre] for genre in items.genres[item]] for item in _shown.tolist()],
    }


def as_text(values: FloatArray) -> str:
    """Numbers as float32 in base64, as the script reads them."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def fitted(places: FloatArray) -> FloatArray:
    """(n, 3) places moved and scaled so that nearly all lie within 1 of the middle; missing axes are 0."""
    filled = np.zeros((len(places), 3), dtype=np.float32)
    filled[:, : places.shape[1]] = places
    if not len(places):
        return filled
    filled -= (np.percentile(filled, 99, axis=0) + np.percentile(filled, 1, axis=0)) / 2
    return filled / max(1e-9, float(np.percentile(np.abs(filled).max(axis=1), 97)))


def draw(
    run_id: str,
    catalogue: Catalogue,
    shown: IntArray,
    places: FloatArray,
    layout: str,
    axes: int,
    colouring: Colouring,
    *,
    predicted: FloatArray | None,
    rated: Sequence[tuple[int, bool, float]],
    you: FloatArray | None,
    chosen: int,
    neighbours: Sequence[int],
    selected: Sequence[int],
    on_picked: Callable[[int], None],
    on_lassoed: Callable[[list[int]], None],
) -> None:
    """Draws the map. Wherever a movie is meant, it is by its place in `shown`, and -1 is none.

    Args:
        run_id: whose model.
        catalogue: its movies.
        shown: (n,) item indices.
        places: (n, 3) as `fitted` gives.
        layout: its name.
        axes: 2 or 3.
        colouring: of the points.
        predicted: (n,) ratings predicted for the visitor, or None.
        rated: movies that the visitor rated, whether they like them, and the rating.
        you: (3,) where the visitor stands, or None.
        chosen: the movie in question.
        neighbours: its nearest.
        selected: those in the lasso.
        on_picked: called with the movie that was clicked.
        on_lassoed: called with those that were encircled.
    """

    def picked() -> None:
        sent = (state.get(KEY) or {}).get("picked") or {}
        on_picked(_within(sent.get("point"), len(shown)))

    def lassoed() -> None:
        sent = (state.get(KEY) or {}).get("lassoed") or {}
        found = [_within(point, len(shown)) for point in sent.get("points") or []]
        on_lassoed([point for point in found if point >= 0])

    _component()(
        key=KEY,
        data={
            **_movies(run_id, catalogue, shown),
            "genreNames": [genre_name(genre) for genre in catalogue.items.genre_names],
            "words": words(),
        },
        on_picked_change=picked,
        on_lassoed_change=lassoed,
    )
    view = {
        "name": run_id,
        "n": len(shown),
        "axes": axes,
        "placed": f"{layout} {axes}",
        "places": as_text(places),
        "of": base64.b64encode(np.asarray(colouring.of, dtype=np.uint8).tobytes()).decode(),
        "palette": list(colouring.palette),
        "blank": BASELINE,
        "entries": [
            {"name": name, "count": count, "colour": colour}
            for (name, count), colour in zip(colouring.entries, colouring.palette, strict=False)
        ],
        "ramp": None if colouring.ramp is None else dict(zip(("name", "low", "high"), colouring.ramp, strict=True)),
        "predicted": None if predicted is None else as_text(predicted),
        "rated": [[place, is_liked, f"{rating:g}"] for place, is_liked, rating in rated],
        "you": None if you is None else [float(part) for part in you],
        "youColour": YOU,
        "chosen": chosen,
        "neighbours": list(neighbours),
        "selected": list(selected),
        "theme": st.context.theme.type,
    }
    view["coloured"] = _stamp(view["of"], view["palette"], view["entries"], view["ramp"], view["selected"])
    view["stamp"] = _stamp(view)
    _messenger()(key=f"{KEY}_view", data=view)


def _within(point: object, count: int) -> int:
    """What a browser sent as a point, or -1 where it is none."""
    return point if isinstance(point, int) and 0 <= point < count else -1


def _stamp(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()[:12]
