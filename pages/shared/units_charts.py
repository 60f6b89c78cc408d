"""Pictures of hidden units: all of them against genres and decades, and one of them over the movies."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from autorec_core.code_units import MOST, CodeUnits
from pages.shared.genres import group_name
from pages.shared.palette import BASELINE, TRAIN, VALID
from pages.shared.words import _

ROW = 15
"""Height of a group, in pixels."""
BINS = 48


def chance(rate: float) -> str:
    """A small number as people read it.

    >>> chance(0.004), chance(2.5e-9), chance(0.0)
    ('0.004', '3·10⁻⁹', 'under 10⁻³⁰⁰')
    """
    if rate >= 0.001:
        return f"{rate:.3f}"
    if rate < 1e-300:
        return _("under 10⁻³⁰⁰")
    power = math.floor(math.log10(rate))
    digit = round(rate / 10.0**power)
    if digit == 10:
        digit, power = 1, power + 1
    raised = str(-power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digit}·10⁻{raised}"


def overview(table: pd.DataFrame, units: CodeUnits, ink: str) -> alt.Chart:
    """Each unit against each group.

    Args:
        table: columns `number`, `place`, `group`, `end`, `lift` and `rate`.
        units: which they are.
        ink: colour of words.
    """
    groups, ends = [group_name(group) for group in units.groups], {"most": _("most"), "least": _("least")}
    rows = table.assign(
        past=table["place"] + 0.88,
        strength=np.log2(np.clip(table["lift"], 1, 16)),
        group=table["group"].map(group_name),
        end=table["end"].map(ends),
    )
    chosen = alt.selection_point(name="unit", fields=["number"], on="click", empty=False)
    return (
        alt.Chart(rows)
        .mark_rect(cursor="pointer")
        .encode(
            x=alt.X(
                "place:Q",
                title=_("hidden units"),
                scale=alt.Scale(domain=[0, units.num_units], nice=False),
                axis=alt.Axis(labels=False, ticks=False, titleColor=ink, domain=False, grid=False),
            ),
            x2="past:Q",
            y=alt.Y(
                "group:N",
                sort=groups,
                title=None,
                scale=alt.Scale(domain=groups),
                axis=alt.Axis(
                    labelColor=ink,
                    ticks=False,
                    domain=False,
                    grid=True,
                    gridOpacity=0.5,
                    labelLimit=90,
                    labelOverlap=False,
                    labelFlush=False,
                    labelBound=False,
                    labelFontSize=11,
                ),
            ),
            color=alt.Color(
                "end:N",
                scale=alt.Scale(domain=list(ends.values()), range=[TRAIN, VALID]),
                legend=alt.Legend(title=None, orient="top", labelColor=ink, symbolType="square"),
            ),
            opacity=alt.condition(
                chosen,
                alt.value(1),
                alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 3], range=[0.4, 1], clamp=True), legend=None),
            ),
            tooltip=[
                alt.Tooltip("number:Q", title=_("unit"), format="d"),
                alt.Tooltip("group:N", title=_("over-represented")),
                alt.Tooltip("end:N", title=_("end")),
                alt.Tooltip("lift:Q", title=_("times chance"), format=".1f"),
                alt.Tooltip("rate:Q", title=_("false discovery rate"), format=".1e"),
            ],
        )
        .add_params(chosen)
        .properties(height=ROW * len(units.groups) + 60)
    )


def spread(units: CodeUnits, unit: int, group: int | None, by_items: bool, ink: str) -> alt.LayerChart:
    """How a unit's values spread over all movies, and over those of a group.

    Args:
        units: all of them.
        unit: which.
        group: of `units.groups`, or None.
        by_items: whether values are codes, and not weights.
        ink: colour of words.
    """
    values = units.values[:, unit].astype(float)
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    everybody = _("all movies")
    parts = {everybody: values}
    if group is not None:
        parts[group_name(units.groups[group])] = values[units.is_in[:, group]]
    rows = pd.DataFrame(
        [
            {
                "from": edges[place],
                "to": edges[place + 1],
                "share": 100 * count / max(1, len(some)),
                "floor": 0,
                "who": who,
            }
            for who, some in parts.items()
            for place, count in enumerate(np.histogram(some, edges)[0].tolist())
        ]
    )
    favourite = units.favourite(unit)
    colours = [BASELINE, TRAIN if favourite is None or favourite[0] == MOST else VALID]
    title = _("value of the unit") if by_items else _("weight of the unit")
    base = alt.Chart(rows).encode(
        x=alt.X("from:Q", title=title, scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(grid=False, tickCount=6)),
        x2="to:Q",
        y=alt.Y("share:Q", title=_("% of these movies"), stack=None, axis=alt.Axis(tickCount=4)),
        y2="floor:Q",
        color=alt.Color(
            "who:N",
            scale=alt.Scale(domain=list(parts), range=colours[: len(parts)]),
            legend=alt.Legend(title=None, orient="top", labelColor=ink, symbolType="square"),
        ),
        tooltip=[
            alt.Tooltip("who:N", title=_("whose")),
            alt.Tooltip("from:Q", title=_("from"), format=".3f"),
            alt.Tooltip("to:Q", title=_("to"), format=".3f"),
            alt.Tooltip("share:Q", title=_("% of these movies"), format=".1f"),
        ],
    )
    return alt.layer(base.mark_rect(opacity=0.65)).properties(height=300)
