"""Charts of where a model errs, as pure functions of values; colours mean what they mean everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from autorec_core.list_quality import ListReport
from autorec_core.ratings import FloatArray, IntArray, RatingScale
from autorec_core.residuals import Calibrated, Group
from pages.shared.charts import LIVE_HEIGHT, PARTS, SHAPES
from pages.shared.genres import genre_name
from pages.shared.palette import BASELINE, TEST
from pages.shared.words import _, later

HEIGHT = 300
"""Of a chart of groups, in pixels."""
MODEL, AVERAGES, POPULAR = later("this model"), later("user + movie averages"), later("most popular first")
"""What is compared, in the words of the legend."""
PART_NAMES = {"train": later("train"), "validation": later("validation"), "test": later("test")}
"""Parts of a split, in the words of the legend."""
WAYS = {"autorec": MODEL, "averages": AVERAGES, "popularity": POPULAR}
POPULAR_COLOUR = "#b07400"
"""Of lists by popularity: the second of the colours of runs."""


def group_table(groups: Sequence[Group]) -> pd.DataFrame:
    """The groups as a table, a row a group."""
    return pd.DataFrame(
        [
            {
                "group": one.label,
                "test_ratings": one.num_ratings,
                "share": one.share,
                "rmse": one.rmse,
                "rmse_low": one.low,
                "rmse_high": one.high,
                "averages_rmse": one.averages_rmse,
                "mean_error": one.mean_error,
            }
            for one in groups
        ],
        columns=[
            "group", "test_ratings", "share", "rmse", "rmse_low", "rmse_high", "averages_rmse", "mean_error",
        ],
    )  # fmt: skip


def groups(table: pd.DataFrame, title: str, ink: str = BASELINE, *, is_wide: bool = False) -> alt.LayerChart:
    """RMSE of each group with its 95 % interval, averages beside it; below each, how many test ratings it is of.

    Args:
        table: as `group_table` gives it, in order.
        title: of the axis of groups.
        ink: colour of words.
        is_wide: whether groups lie beside each other; else each is a line of its own.
    """
    shown = table[table["test_ratings"] > 0]
    order = shown["group"].map(genre_name).tolist()
    highest = float(np.nanmax([shown["averages_rmse"].max(), shown["rmse"].max()])) if len(shown) else 1.0
    ends = shown["rmse_high"].clip(upper=1.25 * highest)
    shown = shown.assign(
        low=shown["rmse_low"].fillna(shown["rmse"]),
        high=ends.fillna(shown["rmse"]),
        group=shown["group"].map(genre_name),
        model=_(MODEL),
        other=_(AVERAGES),
        number=[_short(number) if is_wide else f"{number:,}" for number in shown["test_ratings"].tolist()],
    )
    labels = alt.Axis(grid=False, labelAngle=0, labelLimit=150)
    place = (alt.X if is_wide else alt.Y)("group:N", sort=order, title=title, axis=labels)
    lowest = float(np.nanmin([shown["low"].min(), shown["averages_rmse"].min()])) if len(shown) else 0.0
    top = float(np.nanmax([shown["high"].max(), highest])) if len(shown) else 1.0
    room = max(0.05, top - lowest)
    # Room for the counts, which stand below the marks or at their right.
    ends_of_axis = [lowest - 0.16 * room, top + 0.06 * room] if is_wide else [lowest - 0.05 * room, top + 0.16 * room]
    scale = alt.Scale(domain=ends_of_axis, zero=False, nice=False)
    names = {
        "rmse": "RMSE",
        "test_ratings": _("test ratings"),
        "averages_rmse": _("averages"),
        "mean_error": _("mean error"),
    }
    hint = [
        alt.Tooltip("group:N", title=title),
        *(
            alt.Tooltip(f"{name}:Q", title=words, format=",d" if name == "test_ratings" else ".4f")
            for name, words in names.items()
        ),
    ]
    colour = alt.Scale(domain=[_(MODEL), _(AVERAGES)], range=[TEST, BASELINE])
    legend = alt.Legend(
        title=None, orient="top", symbolSize=90, symbolOpacity=1, labelLimit=260, columns=2 if is_wide else 1
    )
    base = alt.Chart(shown)

    def at(name: str) -> alt.X | alt.Y:
        return (alt.Y if is_wide else alt.X)(f"{name}:Q", title=_("test RMSE"), scale=scale, axis=alt.Axis(tickCount=5))

    def spot(channel: alt.X | alt.Y) -> dict[str, alt.X | alt.Y]:
        return {"x": place, "y": channel} if is_wide else {"y": place, "x": channel}

    reach = base.mark_rule(strokeWidth=2.2, color=TEST, opacity=0.55).encode(
        **spot(at("low")), **{("y2" if is_wide else "x2"): "high:Q"}, tooltip=hint
    )
    other = base.mark_point(filled=True, size=70, shape="diamond", opacity=1).encode(
        **spot(at("averages_rmse")), color=alt.Color("other:N", scale=colour, legend=legend), tooltip=hint
    )
    own = base.mark_point(filled=True, size=110, opacity=1).encode(
        **spot(at("rmse")), color=alt.Color("model:N", scale=colour, legend=legend), tooltip=hint
    )
    if is_wide:
        count = base.mark_text(baseline="bottom", dy=-3, fontSize=11, color=ink).encode(
            x=place, y=alt.value("height"), text="number:N"
        )
    else:
        count = base.mark_text(align="right", fontSize=11, color=ink).encode(
            y=place, x=alt.value("width"), text="number:N"
        )
    return alt.layer(reach, other, own, count).properties(height=HEIGHT if is_wide else 24 * len(order) + 70)


def _short(number: int) -> str:
    """A count as there is room for it below a narrow group.

    >>> _short(999), _short(1944)
    ('999', '1.9k')
    """
    return str(number) if number < 1000 else f"{number / 1000:.1f}k"


def mean_errors(table: pd.DataFrame) -> alt.LayerChart:
    """By the rating given, how much too high or too low the predictions are on average.

    Args:
        table: as `group_table` gives it, a row a rating, in order.
    """
    shown = table[table["test_ratings"] > 0]
    bars = (
        alt.Chart(shown)
        .mark_bar(color=TEST, cornerRadius=3, size=26)
        .encode(
            x=alt.X("group:N", sort=shown["group"].tolist(), title=_("rating given"), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("mean_error:Q", title=_("predicted less given"), axis=alt.Axis(tickCount=6, format="+.1f")),
            tooltip=[
                alt.Tooltip("group:N", title=_("given")),
                alt.Tooltip("mean_error:Q", title=_("mean error"), format="+.3f"),
                alt.Tooltip("rmse:Q", title="RMSE", format=".4f"),
                alt.Tooltip("test_ratings:Q", title=_("test ratings"), format=",d"),
            ],
        )
    )
    zero = alt.Chart(pd.DataFrame({"y": [0.0]})).mark_rule(color=BASELINE).encode(y="y:Q")
    return alt.layer(bars, zero).properties(height=HEIGHT)


def calibration_table(classes: Sequence[Calibrated]) -> pd.DataFrame:
    """The classes of `residuals.calibration` as a table."""
    return pd.DataFrame(
        [
            {
                "predicted": one.predicted,
                "given": one.given,
                "given_low": one.given - one.half_width,
                "given_high": one.given + one.half_width,
                "test_ratings": one.num_ratings,
            }
            for one in classes
        ],
        columns=["predicted", "given", "given_low", "given_high", "test_ratings"],
    )


def calibration(table: pd.DataFrame, scale: RatingScale) -> alt.LayerChart:
    """Mean rating given where so much was predicted; a calibrated model lies on the dashed diagonal.

    Args:
        table: as `calibration_table` gives it.
        scale: the rating scale.
    """
    ends = [scale.low, scale.high]
    diagonal = alt.Chart(pd.DataFrame({"predicted": ends, "given": ends})).mark_line(
        color=BASELINE, strokeDash=[6, 4], strokeWidth=1.3
    )
    diagonal = diagonal.encode(x="predicted:Q", y="given:Q")
    shown = table.assign(
        low=table["given_low"].fillna(table["given"]).clip(*ends),
        high=table["given_high"].fillna(table["given"]).clip(*ends),
    )
    axis = alt.Scale(domain=ends, nice=False)
    x = alt.X("predicted:Q", title=_("mean prediction"), scale=axis, axis=alt.Axis(tickCount=5))
    base = alt.Chart(shown)
    reach = base.mark_rule(color=TEST, strokeWidth=2, opacity=0.55).encode(
        x=x, y=alt.Y("low:Q", title=_("mean rating given"), scale=axis, axis=alt.Axis(tickCount=5)), y2="high:Q"
    )
    points = base.mark_point(filled=True, color=TEST, opacity=0.95).encode(
        x=x,
        y=alt.Y("given:Q", title=_("mean rating given"), scale=axis),
        size=alt.Size("test_ratings:Q", title=_("test ratings"), scale=alt.Scale(range=[25, 420]), legend=None),
        tooltip=[
            alt.Tooltip("predicted:Q", title=_("mean prediction"), format=".2f"),
            alt.Tooltip("given:Q", title=_("mean given"), format=".2f"),
            alt.Tooltip("test_ratings:Q", title=_("test ratings"), format=",d"),
        ],
    )
    return alt.layer(diagonal, reach, points).properties(height=LIVE_HEIGHT)


def confusion_table(levels: FloatArray, counts: IntArray) -> pd.DataFrame:
    """`residuals.confusion` as a table: a row a pair of ratings, with its share of what was given."""
    given, predicted = np.indices(counts.shape)
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    return pd.DataFrame(
        {
            "given": levels[given.ravel()],
            "predicted": levels[predicted.ravel()],
            "test_ratings": counts.ravel(),
            "share_of_given": (counts / totals).ravel(),
        }
    )


def confusion(table: pd.DataFrame, theme: str | None) -> alt.LayerChart:
    """How often each rating was predicted where another was given; a row adds up to all of that rating.

    Args:
        table: as `confusion_table` gives it.
        theme: "light" or "dark": the empty end of the colours is near the page's own.
    """
    shown = table.assign(
        given_name=[f"{value:g}" for value in table["given"]],
        predicted_name=[f"{value:g}" for value in table["predicted"]],
        text=[f"{number:,}" if number else "" for number in table["test_ratings"]],
        is_right=table["given"] == table["predicted"],
    )
    levels = [f"{value:g}" for value in sorted(set(table["given"]))]
    most = max(0.01, float(table["share_of_given"].max()))
    empty, full = ("#1c1e2b", "#36c493") if theme == "dark" else ("#f0f1f7", "#0b7f55")
    x = alt.X("predicted_name:N", sort=levels, title=_("rating predicted, rounded"), axis=alt.Axis(labelAngle=0))
    y = alt.Y("given_name:N", sort=levels[::-1], title=_("rating given"))
    base = alt.Chart(shown).encode(x=x, y=y)
    cells = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color(
            "share_of_given:Q",
            scale=alt.Scale(domain=[0, most], range=[empty, full], nice=False, interpolate="rgb"),
            legend=None,
        ),
        stroke=alt.condition(alt.datum.is_right, alt.value(BASELINE), alt.value(None)),
        strokeWidth=alt.value(2),
        tooltip=[
            alt.Tooltip("given_name:N", title=_("given")),
            alt.Tooltip("predicted_name:N", title=_("predicted")),
            alt.Tooltip("test_ratings:Q", title=_("test ratings"), format=",d"),
            alt.Tooltip("share_of_given:Q", title=_("of this rating"), format=".1%"),
        ],
    )
    words = "#eceef8" if theme == "dark" else "#14161f"
    strong = "#0b1210" if theme == "dark" else "#ffffff"
    numbers = base.mark_text(fontSize=11).encode(
        text="text:N",
        color=alt.condition(f"datum.share_of_given > {0.55 * most}", alt.value(strong), alt.value(words)),
    )
    return alt.layer(cells, numbers).properties(height=LIVE_HEIGHT)


def residuals(rows: pd.DataFrame, parts: Sequence[str]) -> alt.LayerChart:
    """Given less predicted over the prediction, held-out ones marked; what a model could still learn shows as a shape.

    Args:
        rows: columns `name`, `given`, `predicted` (rating units) and `part`, one of `parts`.
        parts: which parts occur, in the order of the legend.
    """
    order = rows["part"].map({part: place for place, part in enumerate(parts)})
    shown = rows.iloc[np.argsort(order.to_numpy(), kind="stable")]
    names = {part: _(PART_NAMES[part]) for part in parts}
    shown = shown.assign(residual=shown["given"] - shown["predicted"], said=shown["part"].map(names))
    most = max(1.0, float(np.ceil(2 * shown["residual"].abs().max()) / 2)) if len(shown) else 1.0
    points = (
        alt.Chart(shown)
        .mark_point(filled=True)
        .encode(
            x=alt.X("predicted:Q", title=_("rating predicted"), scale=alt.Scale(zero=False, padding=14)),
            y=alt.Y("residual:Q", title=_("given less predicted"), scale=alt.Scale(domain=[-most, most])),
            color=alt.Color(
                "said:N",
                scale=alt.Scale(domain=list(names.values()), range=[PARTS[part] for part in parts]),
                legend=alt.Legend(title=None, orient="top", symbolOpacity=1, symbolSize=90),
            ),
            shape=alt.Shape(
                "said:N", scale=alt.Scale(domain=list(names.values()), range=[SHAPES[part] for part in parts])
            ),
            size=alt.condition(alt.datum.part == "train", alt.value(40), alt.value(75)),
            opacity=alt.condition(
                alt.datum.part == "train", alt.value(0.5 if len(rows) <= 600 else 0.25), alt.value(0.95)
            ),
            tooltip=[
                alt.Tooltip("name:N", title=_("whose")),
                alt.Tooltip("given:Q", title=_("given"), format=".1f"),
                alt.Tooltip("predicted:Q", title=_("predicted"), format=".2f"),
                alt.Tooltip("residual:Q", title=_("residual"), format="+.2f"),
                alt.Tooltip("said:N", title=_("part of the split")),
            ],
        )
    )
    zero = alt.Chart(pd.DataFrame({"y": [0.0]})).mark_rule(color=BASELINE, strokeDash=[6, 4]).encode(y="y:Q")
    return alt.layer(zero, points).properties(height=LIVE_HEIGHT)


def list_table(report: ListReport) -> pd.DataFrame:
    """`list_quality.measure` as a table: a row a way and length."""
    return pd.DataFrame(
        [
            {
                "way": WAYS[row.way],
                "k": row.length,
                "ndcg": row.ndcg,
                "recall": row.recall,
                "coverage": row.coverage,
                "novelty": row.novelty,
            }
            for row in report.rows
        ],
        columns=["way", "k", "ndcg", "recall", "coverage", "novelty"],
    )


def lists(table: pd.DataFrame, measure: str, title: str, length: int) -> alt.LayerChart:
    """One measure of the lists by their length, each way a line; the chosen length is marked.

    Args:
        table: as `list_table` gives it.
        measure: "ndcg", "recall", "coverage" or "novelty".
        title: of the axis.
        length: the chosen one.
    """
    names = [_(way) for way in WAYS.values()]
    table = table.assign(way=table["way"].map(_))
    colour = alt.Color(
        "way:N",
        scale=alt.Scale(domain=names, range=[TEST, BASELINE, POPULAR_COLOUR]),
        legend=alt.Legend(
            title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3, labelLimit=260, columns=1
        ),
    )
    dash = alt.StrokeDash("way:N", scale=alt.Scale(domain=names, range=[[1, 0], [6, 4], [2, 2]]), legend=None)
    form = {"coverage": ".1%", "novelty": ".2f"}.get(measure, ".4f")
    x = alt.X("k:Q", title=_("length of the list, k"), axis=alt.Axis(grid=False, tickMinStep=1))
    y = alt.Y(
        f"{measure}:Q", title=title, axis=alt.Axis(format=".0%" if measure == "coverage" else ".2~f", tickCount=5)
    )
    hint = [
        alt.Tooltip("way:N", title=_("way")),
        alt.Tooltip("k:Q"),
        alt.Tooltip(f"{measure}:Q", title=title, format=form),
    ]
    lines = alt.Chart(table).mark_line(strokeWidth=2.4).encode(x=x, y=y, color=colour, strokeDash=dash)
    spots = table[table["k"] == length]
    marks = alt.Chart(spots).mark_point(filled=True, size=90, opacity=1).encode(x=x, y=y, color=colour, tooltip=hint)
    rule = alt.Chart(pd.DataFrame({"k": [length]})).mark_rule(color=BASELINE, strokeWidth=1).encode(x="k:Q")
    return alt.layer(rule, lines, marks).properties(height=HEIGHT)


def worst(rows: pd.DataFrame, scale: RatingScale, ink: str = BASELINE) -> alt.LayerChart:
    """The worst predictions, one a line: what was given, what the model and what averages said.

    Args:
        rows: columns `what` (all different), `given`, `predicted` and `averages` (rating units), in order.
        scale: the rating scale.
        ink: colour of words.
    """
    order = rows["what"].tolist()
    pad = 0.03 * scale.span
    y = alt.Y("what:N", sort=order, title=None, axis=None)
    names = (
        alt.Chart(rows)
        .mark_text(align="left", baseline="bottom", dy=-8, fontSize=12.5, color=ink, limit=340)
        .encode(y=y, x=alt.value(0), text="what:N")
    )
    span = alt.Scale(domain=[scale.low - pad, scale.high + pad], nice=False, zero=False)
    x = alt.X("rating:Q", title=_("rating"), scale=span, axis=alt.Axis(grid=False, tickCount=5))
    miss = alt.Chart(rows).mark_rule(strokeWidth=2.5, color=BASELINE, opacity=0.6)
    miss = miss.encode(y=y, x=alt.X("given:Q", title=_("rating"), scale=span), x2="predicted:Q")
    kinds = {"given": _("given"), "predicted": _(MODEL), "averages": _(AVERAGES)}
    long = rows.rename(columns=kinds).melt("what", list(kinds.values()), var_name="of", value_name="rating")
    domain = list(kinds.values())
    points = (
        alt.Chart(long)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "of:N",
                scale=alt.Scale(domain=domain, range=["#d9630d", TEST, BASELINE]),
                legend=alt.Legend(title=None, orient="top", symbolSize=90, offset=12, labelLimit=260, columns=1),
            ),
            shape=alt.Shape("of:N", scale=alt.Scale(domain=domain, range=["circle", "triangle-up", "diamond"])),
            tooltip=[
                alt.Tooltip("what:N", title=_("what")),
                alt.Tooltip("of:N", title=_("of")),
                alt.Tooltip("rating:Q", title=_("rating"), format=".2f"),
            ],
        )
    )
    return alt.layer(names, miss, points).properties(height=38 * len(rows) + 130)
