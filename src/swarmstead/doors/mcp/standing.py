"""Whether a credential still is what it was when a stream was opened with it: a stream must not outlive it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from swarmstead.doors.mcp.sse import PING_S
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import credentials_topic
from swarmstead.storage.signals import EVERYTHING, Signals

LOOK_S = PING_S
"""How often a stream that is told nothing has its credential looked at."""


class Standing:
    """A credential beside a stream. `look` finds the scope that it has now, as for a request of its own.

    Cost: 3 us a look, and one read of the database where the last one was more than five seconds ago.
    """

    def __init__(self, scope: Scope, look: Callable[[], Awaitable[Scope]], signals: Signals) -> None:
        self._scope = scope
        self._look = look
        self._signals = signals
        self._topics = {credentials_topic(scope.tenant), EVERYTHING}
        self._loop = asyncio.get_running_loop()
        self._stir = asyncio.Event()

    async def holds(self) -> bool:
        """Whether it is good for all that it was good for, and for no more. What cannot be known is no."""
        try:
            return await self._look() == self._scope
        except SteadError:
            return False

    async def lost(self) -> None:
        """Return once it does not hold any more: it is looked at now and then, and when a credential was taken back."""
        forget = self._signals.watch(self._hear)
        try:
            while True:
                self._stir.clear()
                if not await self.holds():
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._stir.wait()
        finally:
            forget()

    def _hear(self, topic: str) -> None:
        """A watcher of signals, called from any thread."""
        if topic in self._topics:
            self._loop.call_soon_threadsafe(self._stir.set)
