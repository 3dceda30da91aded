"""What people want a run to do, as its agents notice it: at safe points, and for cancel also inside model calls.

One `RunControl` per run and process; it is told of changes by a signal and reads the row then, so a safe point costs
nothing while nothing has changed. A wish is never lost: while the row cannot be read, it is tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock, rfc3339
from swarmstead.runs.contract import Desired, run_topic
from swarmstead.runs.errors import DeadlinePassed, RunCancelled
from swarmstead.runs.tables import runs
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals

T = TypeVar("T")
log = logging.getLogger(__name__)
_AGAIN_S = 0.5
_WISH = sa.select(runs.c.desired, runs.c.deadline_at, runs.c.rested_since).where(runs.c.id == sa.bindparam("of"))


class RunControl:
    """The wish and the deadline of one run, kept current."""

    def __init__(self, run: str, clock: Clock) -> None:
        self.run = run
        self._clock = clock
        self._desired: Desired = "running"
        self._deadline: int | None = None
        self._changed = asyncio.Event()
        self._cancelled = asyncio.Event()
        self.reading = asyncio.Lock()
        self.users = 0
        self.follower: asyncio.Task[None] | None = None

    def set(self, desired: Desired, deadline: int | None) -> None:
        """Take over what the row says now; no deadline while the run rests."""
        self._desired, self._deadline = desired, deadline
        if desired == "cancelled":
            self._cancelled.set()
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def pausing(self) -> bool:
        """Whether the run is to rest: whoever ends something in flight may be the last to do so."""
        return self._desired == "paused"

    async def safe_point(self, resting: Callable[[], Awaitable[None]], woken: Callable[[], Awaitable[None]]) -> bool:
        """Stay here while the run is paused; `resting` and `woken` write that down. Whether it was.

        Fails: RunCancelled, DeadlinePassed.
        """
        rested = self._desired == "paused"
        if rested:
            await resting()
            while self._desired == "paused":
                await self._changed.wait()
            if self._desired == "running":
                await woken()
        if self._desired == "cancelled":
            raise RunCancelled
        if self._deadline is not None and self._clock.now_ms() >= self._deadline:
            raise DeadlinePassed(
                f"The run has worked for as long as it may; its deadline was {rfc3339(self._deadline)}.",
                way_out="Launch it again with a higher spec.limits.wall_clock_s.",
            )
        return rested

    async def unless_cancelled(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, but cut it at once when the run is cancelled. Fails: RunCancelled."""
        task = asyncio.ensure_future(work)
        cancel = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait({task, cancel}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise RunCancelled
        finally:
            cancel.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


class Controls:
    """The controls of all runs that this process carries."""

    def __init__(self, db: Database, clock: Clock, signals: Signals) -> None:
        self._db = db
        self._clock = clock
        self._signals = signals
        self._held: dict[str, RunControl] = {}

    async def hold(self, run: str) -> RunControl:
        """The control of a run, read freshly; give it back with `release`."""
        control = self._held.get(run)
        if control is None:
            control = self._held[run] = RunControl(run, self._clock)
            control.follower = asyncio.create_task(self._follow(run))
        control.users += 1
        try:
            await self.refresh(run)
        except BaseException:
            self.release(control)
            raise
        return control

    def release(self, control: RunControl) -> None:
        """One user less; the last one lets it go."""
        control.users -= 1
        if control.users == 0:
            self._held.pop(control.run, None)
            if control.follower is not None:
                control.follower.cancel()

    async def refresh(self, run: str) -> None:
        """Read the run's wish and deadline now. Fails: storage errors."""
        control = self._held.get(run)
        if control is None:
            return
        async with control.reading:  # one after the other, so that an old answer never replaces a newer one
            row = await self._db.read(lambda conn: conn.execute(_WISH, {"of": run}).one())
            control.set(row.desired, row.deadline_at if row.rested_since is None else None)

    async def _follow(self, run: str) -> None:
        """Read the row after every signal, for as long as the run is held."""

        async def look() -> None:
            while True:
                try:
                    return await self.refresh(run)
                except Exception as error:  # noqa: BLE001 - a wish must not be lost, whatever went wrong
                    log.warning("what people want of run %s cannot be read; trying again: %r", run, error)
                    await asyncio.sleep(_AGAIN_S)

        await self._signals.until(run_topic(run), look)
