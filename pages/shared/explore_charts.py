"""Charts of what a set is made of, as pure functions of their tables."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from autorec_core.ratings import IntArray
from autorec_core.statistics import Groups, Summary, Times, how_many_have
from pages.shared.genres import decade_name, genre_name
from pages.shared.palette import RATING, RUNS
from pages.shared.words import _

HEIGHT = 280
"""Of each picture, in pixels."""
MOVIES, USERS = RATING, RUNS[2]
"""Colours of what is counted by movie and by user."""
MOST_POINTS = 300
"""Points drawn of a curve over ranks, evenly on its logarithmic axis."""
_ROW = 22
_FADED = 0.45


def histogram_table(summary: Summary) -> pd.DataFrame:
    """Columns `rating`, `ratings` and `share`, 0 to 1."""
    share = summary.by_level / max(1, summary.num_ratings)
    return pd.DataFrame({"rating": summary.levels, "ratings": summary.by_level, "share": share})


def histogram(table: pd.DataFrame) -> alt.Chart:
    """How many ratings are how high, a bar a rating."""
    return (
        alt.Chart(table)
        .mark_bar(color=RATING, cornerRadiusEnd=3)
        .encode(
            x=alt.X("rating:O", title=_("rating"), axis=alt.Axis(labelAngle=0, format="~g", labelOverlap=True)),
            y=alt.Y("ratings:Q", title=_("ratings"), axis=alt.Axis(format="~s", tickCount=5)),
            tooltip=[
                alt.Tooltip("rating:Q", title=_("rating"), format="~g"),
                alt.Tooltip("ratings:Q", title=_("ratings"), format=","),
                alt.Tooltip("share:Q", title=_("share"), format=".1%"),
            ],
        )
        .properties(height=HEIGHT)
    )


def tail_table(summary: Summary) -> pd.DataFrame:
    """All movies and users, most rated first: columns `of` ("movie" or "user"), `rank` from 1, `ratings`."""
    parts = [
        pd.DataFrame({"of": of, "rank": np.arange(1, len(counts) + 1), "ratings": counts})
        for of, counts in (("movie", summary.by_item), ("user", summary.by_user))
    ]
    return pd.concat(parts, ignore_index=True)


def long_tail(table: pd.DataFrame) -> alt.LayerChart:
    """Ratings against rank, both logarithmic; thinned to what can be told apart."""
    names = {"movie": _("movies"), "user": _("users")}
    shown = pd.concat(_thinned(table[table["of"] == of]) for of in names).assign(of=lambda some: some["of"].map(names))
    colour = alt.Color(
        "of:N",
        scale=alt.Scale(domain=list(names.values()), range=[MOVIES, USERS]),
        legend=alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3, offset=4),
    )
    base = alt.Chart(shown).encode(
        x=alt.X("rank:Q", title=_("rank, most rated first"), scale=_log(shown["rank"]), axis=_log_axis()),
        y=alt.Y("ratings:Q", title=_("ratings"), scale=_log(shown["ratings"]), axis=_log_axis()),
        color=colour,
        tooltip=[
            alt.Tooltip("of:N", title=_("of")),
            alt.Tooltip("rank:Q", title=_("rank"), format=","),
            alt.Tooltip("ratings:Q", title=_("ratings"), format=","),
        ],
    )
    # The marks to point at are wide and clear: a line of two pixels is hard to hit.
    return alt.layer(base.mark_line(strokeWidth=2.4), base.mark_point(size=120, opacity=0)).properties(height=HEIGHT)


def _log(values: pd.Series) -> alt.Scale:
    high = float(values.max()) if len(values) else 1.0
    return alt.Scale(type="log", domain=[1, max(10.0, high)], nice=False)


def _log_axis() -> alt.Axis:
    powers = [10**power for power in range(9)]
    return alt.Axis(values=powers, format="~s")


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    if len(rows) <= MOST_POINTS:
        return rows
    places = np.unique(np.geomspace(1, len(rows), MOST_POINTS).astype(int)) - 1
    return rows.iloc[places]


def each_table(counts: IntArray, of: str) -> pd.DataFrame:
    """How many have how many ratings: columns `ratings` and `movies` or `users`.

    Args:
        counts: (n,) ratings of each.
        of: "movies" or "users".
    """
    have, how_many = how_many_have(counts)
    return pd.DataFrame({"ratings": have, of: how_many})


def binned(table: pd.DataFrame, of: str) -> pd.DataFrame:
    """What `each_table` gave, put together by doubling: columns `label` ("9 to 16"), `from`, `to` and `of`.

    >>> binned(pd.DataFrame({"ratings": [1, 2, 3, 4, 9], "users": [5, 1, 1, 1, 2]}), "users")["label"].tolist()
    ['1', '2', '3–4', '5–8', '9–16']
    """
    if not len(table):
        return pd.DataFrame({"label": [], "from": [], "to": [], of: []})
    powers = np.ceil(np.log2(table["ratings"].to_numpy())).astype(int)
    totals = np.bincount(powers, weights=table[of].to_numpy()).astype(int)[powers.min() :]
    ends = 2 ** np.arange(powers.min(), powers.max() + 1)
    starts = np.maximum(1, ends // 2 + 1)
    starts[ends == 1] = 1
    labels = [f"{low:,}" if low == high else f"{low:,}–{high:,}" for low, high in zip(starts, ends, strict=True)]
    return pd.DataFrame({"label": labels, "from": starts, "to": ends, of: totals})


def ratings_of_each(table: pd.DataFrame, of: str) -> alt.Chart:
    """How many movies or users have how many ratings, in bars that double."""
    rows = binned(table, of)
    title = _("movies") if of == "movies" else _("users")
    return (
        alt.Chart(rows)
        .mark_bar(color=MOVIES if of == "movies" else USERS, cornerRadiusEnd=3)
        .encode(
            x=alt.X(
                "label:O",
                sort=rows["label"].tolist(),
                title=_("ratings that it has") if of == "movies" else _("ratings given"),
                axis=alt.Axis(labelAngle=-40, labelOverlap=False),
            ),
            y=alt.Y(f"{of}:Q", title=title, axis=alt.Axis(format="~s", tickCount=5)),
            tooltip=[alt.Tooltip("label:O", title=_("ratings")), alt.Tooltip(f"{of}:Q", title=title, format=",")],
        )
        .properties(height=HEIGHT)
    )


def times_table(times: Times) -> pd.DataFrame:
    """Columns `begins` (first day), `ratings` and `mean rating`."""
    return pd.DataFrame({"begins": times.starts, "ratings": times.num_ratings, "mean rating": times.means})


def over_time(table: pd.DataFrame, unit: str) -> alt.VConcatChart:
    """Ratings given in each month or day, and under them their mean."""
    x = alt.X("begins:T", title=None, axis=alt.Axis(grid=False))
    tooltip = [
        alt.Tooltip(
            "begins:T",
            title=_("month") if unit == "month" else _("day"),
            format=_("%b %Y") if unit == "month" else _("%d %b %Y"),
        ),
        alt.Tooltip("ratings:Q", title=_("ratings"), format=","),
        alt.Tooltip("mean rating:Q", title=_("mean rating"), format=".2f"),
    ]
    counts = (
        alt.Chart(table)
        .mark_area(color=RATING, opacity=0.75, interpolate="step-after", line=False)
        .encode(x=x, y=alt.Y("ratings:Q", title=_("ratings"), axis=alt.Axis(format="~s", tickCount=4)), tooltip=tooltip)
        .properties(height=170, width="container")
    )
    known = table.dropna()
    means = (
        alt.Chart(known)
        .mark_circle(color=RATING, size=16, opacity=0.8)
        .encode(
            x=x,
            y=alt.Y("mean rating:Q", title=_("mean"), scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4)),
            tooltip=tooltip,
        )
        .properties(height=100, width="container")
    )
    return alt.vconcat(counts, means, spacing=8).resolve_scale(x="shared")


def groups_table(groups: Groups, of: str) -> pd.DataFrame:
    """Columns `of` ("genre" or "decade", as it is called), `ratings`, `movies` and `mean rating`."""
    names = [genre_name(name) if of == "genre" else decade_name(name) for name in groups.names]
    return pd.DataFrame(
        {of: names, "ratings": groups.num_ratings, "movies": groups.num_items, "mean rating": groups.means}
    )


def groups(table: pd.DataFrame, of: str, chosen: str | None, ink: str, *, by_size: bool) -> alt.LayerChart:
    """Ratings of each genre or decade, with their mean; a click on a bar chooses it.

    Args:
        table: of `groups_table`.
        of: "genre" or "decade".
        chosen: the one that is chosen, by its name, or None.
        ink: colour of words.
        by_size: whether the largest comes first, in place of the order of the table.
    """
    rows = table.assign(
        strength=1.0 if chosen is None else np.where(table[of] == chosen, 1.0, _FADED),
        text=[f"{mean:.2f}" if math.isfinite(mean) else "" for mean in table["mean rating"]],
    )
    order = rows.sort_values("ratings", ascending=False)[of].tolist() if by_size else rows[of].tolist()
    pick = alt.selection_point(name="pick", fields=[of], on="click", toggle=False, empty=True)
    most = max(1, int(rows["ratings"].max())) if len(rows) else 1
    base = alt.Chart(rows).encode(
        y=alt.Y(
            f"{of}:N",
            sort=order,
            title=None,
            axis=alt.Axis(grid=False, ticks=False, domain=False, labelLimit=140, labelOverlap=False),
        ),
        x=alt.X(
            "ratings:Q",
            title=_("ratings; their mean beside"),
            scale=alt.Scale(domain=[0, 1.12 * most], nice=False),
            axis=alt.Axis(format="~s", tickCount=4),
        ),
        tooltip=[
            alt.Tooltip(f"{of}:N", title=_("genre") if of == "genre" else _("decade")),
            alt.Tooltip("ratings:Q", title=_("ratings"), format=","),
            alt.Tooltip("movies:Q", title=_("movies"), format=","),
            alt.Tooltip("mean rating:Q", title=_("mean rating"), format=".3f"),
        ],
    )
    bars = (
        base.mark_bar(color=RATING, cornerRadiusEnd=3, cursor="pointer")
        .encode(opacity=alt.Opacity("strength:Q", scale=None))
        .add_params(pick)
    )
    words = base.mark_text(align="left", dx=5, color=ink, fontSize=11).encode(text="text:N")
    return alt.layer(bars, words).properties(height=max(HEIGHT, _ROW * len(rows) + 50))


def as_csv(table: pd.DataFrame) -> bytes:
    """A table as a person's spreadsheet reads it."""
    content: Any = table.to_csv(index=False)
    return str(content).encode()
