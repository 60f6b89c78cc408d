"""What genres and decades are called: the sets name them in English, the pages in the visitor's language."""

from __future__ import annotations

from collections.abc import Iterable

from autorec_core.statistics import NO_DECADE, NO_GENRE
from pages.shared.words import _, later

GENRES = (
    later("Action"),
    later("Adventure"),
    later("Animation"),
    later("Children"),
    later("Children's"),
    later("Comedy"),
    later("Crime"),
    later("Documentary"),
    later("Drama"),
    later("Fantasy"),
    later("Film-Noir"),
    later("Horror"),
    later("IMAX"),
    later("Musical"),
    later("Mystery"),
    later("Romance"),
    later("Sci-Fi"),
    later("Thriller"),
    later("War"),
    later("Western"),
    later("(no genre listed)"),
)
"""Those of the MovieLens sets; others, of a visitor's own set, are shown as they are written there."""


def genre_name(genre: str) -> str:
    """What people call a genre."""
    if genre == NO_GENRE:
        return _("no genre known")
    return _(genre) if genre in GENRES else genre


def genre_list(genres: Iterable[str]) -> str:
    """Several genres, one after the other."""
    return _(", ").join(genre_name(genre) for genre in genres)


def decade_name(decade: int) -> str:
    """What people call a decade, by its first year."""
    return _("{year}s", year=decade) if decade != NO_DECADE else _("year unknown")


def group_name(group: str) -> str:
    """What people call a genre or a decade, where a decade is written as 1990s.

    >>> group_name("1990s"), group_name("Film-Noir")
    ('1990s', 'Film-Noir')
    """
    is_decade = group.endswith("s") and group[:-1].isdecimal()
    return decade_name(int(group[:-1])) if is_decade else genre_name(group)
