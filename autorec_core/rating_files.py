"""Reading ratings: a person's own CSV, and every layout in which MovieLens is published.

A clean file is read by Arrow at the speed of the disk, a large one in pieces. Where it is not clean, a second, slower
reading looks at every row, collects all faults and raises them once. Rows are counted as an editor counts lines: the
header is row 1, so row 17 is line 17 of the file. A file without a header (u.data, ratings.dat, Parquet) has its first
rating in row 1.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from autorec_core import pieces, rating_faults
from autorec_core.errors import InvalidRatingsError, NotFoundError, Sentence
from autorec_core.rating_faults import LARGEST, LONGEST_ID, NUMBER, REQUIRED, Row, Triples
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.scales import MAY_BE_SLIPS, guess_scale
from autorec_core.titles import (
    MOST_COLUMNS,
    Titles,
    check_columns,
    delimiter_of,
    first_line,
    plain_name,
    titles_beside,
    titles_of_csv,
)

COLUMN_NAMES = {
    "user": ("userId", "user", "uid", "userName", "reviewerId"),
    "item": ("movieId", "itemId", "item", "movie", "iid", "mid", "productId"),
    "rating": ("rating", "ratings", "score", "stars"),
    "timestamp": ("timestamp", "time", "unixTime", "ts"),
}
"""Accepted column names, without case, spaces and underscores."""

RATINGS_FILES = ("ratings.csv", "ratings.dat", "u.data", "ratings.parquet")
"""The file with the ratings in a folder or zip, the first that is there."""

LARGE = 50_000_000
"""Bytes of text from which on it is read in pieces."""

BYTES_OF_A_ROW = 24
"""What a row of a packed table takes at least: two ids and a rating."""

_ROLES = (*REQUIRED, "timestamp")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HEADERLESS = re.compile(r"u\.data|u[1-5ab]\.(?:base|test)")
_MAY_BE_SLIPS_IN_MOVIELENS = 0.5


@dataclass(frozen=True)
class _Layout:
    """How a text is laid out, read off its first line."""

    columns: dict[str, int]
    """Role -> place of its column."""
    roles: list[str]
    """What each column is: a role, or any other name."""
    separator: str
    """Of the columns."""
    has_header: bool
    """Whether the first line names the columns."""
    is_movielens: bool
    """Whether the layout or the column names are MovieLens's own."""


@dataclass(frozen=True)
class _Table:
    """One file of ratings, read in either of two ways."""

    triples: Triples | None
    """All of it at once; None where it needs a closer look."""
    rows: Callable[[], Iterator[Row]]
    """Row by row."""
    is_movielens: bool
    """Whether the layout or the column names are MovieLens's own."""
    first_row: int | None = None
    """Row number of the first of the triples, where each is a line of its own; None where that is not known."""


@dataclass(frozen=True)
class _Files:
    """Files that lie beside each other in a folder or zip."""

    label: str
    """What to call the ratings where they have no name."""
    ratings: str
    """Name of the file with the ratings."""
    sizes: dict[str, int]
    """File name -> its bytes, unpacked."""
    open: Callable[[str], BinaryIO]
    """Opens a file by its name."""
    max_bytes: int | None
    """The most that one may hold."""

    def read(self, name: str) -> bytes | None:
        """A file by its name, or None.

        Raises:
            InvalidRatingsError: it is larger than accepted.
        """
        if name not in self.sizes:
            return None
        _check_size(name, self.sizes[name], self.max_bytes)
        with self.open(name) as file:
            return file.read()  # from an archive, never more than the size that it declares


def read_ratings(
    path: str | Path,
    *,
    items: str | Path | None = None,
    scale: RatingScale | None = None,
    name: str | None = None,
    catalogue: str | None = None,
    max_bytes: int | None = None,
    leave_out: Collection[int] = (),
) -> Ratings:
    """Reads a file, or a folder or zip with the files of a MovieLens release.

    Args:
        path: a CSV with a header (`user,item,rating[,timestamp]` or MovieLens's names; comma, semicolon or tab), a
            Parquet file with such columns, `u.data`, `ratings.dat`, or a folder or zip holding one of them. Beside a
            file with one of MovieLens's names, titles are taken from `movies.csv`, `movies.dat` or `u.item`.
        items: a CSV with a header `item,title[,genres][,year]`, in place of those.
        scale: the rating scale; guessed where None.
        name: what to call the set; the name of the file, folder or zip where None.
        catalogue: which item ids these are; made from the file's content where None.
        max_bytes: the most that a file may hold, unpacked.
        leave_out: numbers of rows that are passed over, such as the `rows` of the error that another attempt raised.

    Raises:
        InvalidRatingsError: the file can't be used; all its faults by row.
        NotFoundError: there is no such file, or none with ratings in the folder or zip.
    """
    try:
        return _read(Path(path), items, scale, name, catalogue, max_bytes, leave_out)
    finally:
        pa.default_memory_pool().release_unused()  # Arrow would keep some 50 bytes of each rating for itself


def _read(
    path: Path,
    items: str | Path | None,
    scale: RatingScale | None,
    name: str | None,
    catalogue: str | None,
    max_bytes: int | None,
    leave_out: Collection[int],
) -> Ratings:
    try:
        files = _find(path, max_bytes)
        ratings = None if leave_out else _in_pieces(files, items, scale, name, catalogue)
        if ratings is not None:
            return ratings
        content = files.read(files.ratings) or b""
        table = _table(files.ratings, content, max_bytes)
        titles = titles_beside(files.read) if items is None else _own_titles(Path(items), max_bytes)
    except OSError as error:
        raise InvalidRatingsError(
            "Can't read {name}: {reason}.", name=path.name, reason=error.strerror or str(error)
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, IndexError) as error:  # the last two: exotic
        raise InvalidRatingsError(
            "{name} can't be unpacked: {reason}. Pack it again as a plain zip.", name=path.name, reason=str(error)
        ) from error
    digest = hashlib.sha256(content).hexdigest() if catalogue is None else ""
    # Who leaves rows out has seen what is wrong with them: among the others nothing is a slip.
    slips = 0.0 if leave_out else _slips(table.is_movielens)
    build = _builder(files, digest, titles, slips, scale, name, catalogue)
    if leave_out:
        passed_over = frozenset(leave_out)
        others = (row for row in table.rows() if row.number not in passed_over)
        return build(rating_faults.examine(files.ratings, others, scale, slips))
    if table.triples is not None:
        try:
            return build(table.triples)
        except InvalidRatingsError:  # something is wrong: the closer look finds in which rows
            if table.first_row is not None:
                numbers = np.arange(len(table.triples.values), dtype=np.int64) + table.first_row
                rating_faults.refuse(files.ratings, rating_faults.between(table.triples, numbers, scale, slips))
    return build(rating_faults.examine(files.ratings, table.rows(), scale, slips))


def _slips(is_movielens: bool) -> float:
    return _MAY_BE_SLIPS_IN_MOVIELENS if is_movielens else MAY_BE_SLIPS


def _builder(
    files: _Files,
    digest: str,
    titles: Titles,
    may_be_slips: float,
    scale: RatingScale | None,
    name: str | None,
    catalogue: str | None,
) -> Callable[[Triples], Ratings]:
    def build(triples: Triples) -> Ratings:
        return Ratings.from_triples(
            triples.users,
            triples.items,
            triples.values,
            name=name or files.label,
            catalogue=catalogue or f"file:{files.label}-{digest[:8]}",
            scale=scale or guess_scale(triples.values, may_be_slips=may_be_slips),
            timestamps=triples.timestamps,
            titles=titles,
        )

    return build


def _in_pieces(
    files: _Files,
    items: str | Path | None,
    scale: RatingScale | None,
    name: str | None,
    catalogue: str | None,
) -> Ratings | None:
    """A large text without a fault; None where it is none, for the other reading to say why."""
    size = files.sizes[files.ratings]
    if size < LARGE or files.ratings.lower().endswith(".parquet"):
        return None
    _check_size(files.ratings, size, files.max_bytes)
    with files.open(files.ratings) as file:
        layout = _layout(files.ratings, file.read(1_000_000))
    with files.open(files.ratings) as file:
        read = pieces.read(
            file,
            layout.roles,
            layout.separator,
            skip_rows=int(layout.has_header),
            values=np.float64 if scale is None else np.float32,
        )
    if read is None:
        return None
    titles = titles_beside(files.read) if items is None else _own_titles(Path(items), files.max_bytes)
    triples = Triples(read.users, read.items, read.values, read.timestamps)
    try:
        return _builder(files, read.sha256, titles, _slips(layout.is_movielens), scale, name, catalogue)(triples)
    except InvalidRatingsError:
        return None


def _find(path: Path, max_bytes: int | None) -> _Files:
    if path.is_dir():
        sizes = {file.name: file.stat().st_size for file in path.iterdir() if file.is_file()}
        return _Files(path.name, _ratings_among(path, sizes), sizes, lambda name: (path / name).open("rb"), max_bytes)
    if not path.is_file():
        raise NotFoundError("There is no file {path}.", path=path)
    if path.suffix.lower() != ".zip":
        folder = path.parent
        own_names = path.name in RATINGS_FILES or _HEADERLESS.fullmatch(path.name)
        beside = [path.name, *(("movies.csv", "movies.dat", "u.item") if own_names else ())]
        sizes = {name: (folder / name).stat().st_size for name in beside if (folder / name).is_file()}
        return _Files(path.stem, path.name, sizes, lambda name: (folder / name).open("rb"), max_bytes)
    _check_size(path.name, path.stat().st_size, max_bytes)
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    members.sort(key=lambda member: -member.filename.count("/"))  # of two of the same name, the outer one is taken
    inside = {PurePosixPath(member.filename).name: member for member in members}

    def opened(name: str) -> BinaryIO:
        with zipfile.ZipFile(path) as archive:  # what is open in it keeps the file open
            return archive.open(inside[name])  # type: ignore[return-value]

    sizes = {name: member.file_size for name, member in inside.items()}
    return _Files(path.stem, _ratings_among(path, sizes), sizes, opened, max_bytes)


def _ratings_among(path: Path, names: dict[str, int]) -> str:
    for name in RATINGS_FILES:
        if name in names:
            return name
    raise NotFoundError("{name} holds none of {files}.", name=path.name, files=", ".join(RATINGS_FILES))


def _check_size(name: str, size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise InvalidRatingsError(
            "{name} has {size}; at most {most} are accepted. Give a file with fewer rows.",
            name=name,
            size=_size(size),
            most=_size(max_bytes),
        )


def _size(num_bytes: int) -> Sentence:
    if num_bytes >= 1e5:
        return Sentence("{size:,.1f} MB", size=num_bytes / 1e6)
    return Sentence("{count:,} bytes", count=num_bytes)


def _own_titles(path: Path, max_bytes: int | None) -> Titles:
    if not path.is_file():
        raise NotFoundError("There is no file {path}.", path=path)
    _check_size(path.name, path.stat().st_size, max_bytes)
    return titles_of_csv(path.name, path.read_bytes())


def _table(name: str, content: bytes, max_bytes: int | None) -> _Table:
    if not content.removeprefix(_BYTE_ORDER_MARK).strip():
        raise InvalidRatingsError("{name} is empty. It needs a header and at least one rating.", name=name)
    if name.lower().endswith(".parquet"):
        return _parquet(name, content, max_bytes)
    if b"\0" in content:
        raise InvalidRatingsError("{name} is not a text file. Save the ratings as CSV in UTF-8.", name=name)
    layout = _layout(name, content)
    rows = _rows_by_header if layout.has_header else _rows_without_header
    triples = _by_arrow(content, layout)
    lines = content.rstrip().count(b"\n") + (not layout.has_header)
    is_plain = triples is not None and b'"' not in content and lines == len(triples.values)
    first_row = 1 + layout.has_header if is_plain else None
    return _Table(triples, lambda: rows(name, content, layout), layout.is_movielens, first_row)


def _layout(name: str, content: bytes) -> _Layout:
    """Of a text.

    Raises:
        InvalidRatingsError: its first line can't be read, or does not name the columns that it should.
    """
    try:
        line = first_line(content)
    except UnicodeDecodeError as error:
        raise InvalidRatingsError(
            "Row {row} of {name} is not UTF-8 text. Save the file as CSV in UTF-8.", row=1, name=name
        ) from error
    if name.endswith(".dat") or line.count("::") >= 2:
        return _without_header(name, line.split("::"), "::")
    cells = line.split("\t")
    if _HEADERLESS.fullmatch(name) or (len(cells) in (3, 4) and all(map(NUMBER.fullmatch, cells))):
        return _without_header(name, cells, "\t")
    return _with_header(name, line)


def _without_header(name: str, cells: list[str], separator: str) -> _Layout:
    """u.data, u1.base and ratings.dat: user, item, rating and perhaps the time, in this order."""
    check_columns(name, separator.join(cells), separator)
    roles = [*_ROLES[: max(3, len(cells))], *(f"other {place}" for place in range(4, len(cells)))]
    columns = {role: place for place, role in enumerate(roles) if role in _ROLES}
    return _Layout(columns, roles, separator, has_header=False, is_movielens=True)


def _rows_without_header(name: str, content: bytes, layout: _Layout) -> Iterator[Row]:
    for number, line in enumerate(io.StringIO(_checked_text(name, content), newline=None), start=1):
        if line.strip():
            yield Row(number, *_cells(line.rstrip("\n").split(layout.separator), layout.columns, len(layout.roles)))


def _with_header(name: str, line: str) -> _Layout:
    delimiter = delimiter_of(line)
    check_columns(name, line, delimiter)
    try:
        header = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise InvalidRatingsError(
            "Row {row} of {name} can't be read as CSV: {reason}.", row=1, name=name, reason=str(error)
        ) from error
    if header and all(map(NUMBER.fullmatch, header)):
        raise InvalidRatingsError(
            "{name} has no header: its first row is {row}. Put user,item,rating or user,item,rating,timestamp above "
            "it.",
            name=name,
            row=", ".join(header),
        )
    if not any(header):
        raise InvalidRatingsError(
            "Row 1 of {name} is empty. It must name the columns: user,item,rating[,timestamp].", name=name
        )
    columns = _columns(name, header)
    is_movielens = {"userId", "movieId"} <= set(header)
    return _Layout(columns, _as_roles(header, columns), delimiter, has_header=True, is_movielens=is_movielens)


def _rows_by_header(name: str, content: bytes, layout: _Layout) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(_checked_text(name, content), newline=""), delimiter=layout.separator)
    next(lines)
    begins = lines.line_num + 1
    try:
        for row in lines:
            if any(cell.strip() for cell in row):
                yield Row(begins, *_cells(row, layout.columns, len(layout.roles)), is_one_line=begins == lines.line_num)
            begins = lines.line_num + 1  # a quoted cell may go on over several lines
    except csv.Error as error:
        fault = Sentence(
            "can't be read as CSV: {reason}. Nothing after it was looked at. Is there a quote that is never closed?",
            reason=str(error),
        )
        yield Row(begins, [], fault, is_one_line=False)


def _parquet(name: str, content: bytes, max_bytes: int | None) -> _Table:
    try:
        about = pq.read_metadata(io.BytesIO(content))
        names = about.schema.to_arrow_schema().names
        if len(names) > MOST_COLUMNS:
            raise InvalidRatingsError(
                "{name} has {count:,} columns; at most {most:,} are read.",
                name=name,
                count=len(names),
                most=MOST_COLUMNS,
            )
        _check_size(name, BYTES_OF_A_ROW * about.num_rows, max_bytes)  # equal rows are packed into next to nothing
        columns = _columns(name, names)
        table = pq.read_table(io.BytesIO(content), columns=[names[place] for place in columns.values()])
        table = table.rename_columns(list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InvalidRatingsError):
            raise
        raise InvalidRatingsError(
            "{name} is not a Parquet file with a column for each of user, item, rating.", name=name
        ) from (error)

    def rows() -> Iterator[Row]:
        lists = [table[role].to_pylist() for role in columns]
        places = {role: place for place, role in enumerate(columns)}
        for number, row in enumerate(zip(*lists, strict=True), start=1):
            texts = ["" if cell is None else str(cell) for cell in row]
            yield Row(number, *_cells(texts, places, len(texts)))

    return _Table(_from_arrow(table), rows, is_movielens=False)


def _columns(name: str, header: Sequence[str]) -> dict[str, int]:
    """Role -> place of its column.

    Raises:
        InvalidRatingsError: one is missing.
    """
    plain = [plain_name(column) for column in header]
    found: dict[str, int] = {}
    for role, accepted in COLUMN_NAMES.items():
        known = {plain_name(column) for column in accepted}
        places = [place for place, column in enumerate(plain) if column in known]
        if places:
            found[role] = places[0]
    shown = ", ".join(column[:40] for column in header[:12]) + (", …" if len(header) > 12 else "")
    faults = [
        Sentence(
            "{name} has no column for the {role}. Its columns are {columns}; accepted are {accepted}.",
            name=name,
            role=Sentence(role),
            columns=shown or Sentence("none"),
            accepted=", ".join(COLUMN_NAMES[role]),
        )
        for role in REQUIRED
        if role not in found
    ]
    if faults:
        raise InvalidRatingsError(faults)
    return found


def _as_roles(header: Sequence[str], columns: dict[str, int]) -> list[str]:
    roles = {place: role for role, place in columns.items()}
    return [roles.get(place, f"other {place}") for place in range(len(header))]


def _by_arrow(content: bytes, layout: _Layout) -> Triples | None:
    """The whole text by Arrow, or None where it does not take it."""
    is_one_character = len(layout.separator) == 1
    text = content if is_one_character else content.replace(layout.separator.encode(), b"\t")
    try:
        table = pa_csv.read_csv(
            io.BytesIO(text),
            read_options=pa_csv.ReadOptions(column_names=layout.roles, skip_rows=int(layout.has_header)),
            parse_options=pa_csv.ParseOptions(delimiter=layout.separator if is_one_character else "\t"),
            convert_options=pa_csv.ConvertOptions(
                column_types={"rating": pa.float64()},
                include_columns=[role for role in _ROLES if role in layout.roles],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, ValueError):
        return None
    return _from_arrow(table)


def _from_arrow(table: pa.Table) -> Triples | None:
    """Arrays from a table with columns user, item, rating and perhaps timestamp; None where it needs a closer look."""
    if not table.num_rows or any(table[role].null_count for role in REQUIRED):
        return None
    try:
        users, items = _ids_of_column(table["user"]), _ids_of_column(table["item"])
        values = _numbers(table["rating"], pa.float64())
        timestamps = None
        if "timestamp" in table.column_names and not table["timestamp"].null_count:
            column = table["timestamp"]
            if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
                timestamps = _numbers(column, pa.int64())
    except (pa.ArrowException, ValueError):
        return None
    if users is None or items is None or not (np.abs(values) <= LARGEST).all():
        return None
    return Triples(users, items, values, timestamps)


def _numbers(column: pa.ChunkedArray, kind: pa.DataType) -> Any:
    # Through dlpack, since Arrow's own `to_numpy` imports pandas, which takes longer than reading the file.
    return np.from_dlpack((column if column.type == kind else column.cast(kind)).combine_chunks())


def _ids_of_column(column: pa.ChunkedArray) -> Any:
    """Ids as int64 or text; None where a closer look must tell."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):
        return _numbers(column, pa.int64())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    texts = [text.strip() for text in column.to_pylist()]
    if not all(0 < len(text) <= LONGEST_ID for text in set(texts)):
        return None
    return np.array(texts, dtype=str)


def _checked_text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidRatingsError(
            "Row {row} of {name} is not UTF-8 text. Save the file as CSV in UTF-8.", row=line, name=name
        ) from error


def _cells(row: Sequence[str], columns: dict[str, int], width: int) -> tuple[list[str], str]:
    """The cells of a row by role, or what is wrong with their number."""
    if len(row) <= max(columns[role] for role in REQUIRED):
        return [], Sentence(
            "it has {count} of {width} columns. Complete or delete the row.", count=len(row), width=width
        )
    if any(cell.strip() for cell in row[width:]):
        return [], Sentence(
            "it has {count} columns, not {width}. Put quotes around a cell that holds a separator.",
            count=len(row),
            width=width,
        )
    return [row[columns[role]].strip() for role in _ROLES if role in columns and columns[role] < len(row)], ""
