"""Charts of a search, as pure functions of its trials. Colours come from the palette, sizes are fixed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from autorec_core.hyperparameters import choice_of
from autorec_core.trials import Trial
from pages.shared import charts
from pages.shared.palette import BASELINE, TRAIN, VALID
from pages.shared.words import _, later

HEIGHT = 300
"""Of the history, in pixels."""
BAR = 34
"""Of one hyperparameter's importance, in pixels."""
WHOLE, GIVEN_UP = later("completed"), later("given up early")


def history(trials: Sequence[Trial], num_trials: int) -> alt.LayerChart:
    """Validation RMSE of each trial and the best so far.

    Args:
        trials: so far.
        num_trials: that the horizontal axis has room for.
    """
    known = [trial for trial in trials if trial.valid_rmse is not None]
    whole = [trial for trial in known if trial.outcome == "complete"]
    points = pd.DataFrame(
        [
            {
                "trial": trial.number,
                "rmse": trial.valid_rmse,
                "outcome": WHOLE if trial.outcome == "complete" else GIVEN_UP,
                "epochs": len(trial.curve),
                "seconds": trial.seconds,
            }
            for trial in known
        ],
        columns=["trial", "rmse", "outcome", "epochs", "seconds"],
    )
    lowest = itertools.accumulate((trial.valid_rmse or math.inf for trial in whole), min)
    steps = [{"trial": trial.number, "rmse": rmse} for trial, rmse in zip(whole, lowest, strict=True)]
    if steps:
        steps.append({"trial": max(num_trials, known[-1].number), "rmse": steps[-1]["rmse"]})
    low = min((trial.valid_rmse or 0.0 for trial in known), default=0.8)
    # A trial that went astray would press all others flat: the axis ends a little above the better half.
    middle = sorted(trial.valid_rmse or 0.0 for trial in known)[len(known) // 2] if known else 1.0
    room = max(0.02, 2.5 * (middle - low))
    x = alt.X(
        "trial:Q",
        title=_("trial"),
        scale=alt.Scale(domain=[0, max(num_trials, len(trials)) + 0.5], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
    )
    y = alt.Y(
        "rmse:Q",
        title=_("validation RMSE"),
        scale=alt.Scale(domain=[low - 0.08 * room, low + room], nice=False, zero=False, clamp=True),
        axis=alt.Axis(tickCount=6, format=".3f"),
    )
    dots = (
        alt.Chart(points.assign(said=[_(outcome) for outcome in points["outcome"].tolist()]))
        .mark_point(filled=True, size=75, opacity=0.95)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(domain=[WHOLE, GIVEN_UP], range=[VALID, BASELINE]),
                legend=alt.Legend(title=None, orient="top", labelExpr=charts.in_words([WHOLE, GIVEN_UP])),
            ),
            shape=alt.Shape("outcome:N", scale=alt.Scale(domain=[WHOLE, GIVEN_UP], range=["circle", "cross"])),
            tooltip=[
                alt.Tooltip("trial:Q", title=_("trial"), format="d"),
                alt.Tooltip("rmse:Q", title=_("validation RMSE"), format=".4f"),
                alt.Tooltip("said:N", title=_("outcome")),
                alt.Tooltip("epochs:Q", title=_("epochs"), format="d"),
                alt.Tooltip("seconds:Q", title=_("seconds"), format=".1f"),
            ],
        )
    )
    best = (
        alt.Chart(pd.DataFrame(steps, columns=["trial", "rmse"]))
        .mark_line(interpolate="step-after", color=VALID, strokeWidth=2, opacity=0.7)
        .encode(x=x, y=y)
    )
    return alt.layer(best, dots).properties(height=HEIGHT)


def importance(shares: Mapping[str, float], names: Sequence[str], ink: str = BASELINE) -> alt.LayerChart:
    """How much of the difference between trials each hyperparameter accounts for; every one has its place from the
    start, so that nothing moves.

    Args:
        shares: name -> share, 0 to 1.
        names: of all that is searched, in order.
        ink: colour of words.
    """
    rows = pd.DataFrame([{"name": _(choice_of(name).label), "share": shares.get(name, 0.0)} for name in names])
    base = alt.Chart(rows).encode(
        x=alt.X(
            "share:Q",
            title=_("share of the difference between trials"),
            scale=alt.Scale(domain=[0, 1.12], nice=False),
            axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], grid=False),
        ),
        y=alt.Y("name:N", sort=rows["name"].tolist(), title=None, axis=alt.Axis(labelLimit=150, ticks=False)),
    )
    words = base.mark_text(align="left", dx=5, fontSize=12, color=ink).encode(text=alt.Text("share:Q", format=".0%"))
    bars = base.mark_bar(color=TRAIN, size=16, cornerRadiusEnd=3)
    return alt.layer(bars, words).properties(height=BAR * len(rows) + 60)
