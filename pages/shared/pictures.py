"""Pictures to take home: a row of buttons that save the charts of a page as they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.shared import assets
from pages.shared.words import _

_HTML = '<div class="pictures" role="group"><span></span><em role="status"></em></div>\n'


def place(name: str) -> Any:
    """Where a picture is drawn, so that its button finds it: a chart's own key can't be seen in the page.

    Args:
        name: of the picture.
    """
    return st.container(key=f"picture_{name}")


def save_row(key: str, pictures: Mapping[str, str], file: str = "autorec") -> None:
    """Draws a button for each picture; what is drawn of lines and words is saved as SVG, what is of pixels as PNG.

    Args:
        key: of the row.
        pictures: what people call each, by the name of its `place`.
        file: what the files' names begin with.
    """
    told = {
        "label": _("Save as a file:"),
        "help": _("As it is drawn now: SVG, or PNG where it is made of pixels."),
        "missing": _("This picture is not drawn at the moment."),
        "pictures": [
            {"key": f"picture_{name}", "label": label, "file": f"{file}-{name.replace('_', '-')}"}
            for name, label in pictures.items()
        ],
    }
    assets.component("pictures", _HTML)(key=key, data=told)
