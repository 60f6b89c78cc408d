"""Charts as pure functions of values: no page state, no drawing. Colours come from the palette, sizes are fixed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from autorec_core.ratings import RatingScale
from pages.shared.palette import BASELINE, TEST, TRAIN, VALID, YOU
from pages.shared.words import _, later

LIVE_HEIGHT = 380
"""Of the curve and of scatter plots, in pixels."""
ROW_HEIGHT = 40
"""Of one movie in a list of dumbbells, in pixels."""

BASELINE_LABELS = {
    "global_mean": later("global mean"),
    "item_mean": later("movie mean"),
    "user_item_bias": later("user + movie bias"),
}
"""What people call the baselines, weakest first."""
PARTS = {later("train"): TRAIN, later("validation"): VALID, later("test"): TEST}
"""Parts of a split and their colours."""
SHAPES = {"train": "circle", "validation": "diamond", "test": "triangle-up"}
"""The same by shape, for whoever can't tell the colours apart."""
GAVE, LEFT_OUT, KNOWN = later("you gave"), later("predicted without it"), later("given back with it")
"""What is compared for each rating of a visitor."""


def in_words(names: Sequence[str], of: str = "datum.label") -> str:
    """What some names are in the visitor's language, as a Vega expression; the data keeps its names.

    Args:
        names: what is in the data.
        of: what holds one of them; in a legend, its label.
    """
    return f"({json.dumps({name: _(name) for name in names}, ensure_ascii=False)})[{of}]"


def as_arrow(columns: Mapping[str, Any]) -> bytes:
    """A table as the browser reads it, several times quicker than from a data frame by way of its index and types.

    Args:
        columns: by name, arrays of numbers or lists of words, of one length.
    """
    table = pa.table(
        {
            name: pa.array(values, pa.string() if isinstance(values, list) else None, from_pandas=True)
            for name, values in columns.items()
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def scores(test_rmse: float, baselines: dict[str, float], ink: str = BASELINE) -> alt.LayerChart:
    """Test RMSE of a model beside the baselines on the same split, best first. Dots, as the axis does not begin at 0.

    Args:
        test_rmse: of the model.
        baselines: test RMSE by name.
        ink: colour of words.
    """
    rows = pd.DataFrame(
        [{"name": _("this model"), "rmse": test_rmse, "kind": "model"}]
        + [
            {"name": _(label), "rmse": baselines[name], "kind": "baseline"}
            for name, label in BASELINE_LABELS.items()
            if math.isfinite(baselines.get(name, math.nan))
        ]
    ).sort_values("rmse")
    low, high = float(rows["rmse"].min()), float(rows["rmse"].max())
    room = max(0.02, high - low)
    x = alt.X(
        "rmse:Q",
        title=_("test RMSE, lower is better"),
        scale=alt.Scale(domain=[low - 0.12 * room, high + 0.42 * room], nice=False, zero=False),
        axis=alt.Axis(grid=False, tickCount=4),
    )
    y = alt.Y("name:N", sort=rows["name"].tolist(), title=None, axis=alt.Axis(labelLimit=170, grid=False, ticks=False))
    colour = alt.Color("kind:N", scale=alt.Scale(domain=["model", "baseline"], range=[TEST, BASELINE]), legend=None)
    base = alt.Chart(rows).encode(x=x, y=y)
    dots = base.mark_circle(size=150, opacity=1).encode(
        color=colour, tooltip=[alt.Tooltip("name:N", title=_("of")), alt.Tooltip("rmse:Q", title="RMSE", format=".4f")]
    )
    numbers = base.mark_text(align="left", dx=10, fontSize=13, color=ink).encode(text=alt.Text("rmse:Q", format=".4f"))
    return alt.layer(dots, numbers).properties(height=170)


def given_against_predicted(rows: pd.DataFrame, scale: RatingScale, parts: Sequence[str]) -> alt.LayerChart:
    """Each rating against what the model makes of it; a perfect model lies on the diagonal.

    Ratings have few values, so points are moved a little to the left or right, always the same way.

    Args:
        rows: columns `name`, `given`, `predicted` (rating units) and `part`, one of `parts`.
        scale: the rating scale.
        parts: which of `PARTS` occur, in the order of the legend.
    """
    pad = 0.06 * scale.span
    domain = [scale.low - pad, scale.high + pad]
    diagonal = (
        alt.Chart(pd.DataFrame({"place": domain, "predicted": domain}))
        .mark_line(color=BASELINE, strokeDash=[6, 4], strokeWidth=1.3)
        .encode(x="place:Q", y="predicted:Q")
    )
    order = rows["part"].map({part: place for place, part in enumerate(parts)})
    shown = rows.iloc[np.argsort(order.to_numpy(), kind="stable")]  # held-out points come last, on top
    turn = (np.arange(len(shown)) * 0.618034) % 1.0 - 0.5
    shown = shown.assign(place=shown["given"] + turn * 0.5 * min(scale.step, scale.span / 5), said=shown["part"].map(_))
    ticks = np.arange(math.ceil(scale.low), math.floor(scale.high) + 1).tolist() if scale.span <= 12 else []
    axis = alt.Axis(values=ticks, format="~g") if ticks else alt.Axis()
    points = (
        alt.Chart(shown)
        .mark_point(filled=True)
        .encode(
            x=alt.X("place:Q", title=_("rating given"), scale=alt.Scale(domain=domain, nice=False), axis=axis),
            y=alt.Y("predicted:Q", title=_("rating predicted"), scale=alt.Scale(domain=domain, nice=False), axis=axis),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=list(parts), range=[PARTS[part] for part in parts]),
                legend=alt.Legend(
                    title=None, orient="top", symbolOpacity=1, symbolSize=90, labelExpr=in_words(list(parts))
                ),
            ),
            shape=alt.Shape("part:N", scale=alt.Scale(domain=list(parts), range=[SHAPES[part] for part in parts])),
            size=alt.condition(alt.datum.part == "train", alt.value(40), alt.value(75)),
            opacity=alt.condition(
                alt.datum.part == "train", alt.value(0.5 if len(rows) <= 600 else 0.25), alt.value(0.95)
            ),
            tooltip=[
                alt.Tooltip("name:N", title=_("whose")),
                alt.Tooltip("given:Q", title=_("given"), format=".1f"),
                alt.Tooltip("predicted:Q", title=_("predicted"), format=".2f"),
                alt.Tooltip("said:N", title=_("part of the split")),
            ],
        )
    )
    return alt.layer(diagonal, points).properties(height=LIVE_HEIGHT)


def dumbbells(rows: pd.DataFrame, scale: RatingScale, ink: str = BASELINE) -> alt.LayerChart:
    """A visitor's ratings, one movie a line: what was given, and what the model says with and without knowing it.

    Args:
        rows: columns `movie` (all different), `given`, `given_back` and `left_out` (rating units), in order.
        scale: the rating scale.
        ink: colour of words.
    """
    order = rows["movie"].tolist()
    pad = 0.03 * scale.span
    y = alt.Y("movie:N", sort=order, title=None, axis=None)
    # Each name stands over its line and not beside it, so that the lines stay long on a narrow screen.
    names = (
        alt.Chart(rows)
        .mark_text(align="left", baseline="bottom", dy=-9, fontSize=13, color=ink, limit=340)
        .encode(y=y, x=alt.value(0), text="movie:N")
    )
    tracks = alt.Chart(rows).mark_rule(color=BASELINE, opacity=0.25).encode(y=y, x=alt.value(0), x2=alt.value("width"))
    ticks = np.arange(math.ceil(scale.low), math.floor(scale.high) + 1).tolist() if scale.span <= 12 else []
    x = alt.X(
        "rating:Q",
        title=_("rating"),
        scale=alt.Scale(domain=[scale.low - pad, scale.high + pad], nice=False, zero=False),
        axis=alt.Axis(values=ticks, format="~g", grid=False) if ticks else alt.Axis(grid=False),
    )
    surprise = (
        alt.Chart(rows)
        .mark_rule(strokeWidth=2.5, color=BASELINE, opacity=0.6)
        .encode(y=y, x=alt.X("given:Q"), x2="left_out:Q")
    )
    kinds = {"given_back": KNOWN, "left_out": LEFT_OUT, "given": GAVE}
    long = rows.rename(columns=kinds).melt("movie", list(kinds.values()), var_name="what", value_name="rating")
    long = long.assign(said=long["what"].map(_))
    legend = [GAVE, LEFT_OUT, KNOWN]
    points = (
        alt.Chart(long)
        .mark_point(filled=True, size=95, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=legend, range=[YOU, VALID, TRAIN]),
                legend=alt.Legend(
                    title=None, orient="top", columns=1, symbolSize=90, offset=14, labelExpr=in_words(legend)
                ),
            ),
            shape=alt.Shape("what:N", scale=alt.Scale(domain=legend, range=["circle", "diamond", "triangle-up"])),
            tooltip=[
                alt.Tooltip("movie:N", title=_("movie")),
                alt.Tooltip("said:N", title=_("what")),
                alt.Tooltip("rating:Q", title=_("rating"), format=".2f"),
            ],
        )
    )
    return alt.layer(tracks, names, surprise, points).properties(height=ROW_HEIGHT * len(rows) + 150)
