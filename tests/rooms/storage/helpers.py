"""What the storage tests share: rows that say who wrote them, and a writer that is kept busy."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import sqlalchemy as sa

from swarmstead.storage.database import Database, Tx

_INSERT = sa.text("INSERT INTO tenants (name, created_at) VALUES (:name, 1)")
_SELECT = sa.text("SELECT name FROM tenants ORDER BY name")


def insert(name: str) -> Callable[[Tx], str]:
    """A handler that writes one row and answers its name."""

    def handler(tx: Tx) -> str:
        tx.conn.execute(_INSERT, {"name": name})
        return name

    return handler


def names(database: Database) -> list[str]:
    """Which rows there are."""
    return database.read_sync(lambda conn: list(conn.execute(_SELECT).scalars()))


@asynccontextmanager
async def busy_writer(database: Database, then: Callable[[], None] = lambda: None) -> AsyncGenerator[None]:
    """Keep every writer thread in a handler: what is written meanwhile queues up and, on SQLite, commits together.

    `then` is called when the handler's transaction is over and before the queue is looked at.
    """
    go = threading.Event()
    started = threading.Semaphore(0)

    def wait(tx: Tx) -> None:
        tx.after_commit(then)
        started.release()
        assert go.wait(60)

    count = len(database._threads)  # pyright: ignore[reportPrivateUsage]
    holding = [asyncio.ensure_future(database.write(wait)) for _ in range(count)]
    for _ in range(count):
        assert await asyncio.to_thread(started.acquire, timeout=60)
    try:
        yield
        await asyncio.sleep(0)  # tasks made in the block hand in their writes now
    finally:
        go.set()
        await asyncio.gather(*holding)


async def write_together(
    database: Database, *handlers: Callable[[Tx], object], after: Callable[[], None] = lambda: None
) -> list[object]:
    """Hand in all these writes while the writer is busy, in this order; answers what each answered or raised.

    `after` is called when the writer is done with what it was busy with, just before it looks at these.
    """
    async with busy_writer(database, after):
        tasks = [asyncio.ensure_future(database.write(handler)) for handler in handlers]
    return list(await asyncio.gather(*tasks, return_exceptions=True))
