"""Locks held by others, full disks, deadlocks: bounded, explained, and nothing half written."""

import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from swarmstead.storage.database import Database, Tx
from swarmstead.storage.engines import make_engine, make_workflow_engine
from swarmstead.storage.errors import DatabaseLocked, DatabaseUnavailable, DiskFull, ValueRefused
from tests.rooms.storage.helpers import insert, names, write_together

_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_by_another_process(path: Path) -> Generator[None]:
    argv = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        yield


def statements_of(database: Database) -> list[str]:
    """From now on, every statement that the writer sends."""
    seen: list[str] = []

    def trace(tx: Tx) -> None:
        connection = tx.conn.connection.dbapi_connection
        assert connection is not None
        connection.set_trace_callback(seen.append)

    database.write_sync(trace)
    return seen


def pragma(database: Database, text: str) -> None:
    """Set something of the writer's connection, as a slow disk or an impatient operator would."""
    database.write_sync(lambda tx: tx.conn.execute(sa.text(f"PRAGMA {text}")).all())


# A lock held by another process --------------------------------------------------------------------------------------


async def test_a_lock_held_by_another_process_ends_in_a_clear_refusal(
    sqlite_database: Database, tmp_path: Path
) -> None:
    pragma(sqlite_database, "busy_timeout=50")
    with locked_by_another_process(tmp_path / "stead.db"):
        with pytest.raises(DatabaseLocked) as caught:
            await sqlite_database.write(insert("a"))
        assert "process that holds the file" in caught.value.way_out
        assert names(sqlite_database) == []
    await sqlite_database.write(insert("b"))
    assert names(sqlite_database) == ["b"]


async def test_those_who_queue_for_a_lock_wait_for_it_together_and_once(
    sqlite_database: Database, tmp_path: Path
) -> None:
    pragma(sqlite_database, "busy_timeout=50")
    statements = statements_of(sqlite_database)
    with ExitStack() as stack:

        def lock() -> None:
            stack.enter_context(locked_by_another_process(tmp_path / "stead.db"))
            statements.clear()

        outcomes = await write_together(sqlite_database, *map(insert, "abcde"), after=lock)
    assert [type(one) for one in outcomes] == [DatabaseLocked] * 5
    assert statements == ["BEGIN IMMEDIATE"]
    assert names(sqlite_database) == []


# A full disk ---------------------------------------------------------------------------------------------------------


def fill(name: str) -> sa.TextClause:
    big = sa.text("INSERT INTO environments (tenant, name, production) VALUES (:tenant, :big, false)")
    return big.bindparams(tenant=name, big="x" * 2_000_000)


def large(name: str) -> Callable[[Tx], str]:
    """A handler that writes a small row and one of 2 MB that belongs to it."""

    def handler(tx: Tx) -> str:
        insert(name)(tx)
        tx.conn.execute(fill(name))
        return name

    return handler


def with_room_for_one_megabyte(database: Database) -> None:
    """The file may not grow further than that: SQLite then reports what it reports on a full disk."""
    pages = database.write_sync(lambda tx: tx.conn.execute(sa.text("PRAGMA page_count")).scalar_one())
    size = database.write_sync(lambda tx: tx.conn.execute(sa.text("PRAGMA page_size")).scalar_one())
    pragma(database, f"max_page_count={pages + 1_000_000 // size}")


async def test_a_full_disk_is_named_and_keeps_nothing_of_the_change(sqlite_database: Database) -> None:
    await sqlite_database.write(insert("before"))
    with_room_for_one_megabyte(sqlite_database)
    with pytest.raises(DiskFull) as caught:
        await sqlite_database.write(large("a"))
    assert "Free space" in caught.value.way_out
    assert names(sqlite_database) == ["before"]


async def test_a_full_disk_refuses_only_what_does_not_fit(sqlite_database: Database) -> None:
    with_room_for_one_megabyte(sqlite_database)
    outcomes = await write_together(sqlite_database, insert("a"), large("b"), insert("c"))
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], DiskFull)
    assert outcomes[2] == "c"
    assert names(sqlite_database) == ["a", "c"]


async def test_writing_goes_on_when_there_is_room_again(sqlite_database: Database) -> None:
    with_room_for_one_megabyte(sqlite_database)
    with pytest.raises(DiskFull):
        await sqlite_database.write(large("a"))
    pragma(sqlite_database, "max_page_count=1000000")
    assert await sqlite_database.write(large("a")) == "a"
    check = sqlite_database.read_sync(lambda conn: conn.execute(sa.text("PRAGMA integrity_check")).scalars().all())
    assert check == ["ok"]


# Postgres changes its mind -------------------------------------------------------------------------------------------


def raise_sqlstate(code: str) -> sa.TextClause:
    return sa.text(f"DO $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '{code}'; END $$")


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_a_transaction_that_postgres_gives_up_is_run_again(postgres_database: Database, code: str) -> None:
    attempts: list[int] = []
    after: list[str] = []

    def handler(tx: Tx) -> str:
        attempts.append(1)
        insert("a")(tx)
        tx.after_commit(lambda: after.append("told"))
        if len(attempts) < 3:
            tx.conn.execute(raise_sqlstate(code))
        return "done"

    assert postgres_database.write_sync(handler) == "done"
    assert len(attempts) == 3
    assert after == ["told"]
    assert names(postgres_database) == ["a"]


def test_a_transaction_that_never_gets_through_ends(postgres_database: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        postgres_database.write_sync(lambda tx: tx.conn.execute(raise_sqlstate("40001")))
    assert "canary" not in f"{caught.value.problem()}"


def test_two_that_deadlock_both_get_through(postgres_database: Database) -> None:
    for name in "ab":
        postgres_database.write_sync(insert(name))
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    def crossing(first: str, second: str) -> Callable[[Tx], None]:
        def handler(tx: Tx) -> None:
            lock = sa.text("UPDATE tenants SET created_at = created_at + 1 WHERE name = :name")
            tx.conn.execute(lock, {"name": first})
            tries.append(first)
            if len(tries) <= 2:
                both_hold_one.wait(30)
            tx.conn.execute(lock, {"name": second})

        return handler

    with ThreadPoolExecutor(2) as pool:
        for outcome in [pool.submit(postgres_database.write_sync, crossing(*pair)) for pair in ("ab", "ba")]:
            outcome.result(60)
    assert len(tries) > 2
    times = postgres_database.read_sync(
        lambda conn: conn.execute(sa.text("SELECT created_at FROM tenants")).scalars().all()
    )
    assert times == [3, 3]


def test_a_value_that_postgres_cannot_hold_is_the_callers_fault(postgres_database: Database) -> None:
    for name in ("x" * 64, "nul\0"):
        with pytest.raises(ValueRefused) as caught:
            postgres_database.write_sync(insert(name))
        assert name not in caught.value.message
    assert names(postgres_database) == []


async def test_text_that_is_no_unicode_is_the_callers_fault(database: Database) -> None:
    outcomes = await write_together(database, insert("a"), insert("\ud800"), insert("b"))
    assert [type(one) for one in outcomes] == [str, ValueRefused, str]
    find = sa.text("SELECT 1 FROM tenants WHERE name = :name")
    with pytest.raises(ValueRefused):
        database.read_sync(lambda conn: conn.execute(find, {"name": "\ud800"}).all())
    assert names(database) == ["a", "b"]


@pytest.mark.parametrize("make", [make_engine, make_workflow_engine])
def test_values_do_not_show_in_the_drivers_errors(database_url: str, make: Callable[[str], sa.Engine]) -> None:
    engine = make(database_url)
    with pytest.raises(DBAPIError) as caught, engine.begin() as conn:
        conn.execute(sa.text("INSERT INTO nowhere (payload) VALUES (:payload)"), {"payload": "canary"})
    engine.dispose()
    assert "canary" not in str(caught.value)


def test_a_connection_that_was_cut_is_replaced(postgres_database: Database, postgres_url: str) -> None:
    postgres_database.write_sync(insert("a"))
    engine = sa.create_engine(sa.make_url(postgres_url).set(drivername="postgresql+psycopg"))
    others = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with engine.connect() as conn:
        assert any(conn.execute(others).scalars())
    engine.dispose()
    assert postgres_database.write_sync(insert("b")) == "b"
    assert names(postgres_database) == ["a", "b"]
