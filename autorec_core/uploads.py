"""Ratings of a visitor's own: read once, with the columns that they agree to, and kept for them alone.

What is kept is not the file but what was read from it: `ratings.parquet`, `titles.csv` and `upload.json` in a folder of
the owner's. Its name can't be guessed, and whoever is not its owner is told that it is not there.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from autorec_core import limits, settings, storage
from autorec_core.errors import AutoRecError, InvalidRatingsError, NotFoundError, StorageError
from autorec_core.rating_files import COLUMN_NAMES, read_ratings
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.runs import Source
from autorec_core.spreadsheets import as_text
from autorec_core.titles import check_columns, delimiter_of, first_line, plain_name

LARGEST = 20_000_000
"""Bytes of a file; the server takes no larger ones. `settings` may set a lower limit."""
SHOWN_ROWS = 5
"""Rows of a preview."""
FEWEST = 20
"""Ratings that can be split and learnt from."""
_ID = re.compile(r"[a-z0-9]{16}")
_OWNER = re.compile(r"[A-Za-z0-9_-]{8,100}")
_WITH_COLUMNS = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Preview:
    """The beginning of a file, before anybody has agreed to anything."""

    columns: tuple[str, ...]
    """Its header; empty where the layout has none to choose from."""
    rows: tuple[tuple[str, ...], ...]
    """Its first rows, as text."""
    guesses: Mapping[str, str | None]
    """Role ("user", "item", "rating", "timestamp") -> the column that it seems to be, or None."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One set of ratings that is kept."""

    id: str
    """Unguessable."""
    name: str
    """The file's, for people."""
    num_ratings: int
    """Ratings."""
    num_users: int
    """Users."""
    num_items: int
    """Items."""
    scale: RatingScale
    """The rating scale."""
    created: float
    """Seconds since 1970."""


def preview(name: str, content: bytes) -> Preview:
    """Looks at the beginning of a file.

    Args:
        name: of the file.
        content: all of it.

    Raises:
        InvalidRatingsError: it is no text, or too large.
    """
    name = _plain_file_name(name)
    _check_size(name, content)
    if not name.lower().endswith(_WITH_COLUMNS):
        return Preview((), (), dict.fromkeys(COLUMN_NAMES))
    try:
        line = first_line(content)
    except UnicodeDecodeError as error:
        raise InvalidRatingsError(
            "Row {row} of {name} is not UTF-8 text. Save the file as CSV in UTF-8.", row=1, name=name
        ) from error
    delimiter = delimiter_of(line)
    check_columns(name, line, delimiter)
    text = content[:100_000].decode("utf-8-sig", errors="replace")
    try:
        rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), SHOWN_ROWS + 1))
    except csv.Error as error:
        raise InvalidRatingsError("{name} can't be read as CSV: {reason}.", name=name, reason=str(error)) from error
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    return Preview(header, tuple(tuple(row) for row in rows[1:]), guess_columns(header))


def guess_columns(header: tuple[str, ...]) -> dict[str, str | None]:
    """What each role seems to be called.

    >>> guess_columns(("Movie ID", "who", "stars"))
    {'user': None, 'item': 'Movie ID', 'rating': 'stars', 'timestamp': None}
    """
    known = {
        role: {plain_name(name) for name in names} | {plain_name(role + "Id")} for role, names in COLUMN_NAMES.items()
    }
    return {role: next((name for name in header if plain_name(name) in names), None) for role, names in known.items()}


def read(
    name: str,
    content: bytes,
    *,
    titles: bytes | None = None,
    columns: Mapping[str, str | None] | None = None,
    scale: RatingScale | None = None,
    leave_out: Collection[int] = (),
) -> Ratings:
    """The ratings of an upload.

    Args:
        name: of the file, whose ending tells the layout.
        content: all of it.
        titles: a CSV of titles; None where there is none.
        columns: role -> the column that it is; as guessed where None.
        scale: the rating scale; guessed where None.
        leave_out: numbers of rows that are passed over, such as the `rows` of the error that another attempt raised.

    Raises:
        InvalidRatingsError: it can't be used; all its faults by row.
    """
    name = _plain_file_name(name)
    _check_size(name, content)
    if columns is not None and name.lower().endswith(_WITH_COLUMNS):
        content = _with_header(name, content, columns)
    with tempfile.TemporaryDirectory(prefix="autorec-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        beside = None
        if titles is not None:
            beside = Path(folder) / "own titles.csv"
            beside.write_bytes(titles)
        ratings = read_ratings(
            path,
            items=beside,
            scale=scale,
            name=Path(name).stem,
            max_bytes=10 * LARGEST,
            leave_out=leave_out,
        )
    limits.check_ratings(name, ratings.num_ratings)
    if ratings.num_ratings < FEWEST or ratings.num_users < 2 or ratings.num_items < 2:
        raise InvalidRatingsError(
            "{name} holds {ratings} ratings of {items} items by {users} users. To learn from it takes {fewest} ratings "
            "or more, of several items by several users.",
            name=name,
            ratings=ratings.num_ratings,
            items=ratings.num_items,
            users=ratings.num_users,
            fewest=FEWEST,
        )
    return ratings


def _plain_file_name(name: str) -> str:
    """A browser's name of a file as one that every disk takes and a sentence can hold: no folders, and not long."""
    plain = re.sub(r"[\x00-\x1f\x7f]", " ", name.replace("\\", "/").rsplit("/", 1)[-1]).strip()
    short = plain.encode(errors="ignore")[-120:].decode(errors="ignore")
    return short if short.strip(". ") else "ratings.csv"


def largest() -> float:
    """Most bytes of a file that are accepted here. Raises InvalidSettingError where the limit is no number."""
    return min(LARGEST, 1e6 * settings.limits().upload_mb)


def _check_size(name: str, content: bytes) -> None:
    most = largest()
    if len(content) > most:
        raise InvalidRatingsError(
            "{name} has {size:.1f} MB; at most {most:.1f} MB are accepted. Give a file with fewer rows, or train on it "
            "with the command line.",
            name=name,
            size=len(content) / 1e6,
            most=most / 1e6,
        )


def _with_header(name: str, content: bytes, columns: Mapping[str, str | None]) -> bytes:
    """The content with a header that names the roles; as many lines as before, so rows keep their numbers."""
    try:
        line = first_line(content)
        delimiter = delimiter_of(line)
        check_columns(name, line, delimiter)
        header = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except UnicodeDecodeError as error:
        raise InvalidRatingsError(
            "Row {row} of {name} is not UTF-8 text. Save the file as CSV in UTF-8.", row=1, name=name
        ) from error
    except csv.Error as error:
        raise InvalidRatingsError(
            "Row {row} of {name} can't be read as CSV: {reason}.", row=1, name=name, reason=str(error)
        ) from error
    chosen = [column for column in columns.values() if column is not None]
    for column in chosen:
        if column not in header:
            raise InvalidRatingsError(
                "{name} has no column {column}. Its columns are {columns}.",
                name=name,
                column=column,
                columns=", ".join(header)[:300],
            )
        if chosen.count(column) > 1:
            raise InvalidRatingsError(
                "The column {column} can be only one of user, item, rating and time.", column=column
            )
    roles = {header.index(column): role for role, column in columns.items() if column is not None}
    written = io.StringIO()
    renamed = [roles.get(place, f"other {place}") for place in range(len(header))]
    csv.writer(written, delimiter=delimiter, lineterminator="").writerow(renamed)
    _, newline, rest = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n")
    return written.getvalue().encode() + newline + rest


class UploadStore:
    """The sets that visitors brought.

    Args:
        folder: made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, owner: str, name: str, ratings: Ratings) -> Upload:
        """Keeps a set for its owner.

        Raises:
            InvalidRatingsError: the owner has as many as are accepted.
            StorageError: the disk does not take it.
        """
        most = settings.limits().uploads
        if len(self.of(owner)) >= most:
            if not most:
                raise InvalidRatingsError("This server keeps no sets of visitors.")
            raise InvalidRatingsError(
                "You have as many sets as this server keeps for a visitor: {most}. Delete one first.", most=most
            )
        upload = Upload(
            id="".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(16)),
            name=Path(name).name[:100],
            num_ratings=ratings.num_ratings,
            num_users=ratings.num_users,
            num_items=ratings.num_items,
            scale=ratings.scale,
            created=time.time(),
        )
        folder = storage.make_folder(self._folder(owner, upload.id))
        by_user, items = ratings.by_user, ratings.items
        table = {"user": ratings.user_ids[by_user.rows], "item": items.ids[by_user.indices], "rating": by_user.values}
        if ratings.timestamps is not None:
            table["timestamp"] = ratings.timestamps
        titles = io.StringIO()
        writer = csv.writer(titles, lineterminator="\n")
        writer.writerow(["item", "title", "genres", "year"])
        known = zip(items.ids.tolist(), items.titles.tolist(), items.genres, items.years.tolist(), strict=True)
        for item, title, genres, year in known:
            texts = [as_text(text) if isinstance(text, str) else text for text in (item, title, "|".join(genres))]
            writer.writerow([*texts, year or ""])
        try:
            storage.replace_file(folder / "titles.csv", titles.getvalue().encode())
            storage.replace_file(folder / "ratings.parquet", lambda path: pq.write_table(pa.table(table), path))
            storage.replace_file(folder / "upload.json", json.dumps(asdict(upload)).encode())  # last: now it is there
        except StorageError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return upload

    def of(self, owner: str) -> list[Upload]:
        """An owner's sets, newest first."""
        found = []
        with contextlib.suppress(OSError, NotFoundError):
            for folder in self._folder(owner).iterdir():
                with contextlib.suppress(NotFoundError):
                    found.append(self.get(owner, folder.name))
        return sorted(found, key=lambda upload: -upload.created)

    def get(self, owner: str, upload_id: str) -> Upload:
        """One set of an owner's.

        Raises:
            NotFoundError: the owner has none of this id.
        """
        try:
            values = json.loads((self._folder(owner, upload_id) / "upload.json").read_text(encoding="utf-8"))
            return Upload(**{**values, "scale": RatingScale(**values["scale"])})
        except (OSError, ValueError, TypeError, KeyError, RecursionError, AutoRecError) as error:
            raise NotFoundError("These ratings are not here any more. Bring them again.") from error

    def source(self, owner: str, upload_id: str) -> Source:
        """What a run on it is told to load.

        Raises:
            NotFoundError: the owner has none of this id.
        """
        upload, folder = self.get(owner, upload_id), self._folder(owner, upload_id).resolve()
        return Source(
            ratings=str(folder / "ratings.parquet"),
            items=str(folder / "titles.csv"),
            scale=(upload.scale.low, upload.scale.high, upload.scale.step),
            name=upload.name,
        )

    def delete(self, owner: str, upload_id: str) -> None:
        """Removes a set for good; what was trained on it stays.

        Raises:
            NotFoundError: the owner has none of this id.
            StorageError: the disk does not let it go.
        """
        self.get(owner, upload_id)
        folder = self._folder(owner, upload_id)
        try:
            (folder / "ratings.parquet").unlink(missing_ok=True)
            shutil.rmtree(folder)
        except OSError as error:
            raise StorageError("Can't delete these ratings: {reason}.", reason=error.strerror) from error

    def _folder(self, owner: str, upload_id: str | None = None) -> Path:
        if not _OWNER.fullmatch(owner) or (upload_id is not None and not _ID.fullmatch(upload_id)):
            raise NotFoundError("These ratings are not here.")
        return self.folder / owner if upload_id is None else self.folder / owner / upload_id
