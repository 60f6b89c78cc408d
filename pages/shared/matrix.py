"""The matrix fills in: a part of the rating matrix beside what the network writes into it, on canvas."""

from __future__ import annotations

import base64
from typing import Any

from autorec_core.catalogue import display_title
from autorec_core.snapshots import Block, ByteArray, Look, Scene
from pages.shared import assets
from pages.shared.palette import RATINGS, TEST, VALID
from pages.shared.words import _

_HTML = f"""<div class="matrix" data-view="both" style="visibility:hidden">
  <div class="bar">
    <div class="views" role="radiogroup" data-word="views" data-as="aria-label">
      <button type="button" role="radio" data-view="both" data-word="both"></button>
      <button type="button" role="radio" data-view="known" data-word="known"></button>
      <button type="button" role="radio" data-view="written" data-word="written"></button>
    </div>
    <div class="legend">
      <span><b class="low"></b><i class="ramp" style="width:6.5rem"></i><b class="high"></b>
        <b data-word="stars"></b></span>
      <span><i style="border:2px solid {VALID}"></i><b data-word="validation"></b></span>
      <span><i style="border:2px solid {TEST}"></i><b data-word="test"></b></span>
      <span><i class="blank"></i><b data-word="blank"></b></span>
    </div>
  </div>
  <div class="pair">
    <figure class="of-known"><figcaption data-word="known"></figcaption>
      <canvas class="known" tabindex="0" role="img" data-word="known" data-as="aria-label"></canvas></figure>
    <figure class="of-written">
      <figcaption><span data-word="model"></span><span class="written-after"></span></figcaption>
      <canvas class="written" tabindex="0" role="img" data-word="written" data-as="aria-label"></canvas></figure>
  </div>
  <p class="reading" role="status"></p>
  <p class="errors"></p>
</div>
"""


def draw(run_id: str, scene: Scene | None, block_name: str | None, look: Look | None) -> None:
    """Draws a block, as known and as written; empty where there is nothing to draw yet.

    Two elements: the picture, whose message stays the same while a training runs, so that the server sends it once; and
    a messenger that tells it what changed.

    Args:
        run_id: whose training it is.
        scene: what does not change of it.
        block_name: which of the scene's blocks; the first where None.
        look: the network after an epoch; None before it was looked at.
    """
    block = None if scene is None else scene.block(block_name)
    known = {} if scene is None or block is None else as_json(run_id, scene, block)
    assets.component("matrix", _HTML)(key="matrix", data={**known, "words": words()})
    written = None
    if scene is not None and block is not None and look is not None:
        written = _text(look.blocks[scene.blocks.index(block)])
    epoch = 0 if look is None else look.epoch
    assets.component("matrix_written", "<span hidden></span>\n")(
        key="matrix_written", data={"name": known.get("name"), "written": written, "epoch": epoch}
    )


def words() -> dict[str, str]:
    """What the picture says by itself, in the visitor's language."""
    return {
        "views": _("Which picture"),
        "both": _("Both"),
        "known": _("What is known"),
        "written": _("What the model writes"),
        "stars": _("stars"),
        "validation": _("validation"),
        "test": _("test"),
        "blank": _("not rated"),
        "model": _("The model"),
        "after": _(", after epoch {epoch}"),
        "hint": _("Point at a cell to read it. With the keyboard: Tab to a picture, then the arrow keys."),
        "empty": _("The matrix is drawn here when a training begins."),
        "unrated": _("user {user} has not rated it"),
        "gave": _("user {user} gave {rating}"),
        "unwritten": _("the model has written nothing yet"),
        "writes": _("the model writes {rating}"),
        "cell": _("{given}, {model}"),
        "of_train": _("training rating"),
        "of_validation": _("validation rating, hidden from training"),
        "of_test": _("test rating, hidden from training"),
        "errors": _("RMSE in this part: training {train}, held out {held}. {share} % of its cells are rated."),
        "picture_known": _("{users} users by {movies} movies, {part}: known ratings. Arrow keys read a cell."),
        "picture_written": _(
            "{users} users by {movies} movies, {part}: ratings that the model writes, after epoch {epoch}. Arrow keys "
            "read a cell."
        ),
    }


def as_json(run_id: str, scene: Scene, block: Block) -> dict[str, Any]:
    """What the browser is told of a block: cells as bytes, a rating's place on the scale from 0 to 254."""
    items = scene.items
    return {
        "name": f"{run_id} {block.name}",
        "block": _(block.name),
        "rows": [str(scene.user_ids[user]) for user in block.users],
        "columns": [_named(str(items.titles[item]), int(items.years[item])) for item in block.items],
        "given": _text(block.given),
        "parts": _text(block.parts),
        "scale": [scene.scale.low, scene.scale.high],
        "colours": RATINGS,
        "marks": [VALID, TEST],
    }


def _named(title: str, year: int) -> str:
    return f"{display_title(title)} ({year})" if year else display_title(title)


def _text(values: ByteArray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
