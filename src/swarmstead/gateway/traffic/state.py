"""What the links of backpressure share: gates, breakers, retry budgets and counts of refusals, all bounded.

Everything here belongs to one process and one event loop, and is forgotten when it ends.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from swarmstead.gateway.ports import Buckets
from swarmstead.gateway.traffic.breaker import Breaker, State
from swarmstead.gateway.traffic.bucket import MemoryBuckets
from swarmstead.gateway.traffic.gate import Gate
from swarmstead.gateway.traffic.keyed import Keyed
from swarmstead.gateway.traffic.limits import TrafficLimits
from swarmstead.gateway.traffic.looks import Looks
from swarmstead.gateway.traffic.retries import RetryBudget
from swarmstead.gateway.traffic.tally import Calls, Tally
from swarmstead.telemetry.contract import call_refused

_ROOM = 10_000
_SAVED_RETRIES = 10.0
_WORST = (State.CLOSED, State.HALF_OPEN, State.PROBING, State.OPEN)

ServerKey = tuple[str, str]
"""(tenant, server)."""
Place = tuple[str, str, str, str]
"""(tenant, server, root, tool); the tool is '' for the server itself. A root-limited server is a process per root."""


@dataclass(slots=True)
class ToolTraffic:
    """One tool now."""

    in_flight: int = 0
    queued: int = 0
    breaker: State = State.CLOSED
    resting_s: float = 0.0
    calls: Calls | None = None


@dataclass(slots=True)
class ServerTraffic:
    """One tool server now. `breaker` is the worst state of its own and its tools'; `own_rest_s` is the server's alone.

    `own_rest_s` is None while the server as a whole is not left alone.
    """

    in_flight: int = 0
    queued: int = 0
    breaker: State = State.CLOSED
    resting_s: float = 0.0
    own_rest_s: float | None = None
    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    tools: dict[str, ToolTraffic] = field(default_factory=dict[str, ToolTraffic])


@dataclass(frozen=True, slots=True)
class Totals:
    """All tenants together. What waits for an answer of its client (`asking`) is neither in flight nor queued."""

    in_flight: int
    queued: int
    asking: int
    breakers: Mapping[State, int]


class Traffic:
    """`clock` counts seconds and never goes back; `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        limits: TrafficLimits | None = None,
        buckets: Buckets | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.limits = limits or TrafficLimits()
        self.buckets = buckets or MemoryBuckets(clock)
        self.clock = clock
        self.sleep = sleep
        self.chance = chance
        self.asking = 0  # calls that wait for an answer of their client
        self.looks = Looks(self.limits, clock)
        rules, share = self.limits.breaker, self.limits.retry_share
        self.tenants: Keyed[str, Gate] = Keyed(_ROOM, lambda _: Gate(), _is_used)
        self.tools: Keyed[tuple[str, str, str], Gate] = Keyed(_ROOM, lambda _: Gate(), _is_used)
        self.breakers: Keyed[Place, Breaker] = Keyed(_ROOM, lambda _: Breaker(rules, chance))
        self.retries: Keyed[ServerKey, RetryBudget] = Keyed(_ROOM, lambda _: RetryBudget(share, _SAVED_RETRIES))
        self._refused: Keyed[ServerKey, Counter[str]] = Keyed(_ROOM, lambda _: Counter[str]())
        self._tallies: Keyed[tuple[str, str, str], Tally] = Keyed(_ROOM, lambda _: Tally())
        self._began = clock()

    def refused(self, tenant: str, server: str, code: str) -> None:
        """A link has refused a call; `code` is the error's."""
        call_refused(code)
        self._refused[tenant, server][code] += 1

    def ended(self, tenant: str, server: str, tool: str, ms: float | None, *, good: bool) -> None:
        """A server was asked; `ms` is None when the question never reached it."""
        self._tallies[tenant, server, tool].note(self.clock(), ms, good=good)

    @property
    def counted_s(self) -> float:
        """For how long everything here is counted: since the process began."""
        return self.clock() - self._began

    def of(self, tenant: str) -> dict[str, ServerTraffic]:
        """What a tenant's servers do now, by name; those that were not called lately are left out."""
        found: dict[str, ServerTraffic] = {}
        for (owner, server, tool), gate in self.tools.items():
            if owner == tenant:
                shown = found.setdefault(server, ServerTraffic())
                shown.tools[tool] = ToolTraffic(gate.inside, gate.waiting)
                shown.in_flight += gate.inside
                shown.queued += gate.waiting
        self._add_endings(tenant, found)
        for (owner, server), counts in self._refused.items():
            if owner == tenant:
                found.setdefault(server, ServerTraffic()).refused = dict(counts)
        return dict(sorted(found.items()))

    def _add_endings(self, tenant: str, found: dict[str, ServerTraffic]) -> None:
        """How calls have ended, and which servers and tools are left alone for it."""
        now = self.clock()
        for (owner, server, tool), tally in self._tallies.items():
            if owner == tenant:
                found.setdefault(server, ServerTraffic()).tools.setdefault(tool, ToolTraffic()).calls = tally.look(now)
        for (owner, server, _, tool), breaker in self.breakers.items():
            if owner == tenant:
                shown = found.setdefault(server, ServerTraffic())
                _worsen(shown, breaker, now)
                if tool:
                    _worsen(shown.tools.setdefault(tool, ToolTraffic()), breaker, now)
                elif breaker.state is not State.CLOSED:
                    shown.own_rest_s = max(shown.own_rest_s or 0.0, breaker.resting(now))

    def totals(self) -> Totals:
        """What all tenants' servers do now."""
        gates = [gate for _, gate in self.tools.items()]
        queued = sum(gate.waiting for gate in gates) + sum(gate.waiting for _, gate in self.tenants.items())
        states = Counter(breaker.state for _, breaker in self.breakers.items())
        return Totals(
            sum(gate.inside for gate in gates), queued, self.asking, {state: states[state] for state in State}
        )


def _worsen(shown: ServerTraffic | ToolTraffic, breaker: Breaker, now: float) -> None:
    shown.breaker = max(shown.breaker, breaker.state, key=_WORST.index)
    shown.resting_s = max(shown.resting_s, breaker.resting(now))


def _is_used(gate: Gate) -> bool:
    return gate.used
