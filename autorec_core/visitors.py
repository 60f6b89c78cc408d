"""The ratings of the people who click: one row a visitor and movie, committed before anybody says saved.

SQLite by default, with nothing to start; PostgreSQL by its URL. A visitor is known by an unguessable id, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from autorec_core import storage, visitor_schema
from autorec_core.errors import InvalidRatingsError, Sentence, StorageError
from autorec_core.visitor_schema import OF_VISITORS
from autorec_core.visitor_schema import before_import as _before_import
from autorec_core.visitor_schema import passed_over as _passed_over
from autorec_core.visitor_schema import ratings as _ratings

SECONDS_TO_WAIT = 5
"""How long a write waits for another one, or a connection for its server, before it gives up."""

A_MOMENT = 1e-6
"""Seconds by which a rating is newer than one before it, where the clock does not say so."""

PASSED_OVER = ("not interested", "not seen")
"""Why a movie is passed over: never to be recommended again, or never to be asked about again."""

_VISITOR_ID = re.compile(r"[A-Za-z0-9_-]{43}")


def new_visitor_id() -> str:
    """An id of 256 random bits, as text of 43 characters."""
    return secrets.token_urlsafe(32)


def is_visitor_id(text: object) -> bool:
    """Whether something that a browser sent could be what `new_visitor_id` gave."""
    return isinstance(text, str) and _VISITOR_ID.fullmatch(text) is not None


def owner_of(visitor_id: str) -> str:
    """What a run's folder may say of the visitor who started it: a digest that does not lead back to the id."""
    return hashlib.sha256(f"owner {visitor_id}".encode()).hexdigest()[:16]


class VisitorStore:
    """Visitors' ratings in a database. All methods may be called from any thread.

    Args:
        url: an SQLAlchemy URL of an SQLite or PostgreSQL database.

    Raises:
        StorageError: the database can't be opened.
    """

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite")
        self._file: Path | None = None
        self._opened: object = None
        self._lock = threading.Lock()
        try:
            if self._is_sqlite:
                path = sa.make_url(url).database
                if path and path != ":memory:" and not path.startswith("file:"):  # a URI names an existing place
                    self._file = Path(path)
                    storage.make_folder(self._file.parent)
                self._engine = sa.create_engine(url, connect_args={"timeout": SECONDS_TO_WAIT})
                sa.event.listen(self._engine, "connect", _prepare_sqlite)
            else:
                own = sa.make_url(url).query  # what the URL says for itself stands
                patience = {} if "connect_timeout" in own else {"connect_timeout": SECONDS_TO_WAIT}
                self._engine = sa.create_engine(url, pool_pre_ping=True, connect_args=patience)
                sa.event.listen(self._engine, "connect", _prepare_postgresql)
            visitor_schema.bring_up_to_date(self._engine)
            self._opened = _identity(self._file)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise StorageError("The ratings' database can't be opened: {reason}.", reason=_reason(error)) from error

    def rate(self, visitor_id: str, catalogue: str, item_id: object, rating: float) -> None:
        """Keeps a rating in place of any earlier one; it is committed when this returns.

        Args:
            visitor_id: of the visitor.
            catalogue: which item ids these are.
            item_id: of the item.
            rating: in rating units.

        Raises:
            InvalidRatingsError: the rating is not finite.
            StorageError: the database did not take it; the earlier rating, if any, still stands.
        """
        _check(rating)
        now = time.time()
        newest = sa.select(sa.func.max(_ratings.c.rated_at)).where(*_of(_ratings, visitor_id, catalogue))
        latest = newest.scalar_subquery()
        values = {
            "visitor_id": visitor_id,
            "catalogue": catalogue,
            "item_id": str(item_id),
            "rating": float(rating),
            # After those that were given before, though the clock was set back since.
            "rated_at": sa.case((latest >= now, latest + A_MOMENT), else_=now),
        }
        statement = self._insert(_ratings).values(**values)
        statement = statement.on_conflict_do_update(
            index_elements=["visitor_id", "catalogue", "item_id"],
            set_={"rating": statement.excluded.rating, "rated_at": statement.excluded.rated_at},
        )
        with self._transaction(Sentence("save the rating")) as connection:
            connection.execute(statement)

    def clear(self, visitor_id: str, catalogue: str, item_id: object) -> None:
        """Removes a rating where there is one. Raises StorageError as `rate` does."""
        with self._transaction(Sentence("remove the rating")) as connection:
            connection.execute(
                sa.delete(_ratings).where(
                    _ratings.c.visitor_id == visitor_id,
                    _ratings.c.catalogue == catalogue,
                    _ratings.c.item_id == str(item_id),
                )
            )

    def ratings_of(self, visitor_id: str, catalogue: str) -> dict[str, float]:
        """A visitor's ratings of a catalogue: item id as text -> rating, newest first.

        Raises:
            StorageError: the database does not answer.
        """
        query = (
            sa.select(_ratings.c.item_id, _ratings.c.rating)
            .where(_ratings.c.visitor_id == visitor_id, _ratings.c.catalogue == catalogue)
            .order_by(_ratings.c.rated_at.desc(), _ratings.c.item_id)
        )
        with self._transaction(Sentence("read the ratings")) as connection:
            return {row.item_id: row.rating for row in connection.execute(query)}

    def rating_of(self, visitor_id: str, catalogue: str, item_id: object) -> float | None:
        """One rating, or None where there is none. Raises StorageError as `ratings_of` does."""
        chosen = (*_of(_ratings, visitor_id, catalogue), _ratings.c.item_id == str(item_id))
        with self._transaction(Sentence("read the ratings")) as connection:
            found = connection.execute(sa.select(_ratings.c.rating).where(*chosen)).scalar()
        return None if found is None else float(found)

    def rate_many(
        self, visitor_id: str, catalogue: str, ratings: Mapping[str, tuple[float, float | None]], *, replace: bool
    ) -> None:
        """Keeps many ratings at once, all or none; `undo_import` takes them back.

        Args:
            visitor_id: of the visitor.
            catalogue: which item ids these are.
            ratings: item id as text -> rating in rating units, and when it was given in seconds since 1970 (None: now).
            replace: whether the visitor's other ratings of the catalogue go; else they stay, and these win over them.

        Raises:
            InvalidRatingsError: a rating or its moment is not finite.
            StorageError: the database did not take them; all earlier ratings still stand.
        """
        now = time.time()
        for rating, rated_at in ratings.values():
            _check(rating, now if rated_at is None else rated_at)
        rows = [
            {
                "visitor_id": visitor_id,
                "catalogue": catalogue,
                "item_id": item_id,
                "rating": float(rating),
                "rated_at": now if rated_at is None else float(rated_at),
            }
            for item_id, (rating, rated_at) in ratings.items()
        ]
        with self._transaction(Sentence("save the ratings")) as connection:
            self._keep_for_undo(connection, visitor_id, catalogue, now)
            if replace:
                connection.execute(sa.delete(_ratings).where(*_of(_ratings, visitor_id, catalogue)))
            if rows:
                statement = self._insert(_ratings)
                statement = statement.on_conflict_do_update(
                    index_elements=["visitor_id", "catalogue", "item_id"],
                    set_={"rating": statement.excluded.rating, "rated_at": statement.excluded.rated_at},
                )
                connection.execute(statement, rows)

    def _keep_for_undo(self, connection: sa.Connection, visitor_id: str, catalogue: str, now: float) -> None:
        query = sa.select(_ratings.c.item_id, _ratings.c.rating, _ratings.c.rated_at)
        before = [list(row) for row in connection.execute(query.where(*_of(_ratings, visitor_id, catalogue)))]
        statement = self._insert(_before_import).values(
            visitor_id=visitor_id, catalogue=catalogue, ratings=json.dumps(before), imported_at=now
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["visitor_id", "catalogue"],
                set_={"ratings": statement.excluded.ratings, "imported_at": statement.excluded.imported_at},
            )
        )

    def can_undo_import(self, visitor_id: str, catalogue: str) -> bool:
        """Whether there is an import to take back. Raises StorageError as `ratings_of` does."""
        with self._transaction(Sentence("read the ratings")) as connection:
            query = sa.select(_before_import.c.imported_at).where(*_of(_before_import, visitor_id, catalogue))
            return connection.execute(query).first() is not None

    def undo_import(self, visitor_id: str, catalogue: str) -> bool:
        """Makes the ratings of a catalogue what they were before the last import, ratings given since included.

        Returns:
            Whether there was an import to take back.

        Raises:
            StorageError: the database did not take it; all ratings are as they were.
        """
        with self._transaction(Sentence("take the import back")) as connection:
            query = sa.select(_before_import.c.ratings).where(*_of(_before_import, visitor_id, catalogue))
            found = connection.execute(query).scalar()
            if found is None:
                return False
            connection.execute(sa.delete(_ratings).where(*_of(_ratings, visitor_id, catalogue)))
            names = ("item_id", "rating", "rated_at")
            rows = [
                {"visitor_id": visitor_id, "catalogue": catalogue, **dict(zip(names, row, strict=True))}
                for row in json.loads(found)
            ]
            if rows:
                connection.execute(sa.insert(_ratings), rows)
            connection.execute(sa.delete(_before_import).where(*_of(_before_import, visitor_id, catalogue)))
            return True

    def pass_over(self, visitor_id: str, catalogue: str, item_id: object, reason: str) -> None:
        """Remembers that a movie is not to be recommended, or not to be asked about.

        Args:
            visitor_id: of the visitor.
            catalogue: which item ids these are.
            item_id: of the item.
            reason: one of `PASSED_OVER`.

        Raises:
            StorageError: the database did not take it.
        """
        if reason not in PASSED_OVER:
            raise ValueError(f"reason must be one of {PASSED_OVER}, got {reason!r}.")
        statement = self._insert(_passed_over).values(
            visitor_id=visitor_id, catalogue=catalogue, item_id=str(item_id), reason=reason, said_at=time.time()
        )
        with self._transaction(Sentence("remember the choice")) as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def take_up_again(self, visitor_id: str, catalogue: str, reason: str, item_id: object | None = None) -> None:
        """Forgets what `pass_over` remembered, of one movie or of all. Raises StorageError as `pass_over` does."""
        chosen = [*_of(_passed_over, visitor_id, catalogue), _passed_over.c.reason == reason]
        if item_id is not None:
            chosen.append(_passed_over.c.item_id == str(item_id))
        with self._transaction(Sentence("forget the choice")) as connection:
            connection.execute(sa.delete(_passed_over).where(*chosen))

    def passed_over(self, visitor_id: str, catalogue: str, reason: str) -> list[str]:
        """Item ids as text, the latest first. Raises StorageError as `ratings_of` does."""
        query = (
            sa.select(_passed_over.c.item_id)
            .where(*_of(_passed_over, visitor_id, catalogue), _passed_over.c.reason == reason)
            .order_by(_passed_over.c.said_at.desc(), _passed_over.c.item_id)
        )
        with self._transaction(Sentence("read the ratings")) as connection:
            return list(connection.execute(query).scalars())

    def moments_of(self, visitor_id: str, catalogue: str) -> dict[str, float]:
        """When each rating was given: item id as text -> seconds since 1970. Raises StorageError as `ratings_of`."""
        query = sa.select(_ratings.c.item_id, _ratings.c.rated_at).where(*_of(_ratings, visitor_id, catalogue))
        with self._transaction(Sentence("read the ratings")) as connection:
            return {row.item_id: row.rated_at for row in connection.execute(query)}

    def everything_of(self, visitor_id: str) -> dict[str, list[dict[str, Any]]]:
        """All that is stored of a visitor, by table, without the id itself. Raises StorageError as `ratings_of`."""
        found = {}
        with self._transaction(Sentence("read what is stored")) as connection:
            for table in OF_VISITORS:
                columns = [column for column in table.columns if column.name != "visitor_id"]
                query = sa.select(*columns).where(table.c.visitor_id == visitor_id)
                found[table.name] = [dict(row._mapping) for row in connection.execute(query)]
        return found

    def forget(self, visitor_id: str) -> int:
        """Removes all that is stored of a visitor, for good; how many ratings there were. Raises as `rate` does."""
        removed = 0
        with self._transaction(Sentence("remove the ratings")) as connection:
            for table in OF_VISITORS:
                gone = connection.execute(sa.delete(table).where(table.c.visitor_id == visitor_id)).rowcount
                removed += gone if table is _ratings else 0
        return removed

    def count(self) -> tuple[int, int]:
        """How many visitors have rated, and how many ratings there are. Raises StorageError as `ratings_of` does."""
        query = sa.select(sa.func.count(sa.distinct(_ratings.c.visitor_id)), sa.func.count())
        with self._transaction(Sentence("count the ratings")) as connection:
            visitors, ratings = connection.execute(query.select_from(_ratings)).one()
        return int(visitors), int(ratings)

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()

    def _follow_file(self) -> None:
        """Opens the database anew where its file was deleted or replaced.

        A file that is deleted lives on for whoever has it open, and takes what is written to it along in the end.
        """
        if self._file is None or _identity(self._file) == self._opened:
            return
        with self._lock:
            if _identity(self._file) != self._opened:
                self._opened = object()  # the number of a file that is closed may soon be that of another
                self._engine.dispose()
                storage.make_folder(self._file.parent)
                visitor_schema.bring_up_to_date(self._engine)
                self._opened = _identity(self._file)

    def _insert(self, table: sa.Table) -> Any:
        return sqlite.insert(table) if self._is_sqlite else postgresql.insert(table)

    @contextmanager
    def _transaction(self, what: Sentence) -> Iterator[sa.Connection]:
        try:
            self._follow_file()
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise StorageError(
                "Could not {what}: {reason}. Nothing was lost; try again.", what=what, reason=_reason(error)
            ) from error


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Which file stands under a name; None where none does."""
    try:
        found = None if file is None else file.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def _check(*numbers: float) -> None:
    # SQLite refuses NaN and PostgreSQL keeps it; either way no rating is meant.
    if not all(math.isfinite(number) for number in numbers):
        raise InvalidRatingsError("A rating and its moment are finite numbers, got {numbers}.", numbers=str(numbers))


def _of(table: sa.Table, visitor_id: str, catalogue: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.visitor_id == visitor_id, table.c.catalogue == catalogue)


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    # WAL: readers and the writer do not wait for each other. FULL: what was shown as saved survives a power cut; it
    # costs one flush a click, which nobody feels. A database that can't be written stays as it is, for reading.
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        try:
            cursor.execute(f"PRAGMA {pragma}")
        except Exception as error:  # the driver's own classes differ
            if "readonly" not in str(error) and "locked" not in str(error):
                raise
    cursor.close()


def _prepare_postgresql(connection: Any, _: object) -> None:
    connection.autocommit = True  # else the setting would go with the first transaction that fails
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {round(1000 * SECONDS_TO_WAIT)}")
    connection.autocommit = False


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error)
    if "locked" in text or "lock timeout" in text:
        return Sentence("the database is locked by another program")
    if "readonly" in text or "read-only" in text:
        return Sentence("the database is read-only")
    if "full" in text or "No space left" in text:
        return Sentence("the disk is full")
    return text.splitlines()[0]
