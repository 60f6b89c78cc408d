"""What a caller or a visitor can cause.

Each error is an `AutoRecError`, so that a page or the command line can show its text as written, and also the standard
exception that a Python programmer would expect. A programmer's own mistake raises plain `ValueError` or `TypeError`.

What people read is a `Sentence`: English text that still knows its template and its values, so that whoever shows it
can look the template up in another language. Nothing here knows which languages there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

FAULTS_SHOWN = 20


class Sentence(str):
    """An English sentence that knows what it is made of.

    Args:
        template: the sentence, with `{name}` for each value; formats as in `{count:,}` work. Without any values,
            braces stay as they are.
        values: what the names stand for; a value may be a sentence, too.

    >>> Sentence("{name} has {count:,} ratings.", name="a.csv", count=1200)
    'a.csv has 1,200 ratings.'
    """

    template: str
    """The sentence before its values were filled in."""
    values: dict[str, object]
    """Name -> value."""

    def __new__(cls, template: str, /, **values: object) -> Self:
        if isinstance(template, cls) and not values:
            return template
        made = super().__new__(cls, template.format(**values) if values else template)
        made.template, made.values = str(template), values
        return made

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for another process."""
        return {"template": self.template, "values": {name: _plain(value) for name, value in self.values.items()}}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        values = {
            name: cls.from_json(value) if isinstance(value, Mapping) else value
            for name, value in found["values"].items()
        }
        return cls(found["template"], **values)


def _plain(value: object) -> object:
    if isinstance(value, Sentence):
        return value.to_json()
    # NumPy's numbers are none of JSON's, and their formats are those of Python's.
    number = value.item() if hasattr(value, "item") else value
    return number if isinstance(number, int | float) else str(number)


def joined(parts: Sequence[str], between: str = " ") -> Sentence:
    """Sentences, one after the other, as one.

    >>> joined(["It is so.", Sentence("Or {number}.", number=2)])
    'It is so. Or 2.'
    """
    template = between.join(f"{{part_{place}}}" for place in range(len(parts)))
    return Sentence(template, **{f"part_{place}": part for place, part in enumerate(parts)})


class AutoRecError(Exception):
    """Something that a caller or visitor can put right; the text says what, where and how.

    Args:
        template: the sentence, as of `Sentence`.
        values: what stands in it.
    """

    def __init__(self, template: str, /, **values: object) -> None:
        self.sentence = Sentence(template, **values)
        super().__init__(str(self.sentence))


class InvalidHyperparameterError(AutoRecError, ValueError):
    """A hyperparameter is outside what is accepted."""


class InvalidSettingError(AutoRecError, ValueError):
    """An environment variable says what is not accepted."""


class InvalidRatingsError(AutoRecError, ValueError):
    """Ratings can't be used as they are.

    Args:
        faults: one sentence a fault, in file order; the text shows the first 20 and counts the rest.
        are_all: whether these are all; not where a file is so bad that the search was given up.
        rows: numbers of the rows without which the file can be used; none where that can't be said.
        values: of a single sentence, what stands in it.
    """

    def __init__(
        self, faults: str | Sequence[str], /, *, are_all: bool = True, rows: Sequence[int] = (), **values: object
    ) -> None:
        self.rows = tuple(rows)
        self.faults: tuple[str, ...] = (Sentence(faults, **values),) if isinstance(faults, str) else tuple(faults)
        shown = list(self.faults[:FAULTS_SHOWN])
        hidden = len(self.faults) - FAULTS_SHOWN
        if hidden == 1:
            shown.append(Sentence("… and 1 more such fault." if are_all else "… and at least 1 more such fault."))
        elif hidden > 0:
            more = "… and {count} more such faults." if are_all else "… and at least {count} more such faults."
            shown.append(Sentence(more, count=hidden))
        super().__init__(shown[0] if len(shown) == 1 else joined(shown, "\n"))


class NotFoundError(AutoRecError, LookupError):
    """A name (data set, run, movie, user) that is not there."""


class StorageError(AutoRecError, OSError):
    """The disk or the database did not take or give what was asked."""


class DownloadError(AutoRecError, OSError):
    """A data set could not be fetched whole."""


class DownloadCancelledError(DownloadError):
    """A download was stopped by whoever asked for it."""


class NotEnoughMemoryError(AutoRecError, MemoryError):
    """A training would need more memory than there is."""


class QueueError(AutoRecError, RuntimeError):
    """A training can't be queued, or is not in the state that the request needs."""
