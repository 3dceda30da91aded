"""Time for the adapters of models, moved by the test: nothing waits, and a limit ends when the test says so."""

import asyncio

from swarmstead.models.adapters.retries import Timing


class ManualTiming(Timing):
    """Waits are noted and over at once. `expire` ends the attempt under way, as if its time were up."""

    def __init__(self) -> None:
        self.clock = 1_000.0
        self.waits: list[float] = []
        self._limits: list[asyncio.Timeout] = []

    def now(self) -> float:
        return self.clock

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock += seconds

    def limit(self, seconds: float) -> asyncio.Timeout:
        self._limits.append(asyncio.timeout(60))  # only so that a broken test ends
        return self._limits[-1]

    def jitter(self) -> float:
        return 1.0

    def expire(self) -> None:
        self._limits[-1].reschedule(asyncio.get_running_loop().time())
