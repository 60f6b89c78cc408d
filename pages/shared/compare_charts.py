"""Charts of several runs, as pure functions of their summaries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from autorec_core.comparison import Summary
from autorec_core.hyperparameters import choice_of
from pages.shared.palette import BASELINE, RUNS
from pages.shared.words import _, later

HEIGHT = 360
"""Of each picture, in pixels."""
DASHES = ([1, 0], [7, 4])
"""Strokes of neighbours among the colours."""
MOST_POINTS = 200
"""Points drawn of one curve."""
_LINE, _LETTER = 15, 6.6
"""Height of a line of names beside points, and width of a letter on an axis, in pixels, with some air."""
_PLOT = HEIGHT - 60
"""Height of a picture without its horizontal axis, in pixels."""
_COLUMNS = alt.ExprRef("width < 420 ? 1 : 2")
"""Of a legend, by the width of the picture."""
_SIDES, _LAST = (-0.05, 1.05), 0.9
"""Ends of an axis of `parallel`, and the place after which its values are written to the left."""
_AXIS_HEIGHT = 58
"""Between two axes of `parallel`, in pixels."""
ERROR = later("validation RMSE")
"""The last axis of `parallel`."""


def _colour(labels: Sequence[str], **options: Any) -> alt.Color:
    legend = alt.Legend(
        title=None, orient="top", columns=_COLUMNS, labelLimit=230, symbolType="stroke", symbolStrokeWidth=3
    )
    scale = alt.Scale(domain=list(labels), range=list(RUNS[: len(labels)]))
    return alt.Color("run:N", scale=scale, legend=options.get("legend", legend))


def curves(group: Sequence[Summary], labels: Mapping[str, str], over: str) -> alt.LayerChart:
    """Validation RMSE of each run over its epochs or its training seconds, the best epoch ringed.

    Args:
        group: at most eight runs of one split.
        labels: run id -> name.
        over: "epoch" or "seconds".
    """
    rows = [
        {"run": labels[one.run_id], "epoch": point.epoch, "seconds": point.seconds, "rmse": point.valid_rmse}
        for one in group
        for place, point in enumerate(one.curve)
        if math.isfinite(point.valid_rmse)
        and (len(one.curve) <= MOST_POINTS or place % math.ceil(len(one.curve) / MOST_POINTS) == 0)
    ]
    best = [
        {"run": labels[one.run_id], "epoch": point.epoch, "seconds": point.seconds, "rmse": point.valid_rmse}
        for one in group
        for point in one.curve
        if point.valid_rmse == one.valid_rmse
    ]
    names = [labels[one.run_id] for one in group]
    x = alt.X(
        f"{over}:Q",
        title=_("epoch") if over == "epoch" else _("seconds of training"),
        scale=alt.Scale(zero=True, nice=False),
        axis=alt.Axis(grid=False, format="d", tickMinStep=1) if over == "epoch" else alt.Axis(grid=False),
    )
    low = min((row["rmse"] for row in rows), default=0.5)
    finals = sorted(one.curve[0].valid_rmse for one in group if one.curve and math.isfinite(one.curve[0].valid_rmse))
    high = max(finals, default=low + 0.5)
    room = max(0.01, high - low)
    y = alt.Y(
        "rmse:Q",
        title=_("validation RMSE"),
        scale=alt.Scale(domain=[low - 0.06 * room, high + 0.04 * room], nice=False, zero=False, clamp=True),
        axis=alt.Axis(tickCount=6),
    )
    columns = ["run", "epoch", "seconds", "rmse"]
    tooltip = [
        alt.Tooltip("run:N", title=_("run")),
        alt.Tooltip("epoch:Q", title=_("epoch"), format="d"),
        alt.Tooltip("seconds:Q", title=_("seconds"), format=".2f"),
        alt.Tooltip("rmse:Q", title=_("validation RMSE"), format=".4f"),
    ]
    base = alt.Chart(pd.DataFrame(rows, columns=columns)).encode(x=x, y=y, color=_colour(names))
    dash = alt.StrokeDash("run:N", scale=alt.Scale(domain=names, range=_dashes(len(names))), legend=None)
    lines = base.mark_line(strokeWidth=2.2).encode(strokeDash=dash)
    points = base.mark_circle(size=28, opacity=0.9).encode(tooltip=tooltip)
    rings = (
        alt.Chart(pd.DataFrame(best, columns=columns))
        .mark_point(size=120, strokeWidth=2, filled=False)
        .encode(x=x, y=y, color=_colour(names), tooltip=tooltip)
    )
    return alt.layer(lines, points, rings).properties(height=HEIGHT)


def _dashes(count: int) -> list[list[int]]:
    return [DASHES[place % 2] for place in range(count)]


def time_against_error(group: Sequence[Summary], labels: Mapping[str, str], ink: str = BASELINE) -> alt.LayerChart:
    """Training seconds against validation RMSE, a point a run: the lower left is where to be. Size: parameters.

    Args:
        group: runs of one split.
        labels: run id -> name.
        ink: colour of words.
    """
    rows = pd.DataFrame(
        [
            {
                "run": labels[one.run_id],
                "seconds": one.seconds,
                "rmse": one.valid_rmse,
                "test": one.test_rmse,
                "parameters": one.num_parameters,
            }
            for one in group
            if one.valid_rmse is not None
        ],
        columns=["run", "seconds", "rmse", "test", "parameters"],
    )
    names = [labels[one.run_id] for one in group]
    least = max(1e-3, float(rows["seconds"].min())) if len(rows) else 0.1
    most = max(least, float(rows["seconds"].max())) if len(rows) else 1.0
    low, high = (float(rows["rmse"].min()), float(rows["rmse"].max())) if len(rows) else (0.8, 0.9)
    room = max(0.01, high - low)
    domain = [low - 0.2 * room, high + 0.2 * room]
    rows["beside"] = _apart(rows["rmse"].tolist(), _LINE / _PLOT * (domain[1] - domain[0]), domain)
    y = alt.Y(
        "rmse:Q",
        title=_("validation RMSE"),
        scale=alt.Scale(domain=domain, nice=False, zero=False),
        axis=alt.Axis(tickCount=6, format=".3f" if room > 0.02 else ".4f"),
    )
    base = alt.Chart(rows).encode(
        x=alt.X(
            "seconds:Q",
            title=_("seconds of training"),
            scale=alt.Scale(type="log", domain=[least / 1.3, most * 1.3], nice=False),
            axis=alt.Axis(grid=False, tickCount=5, format="~g"),
        ),
        y=y,
    )
    points = base.mark_circle(opacity=0.95, stroke=BASELINE, strokeWidth=0.5).encode(
        color=_colour(names, legend=None),
        size=alt.Size("parameters:Q", scale=alt.Scale(type="sqrt", range=[70, 700]), legend=None),
        tooltip=[
            alt.Tooltip("run:N", title=_("run")),
            alt.Tooltip("seconds:Q", title=_("seconds"), format=".2f"),
            alt.Tooltip("rmse:Q", title=_("validation RMSE"), format=".4f"),
            alt.Tooltip("test:Q", title=_("test RMSE"), format=".4f"),
            alt.Tooltip("parameters:Q", title=_("parameters"), format=","),
        ],
    )
    middle = math.sqrt(least * most)  # names stand on the side where there is room
    leads, words = [], []
    for side, align, sign in (("<=", "left", 1), (">", "right", -1)):
        there = base.transform_filter(f"datum.seconds {side} {middle}")
        # a name that had to make room for others is led to from its point
        leads.append(
            there.mark_rule(strokeWidth=1.2, opacity=0.9, aria=False, x2Offset=13 * sign).encode(
                x2="seconds:Q", y2="beside:Q", color=_colour(names, legend=None)
            )
        )
        words.append(
            there.mark_text(align=align, dx=16 * sign, fontSize=11, color=ink, limit=170).encode(
                text="run:N", y=alt.Y("beside:Q", title=_("validation RMSE"))
            )
        )
    return alt.layer(*leads, points, *words).properties(height=HEIGHT)


def _apart(values: Sequence[float], least: float, domain: Sequence[float]) -> list[float]:
    """Places near some values, in their order and within a domain, with at least so much between any two.

    Where they can't all have it, they get what there is.

    >>> _apart([0.5, 0.5, 0.9], 0.1, [0.0, 1.0])
    [0.45, 0.55, 0.9]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    least = min(least, (domain[1] - domain[0]) / max(1, len(values)))
    bundles: list[list[float]] = []  # middle and number of places that stand at that distance
    for place in order:
        bundles.append([values[place], 1])
        while True:
            middle, count = bundles[-1]
            half = least * count / 2
            bundles[-1][0] = min(max(middle, domain[0] + half), domain[1] - half)
            if len(bundles) < 2 or bundles[-1][0] - bundles[-2][0] >= least * (count + bundles[-2][1]) / 2 - 1e-12:
                break
            (before, fewer), (middle, count) = bundles[-2], bundles.pop()
            bundles[-1] = [(before * fewer + middle * count) / (fewer + count), fewer + count]
    placed = [middle + least * (at - (count - 1) / 2) for middle, count in bundles for at in range(int(count))]
    found = [0.0] * len(values)
    for place, value in zip(order, placed, strict=True):
        found[place] = round(value, 6)
    return found


def parallel(
    group: Sequence[Summary], labels: Mapping[str, str], names: Sequence[str], ink: str = BASELINE
) -> alt.LayerChart:
    """A line a run, down through its hyperparameters to its validation RMSE: which settings went with a low error?

    Args:
        group: runs of one split that have a validation RMSE.
        labels: run id -> name.
        names: of the hyperparameters, an axis each.
        ink: colour of words.
    """
    lines: list[dict[str, Any]] = []
    stops: list[dict[str, Any]] = []
    for at, name in enumerate([*names, ERROR]):
        title = _(choice_of(name).label) if name != ERROR else _(ERROR)
        values = [one.valid_rmse if name == ERROR else getattr(one.hyperparameters, name) for one in group]
        places = _places(name, values)
        lines += [
            {"run": labels[one.run_id], "axis": title, "at": at, "place": place, "value": written(name, value)}
            for one, place, value in zip(group, places, values, strict=True)
        ]
        known = {place: written(name, value) for place, value in sorted(zip(places, values, strict=True))}
        stops += [
            {"axis": title, "place": place, "value": known[place], "least": least}
            for place, least in _widths(known).items()
        ]
    order = [_(choice_of(name).label) for name in names] + [_(ERROR)]
    y = alt.Y(
        "axis:N",
        sort=order,
        title=None,
        scale=alt.Scale(type="point", padding=0.5),
        axis=alt.Axis(labelLimit=130, grid=True, ticks=False, domain=False),
    )
    x = alt.X("place:Q", axis=None, scale=alt.Scale(domain=list(_SIDES), nice=False))
    run_names = [labels[one.run_id] for one in group]
    base = alt.Chart(pd.DataFrame(lines)).encode(x=x, y=y, color=_colour(run_names))
    dash = alt.StrokeDash("run:N", scale=alt.Scale(domain=run_names, range=_dashes(len(group))), legend=None)
    drawn = base.mark_line(strokeWidth=2.2, opacity=0.9).encode(
        strokeDash=dash, detail="run:N", order=alt.Order("at:Q")
    )
    points = base.mark_circle(size=70, opacity=1).encode(
        tooltip=[
            alt.Tooltip("run:N", title=_("run")),
            alt.Tooltip("axis:N", title=_("of")),
            alt.Tooltip("value:N", title=_("value")),
        ]
    )
    words = [
        alt.Chart(
            pd.DataFrame(
                [stop for stop in stops if is_last == (stop["place"] > _LAST)],
                columns=["axis", "place", "value", "least"],
            )
        )
        .transform_filter("datum.least <= width")
        .mark_text(align=align, dx=dx, dy=-10, fontSize=11, color=ink)
        .encode(x=x, y=y, text="value:N")
        for is_last, align, dx in ((False, "left", 4), (True, "right", -4))
    ]
    return alt.layer(drawn, points, *words).properties(height=_AXIS_HEIGHT * len(order) + 60)


def _widths(words: Mapping[float, str]) -> dict[float, float]:
    """How wide a picture must be, in pixels, for each word of an axis not to touch another; first the two ends come.

    Args:
        words: what is written, by place, 0 to 1.
    """
    by_weight = sorted(words, key=lambda place: (place not in (max(words), min(words)), place))
    long = {place: _LETTER * len(word) + 4 for place, word in words.items()}
    found: dict[float, float] = {}
    for at, place in enumerate(by_weight):
        needed = 0.0
        for other in by_weight[:at]:
            left, right = min(place, other), max(place, other)
            taken = (long[left] if left <= _LAST else 0) + (long[right] if right > _LAST else 0) + 4
            needed = max(needed, (_SIDES[1] - _SIDES[0]) * taken / (right - left))
        found[place] = round(needed, 1)
    return found


def written(name: str, value: Any) -> str:
    """A value as it stands on an axis and in the table."""
    if name == ERROR:
        return f"{value:.4f}"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return f"{value:.4g}" if isinstance(value, (int, float)) else _(str(value))


def _places(name: str, values: Sequence[Any]) -> list[float]:
    """Where values lie on an axis, 0 to 1: words in the order of their options, factors by their logarithm."""
    numbers: list[float]
    if isinstance(values[0], (str, bool)):
        options = choice_of(name).options or (False, True)
        used = [option for option in options if option in values]
        numbers = [float(used.index(value)) for value in values]
    elif name != ERROR and choice_of(name).log:
        least = min((value for value in values if value > 0), default=1.0)
        numbers = [math.log10(max(value, least / 10)) for value in values]
    else:
        numbers = [float(value) for value in values]
    low, high = min(numbers), max(numbers)
    return [0.5 if high == low else (number - low) / (high - low) for number in numbers]
