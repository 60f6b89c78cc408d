"""Draws pictures, and what goes with them: a sentence that says what to see, and their numbers to take home."""

from __future__ import annotations

import io
from typing import Any, cast

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils import schemapi

from pages.shared.words import _

IS_CHECKING = False
"""Whether each picture is held against the schema of Vega-Lite, which takes longer than all else about it. The tests do
so with every picture that they draw; a visitor need not wait for it."""

schemapi.disable_debug_mode()  # else each part is held against it as well, before it is whole


def specification(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """A picture in Vega-Lite."""
    return chart.to_dict(validate=IS_CHECKING)


class _Finished:
    """A chart as Streamlit takes it: something that can say its specification."""

    def __init__(self, chart: alt.TopLevelMixin) -> None:
        self._chart = chart

    def to_dict(self) -> dict[str, Any]:
        """The specification."""
        return specification(self._chart)


def show(chart: alt.TopLevelMixin, *, key: str, alt: str, **more: Any) -> Any:
    """Draws a picture as wide as its place.

    Args:
        chart: as Altair makes it.
        key: of the element.
        alt: what stands for the picture where that can't be seen.
        more: what else `st.altair_chart` takes.

    Returns:
        What `st.altair_chart` does.
    """
    return st.altair_chart(cast("Any", _Finished(chart)), width="stretch", key=key, alt=alt, **more)


def as_csv(table: pd.DataFrame) -> bytes:
    """A table as CSV in UTF-8."""
    out = io.StringIO()
    table.to_csv(out, index=False)
    return out.getvalue().encode("utf-8")


def csv_button(table: pd.DataFrame, key: str) -> None:
    """A button that downloads a picture's numbers; `key` names the file too."""
    st.download_button(
        _("Numbers as CSV"),
        lambda: as_csv(table),
        f"autorec-{key.replace('_', '-')}.csv",
        "text/csv",
        key=f"{key}_csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help=_("The numbers behind the picture, a row a mark."),
    )


def draw(chart: alt.Chart | alt.LayerChart, table: pd.DataFrame, key: str, *, see: str) -> None:
    """Draws a picture with its sentence and its download.

    Args:
        chart: as Altair makes it.
        table: its numbers.
        key: of the element, and name of the file.
        see: what to see in it, one sentence; it stands for the picture where that can't be seen.
    """
    st.markdown(see)
    show(chart, key=key, alt=see)
    csv_button(table, key)
