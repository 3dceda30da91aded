"""SQLAlchemy engines with the settings each database needs to be safe. The only place that knows pragmas.

Values never show in an engine's errors and logs: they may be payloads, and what is logged is not for everybody.
"""

import os
import sqlite3
import time
from contextlib import suppress
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import PoolProxiedConnection, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from swarmstead.storage.turns import Turns

BUSY_TIMEOUT_MS = 10_000


def is_sqlite(engine: sa.Engine) -> bool:
    """Whether this engine speaks SQLite."""
    return engine.dialect.name == "sqlite"


def make_engine(url: str, *, readonly: bool = False, pool_size: int = 4) -> sa.Engine:
    """An engine for our own tables.

    SQLite: WAL, synchronous=FULL (a commit survives a power cut), foreign keys on, `BEGIN IMMEDIATE` for writers so
    that a transaction never fails half way for want of the lock. Postgres: READ COMMITTED, and rows that need it are
    locked; readers see one snapshot per transaction.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        parsed = parsed.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(parsed, pool_size=pool_size, max_overflow=0, pool_pre_ping=True, hide_parameters=True)
        if readonly:
            event.listen(engine, "connect", _read_snapshots)
        return engine
    engine = sa.create_engine(parsed, pool_size=pool_size, max_overflow=0, hide_parameters=True)
    # Not by a listener to "begin": an engine that has one calls its listeners before and after every statement too.
    begin = "BEGIN" if readonly else "BEGIN IMMEDIATE"

    def do_begin(dbapi_connection: PoolProxiedConnection) -> None:
        dbapi_connection.cursor().execute(begin)

    engine.dialect.do_begin = do_begin
    if not readonly:
        _make_private(parsed.database)
        _take_turns(engine)

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves
        _safe_pragmas(connection)
        if readonly:
            connection.execute("PRAGMA query_only=ON")

    return engine


def _make_private(path: str | None) -> None:
    """SQLite makes its file as the process' umask has it, and the files beside it (-wal, -shm) as that one is.

    A file that is there is not opened: closing it again would drop every lock that this process has on it.
    """
    if path and path != ":memory:":
        with suppress(OSError):  # SQLite itself says what is wrong with the place
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _read_snapshots(connection: Any, _record: Any) -> None:
    """Have a Postgres connection read one moment per transaction, as SQLite does by itself, and write nothing."""
    from psycopg import IsolationLevel

    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def make_workflow_engine(url: str) -> sa.Engine:
    """An engine for the durable engine's own tables, which live in the same file or database as ours."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=5,
            max_overflow=5,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    engine = sa.create_engine(parsed, pool_size=5, max_overflow=5, hide_parameters=True)
    _take_turns(engine)

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        _safe_pragmas(connection)

    return engine


@cache
def _turns_of(_url: sa.URL) -> Turns:
    return Turns(BUSY_TIMEOUT_MS / 1000)


def _take_turns(engine: sa.Engine) -> None:
    """Have the engine's transactions queue with those of every other engine on the same file."""
    turns, dialect = _turns_of(engine.url), engine.dialect
    begin, commit, rollback, close = dialect.do_begin, dialect.do_commit, dialect.do_rollback, dialect.do_close

    def do_begin(dbapi_connection: PoolProxiedConnection) -> None:
        turns.take(dbapi_connection.dbapi_connection)
        try:
            begin(dbapi_connection)
        except BaseException:
            turns.give(dbapi_connection.dbapi_connection)
            raise

    def do_commit(dbapi_connection: PoolProxiedConnection) -> None:
        try:
            commit(dbapi_connection)
        finally:
            turns.give(dbapi_connection.dbapi_connection)

    def do_rollback(dbapi_connection: PoolProxiedConnection) -> None:
        try:
            rollback(dbapi_connection)
        finally:
            turns.give(dbapi_connection.dbapi_connection)

    def do_close(dbapi_connection: DBAPIConnection) -> None:
        try:
            close(dbapi_connection)
        finally:
            turns.give(dbapi_connection)

    dialect.do_begin, dialect.do_commit = do_begin, do_commit
    dialect.do_rollback, dialect.do_close = do_rollback, do_close


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
