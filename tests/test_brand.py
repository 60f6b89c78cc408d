"""The app's name at the top of the sidebar: a picture that can be read on either theme."""

from __future__ import annotations

import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pages.shared import brand

THEME = tomllib.loads((Path(__file__).parents[1] / ".streamlit" / "config.toml").read_text())["theme"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_name_is_written_in_the_text_colour_of_the_theme_and_in_no_other(theme: str) -> None:
    other = {"light": "dark", "dark": "light"}[theme]
    drawn = brand.picture(theme)
    assert THEME[theme]["textColor"] in drawn
    assert THEME[other]["textColor"] not in drawn


def test_where_the_theme_is_not_known_the_browser_decides() -> None:
    light, dark = brand.picture(None).split("@media(prefers-color-scheme:dark)")
    assert THEME["light"]["textColor"] in light
    assert THEME["dark"]["textColor"] in dark


def test_the_mark_stands_alone_where_there_is_no_room_for_the_name() -> None:
    whole, mark = (
        ElementTree.fromstring(brand.picture("light")),
        ElementTree.fromstring(brand.picture("light", with_name=False)),
    )
    assert [one.text for one in whole.iter("text")] == ["AutoRec Playground"]
    assert [one.text for one in mark.iter("text")] == []
    assert len(list(mark.iter("rect"))) == len(list(whole.iter("rect"))) == 25
