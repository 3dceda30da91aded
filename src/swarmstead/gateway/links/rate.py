"""How often: token buckets per tenant, per identity, and per tool where its spec says so.

Outside clients are told when to come back. Inside a run there is nobody to tell: the call waits for its token, first
come, first served within one identity, for as long as a call may take at most.
"""

import asyncio
from collections.abc import Sequence

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.errors import RateExceeded
from swarmstead.gateway.traffic.bucket import Claim
from swarmstead.gateway.traffic.keyed import Keyed
from swarmstead.gateway.traffic.limits import tool_rate
from swarmstead.gateway.traffic.refusal import rate_refusal
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.telemetry.contract import call_waited

_ROOM = 10_000
_MOST_WAITING = 1_000
_Who = tuple[str, str, frozenset[str]]


class _Line:
    """Calls of one identity that wait for a token: one asks for it, the others wait behind that one."""

    __slots__ = ("ask", "length")

    def __init__(self) -> None:
        self.ask = asyncio.Lock()
        self.length = 0


class Rate:
    """Takes a token of each bucket, or refuses, or waits.

    Cost: about 2 us while there are tokens (`python -m bench.traffic`).
    """

    def __init__(self, traffic: Traffic, patience_s: float) -> None:
        self._traffic = traffic
        self._patience_s = patience_s
        self._claims: Keyed[_Who, tuple[Claim, ...]] = Keyed(_ROOM, self._of)
        self._lines: dict[tuple[str, str], _Line] = {}

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        await self.admit(call)
        return await proceed(call)

    async def admit(self, call: Call) -> None:
        """Return when the call may go on. Fails: RateExceeded."""
        scope = call.request.caller.scope
        actor = scope.actor
        claims = self._claims[scope.tenant, actor.id, actor.roles]
        spec = call.place.spec
        if spec.limits.rate_per_s is not None and (rate := tool_rate(spec)) is not None:
            tool = f"{call.request.server}/{call.request.tool}"
            claims = (*claims, Claim("tool", scope.tenant, tool, rate.per_s, rate.burst))
        if not self._lines or (scope.tenant, actor.id) not in self._lines:
            wait = await self._traffic.buckets.take(claims)
            if not wait:
                return
            if not call.request.caller.run:
                raise self._refusal(call, claims, wait)
        await self._wait(call, claims)

    async def _wait(self, call: Call, claims: Sequence[Claim]) -> None:
        """Stand in line. Fails: RateExceeded when it would take longer than the call may."""
        scope = call.request.caller.scope
        key = (scope.tenant, scope.actor.id)
        line = self._lines.setdefault(key, _Line())
        if line.length >= _MOST_WAITING:
            raise self._refusal(call, claims, self._patience_s)
        line.length += 1
        started = self._traffic.clock()
        try:
            async with asyncio.timeout(self._patience_s), line.ask:
                while wait := await self._traffic.buckets.take(claims):
                    if self._traffic.clock() + wait > started + self._patience_s:
                        raise self._refusal(call, claims, wait)
                    await self._traffic.sleep(wait)
        except TimeoutError as error:
            raise self._refusal(call, claims, self._patience_s) from error
        finally:
            line.length -= 1
            if not line.length:
                self._lines.pop(key, None)
        call_waited("rate", self._traffic.clock() - started)

    def _of(self, who: _Who) -> tuple[Claim, ...]:
        tenant, actor, roles = who
        of_all, of_one = self._traffic.limits.of_tenant(tenant), self._traffic.limits.of_identity(roles)
        claims = (
            Claim("tenant", tenant, "", of_all.per_s, of_all.burst),
            Claim("identity", tenant, actor, of_one.per_s, of_one.burst),
        )
        return tuple(claim for claim in claims if claim.rate > 0)

    def _refusal(self, call: Call, claims: Sequence[Claim], wait: float) -> RateExceeded:
        self._traffic.refused(call.request.caller.scope.tenant, call.request.server, RateExceeded.code)
        return rate_refusal(self._traffic.buckets, claims, wait, "tool calls")
