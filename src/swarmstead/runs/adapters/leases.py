"""Leases of workers: each says every few seconds that it is alive; what a silent one carried is taken over.

A worker that could not renew its lease in time stops its own loops before others may take them (`lost`), so that no
loop has two carriers even when the network between a worker and the database fails.

Machines do not agree on the time. What is compared with others' is the database's time; what a worker measures for
itself is how long ago it renewed.
"""

import os
import secrets
import socket
from collections.abc import Callable

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock, elapsed_s
from swarmstead.runs.tables import workers
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.engines import is_sqlite
from swarmstead.storage.sql import DatabaseNow

RENEW_EVERY_S = 5.0
LEASE_MS = 30_000
_MARGIN_MS = 10_000
_NOW = DatabaseNow()


class Leases:
    """This process's lease, and a view of the others'. With SQLite there is one process and no lease."""

    def __init__(self, db: Database, clock: Clock, version: str, elapsed_s: Callable[[], float] = elapsed_s) -> None:
        self._db = db
        self._clock = clock
        self._elapsed_s = elapsed_s
        self._version = version
        self._single = is_sqlite(db.writer)
        self.executor = "local" if self._single else f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._until_s: float | None = None

    async def renew(self) -> None:
        """Say that this process lives. Fails: storage errors."""
        if self._single:
            return
        until_s = self._elapsed_s() + LEASE_MS / 1000  # measured before, so that it ends no later than what is written

        def write(tx: Tx) -> None:
            # In this order: while others take our loops they hold our row, and then they remove it.
            mine = workers.c.executor == self.executor
            if tx.conn.execute(workers.update().where(mine).values(lease_until=_NOW + LEASE_MS)).rowcount:
                return
            row = {"version": self._version, "started_at": self._clock.now_ms()}
            tx.conn.execute(workers.insert().values(executor=self.executor, lease_until=_NOW + LEASE_MS, **row))

        await self._db.write(write)
        self._until_s = until_s

    @property
    def lost(self) -> bool:
        """Whether others may soon think that this process is gone."""
        return self._until_s is not None and self._elapsed_s() > self._until_s - _MARGIN_MS / 1000

    async def take(self, take_loops: Callable[[str], int]) -> int:
        """Strike off the workers whose lease has run out; `take_loops` is called for each of them. Returns its sum.

        Invariants: while it runs, the worker's row is locked, so that nobody else takes the same loops and the worker
        itself cannot renew in between. When it fails the row stays, and the next one tries.
        """
        if self._single:
            return 0
        late = sa.select(workers.c.executor).where(workers.c.lease_until < _NOW)

        def write(tx: Tx) -> int:
            taken = 0
            for executor in tx.conn.execute(late.with_for_update(skip_locked=True)).scalars().all():
                taken += take_loops(executor)
                tx.conn.execute(workers.delete().where(workers.c.executor == executor))
            return taken

        return await self._db.write(write)

    async def give_back(self) -> None:
        """Remove this worker's own lease: it carries nothing any more."""
        if not self._single:
            await self._db.write(
                lambda tx: tx.conn.execute(workers.delete().where(workers.c.executor == self.executor))
            )
