"""Reading what movies are called: the titles, years and genres that lie beside the ratings."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from autorec_core.errors import InvalidRatingsError
from autorec_core.spreadsheets import from_text

Titles = dict[int | str, tuple[str, int, tuple[str, ...]]]
"""Item id -> title without year, year or 0, genres. A numeric id stands there twice: as a number and as text."""

ITEM_COLUMNS = ("movieId", "itemId", "item", "movie", "iid", "mid", "productId", "id")
"""Accepted names of the id column of a titles file, without case, spaces and underscores."""

MOST_COLUMNS = 1_000
"""Of a file; what has more is no table of ratings or titles, and would take a minute to be told so."""

LONGEST_TITLE = 400
"""Characters; what is longer is cut, since an array of titles is as wide as the longest."""

GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The genre flags of u.item, in order."""

NO_GENRES = ("(no genres listed)", "unknown")
"""What MovieLens writes where it knows no genre."""

MOST_MARKS = 6
"""Accents and other marks on one letter that are kept; with hundreds, a title runs across the whole page."""

_KEPT_FORMATS = "\u200c\u200d"
"""Join letters and emoji, or keep them apart."""
_YEAR = re.compile(r"\(([0-9]{4})(?:[-–][0-9]{0,4})?\)$")
_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,18})(?:\.0*)?")


def one_line(text: str) -> str:
    r"""A text that stays where it is put: without control characters, ends of lines and turns of the direction.

    What nobody can see is nothing.

    >>> one_line("a\u2028b\x00\u202egnp.exe"), one_line("\u200b\ufeff"), len(one_line("e" + 300 * "\u0301"))
    ('a b gnp.exe', '', 7)
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    kept: list[str] = []
    marks = 0
    for letter in text:
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif kind != "Cs" and (kind != "Cf" or letter in _KEPT_FORMATS) and marks <= MOST_MARKS:
            kept.append(letter)
    found = "".join(kept).strip()
    return found if any(unicodedata.category(letter)[0] not in "ZCM" for letter in found) else ""


def title_and_year(text: str) -> tuple[str, int]:
    """Splits a title as MovieLens writes it; the article stays where it is.

    >>> title_and_year("Matrix, The (1999)")
    ('Matrix, The', 1999)
    >>> title_and_year("Death Note (2006–2007)")
    ('Death Note', 2006)
    >>> title_and_year("Untitled")
    ('Untitled', 0)
    """
    text = one_line(text[: 10 * LONGEST_TITLE])
    if len(text) > LONGEST_TITLE:
        text = text[: LONGEST_TITLE - 1] + "…"
    found = _YEAR.search(text)
    return (text[: found.start()].rstrip(), int(found[1])) if found else (text, 0)


def parse_id(text: str) -> int | str:
    """An id as a number where it is one, else as text.

    >>> parse_id(" 17 "), parse_id("17.0"), parse_id("tt0133093")
    (17, 17, 'tt0133093')
    """
    text = text.strip()
    found = _WHOLE_NUMBER.fullmatch(text)
    return int(found[1]) if found else text


def plain_name(column: str) -> str:
    """A column's name for comparing: letters and digits alone, in lower case."""
    return re.sub(r"[^a-z0-9]", "", column.lower())


def first_line(content: bytes) -> str:
    """The first line of a text.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return re.split(rb"[\r\n]", content[:1_000_000], maxsplit=1)[0].decode("utf-8-sig")


def check_columns(name: str, line: str, delimiter: str) -> None:
    """Refuses a file whose first line has very many columns. Raises InvalidRatingsError."""
    found = line.count(delimiter) + 1
    if found > MOST_COLUMNS:
        raise InvalidRatingsError(
            "Row 1 of {name} has {count:,} columns or more; at most {most:,} are read. Give the columns user, item and "
            "rating alone.",
            name=name,
            count=found,
            most=MOST_COLUMNS,
        )


def delimiter_of(line: str) -> str:
    """What separates the columns of a header: the mark that it has most of."""
    return max((",", ";", "\t", "|"), key=line.count)


def titles_beside(read: Callable[[str], bytes | None]) -> Titles:
    """The titles of a MovieLens release; empty where there are none.

    Args:
        read: gives a file of the release by its name, or None where it has none.

    Raises:
        InvalidRatingsError: the file with the titles can't be used.
    """
    if (content := read("movies.csv")) is not None:
        return titles_of_csv("movies.csv", content)
    if (content := read("movies.dat")) is not None:
        return _titles_of_dat(content)
    if (content := read("u.item")) is not None:
        return _titles_of_u_item(content)
    return {}


def titles_of_csv(name: str, content: bytes) -> Titles:
    """Titles of a CSV with a header: an id, a title, perhaps genres (separated by `|`) and a year.

    Raises:
        InvalidRatingsError: a column is missing, or it is not CSV in UTF-8.
    """
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        raise InvalidRatingsError("{name} is empty. It needs a header and at least one title.", name=name)
    try:
        line = first_line(content)
        delimiter = delimiter_of(line)
        check_columns(name, line, delimiter)
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter)
        header = [cell.strip() for cell in next(lines, [])]
        plain = [plain_name(column) for column in header]
        accepted = {plain_name(column) for column in ITEM_COLUMNS}
        item_column = next((place for place, column in enumerate(plain) if column in accepted), None)
        if item_column is None or "title" not in plain:
            raise InvalidRatingsError(
                "{name} needs a column for the id ({accepted}) and a column title. Its columns are {columns}.",
                name=name,
                accepted=", ".join(ITEM_COLUMNS),
                columns=", ".join(header)[:300],
            )
        title_column = plain.index("title")
        genre_column = next((plain.index(column) for column in ("genres", "genre") if column in plain), -1)
        year_column = plain.index("year") if "year" in plain else -1
        titles: Titles = {}
        for row in lines:
            if len(row) <= max(item_column, title_column):
                continue
            title, year = title_and_year(from_text(row[title_column]))
            if 0 <= year_column < len(row) and re.fullmatch(r"\s*[0-9]{4}\s*", row[year_column]):
                year = int(row[year_column])
            genres = _genres(from_text(row[genre_column])) if 0 <= genre_column < len(row) else ()
            _add(titles, from_text(row[item_column]), (title, year, genres))
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise InvalidRatingsError(
            "Row {row} of {name} is not UTF-8 text. Save the file as UTF-8.", row=number, name=name
        ) from error
    except csv.Error as error:
        raise InvalidRatingsError("{name} can't be read as CSV: {reason}.", name=name, reason=str(error)) from error
    return titles


def _titles_of_dat(content: bytes) -> Titles:
    titles: Titles = {}
    for line in _decoded(content).splitlines():
        item_id, title, genres = (*line.split("::"), "", "")[:3]
        _add(titles, item_id, (*title_and_year(title), _genres(genres)))
    return titles


def _titles_of_u_item(content: bytes) -> Titles:
    titles: Titles = {}
    for line in _decoded(content).splitlines():
        item_id, title, *others = (*line.split("|"), "")
        flags = zip(GENRES_100K, others[3:], strict=False)  # after release date, video release date and address
        genres = tuple(genre for genre, flag in flags if flag == "1" and genre not in NO_GENRES)
        _add(titles, item_id, (*title_and_year(title), genres))
    return titles


def _decoded(content: bytes) -> str:
    """MovieLens 10M is UTF-8, the older ones are Latin-1, whose accents are no UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _add(titles: Titles, id_text: str, known: tuple[str, int, tuple[str, ...]]) -> None:
    item_id = parse_id(id_text)
    if item_id == "" or not known[0]:
        return
    titles[item_id] = known
    titles[str(item_id)] = known


@lru_cache(maxsize=4096)
def _genres(text: str) -> tuple[str, ...]:
    genres = (one_line(genre)[:60].rstrip() for genre in re.split(r"[|;,]", text))
    return tuple(genre for genre in genres if genre and genre not in NO_GENRES)
