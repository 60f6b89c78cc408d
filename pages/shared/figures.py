"""What goes with every picture: a sentence that says what to see in it, and its numbers to take home."""

from __future__ import annotations

import io

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.words import _


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
    st.altair_chart(chart, width="stretch", key=key, alt=see)
    csv_button(table, key)
