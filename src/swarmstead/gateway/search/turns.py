"""Searches at a time: each takes a processor for a while, in a thread that other tenants' searches need as well."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from swarmstead.gateway.errors import Overloaded
from swarmstead.gateway.traffic.gate import Gate
from swarmstead.gateway.traffic.keyed import Keyed
from swarmstead.gateway.traffic.turns import turn
from swarmstead.kernel.tasks import let_finish
from swarmstead.telemetry.contract import call_refused

_TENANTS, _WAITING = 10_000, 64
_PATIENCE_S, _AGAIN_S, _LONGEST_S = 5.0, 1.0, 60.0
T = TypeVar("T")


class Turns:
    """Lets `at_once` searches of a tenant go on; the others wait, and turns go round between identities."""

    def __init__(self, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._clock = clock
        self._gates: Keyed[str, Gate] = Keyed(_TENANTS, lambda _: Gate(at_once), lambda gate: gate.used)

    @asynccontextmanager
    async def one(self, tenant: str, identity: str) -> AsyncGenerator[None]:
        """Hold a turn within it. Fails: Overloaded, when too many wait or it takes too long."""
        gate = self._gates[tenant]
        if not gate.enter():
            await self._wait(gate, identity)
        try:
            yield
        finally:
            gate.leave(self._clock())

    async def in_thread(self, tenant: str, identity: str, search: Callable[[], T]) -> T:
        """Do `search` in a thread, in turn; a thread cannot be called off, so its turn ends when it does.

        Fails: Overloaded.
        """
        async with self.one(tenant, identity):
            return await let_finish(asyncio.to_thread(search), _LONGEST_S)

    async def _wait(self, gate: Gate, identity: str) -> None:
        try:
            if await turn(gate, identity, _WAITING, _PATIENCE_S, self._clock):
                return
            why = f"{_WAITING} more wait"
        except TimeoutError:
            why = f"none ended within {_PATIENCE_S:g} s"
        call_refused(Overloaded.code)
        raise Overloaded(
            f"Denied: {self._at_once} tool searches of this tenant are under way, and {why}.",
            way_out=f"Try again in {_AGAIN_S:g} s, or raise STEAD_SEARCH_CONCURRENCY.",
            extra={"retry_after_s": _AGAIN_S},
        )
