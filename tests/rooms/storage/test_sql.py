"""What is spelt once for both databases means the same on both."""

import time

import sqlalchemy as sa

from swarmstead.people.tables import environments, tenants
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.sql import DatabaseNow, insert_or_ignore
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
