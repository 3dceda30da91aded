"""Leases of workers: each says every few seconds that it is alive; what a silent one carried is taken over.

A worker that could not renew its lease in time stops its own loops before others may take them (`lost`), so that no
loop has two carriers even when the network between a worker and the database fails.
"""

import os
import secrets
import socket

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.runs.tables import workers
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.engines import is_sqlite
from swarmstead.storage.sql import insert_or_ignore

RENEW_EVERY_S = 5.0
LEASE_MS = 30_000
_MARGIN_MS = 10_000


class Leases:
    """This process's lease, and a view of the others'. With SQLite there is one process and no lease."""

    def __init__(self, db: Database, clock: Clock, version: str) -> None:
        self._db = db
        self._clock = clock
        self._version = version
        self._single = is_sqlite(db.writer)
        self.executor = "local" if self._single else f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._until = 0

    async def renew(self) -> None:
        """Say that this process lives. Fails: storage errors."""
        if self._single:
            return
        until = self._clock.now_ms() + LEASE_MS

        def write(tx: Tx) -> None:
            mine = {
                "executor": self.executor,
                "version": self._version,
                "started_at": self._clock.now_ms(),
                "lease_until": until,
            }
            if not insert_or_ignore(tx.conn, workers, mine):
                tx.conn.execute(workers.update().where(workers.c.executor == self.executor).values(lease_until=until))

        await self._db.write(write)
        self._until = until

    @property
    def lost(self) -> bool:
        """Whether others may soon think that this process is gone."""
        return not self._single and self._until != 0 and self._clock.now_ms() > self._until - _MARGIN_MS

    async def expired(self) -> list[str]:
        """Workers whose lease has run out."""
        if self._single:
            return []
        query = sa.select(workers.c.executor).where(workers.c.lease_until < self._clock.now_ms())
        return list(await self._db.read(lambda conn: conn.execute(query).scalars().all()))

    async def forget(self, executor: str) -> None:
        """Remove a worker's lease."""
        if not self._single:
            await self._db.write(lambda tx: tx.conn.execute(workers.delete().where(workers.c.executor == executor)))
