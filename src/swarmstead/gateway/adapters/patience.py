"""While its client is asked, a call's time limit stands still, and its connection takes nobody's place."""

import asyncio
from collections.abc import Mapping
from typing import Any

from swarmstead.gateway.adapters.http.response import Response
from swarmstead.gateway.relay import Relay

_AT_ONCE_S = 0.02


class PatientRelay:
    """Satisfies `contract.Relay`: the client's own, beside the time limit of the call that it waits for.

    How long the client may take is the client's relay to say. Once the call is over, nothing is paused any more.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._limit: asyncio.Timeout | None = None
        self._asking = 0
        self._left_s = 0.0

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client says that it can do."""
        return self._relay.capabilities

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass on what the server tells."""
        self._relay.notify(method, params)

    def hang_up(self) -> None:
        """Pass on that the server will go on later."""
        self._relay.hang_up()

    def beside(self, limit: asyncio.Timeout | None) -> None:
        """From now on this is the limit that stands still; None once the call is over."""
        self._limit = limit

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client. Fails: RelayRefused."""
        self._pause()
        try:
            return await self._relay.ask(method, params)
        finally:
            self._go_on()

    def _pause(self) -> None:
        self._asking += 1
        limit = self._limit
        if self._asking == 1 and limit is not None and not limit.expired() and (ends := limit.when()) is not None:
            self._left_s = ends - asyncio.get_running_loop().time()
            limit.reschedule(None)

    def _go_on(self) -> None:
        self._asking -= 1
        limit = self._limit
        if self._asking == 0 and limit is not None and not limit.expired() and limit.when() is None:
            limit.reschedule(asyncio.get_running_loop().time() + self._left_s)


class LendingRelay:
    """Satisfies `contract.Relay`: the client's own, beside the response in which its answer is to come.

    Connections to a host are few. One that waits for a person would keep others from the server, and be in the way of
    the very answer. So it is lent, where the client does not answer at once, until the call is over.
    """

    __slots__ = ("_lent", "_relay", "_response")

    def __init__(self, relay: Relay, response: Response) -> None:
        self._relay = relay
        self._response = response
        self._lent = False

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client says that it can do."""
        return self._relay.capabilities

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass on what the server tells."""
        self._relay.notify(method, params)

    def hang_up(self) -> None:
        """Pass on that the server will go on later."""
        self._relay.hang_up()

    def goes_on_in(self, response: Response) -> None:
        """The answer has broken off and comes in another response."""
        self._response = response
        if self._lent:
            response.lend()

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client. Fails: RelayRefused."""
        lending = asyncio.get_running_loop().call_later(_AT_ONCE_S, self._lend)
        try:
            return await self._relay.ask(method, params)
        finally:
            lending.cancel()

    def _lend(self) -> None:
        self._lent = True
        self._response.lend()
