"""What a tool server tells and asks its client during a call, and what the call gives back while it waits for that.

A person may take minutes. Meanwhile the call works on nothing, so it holds nothing that others wait for: not its slots
of the tool and the tenant, nor the place of a breaker's probe. When the answer is there it waits for a turn like any
other call, before the server gets it. Several questions at once are one wait: until the last one is answered.

What a call has of these it notes in its `Progress`; calls that ask nothing pay for no more than that.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from swarmstead.gateway.chain import Call
from swarmstead.gateway.errors import Overloaded, RelayRefused
from swarmstead.gateway.links.breaker import Breakers
from swarmstead.gateway.links.load import Load
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.telemetry.contract import redact

_MOST_OPEN = 16
_LARGEST = 128 * 1024
_LARGEST_TOGETHER = 256 * 1024
_AS_IT_IS = frozenset({"progressToken", "requestedSchema"})  # named like secrets, or naming some
_encode = msgspec.json.Encoder().encode


class Asking:
    """What a call does while its client is asked, and when the answer is there."""

    def __init__(self, load: Load, breakers: Breakers) -> None:
        self.traffic = load.traffic
        self._load = load
        self._breakers = breakers

    def stand_aside(self, call: Call) -> None:
        """Give back what others may use meanwhile. Doing it twice changes nothing."""
        call.progress.asked = True
        if call.progress.slots is not None:
            self._load.give_back(call.progress)
            self._breakers.stand_aside(call)

    async def come_back(self, call: Call, still: Callable[[], bool]) -> None:
        """Wait for a turn, and take it if the call is `still` to have one. Fails: Overloaded."""
        slots, progress = await self._load.enter(call, back=True), call.progress
        if progress.slots is not None or not still():
            self._load.leave(slots)
            return
        progress.slots = slots
        self._breakers.stand_in(call)


class CallRelay:
    """Satisfies `Relay` while one call of a tool server is under way: its client's, without credentials, and bounded.

    Invariants: at most 16 questions are open, of 128 KiB each and 256 KiB together. Once the call is over nobody is
    asked any more, and nobody waits for an answer.
    """

    __slots__ = ("_asking", "_call", "_over", "_relay", "_waits")

    def __init__(self, relay: Relay, call: Call, asking: Asking) -> None:
        self._relay = relay
        self._call = call
        self._asking = asking
        self._over = False
        self._waits: _Waits | None = None

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client says that it can do."""
        return self._relay.capabilities

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass on what the server tells."""
        self._relay.notify(method, _clean(params))

    def hang_up(self) -> None:
        """Pass on that the server will go on later."""
        self._relay.hang_up()

    def close(self) -> float:
        """The call is over; questions that are still open end with RelayRefused. For how many seconds it has waited."""
        self._over = True
        return 0.0 if self._waits is None else self._waits.end()

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client, and come back with its answer when it is this call's turn. Fails: RelayRefused."""
        self._check_under_way()
        waits = self._waits = self._waits or _Waits(self._asking.traffic)
        size = waits.admit(params)
        asking = asyncio.ensure_future(self._relay.ask(method, _clean(params)))
        waits.open[asking] = size
        try:
            await asyncio.sleep(0)  # who cannot be asked says so at once, and then nothing is given back
            if not asking.done():
                waits.begin()
                self._asking.stand_aside(self._call)
                await asyncio.wait([asking])
        finally:
            asking.cancel()
            asking.add_done_callback(_seen)
            del waits.open[asking]
        self._check_under_way()
        if waits.since is not None and not waits.open:
            await self._come_back(waits)
        return asking.result()

    async def _come_back(self, waits: "_Waits") -> None:
        try:
            await self._asking.come_back(self._call, lambda: not self._over and not waits.open)
        except Overloaded as error:  # it holds nothing, and tries again with its next answer
            raise RelayRefused(f"The answer is there, and there is no room to go on. {error.message}") from error
        self._check_under_way()
        if not waits.open:
            waits.end()

    def _check_under_way(self) -> None:
        if self._over:
            raise RelayRefused("The call is over.")


class _Waits:
    """What one call has asked and has no answer to; `since` when it holds nothing, None while it does."""

    __slots__ = ("_traffic", "open", "seconds", "since")

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.open: dict[asyncio.Task[Mapping[str, Any]], int] = {}
        self.since: float | None = None
        self.seconds = 0.0

    def admit(self, params: Mapping[str, Any]) -> int:
        """How many bytes the question has. Fails: RelayRefused when it may not be asked."""
        if len(self.open) >= _MOST_OPEN:
            raise RelayRefused(f"{_MOST_OPEN} questions of this call wait for answers, which is the most.")
        try:
            size = len(_encode(params))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise RelayRefused("The question cannot be written as JSON.") from error
        if size > _LARGEST:
            raise RelayRefused(f"A question may have {_LARGEST:,} bytes; this one has {size:,}.")
        if sum(self.open.values()) + size > _LARGEST_TOGETHER:
            raise RelayRefused(f"The questions of one call that wait may have {_LARGEST_TOGETHER:,} bytes together.")
        return size

    def begin(self) -> None:
        """From now on the call waits."""
        if self.since is None:
            self.since = time.perf_counter()
            self._traffic.asking += 1

    def end(self) -> float:
        """It waits no more; whoever still does is called off. For how many seconds it has waited in all."""
        if self.since is not None:
            self.seconds += time.perf_counter() - self.since
            self.since = None
            self._traffic.asking -= 1
        for one in self.open:
            one.cancel()
        return self.seconds


def _clean(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if name in _AS_IT_IS else redact(value) for name, value in params.items()}


def _seen(task: "asyncio.Task[Mapping[str, Any]]") -> None:
    """Take note of how it ended: where the call is over before, nobody else does."""
    if not task.cancelled():
        task.exception()
