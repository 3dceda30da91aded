"""SQLAlchemy engines with the settings each database needs to be safe. The only place that knows pragmas."""

import sqlite3
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

BUSY_TIMEOUT_MS = 10_000


def is_sqlite(engine: sa.Engine) -> bool:
    """Whether this engine speaks SQLite."""
    return engine.dialect.name == "sqlite"


def make_engine(url: str, *, readonly: bool = False, pool_size: int = 4) -> sa.Engine:
    """An engine for our own tables.

    SQLite: WAL, synchronous=FULL (a commit survives a power cut), foreign keys on, `BEGIN IMMEDIATE` for writers so
    that a transaction never fails half way for want of the lock. Postgres: READ COMMITTED; rows that need it are
    locked.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return sa.create_engine(parsed, pool_size=pool_size, max_overflow=0, pool_pre_ping=True)
    engine = sa.create_engine(parsed, pool_size=pool_size, max_overflow=0)
    begin = "BEGIN" if readonly else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves
        _safe_pragmas(connection)
        if readonly:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def make_workflow_engine(url: str) -> sa.Engine:
    """An engine for the durable engine's own tables, which live in the same file or database as ours."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_size=5, max_overflow=5, pool_pre_ping=True
        )
    engine = sa.create_engine(parsed, pool_size=5, max_overflow=5)

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        _safe_pragmas(connection)

    return engine


def _safe_pragmas(connection: sqlite3.Connection) -> None:
    if sqlite3.sqlite_version_info < (3, 42):
        connection.create_function("unixepoch", -1, _unixepoch)
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _unixepoch(*_modifiers: str) -> float:
    """SQLite before 3.42 does not know `unixepoch('subsec')`, which the durable engine's queries use."""
    return time.time()
