"""The pictures of the lesson, as pure functions of values."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from autorec_core.ratings import FloatArray, RatingScale
from pages.shared.palette import BASELINE, RATING, TEST, TRAIN, VALID, YOU
from pages.shared.words import _, later

HEIGHT = 350
"""Of every picture of the lesson, in pixels."""
HONEST, FOOLED = later("honest"), later("fooled")
COLOURS = {HONEST: TEST, FOOLED: VALID}
"""What is true and what only looks so."""
KNOWN, UNKNOWN, HELD_OUT, OWN = later("known"), later("unknown"), later("held out"), later("the example's")
"""What an entry of a row may be."""


def _legend(columns: int = 0) -> alt.Legend:
    return alt.Legend(title=None, orient="top", symbolSize=90, symbolOpacity=1, labelLimit=280, columns=columns)


def _said(table: pd.DataFrame, column: str, colours: dict[str, str]) -> tuple[pd.DataFrame, alt.Scale]:
    """A table with the words of a column in the visitor's language, and the colours of those."""
    scale = alt.Scale(domain=[_(word) for word in colours], range=list(colours.values()))
    return table.assign(**{column: table[column].map(_)}), scale


def cells(table: pd.DataFrame, scale: RatingScale, width: int) -> alt.LayerChart:
    """A vector as cells, row by row: the stronger, the higher; hollow is unknown; the visitor's own is ringed.

    Args:
        table: columns `name`, `rating` (NaN where unknown) and `is_own`.
        scale: the rating scale.
        width: cells in a line.
    """
    number = np.arange(len(table))
    shown = table.assign(
        x=number % width,
        y=number // width,
        text=[_("unknown") if np.isnan(value) else f"{value:g}" for value in table["rating"]],
    )
    height = int(np.ceil(len(table) / width))
    x = alt.X("x:O", axis=None, scale=alt.Scale(paddingInner=0.14))
    y = alt.Y("y:O", axis=None, scale=alt.Scale(paddingInner=0.14))
    hint = [alt.Tooltip("name:N", title=_("whose")), alt.Tooltip("text:N", title=_("rating"))]
    empty = alt.Chart(shown).mark_rect(fill=BASELINE, fillOpacity=0.1, cornerRadius=2).encode(x=x, y=y, tooltip=hint)
    known = alt.Chart(shown[shown["rating"].notna()]).mark_rect(fill=RATING, cornerRadius=2)
    opacity = alt.Opacity("rating:Q", scale=alt.Scale(domain=[scale.low, scale.high], range=[0.22, 1]), legend=None)
    known = known.encode(x=x, y=y, fillOpacity=opacity, tooltip=hint)
    own = alt.Chart(shown[shown["is_own"]]).mark_rect(fillOpacity=0, stroke=YOU, strokeWidth=3, cornerRadius=2)
    return alt.layer(empty, known, own.encode(x=x, y=y, tooltip=hint)).properties(height=max(300, 9 * height))


def with_and_without_mask(table: pd.DataFrame, means: pd.DataFrame, ink: str) -> alt.LayerChart:
    """How many entries have which value, the unknown ones at what they are taken for; both means as rules.

    Args:
        table: columns `value`, `entries` and `kind` ("known" or "unknown").
        means: columns `value`, `label` and `kind`.
        ink: colour of words.
    """
    colours = {KNOWN: TRAIN, UNKNOWN: BASELINE}
    (table, scale), (means, _scale) = _said(table, "kind", colours), _said(means, "kind", colours)
    colour = alt.Color("kind:N", scale=scale, legend=_legend())
    span = alt.Scale(domain=[-0.4, max(5.4, float(table["value"].max()) + 0.4)], nice=False)
    x = alt.X("value:Q", title=_("rating"), scale=span, axis=alt.Axis(tickCount=6))
    bars = alt.Chart(table).mark_bar(size=14, cornerRadius=2, opacity=0.9)
    bars = bars.encode(
        x=x,
        y=alt.Y("entries:Q", title=_("entries (root scale)"), stack=False, scale=alt.Scale(type="sqrt")),
        color=colour,
        tooltip=[
            alt.Tooltip("kind", title=_("kind")),
            alt.Tooltip("value", title=_("rating")),
            alt.Tooltip("entries", title=_("entries")),
        ],
    )
    rules = alt.Chart(means).mark_rule(strokeWidth=2.5, strokeDash=[6, 3]).encode(x=x, color=colour)
    lower = means["value"].idxmin()
    words = []  # each label stands on the outer side of its rule, inside the frame
    for place, align in ((lower, "left"), (1 - lower, "right")):
        text = alt.Chart(means.loc[[place]]).mark_text(
            baseline="top", fontSize=12, color=ink, fontWeight="bold", align=align, dx=6 if align == "left" else -6
        )
        words.append(text.encode(x=x, y=alt.Y("place:Q", title=_("entries (root scale)")), text="label:N"))
    return alt.layer(bars, rules, *words).properties(height=HEIGHT)


def code_bars(table: pd.DataFrame) -> alt.LayerChart:
    """The units of a code, those that deviate most first: what is read so far as bars, the whole code as ticks.

    Args:
        table: columns `unit`, `place`, `so_far` and `whole`, both counted from the unit's average.
    """
    most = max(1e-6, float(table[["so_far", "whole"]].abs().max().max()))
    x = alt.X("place:Q", title=_("hidden units, the most unusual first"), axis=alt.Axis(grid=False, tickMinStep=1))
    scale = alt.Scale(domain=[-most, most])
    y = alt.Y("so_far:Q", title=_("from its average"), scale=scale, axis=alt.Axis(tickCount=5))
    hint = [
        alt.Tooltip("unit", title=_("unit")),
        alt.Tooltip("so_far:Q", title=_("so far"), format="+.3f"),
        alt.Tooltip("whole:Q", title=_("whole"), format="+.3f"),
    ]
    bars = alt.Chart(table).mark_bar(color=TRAIN, size=5).encode(x=x, y=y, tooltip=hint)
    whole = alt.Chart(table).mark_tick(color=VALID, thickness=2, size=8, orient="horizontal")
    whole = whole.encode(x=x, y=alt.Y("whole:Q", title=_("from its average"), scale=scale), tooltip=hint)
    return alt.layer(bars, whole).properties(height=HEIGHT)


def curves(
    table: pd.DataFrame, x_title: str, y_title: str, colours: dict[str, str], at: float | None, *, is_log: bool = False
) -> alt.LayerChart:
    """Lines over a slider's range, each with a mark where the slider stands.

    Args:
        table: columns `x`, `y` and `what`.
        x_title: of the horizontal axis.
        y_title: of the vertical axis.
        colours: by `what`, in the order of the legend.
        at: where the slider stands; None for nowhere.
        is_log: whether the horizontal axis is logarithmic.
    """
    kind = "log" if is_log else "linear"
    x = alt.X("x:Q", title=x_title, scale=alt.Scale(type=kind, nice=False), axis=alt.Axis(grid=False, tickCount=6))  # type: ignore[arg-type]
    y = alt.Y("y:Q", title=y_title, scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(tickCount=5))
    table, colouring = _said(table, "what", colours)
    colour = alt.Color(
        "what:N", scale=colouring, legend=_legend(columns=1 if len("".join(map(_, colours))) > 30 else 2)
    )
    lines = alt.Chart(table).mark_line(strokeWidth=2.4).encode(x=x, y=y, color=colour)
    layers = [lines]
    if at is not None and len(table):
        nearest = table["x"].unique()[np.argmin(np.abs(table["x"].unique() - at))]
        spots = table[table["x"] == nearest]
        hint = [
            alt.Tooltip("what:N", title=_("of")),
            alt.Tooltip("x:Q", title=x_title),
            alt.Tooltip("y:Q", title=y_title, format=".4f"),
        ]
        rule = alt.Chart(pd.DataFrame({"x": [nearest]})).mark_rule(color=BASELINE).encode(x="x:Q")
        marks = alt.Chart(spots).mark_point(filled=True, size=110, opacity=1)
        layers = [rule, lines, marks.encode(x=x, y=y, color=colour, tooltip=hint)]
    return alt.layer(*layers).properties(height=HEIGHT)


def given_and_back(table: pd.DataFrame, scale: RatingScale) -> alt.LayerChart:
    """Given against reconstructed, of known and of held-out entries.

    Args:
        table: columns `name`, `given`, `back` and `part` ("known" or "held out").
        scale: the rating scale.
    """
    pad = 0.08 * scale.span
    span = alt.Scale(domain=[scale.low - pad, scale.high + pad], nice=False)
    ends = [scale.low - pad, scale.high + pad]
    diagonal = alt.Chart(pd.DataFrame({"given": ends, "back": ends})).mark_line(color=BASELINE, strokeDash=[6, 4])
    diagonal = diagonal.encode(x="given:Q", y="back:Q")
    turn = (np.arange(len(table)) * 0.618034) % 1.0 - 0.5
    shown = table.assign(place=table["given"] + 0.5 * turn * min(scale.step, scale.span / 5))
    shown, colouring = _said(shown, "part", {KNOWN: TRAIN, HELD_OUT: TEST})
    points = alt.Chart(shown).mark_point(filled=True, size=65, opacity=0.8)
    points = points.encode(
        x=alt.X("place:Q", title=_("rating given"), scale=span, axis=alt.Axis(tickCount=5)),
        y=alt.Y("back:Q", title=_("reconstructed"), scale=span, axis=alt.Axis(tickCount=5)),
        color=alt.Color("part:N", scale=colouring, legend=_legend()),
        shape=alt.Shape("part:N", scale=alt.Scale(domain=colouring.domain, range=["circle", "triangle-up"])),
        tooltip=[
            alt.Tooltip("name:N", title=_("whose")),
            alt.Tooltip("given:Q", title=_("given")),
            alt.Tooltip("back:Q", title=_("reconstructed"), format=".2f"),
            alt.Tooltip("part:N", title=_("part of the split")),
        ],
    )
    return alt.layer(diagonal, points).properties(height=HEIGHT)


def gradients(table: pd.DataFrame) -> alt.LayerChart:
    """What the loss says to each entry of the reconstruction; an unknown entry hears nothing.

    Args:
        table: columns `place`, `name`, `gradient` and `kind` ("known", "unknown" or "the example's").
    """
    table, colouring = _said(table, "kind", {KNOWN: TRAIN, OWN: YOU, UNKNOWN: BASELINE})
    colour = alt.Color("kind:N", scale=colouring, legend=_legend())
    most = max(2.0, float(np.ceil(table["gradient"].abs().max())))
    x = alt.X("place:Q", title=_("some entries of the row"), axis=alt.Axis(labels=False, ticks=False, grid=False))
    y = alt.Y("gradient:Q", title=_("gradient of the loss"), scale=alt.Scale(domain=[-most, most]))
    hint = [
        alt.Tooltip("name:N", title=_("whose")),
        alt.Tooltip("kind:N", title=_("kind")),
        alt.Tooltip("gradient:Q", title=_("gradient"), format="+.2f"),
    ]
    zero = alt.Chart(pd.DataFrame({"y": [0.0]})).mark_rule(color=BASELINE).encode(y="y:Q")
    stems = alt.Chart(table).mark_rule(strokeWidth=2).encode(x=x, y=y, y2=alt.datum(0), color=colour)
    dots = alt.Chart(table).mark_point(filled=True, size=70, opacity=1).encode(x=x, y=y, color=colour, tooltip=hint)
    return alt.layer(zero, stems, dots).properties(height=HEIGHT)


def agreement(table: pd.DataFrame, size: int) -> alt.LayerChart:
    """Cosine of each drawn batch's gradient with the whole one, by batch size; the chosen size in colour.

    Args:
        table: columns `size` and `cosine`.
        size: the chosen one.
    """
    sizes = sorted(table["size"].unique().tolist())
    turn = (np.arange(len(table)) * 0.618034) % 1.0 - 0.5
    shown = table.assign(name=[f"{value:,}" for value in table["size"]], is_chosen=table["size"] == size, turn=turn)
    x = alt.X("name:N", sort=[f"{value:,}" for value in sizes], title=_("rows in a batch"), axis=alt.Axis(labelAngle=0))
    y = alt.Y(
        "cosine:Q", title=_("agreement (cosine)"), scale=alt.Scale(domain=[min(-0.1, table["cosine"].min()), 1.02])
    )
    points = alt.Chart(shown).mark_point(filled=True, size=42)
    points = points.encode(
        x=x,
        y=y,
        xOffset=alt.XOffset("turn:Q", scale=alt.Scale(domain=[-1, 1])),
        color=alt.condition(alt.datum.is_chosen, alt.value(TRAIN), alt.value(BASELINE)),
        opacity=alt.condition(alt.datum.is_chosen, alt.value(0.9), alt.value(0.35)),
        tooltip=[
            alt.Tooltip("name:N", title=_("rows in a batch")),
            alt.Tooltip("cosine:Q", title=_("cosine"), format=".3f"),
        ],
    )
    return alt.layer(points).properties(height=HEIGHT)


def meeting(table: pd.DataFrame, given: float, known: int, scale: RatingScale) -> alt.LayerChart:
    """A prediction and its interval while ratings become known; what was really given is the dashed line.

    Args:
        table: columns `known`, `predicted`, `low` and `high`.
        given: the rating that is kept back.
        known: where the slider stands.
        scale: the rating scale.
    """
    x = alt.X("known:Q", title=_("ratings known"), axis=alt.Axis(grid=False, tickMinStep=1))
    span = alt.Scale(domain=[scale.low, scale.high], nice=False)
    band = (
        alt.Chart(table)
        .mark_area(color=TEST, opacity=0.18)
        .encode(x=x, y=alt.Y("low:Q", title=_("rating"), scale=span, axis=alt.Axis(tickCount=5)), y2="high:Q")
    )
    line = alt.Chart(table).mark_line(color=TEST, strokeWidth=2.4).encode(x=x, y=alt.Y("predicted:Q", scale=span))
    truth = alt.Chart(pd.DataFrame({"y": [given]})).mark_rule(color=YOU, strokeDash=[6, 4], strokeWidth=2)
    rule = alt.Chart(pd.DataFrame({"known": [known]})).mark_rule(color=BASELINE).encode(x="known:Q")
    mark = alt.Chart(table[table["known"] == known]).mark_point(filled=True, size=110, color=TEST, opacity=1)
    names = {"predicted": _("predicted"), "low": _("low"), "high": _("high")}
    hint = [
        alt.Tooltip("known:Q", title=_("ratings known")),
        *(alt.Tooltip(f"{name}:Q", title=title, format=".2f") for name, title in names.items()),
    ]
    return alt.layer(
        band, truth.encode(y="y:Q"), rule, line, mark.encode(x=x, y=alt.Y("predicted:Q", scale=span), tooltip=hint)
    ).properties(height=HEIGHT)


def ranked(table: pd.DataFrame, scale: RatingScale, ink: str) -> alt.LayerChart:
    """A list, best first: each movie's prediction with its interval, and where it is ranked by.

    Args:
        table: columns `movie` (all different), `predicted`, `low`, `high` and `score`, in order.
        scale: the rating scale.
        ink: colour of words.
    """
    order = table["movie"].tolist()
    y = alt.Y("movie:N", sort=order, title=None, axis=None)
    span = alt.Scale(domain=[scale.low, scale.high + 0.4], nice=False)
    names = alt.Chart(table).mark_text(align="left", baseline="bottom", dy=-6, fontSize=12, color=ink, limit=330)
    names = names.encode(y=y, x=alt.value(0), text="movie:N")
    reach = alt.Chart(table).mark_rule(color=TEST, strokeWidth=3, opacity=0.35)
    reach = reach.encode(y=y, x=alt.X("low:Q", title=_("rating"), scale=span, axis=alt.Axis(tickCount=5)), x2="high:Q")
    named = {"predicted": _("predicted"), "low": _("low"), "high": _("high"), "score": _("ranked by")}
    hint = [
        alt.Tooltip("movie:N", title=_("movie")),
        *(alt.Tooltip(f"{name}:Q", title=title, format=".2f") for name, title in named.items()),
    ]
    dots = alt.Chart(table).mark_point(filled=True, size=80, color=TEST, opacity=1)
    dots = dots.encode(y=y, x=alt.X("predicted:Q", title=_("rating"), scale=span), tooltip=hint)
    score = alt.Chart(table).mark_tick(color=VALID, thickness=3, size=15)
    score = score.encode(y=y, x=alt.X("score:Q", title=_("rating"), scale=span), tooltip=hint)
    return alt.layer(names, reach, dots, score).properties(height=32 * len(table) + 60)


def scattered_users(counts: FloatArray, rmses: FloatArray, pooled: float, mean: float) -> alt.LayerChart:
    """Each user's RMSE by their test ratings, with both ways of averaging as rules.

    Args:
        counts: (m,) test ratings of each user.
        rmses: (m,) RMSE of each.
        pooled: over all ratings.
        mean: of the users' RMSEs.
    """
    x = alt.X(
        "test_ratings:Q", title=_("test ratings of the user"), scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=4)
    )
    span = alt.Scale(domain=[0, 1.3 * max(1.4 * pooled, float(np.quantile(rmses, 0.97)))], clamp=True)
    y = alt.Y("rmse:Q", title=_("RMSE of the user"), scale=span, axis=alt.Axis(tickCount=5))
    table = pd.DataFrame({"test_ratings": counts, "rmse": rmses})
    hint = [
        alt.Tooltip("test_ratings", title=_("test ratings")),
        alt.Tooltip("rmse:Q", title="RMSE", format=".4f"),
    ]
    dots = alt.Chart(table).mark_point(filled=True, size=34, color=BASELINE, opacity=0.4)
    dots = dots.encode(x=x, y=y, tooltip=hint)
    both, colouring = _said(pd.DataFrame({"rmse": [pooled, mean], "what": [HONEST, FOOLED]}), "what", COLOURS)
    colour = alt.Color("what:N", scale=colouring, legend=_legend())
    rules = alt.Chart(both).mark_rule(strokeWidth=2.6).encode(y="rmse:Q", color=colour)
    return alt.layer(dots, rules).properties(height=HEIGHT)


def story(table: pd.DataFrame, rules: Sequence[tuple[str, float]], y_title: str, ink: str) -> alt.LayerChart:
    """Curves by epoch, honest and fooled, with lines to compare with.

    Args:
        table: columns `epoch`, `rmse` and `what` (`HONEST` or `FOOLED`).
        rules: names and heights of dashed lines.
        y_title: of the vertical axis.
        ink: colour of words.
    """
    table, colouring = _said(table, "what", COLOURS)
    x = alt.X(
        "epoch:Q", title=_("epoch"), axis=alt.Axis(grid=False, tickMinStep=1, format="d"), scale=alt.Scale(nice=False)
    )
    y = alt.Y("rmse:Q", title=y_title, scale=alt.Scale(zero=False, padding=10), axis=alt.Axis(tickCount=5))
    colour = alt.Color("what:N", scale=colouring, legend=_legend())
    hint = [
        alt.Tooltip("what:N", title=_("of")),
        alt.Tooltip("epoch:Q", title=_("epoch")),
        alt.Tooltip("rmse:Q", title="RMSE", format=".4f"),
    ]
    lines = alt.Chart(table).mark_line(strokeWidth=2.4).encode(x=x, y=y, color=colour, tooltip=hint)
    layers = [lines]
    if rules:
        named = pd.DataFrame([{"rmse": height, "label": f"{name} {height:.4f}"} for name, height in rules])
        dashes = alt.Chart(named).mark_rule(color=BASELINE, strokeDash=[6, 4]).encode(y="rmse:Q")
        words = alt.Chart(named).mark_text(align="right", baseline="bottom", dy=-3, color=ink, fontSize=12)
        layers += [dashes, words.encode(y="rmse:Q", x=alt.value("width"), text="label:N")]
    return alt.layer(*layers).properties(height=HEIGHT)
