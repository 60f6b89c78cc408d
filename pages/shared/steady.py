"""HTML that is told anew twice a second: its nodes stay, only its words and attributes change."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared import assets


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component(
        "autorec_steady",
        html='<div class="steady"></div>\n',
        js=assets.read("steady.js"),
        isolate_styles=False,
    )


def html(key: str, text: str) -> None:
    """Draws HTML of one's own making; whatever comes from elsewhere in it must be escaped.

    Args:
        key: of the element; where it stays the same, what is there is kept.
        text: the HTML.
    """
    _component()(key=key, data={"html": text})
