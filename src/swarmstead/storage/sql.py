"""Statements that SQLite and Postgres both know but SQLAlchemy spells once per dialect."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from swarmstead.kernel.clock import Clock
from swarmstead.storage.tables import Millis


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


class DatabaseNow(FunctionElement[int]):
    """Milliseconds since the epoch by the database's clock, at the moment and not at the transaction's beginning.

    For times that several machines compare: their own clocks do not agree.
    """

    type = Millis()
    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def _now_on_postgres(_element: DatabaseNow, _compiler: SQLCompiler, **_more: Any) -> str:
    return "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"


@compiles(DatabaseNow, "sqlite")
def _now_on_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_more: Any) -> str:
    return "CAST(unixepoch('subsec') * 1000 AS INTEGER)"


class SharedNow(FunctionElement[int]):
    """The time that all processes of a database agree on, in a statement: the database's, or, on SQLite, the one given.

    On SQLite there is one process, and its clock is everybody's.
    """

    type = Millis()
    inherit_cache = True


@compiles(SharedNow, "postgresql")
def _shared_on_postgres(_element: SharedNow, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(DatabaseNow(), **more)


@compiles(SharedNow, "sqlite")
def _shared_on_sqlite(element: SharedNow, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.clause_expr, **more)


def shared_now(conn: sa.Connection, clock: Clock) -> int:
    """`SharedNow` as a number. Cost: a statement on Postgres, none on SQLite."""
    if conn.dialect.name == "sqlite":
        return clock.now_ms()
    return conn.execute(sa.select(DatabaseNow())).scalar_one()
