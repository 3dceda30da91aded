"""Statements that SQLite and Postgres both know but SQLAlchemy spells once per dialect."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


def insert_or_ignore(conn: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert one row unless its key is taken; True when it was inserted."""
    if conn.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as inserted
    else:
        from sqlalchemy.dialects.postgresql import insert as inserted
    insert = inserted(table).values(dict(values)).on_conflict_do_nothing()
    # Not by the row count: Postgres' driver gives none for inserts.
    return conn.execute(insert.returning(*table.primary_key.columns)).first() is not None


def fields(row: sa.Row[Any]) -> dict[str, Any]:
    """A row as column name -> value."""
    return dict(row._mapping)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - documented as public
