"""The page's own components, and the scripts and styles that are sent with them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


@st.cache_resource(show_spinner=False)
def component(name: str, html: str, *, isolate_styles: bool = True) -> Any:
    """A component, registered once a process; its script is `name.js`, its style `name.css` where there is one.

    Args:
        name: of the component and of its files.
        html: what it begins with.
        isolate_styles: whether the page's styles stay out of it, and its own stay in.
    """
    style = f"{name}.css"
    return st.components.v2.component(
        f"autorec_{name}",
        html=html,
        css=read(style) if (_FOLDER / style).is_file() else None,
        js=read(f"{name}.js"),
        isolate_styles=isolate_styles,
    )


@cache
def read(name: str) -> str:
    """A script or style sheet of this folder without indentation and lines of comment: it goes along with each drawing.

    Args:
        name: of the file.
    """
    lines = (line.strip() for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("// ")) + "\n"
