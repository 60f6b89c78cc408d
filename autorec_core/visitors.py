"""The ratings of the people who click: one row a visitor and movie, committed before anybody says saved.

SQLite by default, with nothing to start; PostgreSQL by its URL. A visitor is known by an unguessable id, nothing else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from autorec_core import storage
from autorec_core.errors import StorageError

SCHEMA_VERSION = 1
SECONDS_TO_WAIT = 5
"""How long a write waits for another one before it gives up."""

_metadata = sa.MetaData()
_schema = sa.Table("schema_version", _metadata, sa.Column("version", sa.Integer, primary_key=True))
_ratings = sa.Table(
    "visitor_ratings",
    _metadata,
    sa.Column("visitor_id", sa.String(64), primary_key=True),
    sa.Column("catalogue", sa.String(200), primary_key=True),
    sa.Column("item_id", sa.String(200), primary_key=True),
    sa.Column("rating", sa.Float, nullable=False),
    sa.Column("rated_at", sa.Float, nullable=False),
)

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
        try:
            if self._is_sqlite:
                path = sa.make_url(url).database
                if path and path != ":memory:" and not path.startswith("file:"):  # a URI names an existing place
                    storage.make_folder(Path(path).parent)
                self._engine = sa.create_engine(url, connect_args={"timeout": SECONDS_TO_WAIT})
                sa.event.listen(self._engine, "connect", _prepare_sqlite)
            else:
                self._engine = sa.create_engine(url, pool_pre_ping=True)
            with self._engine.begin() as connection:
                for table in _metadata.sorted_tables:  # another process may be making them at this very moment
                    connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                found = connection.execute(sa.select(_schema.c.version)).scalar()
                if found is None:
                    first = self._insert(_schema).values(version=SCHEMA_VERSION)
                    connection.execute(first.on_conflict_do_nothing())
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise StorageError(f"The ratings' database can't be opened: {_reason(error)}.") from error
        if found is not None and found > SCHEMA_VERSION:
            raise StorageError(f"The ratings' database is of a newer version ({found}) of this app. Update the app.")

    def rate(self, visitor_id: str, catalogue: str, item_id: object, rating: float) -> None:
        """Keeps a rating in place of any earlier one; it is committed when this returns.

        Args:
            visitor_id: of the visitor.
            catalogue: which item ids these are.
            item_id: of the item.
            rating: in rating units.

        Raises:
            StorageError: the database did not take it; the earlier rating, if any, still stands.
        """
        values = {
            "visitor_id": visitor_id,
            "catalogue": catalogue,
            "item_id": str(item_id),
            "rating": float(rating),
            "rated_at": time.time(),
        }
        statement = self._insert(_ratings).values(**values)
        statement = statement.on_conflict_do_update(
            index_elements=["visitor_id", "catalogue", "item_id"],
            set_={"rating": statement.excluded.rating, "rated_at": statement.excluded.rated_at},
        )
        with self._transaction("save the rating") as connection:
            connection.execute(statement)

    def clear(self, visitor_id: str, catalogue: str, item_id: object) -> None:
        """Removes a rating where there is one. Raises StorageError as `rate` does."""
        with self._transaction("remove the rating") as connection:
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
        with self._transaction("read the ratings") as connection:
            return {row.item_id: row.rating for row in connection.execute(query)}

    def forget(self, visitor_id: str) -> int:
        """Removes all ratings of a visitor, for good; how many there were. Raises StorageError as `rate` does."""
        with self._transaction("remove the ratings") as connection:
            return connection.execute(sa.delete(_ratings).where(_ratings.c.visitor_id == visitor_id)).rowcount

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()

    def _insert(self, table: sa.Table) -> Any:
        return sqlite.insert(table) if self._is_sqlite else postgresql.insert(table)

    @contextmanager
    def _transaction(self, what: str) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise StorageError(f"Could not {what}: {_reason(error)}. Nothing was lost; try again.") from error


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


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error)
    if "locked" in text:
        return "the database is locked by another program"
    if "readonly" in text or "read-only" in text:
        return "the database is read-only"
    if "full" in text:
        return "the disk is full"
    return text.splitlines()[0]
