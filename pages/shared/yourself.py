"""You, live: your ratings against what the network gives back while it learns, and the ten movies it would name."""

from __future__ import annotations

from typing import Any

import numpy as np

from autorec_core import datasets
from autorec_core.catalogue import display_title
from autorec_core.errors import AutoRecError
from autorec_core.glimpse import Glimpse, meet
from autorec_core.metrics import rmse
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.runs import Run
from autorec_core.snapshots import Watched
from autorec_core.trained_model import TrainedModel
from pages.shared import assets, services, state
from pages.shared.palette import TRAIN, YOU
from pages.shared.words import _, language, ngettext

MOST_READ = 100
"""Ratings of a visitor that are folded in while it trains, newest first."""
ROWS = 10
"""Own ratings shown, and movies named."""
LEAST_RATINGS = 10
"""A movie that fewer people rated is not named while the network learns."""

_HTML = f"""<div class="yourself" style="--you:{YOU};--model:{TRAIN}">
  <section class="own">
    <h4><span class="gave"></span> <i class="dot"></i> <span class="back"></span> <i class="tip"></i></h4>
    <div class="rows"></div></section>
  <section class="top"><h4></h4><div class="rows"></div></section>
  <p class="note" role="status"></p>
</div>
"""


def draw(run: Run | None, watched: Watched | None, epoch: int) -> None:
    """Draws the visitor as the network sees them after an epoch; a sentence where it can't yet.

    Args:
        run: whose network, or None.
        watched: its pictures.
        epoch: the newest kept model up to this one is asked.
    """
    assets.component("yourself", _HTML)(key="yourself", data={**_seen(run, watched, epoch), "words": words()})


def words() -> dict[str, str]:
    """What the panel says by itself, in the visitor's language."""
    return {
        "own": _("Your ratings and what the model gives back"),
        "gave": _("You gave"),
        "back": _("it gives back"),
        "top": _("The ten movies with the highest predictions"),
        "named": _("What it would name"),
        "row": _("{movie}: you gave {given}, {back} comes back"),
    }


def _seen(run: Run | None, watched: Watched | None, epoch: int) -> dict[str, Any]:
    if run is None or watched is None:
        return {"note": _("When a training begins, it is shown here what the network makes of you.")}
    try:
        by_id = _ratings_for(run)
    except AutoRecError as error:  # of the visitor's ratings; the training needs none
        return {"note": _(error.sentence)}
    if not by_id:
        # Nothing else comes here while the page is open, so no room is kept for it.
        note = _("You have not rated a movie of this data set yet. Rate a few, and watch what it makes of you.")
        return {"note": note, "short": True}
    known: dict[str, Any] = state.live("yourself", {"key": (None,), "seen": {}})
    found = watched.model_at(epoch)
    key = (run.id, found, tuple(by_id.items()), language())
    if found is not None and known["key"] != key and (model := watched.model(found[0])) is not None:
        # between two kept models nothing changes
        items, ratings = _known(model, by_id)
        glimpse = meet(model, items, ratings, count=ROWS, least_ratings=LEAST_RATINGS)
        known["key"], known["seen"] = key, as_json(model, glimpse, found[0])
    if found is None or known["key"][0] != run.id:
        return {
            "note": _("The network has not been kept yet; it is kept about once a second, where it is small enough.")
        }
    seen: dict[str, Any] = known["seen"]
    return seen


def _ratings_for(run: Run) -> dict[str, float]:
    dataset = run.config.source.dataset
    catalogue = f"run:{run.id}" if dataset is None else datasets.find(dataset).catalogue
    return services.visitor_store().ratings_of(state.visitor_id(), catalogue)


def _known(model: TrainedModel, by_id: dict[str, float]) -> tuple[IntArray, FloatArray]:
    known = [(index, rating) for item_id, rating in by_id.items() if (index := model.items.find(item_id)) is not None]
    known = known[:MOST_READ]
    items = np.array([index for index, _ in known], dtype=np.int64)
    return items, np.asarray(model.scale.clip(np.array([rating for _, rating in known], dtype=np.float64)))


def as_json(model: TrainedModel, glimpse: Glimpse, epoch: int) -> dict[str, Any]:
    """What the browser is told of a visitor."""
    titles, ids = model.items.titles, model.items.ids
    own = [
        {
            "title": display_title(str(titles[item])),
            "given": round(float(given), 2),
            "back": round(float(back), 2),
        }
        for item, given, back in zip(
            glimpse.item_indices[:ROWS], glimpse.ratings[:ROWS], glimpse.given_back[:ROWS], strict=True
        )
    ]
    top = [
        {
            "id": str(ids[item]),
            "title": display_title(str(titles[item])),
            "year": int(model.items.years[item]),
            "predicted": round(float(glimpse.predicted_ratings[item]), 2),
        }
        for item in glimpse.top
    ]
    count = len(glimpse.ratings)
    note = _("None of the movies that you rated is in this data set.")
    if count:
        note = ngettext(
            "After epoch {epoch}: it gives your {count} rating back with an RMSE of {back:.2f}, and foresees each from "
            "the others with {left_out:.2f}.",
            "After epoch {epoch}: it gives your {count} ratings back with an RMSE of {back:.2f}, and foresees each "
            "from the others with {left_out:.2f}.",
            count,
            epoch=epoch,
            back=rmse(glimpse.given_back, glimpse.ratings),
            left_out=rmse(glimpse.left_out, glimpse.ratings),
        )
    return {"own": own, "top": top, "note": note, "scale": [model.scale.low, model.scale.high], "epoch": epoch}
