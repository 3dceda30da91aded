"""A write commits whole or leaves nothing, whatever its neighbours in the same commit do."""

import asyncio
import threading
from collections.abc import Callable, Generator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from swarmstead.kernel.errors import Conflict
from swarmstead.storage.database import Database, Flusher, Tx
from swarmstead.storage.engines import make_engine
from swarmstead.storage.errors import DatabaseUnavailable
from tests.rooms.storage.helpers import busy_writer, insert, names, write_together

OpenWith = Callable[..., Database]


@pytest.fixture
def open_with(database_url: str) -> Generator[OpenWith]:
    """A database with flushers of the test's own."""
    opened: list[Database] = []

    def open_(*flushers: tuple[str, Flusher]) -> Database:
        opened.append(Database(make_engine(database_url), make_engine(database_url, readonly=True), flushers=flushers))
        return opened[-1]

    yield open_
    for database in opened:
        database.close()


def failing(name: str, error: Exception) -> Callable[[Tx], str]:
    def handler(tx: Tx) -> str:
        insert(name)(tx)
        raise error

    return handler


async def test_a_write_answers_and_can_be_read(database: Database) -> None:
    assert await database.write(insert("a")) == "a"
    assert names(database) == ["a"]


async def test_a_failing_handler_leaves_nothing_and_its_error_reaches_the_caller(database: Database) -> None:
    with pytest.raises(Conflict, match="no"):
        await database.write(failing("a", Conflict("no")))
    assert names(database) == []


async def test_a_failing_handler_does_not_disturb_its_neighbours(database: Database) -> None:
    await database.write(insert("taken"))
    outcomes = await write_together(
        database, insert("a"), failing("b", Conflict("no")), insert("c"), insert("taken"), insert("e")
    )
    assert [type(one) for one in outcomes] == [str, Conflict, str, IntegrityError, str]
    assert names(database) == ["a", "c", "e", "taken"]


async def test_many_writers_at_once_all_get_their_own_answer(database: Database) -> None:
    wanted = [f"n{number:03}" for number in range(300)]
    assert await asyncio.gather(*(database.write(insert(name)) for name in wanted)) == wanted
    assert names(database) == wanted


async def test_a_commit_that_fails_runs_its_handlers_again_one_by_one(sqlite_database: Database) -> None:
    """One of three breaks a foreign key, which SQLite finds out at the commit only."""
    calls: list[str] = []

    def orphan(tx: Tx) -> None:
        calls.append("orphan")
        tx.conn.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
        tx.conn.execute(sa.text("INSERT INTO environments (tenant, name, production) VALUES ('nobody', 'x', false)"))

    def counted(name: str) -> Callable[[Tx], str]:
        return lambda tx: calls.append(name) or insert(name)(tx)

    outcomes = await write_together(sqlite_database, counted("a"), orphan, counted("b"))
    assert calls == ["a", "orphan", "b"] * 2
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], IntegrityError)
    assert outcomes[2] == "b"
    assert names(sqlite_database) == ["a", "b"]


async def test_nobody_is_refused_for_a_change_that_was_never_committed(sqlite_database: Database) -> None:
    """The second of two in a group sees what the first wrote; when that is undone, it must not have failed for it."""

    def first(tx: Tx) -> None:
        insert("a")(tx)
        tx.conn.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
        tx.conn.execute(sa.text("INSERT INTO environments (tenant, name, production) VALUES ('nobody', 'x', false)"))

    def second(tx: Tx) -> str:
        if tx.conn.execute(sa.text("SELECT name FROM tenants WHERE name = 'a'")).first():
            raise Conflict("there is an a already")
        return insert("a")(tx)

    outcomes = await write_together(sqlite_database, first, second)
    assert isinstance(outcomes[0], IntegrityError)
    assert outcomes[1] == "a"
    assert names(sqlite_database) == ["a"]


# What is staged, and what happens after ------------------------------------------------------------------------------


async def test_staged_items_are_written_in_the_order_of_the_flushers(open_with: OpenWith) -> None:
    flushed: list[tuple[str, list[object]]] = []

    def flusher(name: str) -> tuple[str, Flusher]:
        return name, lambda _tx, items: flushed.append((name, items))

    def handler(tx: Tx) -> None:
        for name, item in (("last", 1), ("first", 2), ("last", 3)):
            tx.stage(name, item)

    await open_with(flusher("first"), flusher("unused"), flusher("last")).write(handler)
    assert flushed == [("first", [2]), ("last", [1, 3])]


async def test_a_flusher_may_stage_for_those_after_it(open_with: OpenWith) -> None:
    flushed: list[object] = []

    def count(tx: Tx, items: list[object]) -> None:
        tx.stage("signals", len(items))

    def keep(_tx: Tx, items: list[object]) -> None:
        flushed.extend(items)

    database = open_with(("events", count), ("signals", keep))
    await database.write(lambda tx: [tx.stage("events", n) for n in range(3)])
    assert flushed == [3]


async def test_a_flusher_that_fails_takes_the_change_with_it(open_with: OpenWith) -> None:
    def refuse(_tx: Tx, _items: list[object]) -> None:
        raise Conflict("the audit trail cannot be written")

    def handler(tx: Tx) -> None:
        insert("a")(tx)
        tx.stage("audit", "row")

    database = open_with(("audit", refuse))
    outcomes = await write_together(database, handler, insert("b"))
    assert isinstance(outcomes[0], Conflict)
    assert outcomes[1] == "b"
    assert names(database) == ["b"]


async def test_staging_for_nobody_is_refused(open_with: OpenWith) -> None:
    def handler(tx: Tx) -> None:
        insert("a")(tx)
        tx.stage("nobody", 1)

    database = open_with()
    with pytest.raises(KeyError, match="nobody"):
        await database.write(handler)
    assert names(database) == []


async def test_callbacks_run_in_order_once_the_change_can_be_seen(database: Database) -> None:
    seen: list[tuple[str, list[str]]] = []

    def handler(tx: Tx) -> None:
        tx.after_commit(lambda: seen.append(("one", names(database))))
        insert("a")(tx)
        tx.after_commit(lambda: seen.append(("two", names(database))))

    await database.write(handler)
    assert seen == [("one", ["a"]), ("two", ["a"])]


async def test_callbacks_of_a_group_run_in_the_order_of_its_writes(sqlite_database: Database) -> None:
    seen: list[str] = []

    def marked(name: str, fault: Exception | None = None) -> Callable[[Tx], str]:
        def handler(tx: Tx) -> str:
            tx.after_commit(lambda: seen.append(name))
            if fault:
                raise fault
            return insert(name)(tx)

        return handler

    await write_together(sqlite_database, marked("a"), marked("b", Conflict("no")), marked("c"))
    assert seen == ["a", "c"]


async def test_a_callback_that_fails_harms_neither_the_write_nor_the_next_one(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    def handler(tx: Tx) -> str:
        tx.after_commit(fail)
        tx.after_commit(lambda: seen.append("next"))
        return insert("a")(tx)

    seen: list[str] = []
    assert await asyncio.wait_for(database.write(handler), 30) == "a"
    assert seen == ["next"]
    assert "ZeroDivisionError" in caplog.text
    for name in "bcdefghi":  # more than there are writer threads
        assert await asyncio.wait_for(database.write(insert(name)), 30) == name


# Callers that go away ------------------------------------------------------------------------------------------------


async def test_a_caller_that_is_cancelled_does_not_stop_the_others(database: Database) -> None:
    async with busy_writer(database):
        tasks = [asyncio.ensure_future(database.write(insert(name))) for name in "abcdefgh"]
        await asyncio.sleep(0)
        for task in tasks[:6]:
            task.cancel()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert [type(one) for one in outcomes[:6]] == [asyncio.CancelledError] * 6
    assert outcomes[6:] == ["g", "h"]
    assert await asyncio.wait_for(database.write(insert("z")), 30) == "z"


def test_a_handler_that_ends_the_program_does_not_end_the_writer(database: Database) -> None:
    def leave(_tx: Tx) -> None:
        raise SystemExit(3)

    for _ in range(8):  # more than there are writer threads
        with pytest.raises(SystemExit):
            database.write_sync(leave)
    assert database.write_sync(insert("a")) == "a"


async def test_closing_finishes_what_is_queued_and_refuses_the_rest(database: Database) -> None:
    async with busy_writer(database):
        tasks = [asyncio.ensure_future(database.write(insert(name))) for name in "abc"]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(database.close))
    assert await asyncio.gather(*tasks) == ["a", "b", "c"]
    await closing
    with pytest.raises(DatabaseUnavailable, match="shutting down"):
        await database.write(insert("d"))
    with pytest.raises(DatabaseUnavailable, match="shutting down"):
        await database.read(lambda conn: conn.execute(sa.text("SELECT 1")).scalar())
    database.close()


def test_every_write_ends_when_it_races_with_closing(database: Database) -> None:
    ended: list[object] = []

    def write() -> None:
        try:
            for number in range(1000):
                database.write_sync(lambda tx: tx.conn.execute(sa.text("SELECT 1")).scalar())
                if number == 3:
                    warm.release()
        except DatabaseUnavailable as error:
            ended.append(error)

    warm = threading.Semaphore(0)
    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert warm.acquire(timeout=60)
    database.close()
    for thread in threads:
        thread.join(60)
    assert len(ended) == len(threads)
