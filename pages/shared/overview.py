"""The whole rating matrix as one picture, from tiles of density to single cells, on canvas."""

from __future__ import annotations

import json

import numpy as np

from autorec_core.catalogue import display_title
from autorec_core.overview import Overview
from autorec_core.ratings import Ratings
from pages.shared import assets
from pages.shared.palette import RATING, RATINGS, TEST, VALID
from pages.shared.words import _

RATING_ON_DARK = "#a3adff"
"""Of many ratings on a dark page, where `RATING` itself would be dim."""


_HTML = f"""<div class="overview" style="visibility:hidden">
  <div class="bar">
    <div class="views" role="radiogroup" data-word="views" data-as="label">
      <button type="button" role="radio" data-mode="density" data-word="density"></button>
      <button type="button" role="radio" data-mode="mean" data-word="height"></button>
    </div>
    <div class="group">
      <button type="button" class="farther" data-word="farther" data-as="label">−</button>
      <input type="range" min="0" max="100" value="0" data-word="zoom" data-as="label">
      <button type="button" class="nearer" data-word="nearer" data-as="label">+</button>
      <button type="button" class="whole" data-word="whole"></button>
      <button type="button" class="cells" data-word="cells"></button>
    </div>
  </div>
  <div class="legend">
    <span class="as-density">0 <i class="ramp"></i> <b class="most"></b></span>
    <span class="as-rating"><b class="low"></b><i class="ramp"></i><b class="high"></b>
      <span data-word="stars"></span></span>
    <span><i class="box blank"></i><span data-word="blank"></span></span>
    <span class="part" hidden><i class="box" style="border:2px solid {VALID}"></i><span data-word="valid"></span></span>
    <span class="part" hidden><i class="box" style="border:2px solid {TEST}"></i><span data-word="test"></span></span>
  </div>
  <div class="axes">
    <div class="across"></div><div class="down"></div>
    <canvas tabindex="0" role="img"></canvas>
  </div>
  <p class="reading" role="status"></p>
</div>
"""


def words() -> dict[str, str]:
    """What the picture says by itself, in the visitor's language."""
    return {
        "views": _("What the tiles show"),
        "density": _("How much is known"),
        "height": _("How high"),
        "farther": _("Farther"),
        "zoom": _("Zoom"),
        "nearer": _("Nearer"),
        "whole": _("All"),
        "cells": _("Cells"),
        "stars": _("stars"),
        "blank": _("not rated"),
        "valid": _("validation"),
        "test": _("test"),
        "one_movie": _("movie {at} of {all}"),
        "some_movies": _("movies {first} to {last} of {all}"),
        "one_user": _("user {at} of {all}"),
        "some_users": _("users {first} to {last} of {all}"),
        "near": _("single cells"),
        "far": _("tiles of {across} by {down} cells"),
        "picture": _(
            "The rating matrix, {what}: {movies}, {users}. Arrow keys move, plus and minus zoom, 0 shows all."
        ),
        "known": _("{share} % known"),
        "hint": _(
            "Point at the picture to read it; drag to move; double-click, the slider or plus and minus to come nearer."
        ),
        "unrated": _("user {user} has not rated it"),
        "gave": _("user {user} gave {rating}"),
        "tile": _("{users}: {count} of {cells} cells known"),
        "mean": _(", mean rating {mean}"),
    }


def draw(payload: bytes) -> None:
    """Draws what `packed` gave."""
    assets.component("overview", _HTML)(key="overview", data=payload)


def packed(name: str, ratings: Ratings, seen: Overview) -> bytes:
    """What the browser is told of a matrix: a line of JSON with its length before it, then the arrays.

    What is said in it is in the visitor's language.

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
        "words": words(),
        "has_split": bool(seen.parts.any()),
        "arrays": [[key, kinds[key], len(array)] for key, array in arrays.items()],
    }
    line = json.dumps(about, ensure_ascii=False).encode()
    parts = [array.astype(f"<{kinds[key]}").tobytes() for key, array in arrays.items()]
    return b"".join([np.uint32(len(line)).astype("<u4").tobytes(), line, *parts])


def _named(title: str, year: int) -> str:
    return f"{display_title(title)} ({year})" if year else display_title(title)
