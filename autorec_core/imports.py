"""Reading the ratings that a visitor gave elsewhere, as the other sites export them.

Letterboxd, IMDb, MovieLens, TMDB and Trakt are told apart by the names of their columns, never by the order of these
or by the name of the file. A row that can't be used is set aside with the reason, and the others go on; a file that
can't be used at all raises one clear error. Nothing here knows a catalogue: `matching` finds the movies.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from autorec_core.errors import InvalidRatingsError, Sentence, joined
from autorec_core.ratings import RatingScale
from autorec_core.spreadsheets import from_text
from autorec_core.titles import check_columns, delimiter_of, plain_name, title_and_year

MOST_BYTES = 20_000_000
"""The largest file that is read, packed or unpacked. A hundred thousand rated movies take less."""
MOST_ROWS = 100_000
"""The most rows of a file that are read."""
MOST_MEMBERS = 20_000
"""The most files that a zip may hold; Letterboxd's has one for each list."""
LONGEST_CELL = 100_000
"""Characters; a review in a diary is far shorter."""

HALVES = RatingScale(0.5, 5, 0.5)
TENTHS = RatingScale(1, 10, 1)


@dataclass(frozen=True)
class HistoryEntry:
    """One movie that the visitor rated elsewhere."""

    row: int
    """Line of the file, or place in a JSON list, from 1."""
    title: str
    """As the site writes it, without the year."""
    year: int
    """Year of release; 0 where unknown."""
    rating: float
    """On the site's own scale."""
    rated_at: float | None = None
    """Seconds since 1970 in UTC; None where the file does not say."""
    other_title: str = ""
    """The original title, where the site gives one too."""
    imdb_id: int | None = None
    """The number behind `tt`."""
    tmdb_id: int | None = None
    """The Movie Database's number."""
    movielens_id: str = ""
    """MovieLens's own id."""


@dataclass(frozen=True)
class SkippedRow:
    """A row that is no rating of a movie, or none that can be read."""

    row: int
    """Line of the file, or place in a JSON list, from 1."""
    title: str
    """What the row calls the movie; may be empty."""
    why: str
    """The reason, as a sentence without its end."""


@dataclass(frozen=True)
class History:
    """What one file says of a visitor."""

    site: str
    """Where it comes from."""
    scale: RatingScale
    """The site's rating scale."""
    entries: tuple[HistoryEntry, ...]
    """The ratings, in the order of the file."""
    skipped: tuple[SkippedRow, ...]
    """What was set aside, in the order of the file."""


@dataclass(frozen=True)
class _Layout:
    """How a site lays out its columns. Names are without case, spaces and marks."""

    site: str
    scale: RatingScale
    marks: tuple[tuple[str, ...], ...]
    """A file is of this site if it has all columns of one of these."""
    rating: tuple[str, ...]
    """The visitor's own rating, never the average."""
    title: tuple[str, ...] = ("title", "name")
    other_title: tuple[str, ...] = ("originaltitle",)
    year: tuple[str, ...] = ("year",)
    when: tuple[str, ...] = ("daterated", "ratedat", "date", "created", "timestamp")
    imdb_id: tuple[str, ...] = ("imdbid",)
    tmdb_id: tuple[str, ...] = ("tmdbid",)
    movielens_id: tuple[str, ...] = ()
    kind: tuple[str, ...] = ("type",)
    title_has_year: bool = False


_LAYOUTS = (
    _Layout("IMDb", TENTHS, (("const",),), ("yourrating", "yourated"), imdb_id=("const",), kind=("titletype",)),
    _Layout(
        "TMDB", TENTHS, (("tmdbid", "yourrating"),), ("yourrating",), title=("name", "title"), year=("releasedate",)
    ),
    _Layout(
        *("Letterboxd", HALVES, (("letterboxduri", "name"), ("name", "year", "rating"), ("position", "name", "year"))),
        *(("rating",), ("name",)),
        movielens_id=("movieid",),
    ),
    _Layout(
        *("Trakt", TENTHS, (("ratedat", "type"), ("ratedat", "traktid"), ("ratedat", "imdbid", "rating"))),
        ("rating", "myrating", "yourrating", "userrating"),
        year=("year", "released"),
    ),
    _Layout(
        *("MovieLens", HALVES, (("movieid",), ("itemid", "rating"))),
        ("rating",),
        movielens_id=("movieid", "itemid"),
        title_has_year=True,
    ),
)
"""In the order in which they are tried."""

_MOVIES = {"movie", "film", "featurefilm", "feature", "documentary", "filme", "pelicula", "spielfilm"}
"""What sites call a movie, without case and spaces; a series or an episode is never matched by its title."""

_PASSED_OVER = {"deleted", "orphaned", "__macosx", "lists", "likes"}
"""Folders of an export that hold no current ratings."""

_RATINGS_FILE = re.compile(r"ratings?\b.*\.csv|.*ratings?[-_ ]?movies.*\.json|.*ratings?\.csv", re.IGNORECASE)


def read_history(name: str, content: bytes) -> History:
    """Reads an export: the file with the ratings, or the zip as it was downloaded.

    Args:
        name: of the file, for the messages.
        content: its bytes.

    Raises:
        InvalidRatingsError: it is too large, damaged, of no known layout, or holds no ratings.
    """
    name = _shown(name, 60)
    _check_size(name, len(content))
    files = _unpacked(name, content) if content.startswith((b"PK\x03\x04", b"PK\x05\x06")) else [(name, content)]
    histories = [_read_file(file_name, inside) for file_name, inside in files]
    first = histories[0]
    entries = tuple(entry for history in histories for entry in history.entries)
    skipped = tuple(row for history in histories for row in history.skipped)
    if not entries:
        name = files[0][0]
        if not skipped:
            raise InvalidRatingsError("{name} holds no rating of a movie.", name=name)
        raise InvalidRatingsError(
            "{name} holds no rating of a movie. None of its {count:,} rows could be used: {reasons}.",
            name=name,
            count=len(skipped),
            reasons=joined([Sentence("row {row} {why}", row=row.row, why=row.why) for row in skipped[:3]], "; "),
        )
    return History(first.site, first.scale, entries, skipped)


# -- files and zips ---------------------------------------------------------------------------------------------------


def _check_size(name: str, num_bytes: int) -> None:
    if num_bytes > MOST_BYTES:
        raise InvalidRatingsError(
            "{name} has {size:,.0f} MB; at most {most:.0f} MB are read. Give the file with the ratings alone.",
            name=name,
            size=num_bytes / 1e6,
            most=MOST_BYTES / 1e6,
        )


def _unpacked(name: str, content: bytes) -> list[tuple[str, bytes]]:
    """The files with ratings in a zip, by name; nothing else in it is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise InvalidRatingsError(
                    "{name} holds {count:,} files; at most {most:,} are looked at. Give the file with the ratings "
                    "alone.",
                    name=name,
                    count=len(members),
                    most=MOST_MEMBERS,
                )
            found = []
            for member in _with_ratings(name, members):
                _check_size(Sentence("{member} in {name}", member=_shown(member.filename), name=name), member.file_size)
                with archive.open(member) as file:  # gives no more than the size that the archive declares
                    found.append((PurePosixPath(member.filename.replace("\\", "/")).name[:100], file.read()))
            return found
    except InvalidRatingsError:
        raise
    # A damaged or encrypted archive shows itself in many ways, by where it was hit.
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
        *(EOFError, OSError, RuntimeError, ValueError, OverflowError, MemoryError),
    ) as error:
        raise InvalidRatingsError(
            "{name} can't be unpacked: {reason}. Download it again, or give the file with the ratings alone.",
            name=name,
            reason=str(error)[:120] or type(error).__name__,
        ) from error


def _with_ratings(name: str, members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    candidates: list[tuple[int, str, zipfile.ZipInfo]] = []
    zips = 0
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        hidden = path.name.startswith(".") or path.name.lower() == "profile.csv"
        if member.is_dir() or hidden or _PASSED_OVER & {part.lower() for part in path.parts[:-1]}:
            continue
        zips += path.suffix.lower() == ".zip"
        if path.suffix.lower() in (".csv", ".json"):
            candidates.append((len(path.parts), path.name, member))
    candidates.sort(key=lambda candidate: candidate[:2])
    exact = [member for _, file_name, member in candidates if file_name.lower() == "ratings.csv"]
    if exact:
        return exact[:1]  # the outermost
    named = [(file_name, member) for _, file_name, member in candidates if _RATINGS_FILE.fullmatch(file_name)]
    pages = [member for file_name, member in named if file_name.lower().endswith(".json")]
    if pages:
        return pages  # Trakt splits long histories
    if named:
        return [named[0][1]]
    if len(candidates) == 1:
        return [candidates[0][2]]
    if zips and not candidates:
        raise InvalidRatingsError("{name} holds another zip. Unpack it, and give the zip inside.", name=name)
    inside = ", ".join(_shown(file_name) for _, file_name, _ in candidates[:8])
    raise InvalidRatingsError(
        "{name} holds no ratings.csv and no ratings-movies.json; it holds {inside}. Give the file with the ratings.",
        name=name,
        inside=inside or Sentence("nothing that can be read"),
    )


def _read_file(name: str, content: bytes) -> History:
    text = _decoded(name, content)
    if text.lstrip()[:1] in ("[", "{"):
        return _read_json(name, text)
    return _read_csv(name, text)


def _decoded(name: str, content: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16 by its mark, UTF-8 without one, else Windows-1252 as old exports are."""
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16")
        else:
            try:
                text = content.decode("utf-8-sig")
            except UnicodeDecodeError:
                text = content.decode("cp1252", errors="replace")
    except UnicodeDecodeError as error:
        raise InvalidRatingsError(
            "{name} is not text in UTF-8, UTF-16 or Windows-1252. Export it again.", name=name
        ) from error
    if "\0" in text:
        raise InvalidRatingsError(
            "{name} is not a text file. Give the CSV, JSON or zip as the site exports it.", name=name
        )
    if not text.strip():
        raise InvalidRatingsError("{name} is empty. Export your ratings again.", name=name)
    return text


# -- CSV --------------------------------------------------------------------------------------------------------------


def _read_csv(name: str, text: str) -> History:
    layout, header, skip, delimiter = _layout_of(name, text)
    columns = {plain_name(column): place for place, column in reversed(list(enumerate(header)))}

    def place_of(names: Sequence[str]) -> int | None:
        return next((columns[column] for column in names if column in columns), None)

    places = {
        role: place_of(getattr(layout, role))
        for role in ("title", "other_title", "year", "when", "imdb_id", "tmdb_id", "movielens_id", "kind", "rating")
    }
    if places["rating"] is None:
        text = (
            "{name} is a file of {site} without ratings: its columns are {columns}. Give the file with the ratings, "
            "ratings.csv."
            if layout.site == "Letterboxd"
            else "{name} is a file of {site} without ratings: its columns are {columns}. Give the file with the "
            "ratings."
        )
        raise InvalidRatingsError(text, name=name, site=layout.site, columns=_shown(", ".join(header), 200))
    rows = list(_rows(name, text, skip, delimiter))
    moments = _moments([_cell(row, places["when"]) for _, row in rows])
    entries: list[HistoryEntry] = []
    skipped: list[SkippedRow] = []
    for (number, row), moment in zip(rows, moments, strict=True):
        cells = {role: _cell(row, place) for role, place in places.items()}
        title, year = _title(cells["title"]), _year(cells["year"])
        if layout.title_has_year:
            title, found = title_and_year(title)
            year = year or found
        rating, why = _rating(cells["rating"], layout.scale)
        kind = plain_name(cells["kind"])
        if places["kind"] is not None and kind and kind not in _MOVIES:
            why = Sentence("is no movie but {kind}", kind=_shown(cells["kind"]))
        elif not why and not title and not cells["imdb_id"] and not cells["movielens_id"]:
            why = Sentence("has neither a title nor an id")
        if why:
            skipped.append(SkippedRow(number, title, why))
            continue
        entries.append(
            HistoryEntry(
                row=number,
                title=title,
                year=year,
                rating=rating,
                rated_at=moment,
                other_title=_title(cells["other_title"]),
                imdb_id=_number_of_id(cells["imdb_id"]),
                tmdb_id=_number_of_id(cells["tmdb_id"]),
                movielens_id=re.sub(r"\.0*$", "", cells["movielens_id"])[:100],
            )
        )
    return History(layout.site, layout.scale, tuple(entries), tuple(skipped))


def _layout_of(name: str, text: str) -> tuple[_Layout, list[str], int, str]:
    """The layout, its header, how many lines come before and with it, and what separates the cells.

    A list of Letterboxd's begins with a banner and the list's own description; the header comes after.
    """
    lines = text[:LONGEST_CELL].splitlines()[:12]
    for number, line in enumerate(lines, start=1):
        delimiter = delimiter_of(line)
        check_columns(name, line, delimiter)
        try:
            header = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        names = {plain_name(column) for column in header}
        for layout in _LAYOUTS:
            if any(names.issuperset(marks) for marks in layout.marks):
                return layout, header, number, delimiter
    raise InvalidRatingsError(
        "{name} is no export of {sites} that is known here. Its first line is {line!r}.",
        name=name,
        sites=", ".join(sorted(layout.site for layout in _LAYOUTS)),
        line=_shown(lines[0] if lines else "", 120),
    )


def _rows(name: str, text: str, skip: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begins = count = 0
    try:
        for row in reader:
            begins, before = reader.line_num, begins
            if before < skip or not any(cell.strip() for cell in row):
                continue
            count += 1
            if count > MOST_ROWS:
                raise InvalidRatingsError(
                    "{name} has more than {most:,} rows. Give a part of it.", name=name, most=MOST_ROWS
                )
            yield before + 1, row
    except csv.Error as error:
        raise InvalidRatingsError(
            "Row {row} of {name} can't be read as CSV: {reason}.", row=begins + 1, name=name, reason=str(error)
        ) from error


def _cell(row: list[str], place: int | None) -> str:
    return from_text(row[place].strip()) if place is not None and place < len(row) else ""


# -- JSON -------------------------------------------------------------------------------------------------------------


def _read_json(name: str, text: str) -> History:
    """Trakt's `ratings-movies.json`: a list of objects with `rating`, `rated_at` and `movie`."""
    try:
        content = json.loads(text, parse_int=_short_int)
    except (ValueError, RecursionError) as error:
        raise InvalidRatingsError(
            "{name} can't be read as JSON: {reason}. Export it again.", name=name, reason=str(error)[:120]
        ) from error
    if not isinstance(content, list):
        raise InvalidRatingsError("{name} is no list of ratings as Trakt's ratings-movies.json is.", name=name)
    if len(content) > MOST_ROWS:
        raise InvalidRatingsError(
            "{name} has more than {most:,} ratings. Give a part of it.", name=name, most=MOST_ROWS
        )
    entries: list[HistoryEntry] = []
    skipped: list[SkippedRow] = []
    for number, one in enumerate(content, start=1):
        fields = one if isinstance(one, dict) else {}
        movie = _dict(fields.get("movie"))
        ids, title = _dict(movie.get("ids")), _title(_text(movie.get("title")))
        rating, why = _rating(_text(fields.get("rating")), TENTHS)
        kind = _text(fields.get("type"))
        if not movie or (kind and plain_name(kind) not in _MOVIES):
            why = Sentence("is no movie but {kind}", kind=_shown(kind) or Sentence("something else"))
        elif not why and not title and not ids.get("imdb"):
            why = Sentence("has neither a title nor an id")
        if why:
            skipped.append(SkippedRow(number, title, why))
            continue
        entries.append(
            HistoryEntry(
                row=number,
                title=title,
                year=_year(_text(movie.get("year"))),
                rating=rating,
                rated_at=_iso(_text(fields.get("rated_at"))),
                imdb_id=_number_of_id(_text(ids.get("imdb"))),
                tmdb_id=_number_of_id(_text(ids.get("tmdb"))),
            )
        )
    if not entries and not any(isinstance(one, dict) and "rating" in one for one in content):
        raise InvalidRatingsError("{name} is no list of ratings as Trakt's ratings-movies.json is.", name=name)
    return History("Trakt", TENTHS, tuple(entries), tuple(skipped))


def _short_int(text: str) -> int | float:
    return int(text) if len(text) < 19 else float("nan")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


# -- cells ------------------------------------------------------------------------------------------------------------


def _shown(text: str, most: int = 40) -> str:
    """A text of the file for a message: one line, and not long."""
    line = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _title(text: str) -> str:
    return _shown(text, 400)


def _rating(text: str, scale: RatingScale) -> tuple[float, str]:
    """The rating, or why there is none."""
    text = text.strip()
    if not text:
        return 0.0, Sentence("has no rating")
    try:
        rating = float(text.replace(",", ".")) if len(text) < 40 else math.nan
    except ValueError:
        return 0.0, Sentence("has the rating {rating!r}, which is no number", rating=_shown(text))
    if not math.isfinite(rating):
        return 0.0, Sentence("has the rating {rating}, which is no finite number", rating=_shown(text))
    if not scale.low <= rating <= scale.high:
        return 0.0, Sentence("has the rating {rating:g}, which is outside {scale}", rating=rating, scale=scale.sentence)
    return rating, ""


def _year(text: str) -> int:
    """The first four digits that can be a year of release; 0 where there are none."""
    found = re.search(r"(?<![0-9])(1[89][0-9]{2}|20[0-9]{2})(?![0-9])", text[:40])
    return int(found[1]) if found else 0


def _number_of_id(text: str) -> int | None:
    """The number of an id such as `tt0114709`, `0114709` or `862.0`."""
    found = re.fullmatch(r"(?:tt)?0*([1-9][0-9]{0,11})(?:\.0*)?/?", text.strip()[-40:])
    return int(found[1]) if found else None


def _moments(texts: Sequence[str]) -> list[float | None]:
    """When each was rated. Dates with slashes are day first, unless one of them can only be month first."""
    slashed = [re.match(r"([0-9]{1,2})[/.]([0-9]{1,2})[/.]([0-9]{4})", text) for text in texts]
    month_first = any(found is not None and int(found[2]) > 12 for found in slashed)
    parse: Callable[[re.Match[str]], float | None] = (
        (lambda found: _utc(int(found[3]), int(found[1]), int(found[2])))
        if month_first
        else (lambda found: _utc(int(found[3]), int(found[2]), int(found[1])))
    )
    return [_iso(text) if found is None else parse(found) for text, found in zip(texts, slashed, strict=True)]


def _iso(text: str) -> float | None:
    """Seconds since 1970 of an ISO date, with or without a time, or of a number of seconds."""
    if re.fullmatch(r"[0-9]{9,10}", text):
        return float(text)
    found = re.match(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?", text)
    return None if found is None else _utc(*(int(part or 0) for part in found.groups()))


def _utc(*parts: int) -> float | None:
    try:
        moment = datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None
