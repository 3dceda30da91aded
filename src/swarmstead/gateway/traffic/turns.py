"""Waiting for a slot of a gate: what calls, searches and those who come back from a person have in common."""

import asyncio
from collections.abc import Callable

from swarmstead.gateway.traffic.gate import Gate, Ticket


async def turn(gate: Gate, identity: str, room: int, patience_s: float, clock: Callable[[], float]) -> bool:
    """Wait for a slot; it is ours when this returns True. False: `room` wait already, and this one does not.

    Fails: TimeoutError after `patience_s`. A slot that came too late, or while being called off, is passed on.
    """
    admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    started = clock()
    ticket = Ticket(identity, started + patience_s, lambda: _settle(admitted))
    if not gate.queue(ticket, room, started):
        return False
    try:
        async with asyncio.timeout(patience_s):
            await admitted
    except BaseException:
        gate.withdraw(ticket, clock())
        raise
    return True


def _settle(admitted: asyncio.Future[None]) -> None:
    if not admitted.done():
        admitted.set_result(None)
