"""Text in CSV files that a spreadsheet would take for a formula, and what it was.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break is run by spreadsheets, quotes or not. Such a text
gets an apostrophe in front, which spreadsheets take for "this is text"; and so does a text that begins with apostrophes
and then one of these, so that taking one away always gives back what was there.
"""

from __future__ import annotations

import re

_RUN = re.compile(r"'*\s*[=+\-@＝＋－＠\t\r\n]")
_MARKED = re.compile(r"'+\s*[=+\-@＝＋－＠\t\r\n]")


def as_text(cell: str) -> str:
    """A cell that no spreadsheet runs.

    >>> as_text('=HYPERLINK("http://example.org")'), as_text("Alien"), as_text("'Til There Was You")
    ('\\'=HYPERLINK("http://example.org")', 'Alien', "'Til There Was You")
    """
    return f"'{cell}" if _RUN.match(cell) else cell


def from_text(cell: str) -> str:
    """The inverse of `as_text`.

    >>> from_text(as_text("+1")), from_text(as_text("'=1")), from_text("Alien")
    ('+1', "'=1", 'Alien')
    """
    return cell[1:] if _MARKED.match(cell) else cell
