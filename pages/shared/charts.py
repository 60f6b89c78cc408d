"""Charts as pure functions of values: no page state, no drawing. Colours come from the palette, sizes are fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from autorec_core.events import EpochEnded
from autorec_core.ratings import RatingScale
from pages.shared.palette import BASELINE, TEST, TRAIN, VALID, YOU

LIVE_HEIGHT = 380
MOST_POINTS = 400
"""Points drawn of a curve; a longer one is thinned, its best and last epochs kept."""

BASELINE_LABELS = {"global_mean": "global mean", "item_mean": "item mean", "user_item_bias": "user + item bias"}
DRAWN_BASELINES = ("global_mean", "user_item_bias")
SERIES = {"train_rmse": "train", "valid_rmse": "validation"}


def rmse_span(
    epochs: Sequence[EpochEnded], baselines: dict[str, float], before: tuple[float, float] | None = None
) -> tuple[float, float]:
    """The vertical span of a loss curve: holds all that is finite, and never shrinks.

    Args:
        epochs: so far.
        baselines: validation RMSE by name.
        before: the span drawn last.

    Returns:
        (low, high) in rating units, a little padded.
    """
    values = [baselines[name] for name in DRAWN_BASELINES if name in baselines]
    values += [value for event in epochs for value in (event.train_rmse, event.valid_rmse)]
    finite = [value for value in values if np.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    padding = max(0.02, 0.06 * (high - low))
    low, high = low - padding, high + padding
    return (low, high) if before is None else (min(low, before[0]), max(high, before[1]))


def loss_curve(
    epochs: Sequence[EpochEnded], baselines: dict[str, float], num_epochs: int, span: tuple[float, float]
) -> alt.LayerChart:
    """Train and validation RMSE by epoch, with the baselines to get under and the best epoch marked.

    Args:
        epochs: so far.
        baselines: validation RMSE by name.
        num_epochs: that the run will have; the horizontal axis does not move.
        span: of the vertical axis, in rating units.
    """
    shown = _thinned(epochs)
    wide = pd.DataFrame(
        {
            "epoch": [event.epoch for event in shown],
            "train": [event.train_rmse for event in shown],
            "validation": [event.valid_rmse for event in shown],
            "objective": [event.objective for event in shown],
            "learning rate": [event.learning_rate for event in shown],
        },
        dtype=float,
    )
    long = wide.melt("epoch", ["train", "validation"], var_name="series", value_name="rmse")
    x = alt.X("epoch:Q", title="epoch", scale=alt.Scale(domain=[0, max(1, num_epochs)]), axis=alt.Axis(tickMinStep=1))
    y = alt.Y("rmse:Q", title="RMSE (rating units)", scale=alt.Scale(domain=list(span), zero=False, clamp=True))
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=["train", "validation"], range=[TRAIN, VALID]),
        legend=alt.Legend(title=None, orient="top"),
    )
    lines = alt.Chart(long).mark_line(strokeWidth=2.2, point=len(shown) <= 40).encode(x=x, y=y, color=colour)
    rules = pd.DataFrame(
        [
            {"rmse": baselines[name], "label": f"{BASELINE_LABELS[name]} {baselines[name]:.4f}", "epoch": num_epochs}
            for name in DRAWN_BASELINES
            if name in baselines
        ],
        columns=["rmse", "label", "epoch"],
    )
    base = alt.Chart(rules).encode(y=y)
    lines_of_baselines = base.mark_rule(strokeDash=[6, 4], color=BASELINE, strokeWidth=1.4)
    labels = base.mark_text(align="right", dy=-7, color=BASELINE, fontSize=12).encode(x=x, text="label:N")
    best = next((event for event in reversed(epochs) if event.is_best), None)
    marked = pd.DataFrame(
        []
        if best is None
        else [{"epoch": best.epoch, "rmse": best.valid_rmse, "label": f"best {best.valid_rmse:.4f}"}],
        columns=["epoch", "rmse", "label"],
    )
    ring = alt.Chart(marked).mark_point(size=130, filled=False, strokeWidth=2, color=VALID).encode(x=x, y=y)
    ring_label = (
        alt.Chart(marked).mark_text(dy=18, color=VALID, fontWeight="bold", fontSize=12).encode(x, y, text="label:N")
    )
    reader = (
        alt.Chart(wide)
        .mark_rule(strokeWidth=14, opacity=0)
        .encode(
            x=x,
            tooltip=[
                alt.Tooltip("epoch:Q"),
                *(alt.Tooltip(f"{name}:Q", format=".4f") for name in ("train", "validation", "objective")),
                alt.Tooltip("learning rate:Q", format=".2e"),
            ],
        )
    )
    layers = alt.layer(lines_of_baselines, labels, lines, ring, ring_label, reader)
    return layers.properties(height=LIVE_HEIGHT).configure_view(strokeWidth=0)


def _thinned(epochs: Sequence[EpochEnded]) -> list[EpochEnded]:
    if len(epochs) <= MOST_POINTS:
        return list(epochs)
    places = set(np.linspace(0, len(epochs) - 1, MOST_POINTS).astype(int).tolist())
    best = max((place for place, event in enumerate(epochs) if event.is_best), default=0)
    return [epochs[place] for place in sorted({*places, best})]


def scores(test_rmse: float, baselines: dict[str, float]) -> alt.Chart:
    """Test RMSE of a model beside the baselines on the same split: shorter is better."""
    rows = pd.DataFrame(
        [{"name": "this model", "rmse": test_rmse, "kind": "model"}]
        + [{"name": BASELINE_LABELS[name], "rmse": value, "kind": "baseline"} for name, value in baselines.items()]
    ).sort_values("rmse")
    low = rows["rmse"].min() * 0.9
    order = rows["name"].tolist()
    base = alt.Chart(rows).encode(y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=160)))
    x = alt.X(
        "rmse:Q", title="test RMSE (axis does not begin at 0)", scale=alt.Scale(domain=[low, rows["rmse"].max() * 1.06])
    )
    bars = base.mark_bar(height=16, cornerRadiusEnd=3).encode(
        x=x,
        x2=alt.datum(low),
        color=alt.Color("kind:N", scale=alt.Scale(domain=["model", "baseline"], range=[TEST, BASELINE]), legend=None),
        tooltip=["name:N", alt.Tooltip("rmse:Q", format=".4f")],
    )
    text = base.mark_text(align="left", dx=5, fontSize=12, color=BASELINE).encode(
        x=x, text=alt.Text("rmse:Q", format=".4f")
    )
    return (bars + text).properties(height=150).configure_view(strokeWidth=0)


PART_COLOURS = {"train": TRAIN, "validation": VALID, "test": TEST, "you": YOU, "left out": VALID}


def given_against_predicted(rows: pd.DataFrame, scale: RatingScale, parts: Sequence[str]) -> alt.LayerChart:
    """Each rating against what the model makes of it; a perfect model lies on the diagonal.

    Args:
        rows: columns `name`, `given`, `predicted` (rating units) and `part`, one of `parts`.
        scale: the rating scale.
        parts: which occur, in the order of the legend.
    """
    pad = 0.04 * scale.span
    domain = [scale.low - pad, scale.high + pad]
    diagonal = (
        alt.Chart(pd.DataFrame({"given": domain, "predicted": domain}))
        .mark_line(color=BASELINE, strokeDash=[6, 4], strokeWidth=1.3)
        .encode(x="given:Q", y="predicted:Q")
    )
    points = (
        alt.Chart(rows)
        .mark_circle(size=58, opacity=0.62)
        .encode(
            x=alt.X("given:Q", title="given", scale=alt.Scale(domain=domain)),
            y=alt.Y("predicted:Q", title="predicted", scale=alt.Scale(domain=domain)),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=list(parts), range=[PART_COLOURS[part] for part in parts]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="what"),
                alt.Tooltip("given:Q", format=".1f"),
                alt.Tooltip("predicted:Q", format=".2f"),
                "part:N",
            ],
        )
    )
    return alt.layer(diagonal, points).properties(height=LIVE_HEIGHT).configure_view(strokeWidth=0)


def events_as_rows(epochs: Sequence[EpochEnded]) -> list[dict[str, Any]]:
    """A curve as rows for a CSV file, a row an epoch."""
    return [
        {
            "epoch": event.epoch,
            "objective": event.objective,
            "train_rmse": event.train_rmse,
            "valid_rmse": event.valid_rmse,
            "learning_rate": event.learning_rate,
            "seconds": event.seconds,
            "is_best": event.is_best,
        }
        for event in epochs
    ]
