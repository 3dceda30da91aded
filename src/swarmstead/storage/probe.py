"""Can the database be read and written right now? Whoever watches the server asks, so it tries at most once a second.

The write is a real one: a row that changes each time, so that a page has to reach the disk.
"""

import asyncio
import os
from pathlib import Path

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import SteadError
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.errors import DiskFull
from swarmstead.storage.sql import insert_or_ignore
from swarmstead.storage.tables import Millis, metadata

LEAST_FREE_BYTES = 8 * 1024 * 1024
_GOOD_FOR_MS = 1_000
_ROW = 1

probes = sa.Table(
    "probes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Millis, nullable=False),
)


class Probe:
    """Tries the database, and looks at the disk under `folder` (None: the database is elsewhere)."""

    def __init__(self, db: Database, clock: Clock, folder: Path | None) -> None:
        self._db = db
        self._clock = clock
        self._folder = folder
        self._one_at_a_time = asyncio.Lock()
        self._tried_at = 0
        self._fault: SteadError | None = None

    async def check(self) -> None:
        """Read and write once; within a second it is not done again, but said again. Fails: storage.errors."""
        async with self._one_at_a_time:
            now = self._clock.now_ms()
            if abs(now - self._tried_at) >= _GOOD_FOR_MS:  # a clock that was set back has not stopped
                self._fault = await self._tried(now)
                self._tried_at = now
        if self._fault is not None:
            raise self._fault

    async def _tried(self, now: int) -> SteadError | None:
        try:
            if self._folder is not None:
                await asyncio.to_thread(_look, self._folder)
            await self._db.read(lambda conn: conn.execute(sa.select(probes.c.at)).first())
            await self._db.write(lambda tx: _touch(tx, now))
        except SteadError as error:
            return error
        return None


def _touch(tx: Tx, now: int) -> None:
    if not insert_or_ignore(tx.conn, probes, {"id": _ROW, "at": now}):
        tx.conn.execute(probes.update().where(probes.c.id == _ROW).values(at=now))


def _look(folder: Path) -> None:
    """SQLite can go on for a while in space that its log has taken before: that the disk is full shows here first."""
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if free < LEAST_FREE_BYTES:
        raise DiskFull(
            f"The disk that holds the database is full, or nearly so: {free // 1024:,} KiB are free.",
            way_out="Free space on that disk, then try again.",
        )
