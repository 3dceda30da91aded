"""The audit rows of calls that change nothing, written together a moment later.

A side effect has its rows in the transactions around it (`links/attempt.py`, `links/record.py`). A read has none of
its own to join, and a commit for each would cost more than the call. So its row waits here, at most `every_s`, for
others to share a commit with.

Invariants: rows are written in the order in which their calls ended; a row that could not be written is tried again
(where it is the row itself that cannot be, the log says so);
and while the trail is full nothing more is answered, so that what happens unrecorded is bounded. Fails: a process that
is killed loses the rows of its last `every_s`, of reads only.
"""

import asyncio
import logging
from collections.abc import Callable

from swarmstead.audit.contract import Entry, record
from swarmstead.gateway.errors import TrailFull
from swarmstead.kernel.errors import SteadError, Unavailable
from swarmstead.storage.database import Database, Tx

log = logging.getLogger(__name__)
_EVERY_S = 0.02
_TOGETHER = 512
_MOST_WAITING = 8192
_PATIENCE_S = 5.0
_PAUSE_S = 0.5

Late = Callable[[], Entry]
"""Makes the row when it is written: hashing is the writer's work, not the caller's."""


class Trail:
    """Belongs to one event loop."""

    def __init__(self, db: Database, *, every_s: float = _EVERY_S, most: int = _MOST_WAITING) -> None:
        self._db = db
        self._every_s = every_s
        self._most = most
        self._waiting: list[Late] = []
        self._room = asyncio.Event()
        self._room.set()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def note(self, entry: Late) -> None:
        """Have a row written soon. Waits for room where the database falls behind. Fails: TrailFull."""
        if len(self._waiting) >= self._most:
            await self._made_room()
        self._waiting.append(entry)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_soon())

    async def written(self) -> None:
        """Return once all that was noted is in the database."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def aclose(self) -> None:
        """Write what waits; give it up when the database is away."""
        self._closing = True
        await self.written()

    async def _made_room(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while len(self._waiting) >= self._most:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError as error:
            raise TrailFull(
                "The audit trail cannot be written, so nothing is answered.",
                way_out="Look at the database: its disk may be full. Calls go on as soon as it can be written again.",
            ) from error

    async def _write_soon(self) -> None:
        try:
            await asyncio.sleep(self._every_s)
            while self._waiting:
                batch = self._waiting[:_TOGETHER]
                try:
                    await self._write_batch(batch)
                except Unavailable as error:
                    if self._closing:
                        log.error("the audit rows of %d reads are lost: %s", len(self._waiting), error.message)  # noqa: TRY400 - its words say it
                        return
                    log.warning("the audit rows of %d reads cannot be written yet: %s", len(batch), error.message)
                    await asyncio.sleep(_PAUSE_S)
                    continue
                self._room.set()
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[Late]) -> None:
        """Write what waits longest, and let go of what is written. Fails: Unavailable; the rest waits on.

        One row that can never be written must not keep the others from it, nor go without a word.
        """
        try:
            await self._db.write(lambda tx: _write(tx, batch))
        except Unavailable:
            raise
        except Exception:
            log.exception("audit rows of %d reads cannot be written together; one by one", len(batch))
        else:
            del self._waiting[: len(batch)]
            return
        for entry in batch:
            try:
                await self._db.write(lambda tx, entry=entry: _write(tx, [entry]))
            except Unavailable:
                raise
            except SteadError as error:
                log.error("a row of the audit trail cannot be written and is left out: %s", error.message)  # noqa: TRY400 - its words say it
            except Exception:
                log.exception("a row of the audit trail cannot be written and is left out")
            del self._waiting[0]


def _write(tx: Tx, batch: list[Late]) -> None:
    for entry in batch:
        record(tx, entry())
