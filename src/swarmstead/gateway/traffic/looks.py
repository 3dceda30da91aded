"""How often somebody may look: lists, searches, definitions, sessions and streams that are opened.

None of these calls a tool, and none is for free: a list asks every server behind it, a search takes a processor. So
each takes a token of a bucket that is not that of calls: four looks for each call that the same tenant and identity
may make, since a client that connects looks five times before its first call. A rate of 0 is no limit here either.

The buckets are this process's own, also where those of calls are shared: what is protected is this process, and a
look must not wait for the database.
"""

from collections.abc import Callable

from swarmstead.gateway.errors import RateExceeded
from swarmstead.gateway.traffic.bucket import Claim, MemoryBuckets
from swarmstead.gateway.traffic.keyed import Keyed
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.refusal import rate_refusal
from swarmstead.kernel.scope import Scope
from swarmstead.telemetry.contract import call_refused

_PER_CALL = 4
_ROOM = 10_000
_Who = tuple[str, str, frozenset[str]]


class Looks:
    """Takes a token for a look. Cost: about 1.5 us."""

    def __init__(self, limits: TrafficLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._buckets = MemoryBuckets(clock)
        self._claims: Keyed[_Who, tuple[Claim, ...]] = Keyed(_ROOM, self._of)

    async def admit(self, scope: Scope) -> None:
        """Return when there was a token. Fails: RateExceeded, which says when there is one; nobody waits for it."""
        claims = self._claims[scope.tenant, scope.actor.id, scope.actor.roles]
        wait = await self._buckets.take(claims)
        if wait:
            call_refused(RateExceeded.code)
            raise rate_refusal(
                self._buckets,
                claims,
                wait,
                "lists, searches and streams are asked for",
                " That is the limit of calls: looks have four times as much.",
            )

    def _of(self, who: _Who) -> tuple[Claim, ...]:
        tenant, actor, roles = who
        of_all, of_one = self._limits.of_tenant(tenant), self._limits.of_identity(roles)
        return tuple(
            Claim(kind, tenant, name, _PER_CALL * rate.per_s, _PER_CALL * rate.burst)
            for kind, name, rate in _named(of_all, of_one, actor)
            if rate.per_s > 0
        )


def _named(of_all: Rate, of_one: Rate, actor: str) -> tuple[tuple[str, str, Rate], ...]:
    return ("tenant", "", of_all), ("identity", actor, of_one)
