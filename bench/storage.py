"""What a write of four statements costs, by who runs it. `python -m bench.storage FOLDER` prints one JSON object.

SQLite with WAL and synchronous=FULL in all cases, the same four inserts in one transaction:
`writer` is ours (one thread, group commit), with statements as `Prepared` and through `Connection.execute`; `to_thread`
opens a transaction in a thread of asyncio's pool; `aiosqlite` runs each statement through SQLAlchemy's asyncio engine.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from swarmstead.storage.database import Database, Tx
from swarmstead.storage.engines import make_engine
from swarmstead.storage.prepared import Prepared

CONCURRENCIES = (1, 12, 64)
_SECONDS = 1.0
_ROUNDS = 3
_metadata = sa.MetaData()
_rows = sa.Table(
    "rows",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.String(32), nullable=False, index=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)
_INSERT = _rows.insert()
_COLUMNS = ["run", "kind", "data"]
_PREPARED = Prepared(_rows.insert(), _COLUMNS)
_ROW = {"run": "r_01k9v3", "kind": "turn.finished", "data": {"turn": 3, "agent": "reviewer", "spent_micros": 1234}}
Write = Callable[[], Awaitable[Any]]


def _prepared(tx: Tx) -> None:
    for _ in range(4):
        _PREPARED.run(tx.conn, _ROW)


def _executed(tx: Tx) -> None:
    for _ in range(4):
        tx.conn.execute(_INSERT, _ROW)


async def measure(folder: Path) -> dict[str, Any]:
    """Per way and concurrency: writes a second, milliseconds a write as its caller sees it, and CPU a write."""
    engine = make_engine(f"sqlite:///{folder / 'writer.db'}")
    _metadata.create_all(engine)
    database = Database(engine, make_engine(f"sqlite:///{folder / 'writer.db'}", readonly=True))
    threads = make_engine(f"sqlite:///{folder / 'threads.db'}", pool_size=32)
    _metadata.create_all(threads)
    loose = await _aiosqlite(folder / "aiosqlite.db")

    def in_thread() -> None:
        with threads.begin() as conn:
            for _ in range(4):
                conn.execute(_INSERT, _ROW)

    async def statement_by_statement() -> None:
        async with loose.begin() as conn:
            for _ in range(4):
                await conn.execute(_INSERT, _ROW)

    ways: dict[str, Write] = {
        "writer, Prepared": lambda: database.write(_prepared),
        "writer, Connection.execute": lambda: database.write(_executed),
        "asyncio.to_thread": lambda: asyncio.to_thread(in_thread),
        "aiosqlite": statement_by_statement,
    }
    found: dict[str, Any] = {name: {c: [] for c in CONCURRENCIES} for name in ways}
    for _ in range(_ROUNDS):
        for concurrency in CONCURRENCIES:
            for name, write in ways.items():
                found[name][concurrency].append(await _timed(write, concurrency))
    database.close()
    threads.dispose()
    await loose.dispose()
    return found


async def _aiosqlite(path: Path) -> AsyncEngine:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    async with engine.begin() as conn:
        await conn.run_sync(_metadata.create_all)
    return engine


async def _timed(write: Write, concurrency: int) -> dict[str, float]:
    until = time.perf_counter() + _SECONDS
    took: list[float] = []

    async def writer() -> None:
        while (started := time.perf_counter()) < until:
            await write()
            took.append(time.perf_counter() - started)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(writer() for _ in range(concurrency)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"per_s": len(took) / wall, "ms": sum(took) * 1000 / len(took), "cpu_ms": cpu * 1000 / len(took)}


def main() -> None:
    """Measure under the folder named on the command line."""
    import uvloop

    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        print(json.dumps(uvloop.run(measure(Path(folder)))))


if __name__ == "__main__":
    main()
