"""The curve of a training as pure functions of its events: error or objective by epoch or seconds."""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import itemgetter
from typing import Any, TypeVar

import altair as alt
import numpy as np

from autorec_core.events import EpochEnded, HyperparametersChanged, RefitEpochEnded
from pages.shared import figures
from pages.shared.charts import BASELINE_LABELS, LIVE_HEIGHT, in_words
from pages.shared.palette import BASELINE, TRAIN, VALID
from pages.shared.words import _, language, later

MOST_POINTS = 160
"""Points drawn of a curve; a longer one is thinned, its best and last epochs kept."""
_GRID, _FINE_GRID = 0.05, 0.01
"""What the ends of a curve's vertical axis are rounded to, so that they seldom move; of all of it and of a part."""

Window = tuple[int, int]
"""The first and the last epoch that are shown of a curve."""

Table = dict[str, list[Any]]
"""Columns by name, numbers but for `WORDS`. A data frame of each, twice a second, took a tenth of all that is live."""
WORDS = ("label", "run", "name")
"""The columns that hold words."""

Epoch = TypeVar("Epoch", EpochEnded, RefitEpochEnded)


def rmse_span(
    epochs: Sequence[EpochEnded],
    baselines: dict[str, float],
    before: tuple[float, float] | None = None,
    refits: Sequence[RefitEpochEnded] = (),
    grid: float = _GRID,
) -> tuple[float, float]:
    """The vertical span of a loss curve: holds all that is finite, leaves room below the baselines, never shrinks.

    Args:
        epochs: so far.
        baselines: validation RMSE by name.
        before: the span drawn last.
        refits: epochs of the refit so far.
        grid: that its ends are rounded to.

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
    low, high = grid * math.floor(low / grid + 0.01), grid * math.ceil(high / grid - 0.01)
    return round(max(0.0, low), 2), round(max(high, low + 2 * grid), 2)


def span_within(
    window: Window,
    epochs: Sequence[EpochEnded],
    before: tuple[float, float] | None = None,
    refits: Sequence[RefitEpochEnded] = (),
) -> tuple[float, float] | None:
    """The vertical span of a part of a curve: as close to what is drawn there as it may be; None where that is nothing.

    Args:
        window: the part.
        epochs: of all curves that are drawn.
        before: its span as drawn last.
        refits: epochs of the refit so far.

    >>> span_within((8, 9), [], (0.8, 0.9)) is None
    True
    """
    inside = [event for event in epochs if window[0] <= event.epoch <= window[1]]
    again = [event for event in refits if window[0] <= event.epoch <= window[1]]
    return rmse_span(inside, {}, before, again, _FINE_GRID) if inside or again else None


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
    window: Window | None = None,
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
        window: the epochs that are shown, where these are not all.
    """
    others = others or {}
    at = seconds_by_epoch(epochs) if by_seconds else {}
    extent = extent_of(epochs, num_epochs, others, window, by_seconds=by_seconds)
    if is_log:
        span = (max(0.05, span[0]), span[1])
    shown = _thinned(_around(epochs, window))
    again = {event.epoch: event.train_rmse for event in refits}
    curve: Table = {
        **({"x": [at[event.epoch] for event in shown]} if by_seconds else {}),  # each column is sent twice a second
        "epoch": [event.epoch for event in shown],
        "train": [event.train_rmse for event in shown],
        "validation": [event.valid_rmse for event in shown],
        **({"refit": [again.get(event.epoch, math.nan) for event in shown]} if again else {}),
        "objective": [event.objective for event in shown],
        "learning rate": [event.learning_rate for event in shown],
        "seconds": [event.seconds for event in shown],
    }
    best = next((event for event in reversed(epochs) if event.is_best), None)
    marked = []
    if best is not None and extent[0] <= (x := at.get(best.epoch, best.epoch)) <= extent[1]:
        label = _("best {rmse:.4f}", rmse=best.valid_rmse)
        marked.append((x, best.valid_rmse, label, _inside(x, extent, 0.09)))
    datasets = {
        "curve": curve,
        "baselines": _baseline_rows(baselines, span),
        "best": _table(marked, "x", "rmse", "label", "place"),
        "changes": _change_rows(changes, at, extent),
        **_refit_rows(refits, by_seconds, extent),
        "others": _other_rows(others, by_seconds, extent),
    }
    most = num_epochs if window is None else window[1] - window[0]
    is_fine = is_log and span[1] - span[0] <= 0.1
    frame = _frame_of_loss_curve(ink, is_log, is_fine, by_seconds, most <= 60, window is not None, language())
    return {**_between(frame, extent, span), "datasets": datasets}


def objective_curve(
    epochs: Sequence[EpochEnded],
    num_epochs: int,
    ink: str = BASELINE,
    *,
    changes: Sequence[HyperparametersChanged] = (),
    others: Mapping[str, Sequence[EpochEnded]] | None = None,
    is_log: bool = False,
    by_seconds: bool = False,
    window: Window | None = None,
) -> dict[str, Any]:
    """What is minimised, by epoch: the squared error with the penalty of the weights. Arguments as in `loss_curve`.

    Its vertical axis follows the numbers, since there is nothing beside them to compare with.
    """
    others = others or {}
    at = seconds_by_epoch(epochs) if by_seconds else {}
    extent = extent_of(epochs, num_epochs, others, window, by_seconds=by_seconds)
    shown = [
        event for event in _thinned(_around(epochs, window)) if math.isfinite(event.objective) and event.objective > 0
    ]
    curve: Table = {
        "x": [at.get(event.epoch, event.epoch) for event in shown],
        "epoch": [event.epoch for event in shown],
        "objective": [event.objective for event in shown],
        "learning rate": [event.learning_rate for event in shown],
        "seconds": [event.seconds for event in shown],
    }
    datasets = {
        "curve": curve,
        "changes": _change_rows(changes, at, extent),
        "others": _other_rows(others, by_seconds, extent, "objective"),
    }
    frame = _frame_of_objective(ink, is_log, by_seconds, window is not None, language())
    return {**_between(frame, extent), "datasets": datasets}


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


def extent_of(
    epochs: Sequence[EpochEnded],
    num_epochs: int,
    others: Mapping[str, Sequence[EpochEnded]] | None = None,
    window: Window | None = None,
    *,
    by_seconds: bool = False,
) -> tuple[float, float]:
    """Where a curve's horizontal axis begins and ends, in epochs or seconds.

    Args:
        epochs: so far.
        num_epochs: that the run will have.
        others: earlier runs by name.
        window: the epochs that are shown, or None for all.
        by_seconds: whether the axis is seconds. Epochs still to come are taken to last as long as those so far.

    >>> extent_of([], 30), extent_of([], 30, window=(4, 9))
    ((0.0, 30.0), (4.0, 9.0))
    """
    if not by_seconds:
        return (0.0, float(max(1, num_epochs))) if window is None else (float(window[0]), float(window[1]))
    end = round_end(epochs, num_epochs, others)
    if window is None:
        return 0.0, end
    at = {0: 0.0, **seconds_by_epoch(epochs)}
    done = max(at)
    low, high = (
        at[epoch] if epoch <= done else at[done] + (end - at[done]) * (epoch - done) / (num_epochs - done)
        for epoch in window
    )
    return low, high


def _around(epochs: Sequence[EpochEnded], window: Window | None) -> Sequence[EpochEnded]:
    """The epochs of a part, and one on either side, so that lines lead out of the picture."""
    return epochs if window is None else [event for event in epochs if window[0] - 1 <= event.epoch <= window[1] + 1]


def _inside(place: float, extent: tuple[float, float], room: float) -> float:
    """A place that keeps as much of the axis's length from its ends, so that words there are in the picture."""
    low, high = extent
    return min(max(place, low + room * (high - low)), high - room * (high - low))


SHORT_NAMES = {
    "learning_rate": later("rate"),
    "regularization": "λ",
    "encoder_regularization_factor": later("encoder λ ×"),
    "input_dropout": later("input dropout"),
    "code_dropout": later("code dropout"),
}
"""What can change while it trains, as the curve has room for it."""
_ROOM_OF_A_NAME = 0.04
"""The share of the axis that the name of a change takes, upright as it is, on a telephone."""


def _table(rows: Sequence[tuple[Any, ...]], *names: str) -> Table:
    """Rows as columns."""
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _change_rows(
    changes: Sequence[HyperparametersChanged], at: Mapping[int, float], extent: tuple[float, float]
) -> Table:
    """One row an epoch after which something changed, with what it changed to.

    Of rules so close that their names would lie on each other, the last one has a name: what they all came to.
    """
    by_epoch: dict[int, dict[str, float]] = {}
    for change in changes:
        by_epoch.setdefault(change.epoch, {}).update(change.changes)
    places = ((at.get(epoch, epoch), new) for epoch, new in by_epoch.items())
    bundles: list[list[tuple[float, dict[str, float]]]] = []
    for x, new in sorted(
        ((x, new) for x, new in places if extent[0] <= x <= extent[1]), key=itemgetter(0), reverse=True
    ):
        if bundles and bundles[-1][0][0] - x < _ROOM_OF_A_NAME * (extent[1] - extent[0]):
            bundles[-1].append((x, new))
        else:
            bundles.append([(x, new)])
    rows = []
    for bundle in bundles:  # the last ones first
        came_to = {name: value for _x, new in reversed(bundle) for name, value in new.items()}
        names = [_said(came_to), *[""] * (len(bundle) - 1)]
        rows += [(x, _said(new), name) for (x, new), name in zip(bundle, names, strict=True)]
    return _table(rows[::-1], "x", "label", "name")


def _said(changed: Mapping[str, float]) -> str:
    return ", ".join(f"{_(SHORT_NAMES.get(name, name))} {value:g}" for name, value in changed.items())


def _refit_rows(refits: Sequence[RefitEpochEnded], by_seconds: bool, extent: tuple[float, float]) -> dict[str, Table]:
    """What the refit learns, and its name at its last epoch, at a place inside the frame."""
    at = seconds_by_epoch(refits) if by_seconds else {}
    rows = [(at.get(event.epoch, event.epoch), event.train_rmse) for event in _drawn(refits, at, extent)]
    names = [
        (_inside(x, extent, 0.22), rmse, _("fitted once more"))
        for x, rmse in [row for row in rows if extent[0] <= row[0] <= extent[1]][-1:]
    ]
    return {"refits": _table(rows, "x", "rmse"), "refit_name": _table(names, "place", "rmse", "label")}


def _other_rows(
    others: Mapping[str, Sequence[EpochEnded]], by_seconds: bool, extent: tuple[float, float], what: str = "rmse"
) -> Table:
    """Validation RMSE, or the objective, of earlier runs; only the last row of each in the picture has its name.

    An objective that is no number over 0 has no place on an axis that may be logarithmic; its row is left out.
    """
    is_objective = what == "objective"
    rows: list[tuple[float, float, str, str]] = []
    for name, epochs in others.items():
        at = seconds_by_epoch(epochs) if by_seconds else {}
        known = [
            (at.get(event.epoch, event.epoch), event.objective if is_objective else event.valid_rmse)
            for event in _drawn(epochs, at, extent)
        ]
        if is_objective:
            known = [(x, y) for x, y in known if math.isfinite(y) and y > 0]
        last = max((place for place, (x, _y) in enumerate(known) if extent[0] <= x <= extent[1]), default=-1)
        rows += [(x, y, name, name if place == last else "") for place, (x, y) in enumerate(known)]
    return _table(rows, "x", what, "run", "label")


def _drawn(epochs: Sequence[Epoch], at: Mapping[int, float], extent: tuple[float, float]) -> list[Epoch]:
    """Of a curve behind the others, what is in the picture and one epoch on either side; at most a hundred of them."""
    places = [at.get(event.epoch, event.epoch) for event in epochs]
    first, last = bisect_left(places, extent[0]), bisect_right(places, extent[1])
    return _thinned(epochs[max(0, first - 1) : last + 1], 100)


@lru_cache(maxsize=64)
def _frame_of_loss_curve(
    ink: str,
    is_log: bool,
    is_fine: bool,
    by_seconds: bool,
    has_points: bool,
    is_part: bool,
    language: str,
) -> str:
    """All of the picture but its data and the ends of its axes, as JSON, of which `_between` makes a copy of one's own.

    To build it takes longer than all else that is drawn in a tick, and the vertical axis moves while a run goes on.
    Each visitor's language is drawn once: `language` is here to be told apart by.
    """
    curve, baselines, best = (alt.Chart(alt.NamedData(name)) for name in ("curve", "baselines", "best"))
    changed, others, refits = (alt.Chart(alt.NamedData(name)) for name in ("changes", "others", "refits"))
    of_curve = "x" if by_seconds else "epoch"
    x, x_of_curve = (_across(field, by_seconds) for field in ("x", of_curve))
    kind: Any = "log" if is_log else "linear"
    y = alt.Y(
        "rmse:Q",
        title=_("RMSE in rating units"),
        scale=alt.Scale(type=kind, domain=_ENDS, clamp=not is_part, **({"nice": False} if is_log else {"zero": False})),
        axis=alt.Axis(tickCount=6, format=".3f" if is_fine else ".2f") if is_log else alt.Axis(),
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
        .mark_line(strokeWidth=2.2, point={"size": 26} if has_points else False, clip=is_part)
        .encode(x=x_of_curve, y=y, color=colour)
    )
    dashes = baselines.mark_rule(strokeDash=[6, 4], color=BASELINE, strokeWidth=1.4).encode(y=y)
    names = baselines.mark_text(align="right", baseline="bottom", dy=-3, color=ink, fontSize=12).encode(
        x=alt.value("width"), y=alt.Y("place:Q", title=_("RMSE in rating units")), text="label:N"
    )
    ring = best.mark_point(size=130, filled=False, strokeWidth=2.2, color=VALID).encode(x=x, y=y)
    ring_name = best.mark_text(dy=18, color=VALID, fontWeight="bold", fontSize=12).encode(
        x=_across("place", by_seconds), y=y, text="label:N"
    )
    again = refits.mark_line(color=TRAIN, strokeWidth=2, strokeDash=[3, 3], clip=True).encode(x=x, y=y)
    again_name = (
        alt.Chart(alt.NamedData("refit_name"))
        .mark_text(dy=16, color=TRAIN, fontWeight="bold", fontSize=12)
        .encode(x=_across("place", by_seconds), y=y, text="label:N")
    )
    tips = [
        alt.Tooltip("epoch:Q", title=_("epoch"), format="d"),
        alt.Tooltip("train:Q", title=_("train RMSE"), format=".4f"),
        alt.Tooltip("validation:Q", title=_("validation RMSE"), format=".4f"),
        alt.Tooltip("again:N", title=_("once more")),
        *_tips_of_all(),
    ]
    read = curve.transform_calculate(again="isValid(datum.refit) ? format(datum.refit, '.4f') : '–'")
    layers = alt.layer(
        dashes,
        names,
        *_behind(others, x, y, "rmse", "RMSE", ink),
        *_changed(changed, x, ink),
        again,
        again_name,
        lines,
        ring,
        ring_name,
        _reader(read, x_of_curve, of_curve, tips),
    ).properties(height=LIVE_HEIGHT)
    return _as_text(layers)


@lru_cache(maxsize=64)
def _frame_of_objective(ink: str, is_log: bool, by_seconds: bool, is_part: bool, language: str) -> str:
    """All of that picture but its data and the ends of its horizontal axis, as `_frame_of_loss_curve`."""
    curve, changed, others = (alt.Chart(alt.NamedData(name)) for name in ("curve", "changes", "others"))
    of_curve = "x" if by_seconds else "epoch"
    x, x_of_curve = (_across(field, by_seconds) for field in ("x", of_curve))
    y = alt.Y(
        "objective:Q",
        title=_("objective"),
        scale=alt.Scale(type="log", nice=False) if is_log else alt.Scale(zero=False),
        axis=alt.Axis(tickCount=6),
    )
    line = curve.mark_line(strokeWidth=2.2, color=TRAIN, clip=is_part).encode(x=x_of_curve, y=y)
    tips = [alt.Tooltip("epoch:Q", title=_("epoch"), format="d"), *_tips_of_all()]
    layers = alt.layer(
        *_behind(others, x, y, "objective", _("objective"), ink),
        *_changed(changed, x, ink),
        line,
        _reader(curve, x_of_curve, of_curve, tips),
    ).properties(height=LIVE_HEIGHT)
    return _as_text(layers)


def _as_text(layers: alt.LayerChart) -> str:
    """A picture as JSON. Only its first layer describes the axes, which all share: it is sent at every tick."""
    specification = figures.specification(layers)
    specification["config"] = {"mark": {"aria": False}}  # the picture has a name; marks that move have none
    for channel in ("x", "y"):
        described = [layer["encoding"][channel] for layer in specification["layer"] if channel in layer["encoding"]]
        for again in [one for one in described if "axis" in one][1:]:
            del again["axis"]
            again.pop("title", None)
    return json.dumps(specification)


_ENDS = [0.0, 1.0]
"""Where the axes of a frame begin and end, until `_between` says it."""


def _between(frame: str, extent: tuple[float, float], span: tuple[float, float] | None = None) -> dict[str, Any]:
    """A picture of one's own, from a frame.

    Args:
        frame: as JSON.
        extent: where its horizontal axis begins and ends.
        span: the same of its vertical axis; None where that follows the numbers.
    """
    picture: dict[str, Any] = json.loads(frame)
    for layer in picture["layer"]:
        for channel, ends in (("x", extent), ("y", span)):
            scale = layer["encoding"].get(channel, {}).get("scale", {})
            if "domain" in scale:
                scale["domain"] = list(ends or _ENDS)
    return picture


def _across(field: str, by_seconds: bool) -> alt.X:
    """The horizontal axis of a curve."""
    return alt.X(
        f"{field}:Q",
        title=_("seconds of training") if by_seconds else _("epoch"),
        scale=alt.Scale(domain=_ENDS, nice=False),
        axis=alt.Axis(grid=False) if by_seconds else alt.Axis(tickMinStep=1, format="d", grid=False),
    )


def _behind(others: alt.Chart, x: alt.X, y: alt.Y, field: str, title: str, ink: str) -> list[alt.Chart]:
    """Earlier runs, and their names."""
    hint = [alt.Tooltip("run:N", title=_("run")), alt.Tooltip(f"{field}:Q", title=title, format=".4f")]
    lines = others.mark_line(color=BASELINE, opacity=0.65, strokeWidth=1.5, clip=True)
    # A run that ends early has its name to the right of that, where there is room for it.
    align = alt.ExprRef("scale('x', datum.x) < 0.45 * width ? 'left' : 'right'")
    names = others.mark_text(align=align, baseline="top", dy=5, color=ink, fontSize=11, clip=True)
    return [lines.encode(x=x, y=y, detail="run:N", tooltip=hint), names.encode(x=x, y=y, text="label:N")]


def _changed(changed: alt.Chart, x: alt.X, ink: str) -> list[alt.Chart]:
    """Rules where something was changed while it trained, and what."""
    rules = changed.mark_rule(color=ink, strokeWidth=1, strokeDash=[2, 2])
    # To the right, where those before it are not; but inside the picture.
    baseline = alt.ExprRef("scale('x', datum.x) > width - 15 ? 'bottom' : 'top'")
    names = changed.mark_text(
        angle=270, align="right", baseline=baseline, dx=-4, dy=2, color=ink, fontSize=11, limit=230
    )
    return [
        rules.encode(x=x, tooltip=[alt.Tooltip("label:N", title=_("changed"))]),
        names.encode(x=x, y=alt.value(0), text="name:N"),
    ]


def _tips_of_all() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("objective:Q", title=_("objective"), format=".4f"),
        alt.Tooltip("learning rate:Q", title=_("learning rate"), format=".2e"),
        alt.Tooltip("seconds:Q", title=_("seconds"), format=".3f"),
    ]


def _reader(curve: alt.Chart, x: alt.X, field: str, tips: Sequence[alt.Tooltip]) -> alt.Chart:
    """Reads the epoch nearest to the pointer."""
    near = alt.selection_point(
        name="near", fields=[field], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    seen = alt.condition(near, alt.value(0.8), alt.value(0))
    rule = curve.mark_rule(color=BASELINE, strokeWidth=1, clip=True).encode(x=x, opacity=seen, tooltip=list(tips))
    return rule.add_params(near)


def _baseline_rows(baselines: dict[str, float], span: tuple[float, float]) -> Table:
    """The baselines in the picture, each with the height of its name: over its line, or over all lines of a bundle."""
    known = sorted(
        (baselines[name], label)
        for name, label in BASELINE_LABELS.items()
        if span[0] <= baselines.get(name, math.nan) <= span[1]
    )
    gap = 15 / (LIVE_HEIGHT - 110) * (span[1] - span[0])  # the height of a line of text
    bundles: list[list[float]] = []
    for value, _label in known:
        if bundles and value < bundles[-1][-1] + gap * len(bundles[-1]):
            bundles[-1].append(value)
        else:
            bundles.append([value])
    places = [bundle[-1] + gap * place for bundle in bundles for place in range(len(bundle))]
    rows = [(value, f"{_(label)} {value:.4f}", place) for (value, label), place in zip(known, places, strict=True)]
    return _table(rows, "rmse", "label", "place")


def _thinned(epochs: Sequence[Epoch], most: int = MOST_POINTS) -> list[Epoch]:
    if len(epochs) <= most:
        return list(epochs)
    places = set(np.linspace(0, len(epochs) - 1, most).astype(int).tolist())
    best = max((place for place, event in enumerate(epochs) if getattr(event, "is_best", False)), default=0)
    return [epochs[place] for place in sorted({*places, best})]
