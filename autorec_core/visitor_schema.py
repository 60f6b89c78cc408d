"""The tables of the visitors' database, and how a database that an older app wrote becomes one of this app.

A database says of which version it is. The steps after that version are taken in order and in one transaction: either
all of them, or the database stays as it was. What visitors rated is never thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from autorec_core.errors import StorageError

_metadata = sa.MetaData()
ratings = sa.Table(
    "visitor_ratings",
    _metadata,
    sa.Column("visitor_id", sa.String(64), primary_key=True),
    sa.Column("catalogue", sa.String(200), primary_key=True),
    sa.Column("item_id", sa.String(200), primary_key=True),
    sa.Column("rating", sa.Float, nullable=False),
    sa.Column("rated_at", sa.Float, nullable=False),
)
passed_over = sa.Table(
    "visitor_not_interested",
    _metadata,
    sa.Column("visitor_id", sa.String(64), primary_key=True),
    sa.Column("catalogue", sa.String(200), primary_key=True),
    sa.Column("item_id", sa.String(200), primary_key=True),
    sa.Column("reason", sa.String(20), primary_key=True),
    sa.Column("said_at", sa.Float, nullable=False),
)
before_import = sa.Table(
    "visitor_before_import",
    _metadata,
    sa.Column("visitor_id", sa.String(64), primary_key=True),
    sa.Column("catalogue", sa.String(200), primary_key=True),
    sa.Column("ratings", sa.Text, nullable=False),
    sa.Column("imported_at", sa.Float, nullable=False),
)
OF_VISITORS = (ratings, passed_over, before_import)
"""Every table that knows a visitor; a test holds this against all tables."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE IF NOT EXISTS visitor_ratings (visitor_id VARCHAR(64) NOT NULL, catalogue VARCHAR(200) NOT NULL, "
        "item_id VARCHAR(200) NOT NULL, rating FLOAT NOT NULL, rated_at FLOAT NOT NULL, "
        "PRIMARY KEY (visitor_id, catalogue, item_id))",
    ),
    (  # Some databases of version 1 have these already: the app once made what was missing without counting up.
        "CREATE TABLE IF NOT EXISTS visitor_not_interested (visitor_id VARCHAR(64) NOT NULL, "
        "catalogue VARCHAR(200) NOT NULL, item_id VARCHAR(200) NOT NULL, reason VARCHAR(20) NOT NULL, "
        "said_at FLOAT NOT NULL, PRIMARY KEY (visitor_id, catalogue, item_id, reason))",
        "CREATE TABLE IF NOT EXISTS visitor_before_import (visitor_id VARCHAR(64) NOT NULL, "
        "catalogue VARCHAR(200) NOT NULL, ratings TEXT NOT NULL, imported_at FLOAT NOT NULL, "
        "PRIMARY KEY (visitor_id, catalogue))",
    ),
)
"""The statements that lead from each version to the next, the first from an empty database to version 1.

They are SQL that SQLite and PostgreSQL both read. A step that has been released is never changed: a database out there
was made by it. What must change is a new step at the end, and the tables above are what all steps together make.
"""

_VERSION_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)"
_ONE_AT_A_TIME = 7_281_640_915
"""Number of the advisory lock under which a PostgreSQL database is changed; any number that nobody else uses."""


def version_of(connection: sa.Connection) -> int:
    """Of which version a database is; 0 for an empty one."""
    if not sa.inspect(connection).has_table("schema_version"):
        return 0
    return int(connection.execute(sa.text("SELECT max(version) FROM schema_version")).scalar() or 0)


def bring_up_to_date(engine: sa.Engine, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Takes the steps that a database lacks, all or none. Several processes may do so at once.

    Args:
        engine: of the database.
        steps: as `STEPS`.

    Raises:
        StorageError: a newer app wrote the database.
        sqlalchemy.exc.SQLAlchemyError: a step failed; the database is as it was.
    """
    with engine.connect() as connection:
        found = version_of(connection)  # a database that is up to date is only read: it may be locked or read-only
    if found < len(steps):
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
            found = version_of(connection)  # another process may have been faster
            for step in steps[found:]:
                for statement in step:
                    connection.exec_driver_sql(statement)
            connection.exec_driver_sql(_VERSION_TABLE)
            connection.exec_driver_sql("DELETE FROM schema_version")
            connection.exec_driver_sql(f"INSERT INTO schema_version (version) VALUES ({max(found, len(steps))})")
    if found > len(steps):
        raise StorageError(f"The ratings' database is of a newer version ({found}) of this app. Update the app.")
