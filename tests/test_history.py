"""The page of a history: titles of a file are never markup, and what is agreed to is what is counted."""

from __future__ import annotations

import re

import pytest

from pages.shared import plain


@pytest.mark.parametrize(
    "title", ["<b>Bold</b>", "[link](http://x)", "*star*", "a_b_c", "_em_", "$x$", ":red[x]", ":star:", "`code`"]
)
def test_nothing_of_a_title_is_markup(title: str) -> None:
    escaped = plain.escaped(title)
    assert escaped.replace("\\", "") == title
    for mark in "[]*$`<>":
        assert escaped.count(mark) == escaped.count(f"\\{mark}")
    assert not re.search(r"(?<![\w\\])_|(?<!\\)_(?!\w)", escaped)  # inside a word it marks nothing
    assert not re.search(r"(?<!\\):star:", escaped)


def test_a_plain_title_is_read_out_as_it_is() -> None:
    assert plain.escaped("Star Wars: Episode IV - A New Hope (1977)") == "Star Wars: Episode IV - A New Hope (1977)"
