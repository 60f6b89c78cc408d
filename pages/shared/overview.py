"""The whole rating matrix as one picture, from tiles of density to single cells, on canvas."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import streamlit as st

from autorec_core.catalogue import display_title
from autorec_core.overview import Overview
from autorec_core.ratings import Ratings
from pages.shared import assets
from pages.shared.palette import RATING, RATINGS, TEST, VALID
from pages.shared.words import _

RATING_ON_DARK = "#a3adff"
"""Of many ratings on a dark page, where `RATING` itself would be dim."""


def _html() -> str:
    return f"""<div class="overview">
  <div class="bar">
    <div class="views" role="radiogroup" aria-label="{_("What the tiles show")}">
      <button type="button" role="radio" data-mode="density">{_("How much is known")}</button>
      <button type="button" role="radio" data-mode="mean">{_("How high")}</button>
    </div>
    <div class="group">
      <button type="button" class="farther" aria-label="{_("Farther")}">−</button>
      <input type="range" min="0" max="100" value="0" aria-label="{_("Zoom")}">
      <button type="button" class="nearer" aria-label="{_("Nearer")}">+</button>
      <button type="button" class="whole">{_("All")}</button>
      <button type="button" class="cells">{_("Cells")}</button>
    </div>
  </div>
  <div class="legend">
    <span class="as-density">0 <i class="ramp"></i> <b class="most"></b></span>
    <span class="as-rating"><b class="low"></b><i class="ramp"></i><b class="high"></b> {_("stars")}</span>
    <span><i class="box blank"></i>{_("not rated")}</span>
    <span class="part" hidden><i class="box" style="border:2px solid {VALID}"></i>{_("validation")}</span>
    <span class="part" hidden><i class="box" style="border:2px solid {TEST}"></i>{_("test")}</span>
  </div>
  <div class="axes">
    <div class="across"></div><div class="down"></div>
    <canvas tabindex="0" role="img"></canvas>
  </div>
  <p class="reading" role="status"></p>
</div>
"""


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component(
        "autorec_overview", html=_html(), css=assets.read("overview.css"), js=assets.read("overview.js")
    )


def draw(payload: bytes) -> None:
    """Draws what `packed` gave."""
    _component()(key="overview", data=payload)


def packed(name: str, ratings: Ratings, seen: Overview) -> bytes:
    """What the browser is told of a matrix: a line of JSON with its length before it, then the arrays.

    Args:
        name: of what is seen; where it changes, the picture begins with the whole.
        ratings: the set.
        seen: what is drawn of it.
    """
    items, scale = ratings.items, ratings.scale
    arrays = {"indptr": seen.indptr, "columns": seen.columns, "levels": seen.levels, "parts": seen.parts}
    kinds = {"indptr": "u4", "columns": "u4", "levels": "u1", "parts": "u1"}
    about = {
        "name": name,
        "titles": [_named(str(items.titles[item]), int(items.years[item])) for item in seen.items.tolist()],
        "users": [str(user) for user in ratings.user_ids[seen.users].tolist()],
        "scale": [scale.low, scale.high],
        "colours": RATINGS,
        "inks": [RATING, RATING_ON_DARK],
        "marks": [VALID, TEST],
        "parts_named": [_("training rating"), _("validation rating"), _("test rating")],
        "has_split": bool(seen.parts.any()),
        "arrays": [[key, kinds[key], len(array)] for key, array in arrays.items()],
    }
    line = json.dumps(about, ensure_ascii=False).encode()
    parts = [array.astype(f"<{kinds[key]}").tobytes() for key, array in arrays.items()]
    return b"".join([np.uint32(len(line)).astype("<u4").tobytes(), line, *parts])


def _named(title: str, year: int) -> str:
    return f"{display_title(title)} ({year})" if year else display_title(title)
