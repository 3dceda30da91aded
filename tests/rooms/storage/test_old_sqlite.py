"""SQLite before 3.42 (Debian 12 has 3.40) lacks `unixepoch('subsec')`, which the durable engine's tables default to."""

import sqlite3

import pytest
import sqlalchemy as sa

from swarmstead.storage import engines
from swarmstead.storage.engines import make_engine, make_workflow_engine

_NOW_S = 1_763_804_315.123


@pytest.fixture(params=[make_engine, make_workflow_engine])
def engine(request: pytest.FixtureRequest, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    """Our engine and the durable engine's, as they are made on an old SQLite; its clock stands still."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    monkeypatch.setattr(engines.time, "time", lambda: _NOW_S)
    made: sa.Engine = request.param(sqlite_url)
    return made


def test_it_is_supplied_with_fractions_of_a_second(engine: sa.Engine) -> None:
    with engine.begin() as conn:
        assert conn.exec_driver_sql("SELECT unixepoch('subsec')").scalar() == _NOW_S
        assert conn.exec_driver_sql("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)").scalar() == 1_763_804_315_123
        conn.exec_driver_sql("CREATE TABLE t (at INTEGER DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), x)")
        conn.exec_driver_sql("INSERT INTO t (x) VALUES (1)")
        assert conn.exec_driver_sql("SELECT at FROM t").scalar() == 1_763_804_315_123
    engine.dispose()


def test_a_newer_sqlite_keeps_its_own(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 42, 0))
    monkeypatch.setattr(engines.time, "time", lambda: _NOW_S)
    engine = make_engine(sqlite_url)
    with engine.begin() as conn:
        assert conn.exec_driver_sql("SELECT unixepoch()").scalar() != _NOW_S
    engine.dispose()
