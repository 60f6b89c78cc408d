"""The matrix fills in: a part of the rating matrix beside what the network writes into it, on canvas."""

from __future__ import annotations

import base64
from typing import Any

from autorec_core.catalogue import display_title
from autorec_core.snapshots import Block, ByteArray, Look, Scene
from pages.shared import assets
from pages.shared.palette import RATINGS, TEST, VALID

_HTML = f"""<div class="matrix" data-view="both">
  <div class="bar">
    <div class="views" role="radiogroup" aria-label="Which picture">
      <button type="button" role="radio" data-view="both">Both</button>
      <button type="button" role="radio" data-view="known">What is known</button>
      <button type="button" role="radio" data-view="written">What the model writes</button>
    </div>
    <div class="legend">
      <span><b class="low"></b><i class="ramp" style="width:6.5rem"></i><b class="high"></b> stars</span>
      <span><i style="border:2px solid {VALID}"></i>validation</span>
      <span><i style="border:2px solid {TEST}"></i>test</span>
      <span><i class="blank"></i>not rated</span>
    </div>
  </div>
  <div class="pair">
    <figure class="of-known"><figcaption>What is known</figcaption>
      <canvas class="known" tabindex="0" role="img"></canvas></figure>
    <figure class="of-written"><figcaption>The model<span class="written-after"></span></figcaption>
      <canvas class="written" tabindex="0" role="img"></canvas></figure>
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
    assets.component("matrix", _HTML)(key="matrix", data=known)
    written = None
    if scene is not None and block is not None and look is not None:
        written = _text(look.blocks[scene.blocks.index(block)])
    epoch = 0 if look is None else look.epoch
    assets.component("matrix_written", "<span hidden></span>\n")(
        key="matrix_written", data={"name": known.get("name"), "written": written, "epoch": epoch}
    )


def as_json(run_id: str, scene: Scene, block: Block) -> dict[str, Any]:
    """What the browser is told of a block: cells as bytes, a rating's place on the scale from 0 to 254."""
    items = scene.items
    return {
        "name": f"{run_id} {block.name}",
        "block": block.name,
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
