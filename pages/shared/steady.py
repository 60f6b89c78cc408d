"""HTML that is told anew twice a second: its nodes stay, only its words and attributes change."""

from __future__ import annotations

from pages.shared import assets


def html(key: str, text: str) -> None:
    """Draws HTML of one's own making; whatever comes from elsewhere in it must be escaped.

    Args:
        key: of the element; where it stays the same, what is there is kept.
        text: the HTML.
    """
    assets.component("steady", '<div class="steady"></div>\n', isolate_styles=False)(key=key, data={"html": text})
