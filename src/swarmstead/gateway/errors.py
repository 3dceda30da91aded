"""Why a tool call was refused or failed. `code` is what audit rows, events and clients carry."""

from collections.abc import Mapping

from swarmstead.gateway.contract import RpcFault
from swarmstead.kernel.errors import BadInput, Conflict, NotFound, NotPermitted, SteadError, TooMuch, Unavailable


class ToolUnknown(NotFound):
    """No such server or tool, or the caller may not know of it: both read the same."""

    code = "tool_unknown"


class ToolOff(NotPermitted):
    """The tool is bound to the caller, and the feature flag that it stands behind is off for it."""

    code = "tool_off"


class ArgumentsRefused(BadInput):
    """The arguments do not satisfy the tool's contract."""

    code = "arguments_refused"


class HeadersRefused(BadInput):
    """A header says something else than the argument that it repeats."""

    code = "headers_refused"


class RiskUnknown(NotPermitted):
    """Neither the server nor an override says what the tool may do, so it may not be called."""

    code = "risk_unknown"


class ToolQuarantined(NotPermitted):
    """The tool's definition has changed since a person or first use accepted it, or a person has set it aside."""

    code = "tool_quarantined"


class ToolUnusable(NotPermitted):
    """The tool's definition cannot be enforced: its schema is not valid, costs too much, or leads out of itself."""

    code = "tool_unusable"


class PinUnknown(NotFound):
    """No such tool of that server has been seen in this tenant."""

    code = "tool_unknown"


class PinMoved(Conflict):
    """The decision is about another definition than the one that waits, or nothing waits."""

    code = "pin_moved"


class PolicyDenied(NotPermitted):
    """A policy forbids the call, or none permits it. `rules` in it are the ids."""

    code = "policy_denied"


class PlanRefused(Conflict):
    """The plan named is not approved, expired, used, or for another call."""

    code = "plan_refused"


EGRESS_DENIED = "egress_denied"
"""The code of an UpstreamFailed that the egress rules caused."""


class _OfUpstream(Unavailable):
    """`fault`: the JSON-RPC error that the server gave, if it gave one."""

    def __init__(
        self,
        message: str,
        *,
        way_out: str = "",
        code: str = "",
        fault: RpcFault | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, way_out=way_out, code=code, extra=extra)
        self.fault = fault


class UpstreamFailed(_OfUpstream):
    """The tool server could not be reached or refused; it is certain that nothing happened."""

    code = "upstream_failed"


class UpstreamRefused(UpstreamFailed):
    """The tool server answered that it does not take the call: it lives, and nothing happened."""


class NoSession(UpstreamFailed):
    """No place for one more session with a tool server. The limit is ours: the server had no part in it."""

    status = 429
    code = "too_many_sessions"


class UpstreamUnknown(_OfUpstream):
    """The call was sent and no usable answer came; it may have happened."""

    code = "outcome_unknown"


class RelayRefused(NotPermitted):
    """The client cannot be asked, or has refused what a tool server asked of it."""

    code = "client_refused"


class TrailFull(Unavailable):
    """What was done cannot be written down, so no more is done."""

    code = "audit_unavailable"


class RateExceeded(TooMuch):
    """The tenant, the identity or the tool has no token left; `extra` says after how many seconds there is one."""

    code = "rate_exceeded"


class Overloaded(TooMuch):
    """As many calls as may be are under way, and there is no queue, or no place in it, or it took too long."""

    code = "overloaded"


class Shed(Overloaded):
    """The tenant is near its cap, and this call weighs too much to be let in now."""

    code = "shed"


class ExpensiveSpent(TooMuch):
    """The run has called this expensive tool as often as it may."""

    code = "expensive_spent"


class UpstreamResting(Unavailable):
    """The tool, or its server, has failed too often and is left alone for a while; nothing was sent."""

    code = "upstream_resting"


def retry_after_s(error: SteadError) -> float:
    """After how many seconds it is worth trying again, as the error says; 0.0 when it says nothing."""
    found = error.extra.get("retry_after_s", 0.0)
    return float(found) if isinstance(found, int | float) else 0.0
