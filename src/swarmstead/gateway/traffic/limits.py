"""What holds where nothing else is said: the gateway's own limits, from the settings; and what a spec makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from swarmstead.gateway.contract import Tool, ToolServerSpec
from swarmstead.gateway.traffic.breaker import BreakerRules
from swarmstead.gateway.traffic.spec import Overload
from swarmstead.kernel.errors import BadInput

_WEIGHTS = {"read": 10, "write": 30, "danger": 60}
_EXPENSIVE = 90


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` calls a second and `burst` at once; 0 a second means that there is no limit."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class TrafficLimits:
    """Defaults for all tenants and tools. `rates` holds others by `tenant:NAME` and `role:NAME`."""

    identity: Rate = Rate(5.0, 10)
    tenant: Rate = Rate(50.0, 100)
    rates: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    tool_concurrency: int = 16
    tenant_concurrency: int = 64
    overload: Overload = "fail-fast"
    queue: int = 256
    queue_wait_s: float = 5.0
    expensive_per_run: int = 3
    breaker: BreakerRules = field(default_factory=BreakerRules)
    attempts: int = 3
    retry_share: float = 0.1
    retry_base_s: float = 0.1
    retry_longest_s: float = 2.0

    def of_tenant(self, tenant: str) -> Rate:
        """All calls of a tenant taken together."""
        return self.rates.get(f"tenant:{tenant}", self.tenant)

    def of_identity(self, roles: frozenset[str]) -> Rate:
        """One identity: the best that its roles give."""
        given = [self.rates[key] for role in roles if (key := f"role:{role}") in self.rates]
        if any(rate.per_s == 0 for rate in given):
            return Rate(0.0, 0)
        return max(given, key=lambda rate: rate.per_s, default=self.identity)


def tool_rate(spec: ToolServerSpec) -> Rate | None:
    """One tool of a server, whoever calls; None when its spec sets no limit."""
    limits = spec.limits
    if limits.rate_per_s is None:
        return None
    return Rate(limits.rate_per_s, limits.burst or max(1, ceil(2 * limits.rate_per_s)))


def weight_of(spec: ToolServerSpec, tool: Tool) -> int:
    """How heavy a call of this tool is, 1 to 100."""
    declared = spec.limits.cost.get(tool.name)
    if declared is not None:
        return declared
    return _EXPENSIVE if tool.name in spec.limits.expensive else _WEIGHTS.get(tool.risk, 100)


def check_limits(spec: ToolServerSpec) -> None:
    """What the types of `limits` cannot say. Fails: BadInput with the field."""
    limits = spec.limits
    if limits.burst is not None and limits.rate_per_s is None:
        raise BadInput("a burst needs a rate", field="limits.burst", way_out="Give limits.rate_per_s as well.")
