"""Text that comes from elsewhere, such as a title, a file's name or a cell, inside of what is Markdown."""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    r"""The text so that nothing of it is markup. As little as can be is escaped, as labels are read out.

    >>> escaped("**Alien** [here](x) :red[now] hidden_units")
    '\\*\\*Alien\\*\\* \\[here\\](x) :red\\[now\\] hidden_units'
    """
    text = re.sub(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", " ", text)
    text = re.sub(r"[\\`*\[\]~$<>&]", r"\\\g<0>", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\_", text)
    text = re.sub(r":(?=[\w/+-]+:)", r"\:", text)
    text = re.sub(r"(?m)^(\s*)([#+\-=|])", r"\1\\\2", text)  # a heading, a list, a table
    return re.sub(r"(?m)^(\s*\d+)([.)])", r"\1\\\2", text)


def lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return escaped(text).replace("\n", "  \n")
