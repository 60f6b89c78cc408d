"""Inside the network: its weights, codes and units by epoch, in four small pictures with a sentence each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import streamlit as st

from autorec_core.ratings import FloatArray
from autorec_core.snapshots import Look
from pages.shared import charts, figures, pictures
from pages.shared.palette import BASELINE, RATING, TRAIN, VALID, ink
from pages.shared.words import _, language, later

HEIGHT = 150
"""Of a picture, in pixels."""
MOST_POINTS = 36
"""Epochs drawn; more are thinned."""
BANDS = {"p1": 0, "p10": 1, "p25": 2, "p50": 3, "p75": 4, "p90": 5, "p99": 6}
"""Columns of the bands, and where each stands among a look's quantiles."""

NAMES = {"weights": later("Weights"), "codes": later("Codes"), "units": later("Units"), "steps": later("Step lengths")}
"""What people call the pictures."""
SENTENCES = {
    "weights": later(
        "**Weights.** Half of the decoder's lie in the dark band, 98 % in the pale one; dashed, 98 % of the encoder's. "
        "They begin narrow and spread as it learns; a band that never stops widening wants more λ."
    ),
    "codes": later(
        "**Codes.** What the units say of a sample of rows. All of them at one value is a code that says nothing."
    ),
    "units": later(
        "**Units.** Dead ones say the same of every row, saturated ones lie at an end of their range: both have "
        "stopped learning."
    ),
    "steps": later(
        "**Steps.** How far the weights move in an epoch, in per cent of their length, and the gradient's length. It "
        "rises when the learning rate is too high."
    ),
}
DEAD, SATURATED, MOVEMENT, GRADIENT = later("dead"), later("saturated"), later("movement"), later("gradient")
"""Columns of the lines, as the legends name them."""


Columns = dict[str, FloatArray]


def rows_of(looks: Mapping[int, Look], up_to: int) -> dict[str, Columns]:
    """What the pictures draw, by name and column (float32), up to an epoch.

    Args:
        looks: by epoch, ascending.
        up_to: the last epoch to draw.
    """
    chosen = [look for epoch, look in looks.items() if epoch <= up_to]
    if len(chosen) > MOST_POINTS:
        chosen = [chosen[place] for place in np.linspace(0, len(chosen) - 1, MOST_POINTS).astype(int)]
    units = [max(1, len(look.unit_means)) for look in chosen]
    percent = [None if look.movement is None else 100 * look.movement for look in chosen]
    return {
        "weights": _bands(chosen, "decoder weights", encoder=True),
        "codes": _bands(chosen, "codes"),
        "units": _columns(
            epoch=[look.epoch for look in chosen],
            dead=[100 * look.num_dead / count for look, count in zip(chosen, units, strict=True)],
            saturated=[100 * look.num_saturated / count for look, count in zip(chosen, units, strict=True)],
        ),
        "steps": _columns(
            epoch=[look.epoch for look in chosen],
            movement=percent,
            gradient=[look.gradient_norm for look in chosen],
        ),
    }


def _columns(**columns: Sequence[float | None]) -> Columns:
    return {
        name: np.array([np.nan if value is None else value for value in values], dtype=np.float32)
        for name, values in columns.items()
    }


def _bands(looks: Sequence[Look], name: str, *, encoder: bool = False) -> Columns:
    whole = [look for look in looks if look.quantiles.get(name)]
    columns: dict[str, list[float]] = {"epoch": [look.epoch for look in whole]}
    columns |= {band: [look.quantiles[name][place] for look in whole] for band, place in BANDS.items()}
    if encoder:
        outer = [look.quantiles.get("encoder weights") or (np.nan,) * len(BANDS) for look in whole]
        columns |= {"low": [values[0] for values in outer], "high": [values[-1] for values in outer]}
    return _columns(**columns)


@lru_cache(maxsize=64)
def _frame(name: str, end: int, colour_of_words: str, language: str) -> str:
    """All of a picture but its numbers, which then move while the picture stays; as JSON, once for each language."""
    base = alt.Chart(alt.NamedData(name))
    x = alt.X(
        "epoch:Q",
        title=None,
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False, tickCount=4),
    )
    axis = alt.Axis(tickCount=3, title=None, minExtent=34, maxExtent=34)
    if name in ("weights", "codes"):
        colour = TRAIN if name == "weights" else RATING
        y = alt.Y("p1:Q", axis=axis, scale=alt.Scale(zero=False))
        layers = [
            base.mark_area(color=colour, opacity=opacity).encode(
                x=x, y=alt.Y(f"{low}:Q", axis=axis, scale=alt.Scale(zero=False)), y2=f"{high}:Q"
            )
            for low, high, opacity in (("p1", "p99", 0.16), ("p10", "p90", 0.2), ("p25", "p75", 0.35))
        ]
        layers.append(base.mark_line(color=colour, strokeWidth=1.6).encode(x=x, y=alt.Y("p50:Q", axis=axis)))
        if name == "weights":
            for edge in ("low", "high"):
                line = base.mark_line(color=BASELINE, strokeWidth=1.2, strokeDash=[4, 3])
                layers.append(line.encode(x=x, y=alt.Y(f"{edge}:Q", axis=axis)))
        tips = [alt.Tooltip("epoch:Q", title=_("epoch"), format="d")]
        tips += [
            alt.Tooltip(f"{band}:Q", format=".3f", title=_("{share} % below", share=band[1:]))
            for band in ("p1", "p50", "p99")
        ]
        layers.append(base.mark_rule(opacity=0, strokeWidth=8).encode(x=x, y=y, y2="p99:Q", tooltip=tips))
        picture = alt.layer(*layers)
    else:
        series, colours = (
            ((DEAD, SATURATED), (BASELINE, VALID)) if name == "units" else ((MOVEMENT, GRADIENT), (TRAIN, VALID))
        )
        if name == "steps":  # of a training that diverges these become millions, and the names above have no room
            axis.labelExpr = "datum.label && datum.value >= 1e4 ? format(datum.value, '~s') : datum.label"
        scale = alt.Scale(domain=[0, 100]) if name == "units" else alt.Scale(type="log", nice=False)
        picture = (
            base.transform_fold(list(series), as_=["what", "value"])
            .transform_filter("isValid(datum.value)" + ("" if name == "units" else " && datum.value > 0"))
            .transform_calculate(said=charts.in_words(series, "datum.what"))
            .mark_line(strokeWidth=2, point={"size": 14} if end <= 60 else False)
            .encode(
                x=x,
                y=alt.Y("value:Q", axis=axis, scale=scale),
                color=alt.Color(
                    "what:N",
                    scale=alt.Scale(domain=list(series), range=list(colours)),
                    legend=alt.Legend(
                        title=None,
                        orient="top",
                        offset=2,
                        symbolType="stroke",
                        symbolStrokeWidth=3,
                        labelExpr=charts.in_words(series),
                    ),
                ),
                tooltip=[
                    alt.Tooltip("epoch:Q", title=_("epoch"), format="d"),
                    alt.Tooltip("said:N", title=_("what")),
                    alt.Tooltip("value:Q", title=_("value"), format=".3g"),
                ],
            )
        )
    specification = figures.specification(picture.properties(height=HEIGHT))
    specification.pop("config", None)
    for layer in specification.get("layer", []):  # all have the same: it is said once, as it is sent twice a second
        specification.setdefault("encoding", {})["x"] = layer["encoding"].pop("x")
    specification["config"] = {
        "axis": {"labelColor": colour_of_words},
        "legend": {"labelColor": colour_of_words},
        "mark": {"aria": False},  # the picture has a name; marks without one that change twice a second help nobody
    }
    return json.dumps(specification)


def specification(name: str, rows: Columns, num_epochs: int, colour_of_words: str) -> dict[str, Any]:
    """A picture as Vega-Lite has it.

    Args:
        name: one of `SENTENCES`.
        rows: of `rows_of`.
        num_epochs: that the run will have; the horizontal axis does not move.
        colour_of_words: of labels.
    """
    frame = json.loads(_frame(name, max(1, num_epochs), colour_of_words, language()))
    return {**frame, "datasets": {name: charts.as_arrow(rows)}}


def draw(looks: Mapping[int, Look], up_to: int, num_epochs: int) -> None:
    """Draws the four pictures.

    Args:
        looks: by epoch, ascending.
        up_to: the last epoch to draw.
        num_epochs: that the run will have.
    """
    rows, words = rows_of(looks, up_to), ink(st.context.theme.type)
    for pair in (("weights", "codes"), ("units", "steps")):
        for column, name in zip(st.columns(2), pair, strict=True):
            with column, pictures.place(f"inside_{name}"):
                st.vega_lite_chart(
                    specification(name, rows[name], num_epochs, words),
                    width="stretch",
                    height=HEIGHT + 40,
                    key=f"inside_{name}",
                    alt=_("{what} of the network by epoch.", what=_(NAMES[name])),
                )
                st.caption(_(SENTENCES[name]))
