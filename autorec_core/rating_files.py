"""Reading ratings: a person's own CSV, and every layout in which MovieLens is published.

A clean file is read by Arrow at the speed of the disk. Where it is not clean, a second, slower reading looks at every
row, collects all faults with their row numbers and raises them once; the header is row 1, as a spreadsheet counts.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from autorec_core.errors import InvalidRatingsError, NotFoundError
from autorec_core.ratings import FloatArray, Ratings, RatingScale

Titles = dict[Any, tuple[str, int, tuple[str, ...]]]
Member = Callable[[str], bytes | None]
"""Gives a file of a folder or zip by its name, or None where it has none."""

COLUMN_NAMES = {
    "user": ("userid", "user", "uid", "username", "reviewerid"),
    "item": ("movieid", "itemid", "item", "movie", "iid", "mid", "productid"),
    "rating": ("rating", "ratings", "score", "stars"),
    "timestamp": ("timestamp", "time", "unixtime", "ts"),
}
"""Accepted column names without case, spaces and underscores."""

COMMON_SCALES = (
    RatingScale(1, 5, 1),
    RatingScale(0.5, 5, 0.5),
    RatingScale(1, 10, 1),
    RatingScale(0, 5, 0.5),
    RatingScale(0, 10, 0.5),
    RatingScale(0, 100, 1),
)
"""The scales that a file's ratings are taken to be on, the first that holds them all."""

GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The genre flags of u.item, in order."""

_YEAR = re.compile(r"^(?P<title>.*?)\s*\((?P<year>\d{4})(?:[-–]\d{0,4})?\)\s*$")


@dataclass(frozen=True)
class _Triples:
    users: Any
    items: Any
    values: FloatArray
    timestamps: Any


def title_and_year(text: str) -> tuple[str, int]:
    """Splits a title as MovieLens writes it.

    >>> title_and_year("Matrix, The (1999)")
    ('Matrix, The', 1999)
    >>> title_and_year("Untitled")
    ('Untitled', 0)
    """
    found = _YEAR.match(text)
    return (found["title"], int(found["year"])) if found else (text.strip(), 0)


def guess_scale(values: FloatArray) -> RatingScale:
    """The first common scale that holds all values, else the span and finest gap that they show themselves."""
    distinct = np.unique(values)
    for scale in COMMON_SCALES:
        places = (distinct - scale.low) / scale.step
        if distinct[0] >= scale.low and distinct[-1] <= scale.high and np.allclose(places, np.round(places)):
            return scale
    return RatingScale.guess(values)


def read_ratings(
    path: str | Path,
    *,
    items: str | Path | None = None,
    scale: RatingScale | None = None,
    name: str | None = None,
    catalogue: str | None = None,
    max_bytes: int | None = None,
) -> Ratings:
    """Reads a file, or a folder or zip with the files of a MovieLens release.

    Args:
        path: a CSV with a header (`user,item,rating[,timestamp]` or MovieLens's names; comma, semicolon or tab), a
            Parquet file with such columns, `u.data`, `ratings.dat`, or a folder or zip holding one of them. Titles are
            taken from `movies.csv`, `movies.dat` or `u.item` beside them.
        items: a CSV with a header `item,title[,genres]`, in place of those.
        scale: the rating scale; guessed where None.
        name: what to call the set; the file's name where None.
        catalogue: which item ids these are; made from the file's content where None.
        max_bytes: the most that the file may hold.

    Raises:
        InvalidRatingsError: the file can't be used; all its faults by row.
        NotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise NotFoundError(f"There is no file {path}.")
    if path.is_file() and max_bytes is not None and path.stat().st_size > max_bytes:
        raise InvalidRatingsError(
            f"{path.name} has {path.stat().st_size / 1e6:,.1f} MB; {max_bytes / 1e6:,.1f} MB are accepted. "
            "Send fewer ratings."
        )
    try:
        label, read, member = _find(path)
        content = read(member)
        triples = _parse(member, content or b"", scale)
        titles = _titles(read, Path(items) if items is not None else None)
    except OSError as error:
        raise InvalidRatingsError(f"Can't read {path.name}: {error.strerror or error}.") from error
    digest = hashlib.sha256(content or b"").hexdigest()[:8]
    return Ratings.from_triples(
        triples.users,
        triples.items,
        triples.values,
        name=name or label,
        catalogue=catalogue or f"file:{label}-{digest}",
        scale=scale or guess_scale(triples.values),
        timestamps=triples.timestamps,
        titles=titles,
    )


def _find(path: Path) -> tuple[str, Member, str]:
    """A label, a way to the files beside each other, and the name of the one with the ratings."""
    wanted = ("ratings.csv", "u.data", "ratings.dat", "ratings.parquet")
    if path.is_file() and path.suffix != ".zip":
        folder = path.parent
        return path.stem, lambda name: _bytes_of(folder / name), path.name
    if path.is_dir():
        for name in wanted:
            if (path / name).exists():
                return path.name, lambda name: _bytes_of(path / name), name
        raise NotFoundError(f"{path} holds none of {', '.join(wanted)}.")
    if not zipfile.is_zipfile(path):
        raise InvalidRatingsError(f"{path.name} is not a zip file.")
    with zipfile.ZipFile(path) as archive:
        inside = {Path(member).name: member for member in archive.namelist() if not member.endswith("/")}

    def read(name: str) -> bytes | None:
        if name not in inside:
            return None
        with zipfile.ZipFile(path) as archive:
            return archive.read(inside[name])

    for name in wanted:
        if name in inside:
            return path.stem, read, name
    raise NotFoundError(f"{path.name} holds none of {', '.join(wanted)}.")


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _parse(name: str, content: bytes, scale: RatingScale | None) -> _Triples:
    if not content.strip():
        raise InvalidRatingsError(f"{name} is empty. It needs a header and at least one rating.")
    if name.endswith(".parquet"):
        try:
            table = pq.read_table(io.BytesIO(content))
        except pa.ArrowException as error:
            raise InvalidRatingsError(f"{name} is not a Parquet file.") from error
        columns = _columns(name, table.column_names)
        return _from_arrow(table.rename_columns(_as_roles(table.column_names, columns)))
    if b"\0" in content[:65_536]:
        raise InvalidRatingsError(f"{name} is not a text file. Save the ratings as CSV in UTF-8.")
    if name == "u.data":
        header, delimiter = ["user", "item", "rating", "timestamp"], "\t"
    elif name.endswith(".dat"):
        header, delimiter, content = ["user", "item", "rating", "timestamp"], "\t", content.replace(b"::", b"\t")
    else:
        header, delimiter = None, _delimiter(content)
    try:
        text_header = header or next(csv.reader([_first_line(content)], delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRatingsError(f"{name} is not UTF-8 text. Save it as CSV in UTF-8.") from error
    columns = _columns(name, text_header)
    fast = _fast(content, header, text_header, columns, delimiter)
    if fast is not None and not _has_faults(fast, scale):
        return fast
    return _slow(name, content, header, columns, delimiter, scale)


def _first_line(content: bytes) -> str:
    return content.split(b"\n", 1)[0].rstrip(b"\r").decode("utf-8-sig")


def _delimiter(content: bytes) -> str:
    line = content.split(b"\n", 1)[0]
    counts = {mark: line.count(mark.encode()) for mark in (",", ";", "\t")}
    return max(counts, key=lambda mark: counts[mark])


def _columns(name: str, header: Sequence[str]) -> dict[str, int]:
    """Role -> place of its column.

    Raises:
        InvalidRatingsError: one is missing.
    """
    plain = [re.sub(r"[^a-z]", "", column.lower()) for column in header]
    found = {}
    for role, accepted in COLUMN_NAMES.items():
        places = [place for place, column in enumerate(plain) if column in accepted]
        if places:
            found[role] = places[0]
    faults = [
        f"{name} has no {role} column. Its columns are {', '.join(header)}; "
        f"accepted are {', '.join(COLUMN_NAMES[role])}."
        for role in ("user", "item", "rating")
        if role not in found
    ]
    if faults:
        raise InvalidRatingsError(faults)
    return found


def _as_roles(header: Sequence[str], columns: dict[str, int]) -> list[str]:
    roles = {place: role for role, place in columns.items()}
    return [roles.get(place, f"other {place}") for place in range(len(header))]


def _fast(
    content: bytes, header: list[str] | None, text_header: Sequence[str], columns: dict[str, int], delimiter: str
) -> _Triples | None:
    """The whole file by Arrow, or None where it does not take it."""
    roles = _as_roles(text_header, columns)
    try:
        table = pa_csv.read_csv(
            io.BytesIO(content),
            read_options=pa_csv.ReadOptions(column_names=roles, skip_rows=0 if header else 1),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter),
            convert_options=pa_csv.ConvertOptions(
                column_types={"rating": pa.float64()}, include_columns=list(columns), strings_can_be_null=True
            ),
        )
        return _from_arrow(table)
    except (pa.ArrowException, ValueError):
        return None


def _from_arrow(table: pa.Table) -> _Triples:
    """Arrays from a table with columns user, item, rating and perhaps timestamp.

    Raises:
        ValueError: a value is missing or of a kind that needs a closer look.
    """
    if any(table[role].null_count for role in ("user", "item", "rating")):
        raise ValueError("missing values")

    def ids(role: str) -> Any:
        column = table[role]
        if pa.types.is_integer(column.type):
            return column.to_numpy()
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return np.char.strip(column.to_numpy().astype(str))
        raise ValueError(f"{role} is neither whole numbers nor text")

    timestamps = None
    if "timestamp" in table.column_names:
        column = table["timestamp"]
        if pa.types.is_integer(column.type) and not column.null_count:
            timestamps = column.to_numpy()
    values = pc.cast(table["rating"], pa.float64()).to_numpy()
    return _Triples(ids("user"), ids("item"), values, timestamps)


def _has_faults(triples: _Triples, scale: RatingScale | None) -> bool:
    values = triples.values
    if not len(values) or not np.isfinite(values).all():
        return True
    if scale is not None and ((values < scale.low) | (values > scale.high)).any():
        return True
    _, users = np.unique(triples.users, return_inverse=True)
    distinct, items = np.unique(triples.items, return_inverse=True)
    pairs = np.sort(users.astype(np.int64) * len(distinct) + items)
    return bool((np.diff(pairs) == 0).any())


def _slow(
    name: str,
    content: bytes,
    header: list[str] | None,
    columns: dict[str, int],
    delimiter: str,
    scale: RatingScale | None,
) -> _Triples:
    """Row by row, with every fault."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidRatingsError(f"Row {line} of {name} is not UTF-8 text. Save the file as UTF-8.") from error
    faults: list[str] = []
    users: list[str] = []
    items: list[str] = []
    values: list[float] = []
    first_row: dict[tuple[str, str], int] = {}
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    if not header:
        next(rows, None)
    number = 0 if header else 1
    try:
        for row in rows:
            number += 1
            if not any(cell.strip() for cell in row):
                continue
            fault, value = _look_at(row, columns, scale)
            if fault:
                faults.append(f"Row {number} of {name}: {fault}")
                continue
            pair = (row[columns["user"]].strip(), row[columns["item"]].strip())
            if pair in first_row:
                faults.append(
                    f"Row {number} of {name}: user {pair[0]} rated item {pair[1]} already in row {first_row[pair]}. "
                    "Keep one of the two."
                )
                continue
            first_row[pair] = number
            users.append(pair[0])
            items.append(pair[1])
            values.append(value)
    except csv.Error as error:
        faults.append(f"Row {number + 1} of {name} can't be read as CSV: {error}.")
    if faults:
        raise InvalidRatingsError(faults)
    if not values:
        raise InvalidRatingsError(f"{name} has a header but no ratings. At least one is needed.")
    return _Triples(_ids(users), _ids(items), np.array(values), None)


def _look_at(row: list[str], columns: dict[str, int], scale: RatingScale | None) -> tuple[str, float]:
    """What is wrong with a row, or nothing and its rating."""
    if len(row) <= max(columns[role] for role in ("user", "item", "rating")):
        return f"only {len(row)} columns.", math.nan
    for role in ("user", "item"):
        if not row[columns[role]].strip():
            return f"no {role}.", math.nan
    given = row[columns["rating"]].strip()
    try:
        value = float(given)
    except ValueError:
        return f"rating {given!r} is not a number.", math.nan
    if not math.isfinite(value):
        return f"rating {given} is not a finite number.", math.nan
    if scale is not None and not scale.low <= value <= scale.high:
        high = f"{scale.low:g} to {max(value, scale.high):g}" if value >= scale.low else f"{value:g} to {scale.high:g}"
        return f"rating {value:g} is outside {scale}. Choose the scale {high} or correct the row.", math.nan
    return "", value


def _ids(texts: list[str]) -> Any:
    if all(re.fullmatch(r"-?\d{1,18}", text) for text in texts):
        return np.array([int(text) for text in texts], dtype=np.int64)
    return np.array(texts, dtype=str)


def _titles(read: Member, items: Path | None) -> Titles:
    """Item id -> title, year, genres, from what lies beside the ratings or from an own file."""
    if items is not None:
        if not items.is_file():
            raise NotFoundError(f"There is no file {items}.")
        return _titles_of_csv(items.name, items.read_bytes())
    if (content := read("movies.csv")) is not None:
        return _titles_of_csv("movies.csv", content)
    titles: Titles = {}
    if (content := read("movies.dat")) is not None:
        for line in content.decode("latin-1").splitlines():
            item_id, title, genres = (*line.split("::"), "", "")[:3]
            titles[_id(item_id)] = (*title_and_year(title), _genres(genres))
    elif (content := read("u.item")) is not None:
        for line in content.decode("latin-1").splitlines():
            cells = line.split("|")
            flags = zip(GENRES_100K, cells[5:], strict=False)
            genres_of = tuple(genre for genre, flag in flags if flag == "1" and genre != "unknown")
            titles[_id(cells[0])] = (*title_and_year(cells[1]), genres_of)
    return titles


def _titles_of_csv(name: str, content: bytes) -> Titles:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=_delimiter(content)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRatingsError(f"{name} can't be read as CSV in UTF-8.") from error
    plain = [re.sub(r"[^a-z]", "", column.lower()) for column in rows[0]] if rows else []
    item_column = next((place for place, column in enumerate(plain) if column in COLUMN_NAMES["item"]), None)
    if item_column is None or "title" not in plain:
        raise InvalidRatingsError(f"{name} needs the columns movieId and title; it has {', '.join(plain) or 'none'}.")
    title_column = plain.index("title")
    genre_column = plain.index("genres") if "genres" in plain else None
    year_column = plain.index("year") if "year" in plain else None
    titles: Titles = {}
    for row in rows[1:]:
        if len(row) <= max(item_column, title_column):
            continue
        title, year = title_and_year(row[title_column])
        if year_column is not None and len(row) > year_column and row[year_column].isdigit():
            year = int(row[year_column])
        genres = row[genre_column] if genre_column is not None and len(row) > genre_column else ""
        titles[_id(row[item_column])] = (title, year, _genres(genres))
    # An id is text in one file and a number in the other when only one of them has ids that are not numbers.
    return titles | {str(item_id): known for item_id, known in titles.items()}


def _id(text: str) -> int | str:
    text = text.strip()
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text


def _genres(text: str) -> tuple[str, ...]:
    return tuple(genre.strip() for genre in text.split("|") if genre.strip() and genre != "(no genres listed)")
