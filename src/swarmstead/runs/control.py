"""What people want a run to do, as its agents notice it: at safe points, and for cancel also inside model calls.

One `RunControl` per run and process; it is told of changes by a signal and reads the row then, so a safe point costs
nothing while nothing has changed.
"""

import asyncio
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


class RunControl:
    """The wish and the deadline of one run, kept current."""

    def __init__(self, run: str, clock: Clock) -> None:
        self.run = run
        self._clock = clock
        self._desired: Desired = "running"
        self._deadline: int | None = None
        self._changed = asyncio.Event()
        self._cancelled = asyncio.Event()
        self.users = 0

    def set(self, desired: Desired, deadline: int | None) -> None:
        """Take over what the row says now."""
        self._desired, self._deadline = desired, deadline
        if desired == "cancelled":
            self._cancelled.set()
        self._changed.set()
        self._changed = asyncio.Event()

    async def safe_point(self, resting: Callable[[], Awaitable[None]], woken: Callable[[], Awaitable[None]]) -> None:
        """Stay here while the run is paused; `resting` and `woken` write that down.

        Fails: RunCancelled, DeadlinePassed.
        """
        if self._desired == "paused":
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
        self._held: dict[str, RunControl] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        signals.watch(self._on_signal)

    async def hold(self, run: str) -> RunControl:
        """The control of a run, read freshly; give it back with `release`."""
        self._loop = asyncio.get_running_loop()
        control = self._held.setdefault(run, RunControl(run, self._clock))
        control.users += 1
        await self.refresh(run)
        return control

    def release(self, control: RunControl) -> None:
        """One user less; the last one lets it go."""
        control.users -= 1
        if control.users == 0:
            self._held.pop(control.run, None)

    async def refresh(self, run: str) -> None:
        """Read the run's wish and deadline now."""
        query = sa.select(runs.c.desired, runs.c.deadline_at).where(runs.c.id == run)
        row = await self._db.read(lambda conn: conn.execute(query).one())
        control = self._held.get(run)
        if control is not None:
            control.set(row.desired, row.deadline_at)

    def _on_signal(self, topic: str) -> None:
        run = topic.removeprefix("run:")
        if self._loop is not None and topic == run_topic(run) and run in self._held and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._schedule, run)

    def _schedule(self, run: str) -> None:
        task = asyncio.ensure_future(self.refresh(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
