"""Keeps an open stream in touch with the tool servers that its client may hear."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

Listen = Callable[[Callable[[], None]], Awaitable[None]]
_SETTLE_S = 2.0
"""How long a client waits for servers that are slow to be reached; then it is told of what there is."""


class Listening:
    """Listens with `listen`, and anew each time that what may be heard has changed."""

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._round = 0
        self._again = asyncio.Event()
        self._settled = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._again.clear()
            listening = asyncio.ensure_future(self._listen(partial(self._ready, self._round)))
            try:
                await self._again.wait()
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    def anew(self) -> None:
        """Something else may be heard from now on."""
        self._round += 1
        self._settled.clear()
        self._again.set()

    def _ready(self, number: int) -> None:
        if number == self._round:  # one that is being ended says so too
            self._settled.set()

    async def settled(self) -> None:
        """Return once nothing is missed any more, or after a while."""
        try:
            async with asyncio.timeout(_SETTLE_S):
                await self._settled.wait()
        except TimeoutError:
            return
