"""The app's name and mark, at the top of the sidebar; the mark alone where the sidebar is folded."""

from __future__ import annotations

import streamlit as st

NAME = "AutoRec Playground"
INK = {"light": "#14161f", "dark": "#eceef8"}
"""Of the name, by theme: a picture can't ask the page for its text colour."""
_MARK = {"light": "#5b67d8", "dark": "#7d88f2"}
# A rating matrix: how high each rating is, and holes.
_CELLS = (
    (1.0, 0.55, 0.0, 0.79, 0.0),
    (0.0, 0.89, 0.65, 0.0, 1.0),
    (0.73, 0.0, 1.0, 0.55, 0.79),
    (0.0, 0.79, 0.0, 1.0, 0.62),
    (0.93, 0.0, 0.73, 0.0, 0.86),
)
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"


def draw() -> None:
    """Draws both; a click on them leads home."""
    theme = st.context.theme.type
    st.logo(picture(theme), size="large", icon_image=picture(theme, with_name=False))


def picture(theme: str | None, *, with_name: bool = True) -> str:
    """The mark, and the name beside it, as SVG.

    Args:
        theme: "light" or "dark"; where it is not known yet the browser's own wish holds.
        with_name: whether the name is there.
    """
    light, dark = theme or "light", theme or "dark"
    style = (
        f"text{{fill:{INK[light]}}}rect{{fill:{_MARK[light]};stroke:{_MARK[light]}}}"
        f"@media(prefers-color-scheme:dark){{text{{fill:{INK[dark]}}}rect{{fill:{_MARK[dark]};stroke:{_MARK[dark]}}}}}"
    )
    cells = "".join(
        f'<rect x="{1 + 5.4 * column:.1f}" y="{3 + 5.4 * row:.1f}" width="4.4" height="4.4" rx="1" '
        f'fill-opacity="{share}" stroke-opacity=".45" stroke-width=".6"/>'
        for row, line in enumerate(_CELLS)
        for column, share in enumerate(line)
    )
    # So wide that the widest of the fonts has room.
    name = f'<text x="38" y="21.5" font-family="{_FONT}" font-size="16" font-weight="700">{NAME}</text>'
    width = 226 if with_name else 32
    return (
        f'<svg viewBox="0 0 {width} 32" width="{width}" height="32"><style>{style}</style>'
        f"{cells}{name if with_name else ''}</svg>"
    )
