"""A read sees one moment, and changes nothing."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.storage.database import Database
from swarmstead.storage.errors import DatabaseUnavailable
from tests.rooms.storage.helpers import insert, names

_COUNT = sa.text("SELECT count(*) FROM tenants")


def test_a_read_is_one_snapshot_whatever_is_committed_meanwhile(database: Database) -> None:
    def read(conn: sa.Connection) -> tuple[Any, Any]:
        before = conn.execute(_COUNT).scalar()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(database.write_sync, insert("late")).result(30)
        return before, conn.execute(_COUNT).scalar()

    database.write_sync(insert("early"))
    assert database.read_sync(read) == (1, 1)
    assert names(database) == ["early", "late"]


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        database.read_sync(lambda conn: conn.execute(sa.text("INSERT INTO tenants (name, created_at) VALUES ('a', 1)")))
    assert names(database) == []


def test_a_pool_that_has_nothing_left_is_a_database_that_does_not_answer(database: Database) -> None:
    database.reader.pool._timeout = 0.01  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(database.reader.connect())
        with pytest.raises(DatabaseUnavailable, match="busy"):
            database.read_sync(lambda conn: conn.execute(_COUNT).scalar())
    assert database.read_sync(lambda conn: conn.execute(_COUNT).scalar()) == 0


async def test_a_long_scan_keeps_no_read_waiting(database: Database) -> None:
    go, scanning = threading.Event(), threading.Semaphore(0)

    def long(_conn: sa.Connection) -> int:
        scanning.release()
        assert go.wait(60)
        return 1

    scans = [asyncio.ensure_future(database.scan(long)) for _ in range(5)]
    assert await asyncio.to_thread(scanning.acquire, timeout=60)
    assert await asyncio.wait_for(database.read(lambda conn: conn.execute(_COUNT).scalar()), 30) == 0
    go.set()
    assert await asyncio.gather(*scans) == [1] * 5


def test_a_fault_in_a_query_is_told_without_its_text(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        database.read_sync(lambda conn: conn.execute(sa.text("SELECT canary FROM nowhere")))
    assert "canary" not in f"{caught.value.problem()}"
