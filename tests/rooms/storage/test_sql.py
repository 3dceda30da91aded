"""What is spelt once for both databases means the same on both."""

import time

import sqlalchemy as sa

from swarmstead.people.tables import environments, tenants
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.sql import DatabaseNow, SharedNow, insert_or_ignore, shared_now
from tests.clocks import MovableClock
from tests.rooms.storage.helpers import names


def test_a_row_is_inserted_unless_its_key_is_taken_and_the_caller_is_told(database: Database) -> None:
    def both(tx: Tx, created_at: int) -> tuple[bool, bool]:
        return (
            insert_or_ignore(tx.conn, tenants, {"name": "a", "created_at": created_at}),
            insert_or_ignore(tx.conn, environments, {"tenant": "a", "name": "dev", "production": False}),
        )

    assert database.write_sync(lambda tx: both(tx, 1)) == (True, True)
    assert database.write_sync(lambda tx: both(tx, 2)) == (False, False)
    assert names(database) == ["a"]
    kept = database.read_sync(lambda conn: conn.execute(sa.select(tenants.c.created_at)).scalar())
    assert kept == 1


def test_the_databases_time_is_in_milliseconds_and_does_not_stand_still_in_a_transaction(database: Database) -> None:
    def moved_on(tx: Tx) -> int:
        first = now = tx.conn.execute(sa.select(DatabaseNow())).scalar_one()
        while now == first:
            now = tx.conn.execute(sa.select(DatabaseNow())).scalar_one()
        return now

    now = database.write_sync(moved_on)
    assert isinstance(now, int)
    assert abs(now / 1000 - time.time()) < 3600  # the same machine: only the unit could be wrong


def test_the_shared_time_is_the_databases_or_that_of_the_only_process(database: Database) -> None:
    clock = MovableClock(1_000_000)

    def both(tx: Tx) -> tuple[int, int, int]:
        in_statement, databases = tx.conn.execute(sa.select(SharedNow(clock.now_ms()) + 5, DatabaseNow())).one()
        return in_statement, databases, shared_now(tx.conn, clock)

    in_statement, databases, as_number = database.write_sync(both)
    if database.writer.dialect.name == "sqlite":
        assert (in_statement, as_number) == (1_000_005, 1_000_000)
    else:
        assert abs(in_statement - databases) < 60_000
        assert abs(as_number - databases) < 60_000
