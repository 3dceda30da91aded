"""Clocks that stand still until a test moves them."""

import asyncio

START_MS = 1_795_340_315_123  # 2026-11-22T09:38:35.123Z


class MovableClock:
    """A `kernel.clock.Clock` for tests. It never runs by itself."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time it was last set to, in milliseconds since 1970."""
        return self._now_ms

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Move the hands; backwards too."""
        self._now_ms += round(seconds * 1000) + ms


class Ticks:
    """A monotonic clock in seconds, and the sleep that goes with it: both stand still until a test moves them."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()
        self.slept: list[float] = []

    def __call__(self) -> float:
        """The time it was last set to."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was moved by so much; at once for 0."""
        self.slept.append(seconds)
        if seconds <= 0:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._now + seconds, woken)
        self._sleepers.append(entry)
        self._changed.set()
        try:
            await woken
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    async def asleep(self, count: int) -> None:
        """Wait until so many sleep."""
        while len(self._sleepers) < count:
            self._changed.clear()
            await self._changed.wait()

    def advance(self, seconds: float) -> None:
        """Move it, and wake whose time has come."""
        self._now += seconds
        for entry in list(self._sleepers):
            if entry[0] <= self._now + 1e-9:
                self._sleepers.remove(entry)
                if not entry[1].done():
                    entry[1].set_result(None)
