"""The curve of a training as pure functions of its events: error or objective by epoch or seconds."""

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

from autorec_core.events import EpochEnded, HyperparametersChanged, RefitEpochEnded
from pages.shared.charts import BASELINE_LABELS, LIVE_HEIGHT, in_words
from pages.shared.palette import BASELINE, TRAIN, VALID
from pages.shared.words import _, language, later

MOST_POINTS = 160
"""Points drawn of a curve; a longer one is thinned, its best and last epochs kept."""
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
        "baselines": _baseline_rows(baselines, span),
        "best": marked,
        "changes": _change_rows(changes, at, end),
        **_refit_rows(refits, by_seconds, end),
        "others": _other_rows(others, by_seconds, end),
    }
    frame = _frame_of_loss_curve(end, span, ink, is_log, by_seconds, num_epochs <= 60, language())
    return {**json.loads(frame), "datasets": datasets}


def objective_curve(
    epochs: Sequence[EpochEnded],
    num_epochs: int,
    ink: str = BASELINE,
    *,
    changes: Sequence[HyperparametersChanged] = (),
    others: Mapping[str, Sequence[EpochEnded]] | None = None,
    is_log: bool = False,
    by_seconds: bool = False,
) -> dict[str, Any]:
    """What is minimised, by epoch: the squared error with the penalty of the weights. Arguments as in `loss_curve`.

    Its vertical axis follows the numbers, since there is nothing beside them to compare with.
    """
    others = others or {}
    at = seconds_by_epoch(epochs) if by_seconds else {}
    end = round_end(epochs, num_epochs, others) if by_seconds else float(max(1, num_epochs))
    shown = [event for event in _thinned(epochs) if math.isfinite(event.objective) and event.objective > 0]
    columns = {
        "x": [at.get(event.epoch, event.epoch) for event in shown],
        "epoch": [event.epoch for event in shown],
        "objective": [event.objective for event in shown],
        "learning rate": [event.learning_rate for event in shown],
        "seconds": [event.seconds for event in shown],
    }
    behind = _other_rows(others, by_seconds, end, "objective")
    datasets = {
        "curve": pd.DataFrame(columns, dtype=float),
        "changes": _change_rows(changes, at, end),
        "others": behind[np.isfinite(behind["objective"].astype(float)) & (behind["objective"] > 0)],
    }
    return {**json.loads(_frame_of_objective(end, ink, is_log, by_seconds, language())), "datasets": datasets}


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


def _other_rows(
    others: Mapping[str, Sequence[EpochEnded]], by_seconds: bool, end: float, what: str = "rmse"
) -> pd.DataFrame:
    """Validation RMSE, or the objective, of earlier runs; only the last row of each has its name."""
    of_event = {"rmse": "valid_rmse"}.get(what, what)
    rows: list[dict[str, Any]] = []
    for name, epochs in others.items():
        at = seconds_by_epoch(epochs) if by_seconds else {}
        known = [event for event in _thinned(epochs, 100) if at.get(event.epoch, event.epoch) <= end]
        rows += [
            {"x": at.get(event.epoch, event.epoch), what: getattr(event, of_event), "run": name, "label": ""}
            for event in known
        ]
        if known:
            rows[-1]["label"] = name
    return pd.DataFrame(rows, columns=["x", what, "run", "label"])


@lru_cache(maxsize=64)
def _frame_of_loss_curve(
    end: float, span: tuple[float, float], ink: str, is_log: bool, by_seconds: bool, has_points: bool, language: str
) -> str:
    """All of the picture but its data, as JSON: to read that is the quickest way to a copy of one's own.

    Each visitor's language is drawn once: `language` is here to be told apart by.
    """
    curve, baselines, best = (alt.Chart(alt.NamedData(name)) for name in ("curve", "baselines", "best"))
    changed, others, refits = (alt.Chart(alt.NamedData(name)) for name in ("changes", "others", "refits"))
    of_curve = "x" if by_seconds else "epoch"
    x, x_of_curve = (_across(field, end, by_seconds) for field in ("x", of_curve))
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
        x=alt.value("width"), y=alt.Y("place:Q", title=_("RMSE in rating units")), text="label:N"
    )
    ring = best.mark_point(size=130, filled=False, strokeWidth=2.2, color=VALID).encode(x=x, y=y)
    ring_name = best.mark_text(dy=18, color=VALID, fontWeight="bold", fontSize=12).encode(
        x=_across("place", end, by_seconds), y=y, text="label:N"
    )
    again = refits.mark_line(color=TRAIN, strokeWidth=2, strokeDash=[3, 3]).encode(x=x, y=y)
    again_name = (
        alt.Chart(alt.NamedData("refit_name"))
        .mark_text(dy=16, color=TRAIN, fontWeight="bold", fontSize=12)
        .encode(x=_across("place", end, by_seconds), y=y, text="label:N")
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
    specification: dict[str, Any] = layers.to_dict()
    specification["config"] = {"mark": {"aria": False}}  # the picture has a name; marks that move have none
    return json.dumps(specification)


@lru_cache(maxsize=64)
def _frame_of_objective(end: float, ink: str, is_log: bool, by_seconds: bool, language: str) -> str:
    """All of that picture but its data, as `_frame_of_loss_curve`."""
    curve, changed, others = (alt.Chart(alt.NamedData(name)) for name in ("curve", "changes", "others"))
    of_curve = "x" if by_seconds else "epoch"
    x, x_of_curve = (_across(field, end, by_seconds) for field in ("x", of_curve))
    y = alt.Y(
        "objective:Q",
        title=_("objective"),
        scale=alt.Scale(type="log", nice=False) if is_log else alt.Scale(zero=False),
        axis=alt.Axis(tickCount=6),
    )
    line = curve.mark_line(strokeWidth=2.2, color=TRAIN).encode(x=x_of_curve, y=y)
    tips = [alt.Tooltip("epoch:Q", title=_("epoch"), format="d"), *_tips_of_all()]
    layers = alt.layer(
        *_behind(others, x, y, "objective", _("objective"), ink),
        *_changed(changed, x, ink),
        line,
        _reader(curve, x_of_curve, of_curve, tips),
    ).properties(height=LIVE_HEIGHT)
    specification: dict[str, Any] = layers.to_dict()
    specification["config"] = {"mark": {"aria": False}}
    return json.dumps(specification)


def _across(field: str, end: float, by_seconds: bool) -> alt.X:
    """The horizontal axis of a curve."""
    return alt.X(
        f"{field}:Q",
        title=_("seconds of training") if by_seconds else _("epoch"),
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(grid=False) if by_seconds else alt.Axis(tickMinStep=1, format="d", grid=False),
    )


def _behind(others: alt.Chart, x: alt.X, y: alt.Y, field: str, title: str, ink: str) -> list[alt.Chart]:
    """Earlier runs, and their names."""
    hint = [alt.Tooltip("run:N", title=_("run")), alt.Tooltip(f"{field}:Q", title=title, format=".4f")]
    lines = others.mark_line(color=BASELINE, opacity=0.65, strokeWidth=1.5)
    names = others.mark_text(align="right", baseline="top", dy=5, color=ink, fontSize=11)
    return [lines.encode(x=x, y=y, detail="run:N", tooltip=hint), names.encode(x=x, y=y, text="label:N")]


def _changed(changed: alt.Chart, x: alt.X, ink: str) -> list[alt.Chart]:
    """Rules where something was changed while it trained, and what."""
    rules = changed.mark_rule(color=ink, strokeWidth=1, strokeDash=[2, 2])
    names = changed.mark_text(
        angle=270, align="right", baseline="bottom", dx=-4, dy=-3, color=ink, fontSize=11, limit=230
    )
    return [
        rules.encode(x=x, tooltip=[alt.Tooltip("label:N", title=_("changed"))]),
        names.encode(x=x, y=alt.value(0), text="label:N"),
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
    rule = curve.mark_rule(color=BASELINE, strokeWidth=1).encode(x=x, opacity=seen, tooltip=list(tips))
    return rule.add_params(near)


def _baseline_rows(baselines: dict[str, float], span: tuple[float, float]) -> pd.DataFrame:
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
            {"rmse": value, "label": f"{_(label)} {value:.4f}", "place": place}
            for (value, label), place in zip(known, places, strict=True)
        ],
        columns=["rmse", "label", "place"],
    )


def _thinned(epochs: Sequence[Epoch], most: int = MOST_POINTS) -> list[Epoch]:
    if len(epochs) <= most:
        return list(epochs)
    places = set(np.linspace(0, len(epochs) - 1, most).astype(int).tolist())
    best = max((place for place, event in enumerate(epochs) if getattr(event, "is_best", False)), default=0)
    return [epochs[place] for place in sorted({*places, best})]
