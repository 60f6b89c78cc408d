"""Charts as pure functions of values: no page state, no drawing. Colours come from the palette, sizes are fixed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, TypeVar

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from autorec_core.events import EpochEnded, HyperparametersChanged, RefitEpochEnded
from autorec_core.ratings import RatingScale
from pages.shared.palette import BASELINE, TEST, TRAIN, VALID, YOU
from pages.shared.words import _, language, later

LIVE_HEIGHT = 380
"""Of the curve and of scatter plots, in pixels."""
ROW_HEIGHT = 40
"""Of one movie in a list of dumbbells, in pixels."""
MOST_POINTS = 160
"""Points drawn of a curve; a longer one is thinned, its best and last epochs kept."""

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

_GRID = 0.05
"""What the ends of a curve's vertical axis are rounded to, in rating units, so that they seldom move."""

Epoch = TypeVar("Epoch", EpochEnded, RefitEpochEnded)


def rmse_span(
    epochs: Sequence[EpochEnded],
    baselines: dict[str, float],
    before: tuple[float, float] | None = None,
    refits: Sequence[RefitEpochEnded] = (),
) -> tuple[float, float]:
    """The vertical span of a loss curve: holds all that is finite, leaves room below the baselines, never shrinks.

    Args:
        epochs: so far.
        baselines: validation RMSE by name.
        before: the span drawn last.
        refits: epochs of the refit so far.

    Returns:
        (low, high) in rating units.

    >>> rmse_span([], {"global_mean": 1.05, "user_item_bias": 0.88})
    (0.6, 1.1)
    """
    known = [value for value in baselines.values() if math.isfinite(value)]
    values = [value for event in epochs for value in (event.train_rmse, event.valid_rmse) if math.isfinite(value)]
    values += [event.train_rmse for event in refits if math.isfinite(event.train_rmse)]
    values += [*known, *(0.7 * value for value in known), *(1.03 * value for value in known)]
    low, high = (min(values), max(values)) if values else (0.6, 1.1)
    if before is not None:  # where it must move, it moves by a good piece
        piece = 0.2 * (before[1] - before[0])
        low = before[0] if low >= before[0] else min(low, before[0] - piece)
        high = before[1] if high <= before[1] else max(high, before[1] + piece)
    low, high = _GRID * math.floor(low / _GRID + 0.01), _GRID * math.ceil(high / _GRID - 0.01)
    return round(max(0.0, low), 2), round(max(high, low + 2 * _GRID), 2)


def loss_curve(
    epochs: Sequence[EpochEnded],
    baselines: dict[str, float],
    num_epochs: int,
    span: tuple[float, float],
    ink: str = BASELINE,
    *,
    changes: Sequence[HyperparametersChanged] = (),
    refits: Sequence[RefitEpochEnded] = (),
    others: Mapping[str, Sequence[EpochEnded]] | None = None,
    is_log: bool = False,
    by_seconds: bool = False,
) -> dict[str, Any]:
    """Train and validation RMSE by epoch, with the baselines to get under and the best epoch marked.

    A Vega-Lite specification whose text does not change while a training runs: only its named data sets do. The browser
    then moves the marks of the picture that is there, in place of drawing another one twice a second.

    Args:
        epochs: so far.
        baselines: validation RMSE by name.
        num_epochs: that the run will have; the horizontal axis does not move.
        span: of the vertical axis, in rating units.
        ink: colour of words.
        changes: made while it trained; each gets a rule with its name.
        refits: epochs of the refit so far; what they learn is drawn dashed.
        others: earlier runs by name; their validation RMSE is drawn behind.
        is_log: whether the vertical axis is logarithmic.
        by_seconds: whether the horizontal axis is seconds of training in place of epochs.
    """
    others = others or {}
    at = seconds_by_epoch(epochs) if by_seconds else {}
    end = round_end(epochs, num_epochs, others) if by_seconds else float(max(1, num_epochs))
    if is_log:
        span = (max(0.05, span[0]), span[1])
    shown = _thinned(epochs)
    again = {event.epoch: event.train_rmse for event in refits}
    curve = pd.DataFrame(
        {
            **({"x": [at[event.epoch] for event in shown]} if by_seconds else {}),  # each column is sent twice a second
            "epoch": [event.epoch for event in shown],
            "train": [event.train_rmse for event in shown],
            "validation": [event.valid_rmse for event in shown],
            **({"refit": [again.get(event.epoch, math.nan) for event in shown]} if again else {}),
            "objective": [event.objective for event in shown],
            "learning rate": [event.learning_rate for event in shown],
            "seconds": [event.seconds for event in shown],
        },
        dtype=float,
    )
    best = next((event for event in reversed(epochs) if event.is_best), None)
    marked = pd.DataFrame(
        []
        if best is None
        else [
            {
                "x": at.get(best.epoch, best.epoch),
                "rmse": best.valid_rmse,
                "label": _("best {rmse:.4f}", rmse=best.valid_rmse),
                "place": min(max(at.get(best.epoch, best.epoch), 0.09 * end), 0.91 * end),  # inside the frame
            }
        ],
        columns=["x", "rmse", "label", "place"],
    )
    datasets = {
        "curve": curve,
        "baselines": _baseline_rows(baselines, span, end),
        "best": marked,
        "changes": _change_rows(changes, at, end),
        **_refit_rows(refits, by_seconds, end),
        "others": _other_rows(others, by_seconds, end),
    }
    frame = _frame_of_loss_curve(end, span, ink, is_log, by_seconds, num_epochs <= 60, language())
    return {**json.loads(frame), "datasets": datasets}


def seconds_by_epoch(epochs: Sequence[EpochEnded | RefitEpochEnded]) -> dict[int, float]:
    """Seconds of training until the end of each epoch."""
    return dict(zip((event.epoch for event in epochs), accumulate(event.seconds for event in epochs), strict=True))


def round_end(
    epochs: Sequence[EpochEnded], num_epochs: int, others: Mapping[str, Sequence[EpochEnded]] | None = None
) -> float:
    """Where an axis of seconds ends: past what all epochs will take, rounded up so far that it seldom moves."""
    done = sum(event.seconds for event in epochs)
    most = max(
        [done * num_epochs / max(1, len(epochs)), *(sum(e.seconds for e in run) for run in (others or {}).values())]
    )
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (1.5, 2, 3, 5, 7.5, 10, 15) if factor * power >= 1.02 * most)


SHORT_NAMES = {
    "learning_rate": later("rate"),
    "regularization": "λ",
    "encoder_regularization_factor": later("encoder λ ×"),
    "input_dropout": later("input dropout"),
    "code_dropout": later("code dropout"),
}
"""What can change while it trains, as the curve has room for it."""


def _change_rows(changes: Sequence[HyperparametersChanged], at: Mapping[int, float], end: float) -> pd.DataFrame:
    """One row an epoch after which something changed, with what it changed to."""
    by_epoch: dict[int, dict[str, float]] = {}
    for change in changes:
        by_epoch.setdefault(change.epoch, {}).update(change.changes)
    return pd.DataFrame(
        [
            {
                "x": min(at.get(epoch, epoch), end),
                "label": ", ".join(f"{_(SHORT_NAMES.get(name, name))} {value:g}" for name, value in values.items()),
            }
            for epoch, values in by_epoch.items()
        ],
        columns=["x", "label"],
    )


def _refit_rows(refits: Sequence[RefitEpochEnded], by_seconds: bool, end: float) -> dict[str, pd.DataFrame]:
    """What the refit learns, and its name at its last epoch, at a place inside the frame."""
    at = seconds_by_epoch(refits) if by_seconds else {}
    rows = [
        {"x": min(at.get(event.epoch, event.epoch), end), "rmse": event.train_rmse} for event in _thinned(refits, 100)
    ]
    names = [
        {"place": min(max(row["x"], 0.22 * end), 0.78 * end), "rmse": row["rmse"], "label": _("fitted once more")}
        for row in rows[-1:]
    ]
    columns = {"refits": (rows, ["x", "rmse"]), "refit_name": (names, ["place", "rmse", "label"])}
    return {
        name: pd.DataFrame(found, columns=fields).astype({field: float for field in fields if field != "label"})
        for name, (found, fields) in columns.items()
    }


def _other_rows(others: Mapping[str, Sequence[EpochEnded]], by_seconds: bool, end: float) -> pd.DataFrame:
    """Validation RMSE of earlier runs; only the last row of each has its name."""
    rows: list[dict[str, Any]] = []
    for name, epochs in others.items():
        at = seconds_by_epoch(epochs) if by_seconds else {}
        known = [event for event in _thinned(epochs, 100) if at.get(event.epoch, event.epoch) <= end]
        rows += [
            {"x": at.get(event.epoch, event.epoch), "rmse": event.valid_rmse, "run": name, "label": ""}
            for event in known
        ]
        if known:
            rows[-1]["label"] = name
    return pd.DataFrame(rows, columns=["x", "rmse", "run", "label"])


@lru_cache(maxsize=64)
def _frame_of_loss_curve(
    end: float, span: tuple[float, float], ink: str, is_log: bool, by_seconds: bool, has_points: bool, language: str
) -> str:
    """All of the picture but its data, as JSON: to read that is the quickest way to a copy of one's own.

    Each visitor's language is drawn once: `language` is here to be told apart by.
    """
    curve, baselines, best = (alt.Chart(alt.NamedData(name)) for name in ("curve", "baselines", "best"))
    changed, others, refits = (alt.Chart(alt.NamedData(name)) for name in ("changes", "others", "refits"))
    title = _("seconds of training") if by_seconds else _("epoch")
    axis = alt.Axis(grid=False) if by_seconds else alt.Axis(tickMinStep=1, format="d", grid=False)
    scale_of_x = alt.Scale(domain=[0, end], nice=False)
    x = alt.X("x:Q", title=title, scale=scale_of_x, axis=axis)
    of_curve = "x" if by_seconds else "epoch"
    x_of_curve = alt.X(f"{of_curve}:Q", title=title, scale=scale_of_x, axis=axis)
    kind: Any = "log" if is_log else "linear"
    y = alt.Y(
        "rmse:Q",
        title=_("RMSE in rating units"),
        scale=alt.Scale(type=kind, domain=list(span), clamp=True, **({"nice": False} if is_log else {"zero": False})),
        axis=alt.Axis(tickCount=6, format=".2f") if is_log else alt.Axis(),
    )
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=["train", "validation"], range=[TRAIN, VALID]),
        legend=alt.Legend(
            title=None,
            orient="top",
            symbolType="stroke",
            symbolStrokeWidth=3,
            offset=4,
            labelExpr=in_words(["train", "validation"]),
        ),
    )
    lines = (
        curve.transform_fold(["train", "validation"], as_=["series", "rmse"])
        .mark_line(strokeWidth=2.2, point={"size": 26} if has_points else False)
        .encode(x=x_of_curve, y=y, color=colour)
    )
    dashes = baselines.mark_rule(strokeDash=[6, 4], color=BASELINE, strokeWidth=1.4).encode(y=y)
    names = baselines.mark_text(align="right", baseline="bottom", dy=-3, color=ink, fontSize=12).encode(
        x=x, y=alt.Y("place:Q", title=_("RMSE in rating units")), text="label:N"
    )
    ring = best.mark_point(size=130, filled=False, strokeWidth=2.2, color=VALID).encode(x=x, y=y)
    ring_name = best.mark_text(dy=18, color=VALID, fontWeight="bold", fontSize=12).encode(
        x=alt.X("place:Q", title=title), y=y, text="label:N"
    )
    rules = changed.mark_rule(color=ink, strokeWidth=1, strokeDash=[2, 2]).encode(
        x=x, tooltip=[alt.Tooltip("label:N", title=_("changed"))]
    )
    rule_names = changed.mark_text(
        angle=270, align="right", baseline="bottom", dx=-4, dy=-3, color=ink, fontSize=11, limit=230
    )
    rule_names = rule_names.encode(x=x, y=alt.value(0), text="label:N")
    again = refits.mark_line(color=TRAIN, strokeWidth=2, strokeDash=[3, 3]).encode(x=x, y=y)
    again_name = (
        alt.Chart(alt.NamedData("refit_name"))
        .mark_text(dy=16, color=TRAIN, fontWeight="bold", fontSize=12)
        .encode(x=alt.X("place:Q", title=title), y=y, text="label:N")
    )
    behind = others.mark_line(color=BASELINE, opacity=0.65, strokeWidth=1.5)
    hint = [alt.Tooltip("run:N", title=_("run")), alt.Tooltip("rmse:Q", title="RMSE", format=".4f")]
    behind = behind.encode(x=x, y=y, detail="run:N", tooltip=hint)
    behind_names = others.mark_text(align="right", baseline="top", dy=5, color=ink, fontSize=11)
    behind_names = behind_names.encode(x=x, y=y, text="label:N")
    near = alt.selection_point(
        name="near", fields=[of_curve], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    reader = (
        curve.transform_calculate(again="isValid(datum.refit) ? format(datum.refit, '.4f') : '–'")
        .mark_rule(color=BASELINE, strokeWidth=1)
        .encode(
            x=x_of_curve,
            opacity=alt.condition(near, alt.value(0.8), alt.value(0)),
            tooltip=[
                alt.Tooltip("epoch:Q", title=_("epoch"), format="d"),
                alt.Tooltip("train:Q", title=_("train RMSE"), format=".4f"),
                alt.Tooltip("validation:Q", title=_("validation RMSE"), format=".4f"),
                alt.Tooltip("again:N", title=_("once more")),
                alt.Tooltip("objective:Q", title=_("objective"), format=".4f"),
                alt.Tooltip("learning rate:Q", title=_("learning rate"), format=".2e"),
                alt.Tooltip("seconds:Q", title=_("seconds"), format=".3f"),
            ],
        )
        .add_params(near)
    )
    layers = alt.layer(
        dashes, names, behind, behind_names, rules, rule_names, again, again_name, lines, ring, ring_name, reader
    ).properties(height=LIVE_HEIGHT)
    specification: dict[str, Any] = layers.to_dict()
    specification["config"] = {"mark": {"aria": False}}  # the picture has a name; marks that move have none
    return json.dumps(specification)


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
        columns: by name, arrays or lists of one length.
    """
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _baseline_rows(baselines: dict[str, float], span: tuple[float, float], end: float) -> pd.DataFrame:
    """The baselines that there are, each with the height of its name: over its line, or over all lines of a bundle."""
    known = sorted(
        (baselines[name], label)
        for name, label in BASELINE_LABELS.items()
        if math.isfinite(baselines.get(name, math.nan))
    )
    gap = 15 / (LIVE_HEIGHT - 110) * (span[1] - span[0])  # the height of a line of text
    bundles: list[list[float]] = []
    for value, _label in known:
        if bundles and value < bundles[-1][-1] + gap * len(bundles[-1]):
            bundles[-1].append(value)
        else:
            bundles.append([value])
    places = [bundle[-1] + gap * place for bundle in bundles for place in range(len(bundle))]
    return pd.DataFrame(
        [
            {"rmse": value, "label": f"{_(label)} {value:.4f}", "place": place, "x": end}
            for (value, label), place in zip(known, places, strict=True)
        ],
        columns=["rmse", "label", "place", "x"],
    )


def _thinned(epochs: Sequence[Epoch], most: int = MOST_POINTS) -> list[Epoch]:
    if len(epochs) <= most:
        return list(epochs)
    places = set(np.linspace(0, len(epochs) - 1, most).astype(int).tolist())
    best = max((place for place, event in enumerate(epochs) if getattr(event, "is_best", False)), default=0)
    return [epochs[place] for place in sorted({*places, best})]


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
