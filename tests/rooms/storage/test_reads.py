"""A read sees one moment, and changes nothing."""

from concurrent.futures import ThreadPoolExecutor
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


def test_a_fault_in_a_query_is_told_without_its_text(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        database.read_sync(lambda conn: conn.execute(sa.text("SELECT canary FROM nowhere")))
    assert "canary" not in f"{caught.value.problem()}"
