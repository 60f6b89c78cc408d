"""What the pages say, in the visitor's language: `_("Start")`, `_("{count} movies", count=n)`, `ngettext(...)`."""

from __future__ import annotations


def _(text: str, **values: object) -> str:
    """A sentence in the visitor's language.

    Args:
        text: the English sentence, a literal, so that it can be found and translated; `{name}` stands for a value.
        values: what the names stand for; formats as in `{rmse:.4f}` work.
    """
    return text.format(**values) if values else text


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """A sentence that depends on a number, which it may name as `{count}`."""
    return (one if count == 1 else many).format(count=count, **values)
