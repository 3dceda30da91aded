"""Why a tool call was refused or failed. `code` is what audit rows, events and clients carry."""

from swarmstead.kernel.errors import BadInput, Conflict, NotFound, NotPermitted, Unavailable


class ToolUnknown(NotFound):
    """No such server or tool, or the caller may not know of it: both read the same."""

    code = "tool_unknown"


class ArgumentsRefused(BadInput):
    """The arguments do not satisfy the tool's contract."""

    code = "arguments_refused"


class RiskUnknown(NotPermitted):
    """Neither the server nor an override says what the tool may do, so it may not be called."""

    code = "risk_unknown"


class PolicyDenied(NotPermitted):
    """A policy forbids the call, or none permits it. `rules` in it are the ids."""

    code = "policy_denied"


class PlanRefused(Conflict):
    """The plan named is not approved, expired, used, or for another call."""

    code = "plan_refused"


EGRESS_DENIED = "egress_denied"
"""The code of an UpstreamFailed that the egress rules caused."""


class UpstreamFailed(Unavailable):
    """The tool server could not be reached or refused; it is certain that nothing happened."""

    code = "upstream_failed"


class UpstreamUnknown(Unavailable):
    """The call was sent and no usable answer came; it may have happened."""

    code = "outcome_unknown"


class RelayRefused(NotPermitted):
    """The client cannot be asked, or has refused what a tool server asked of it."""

    code = "client_refused"


class TrailFull(Unavailable):
    """What was done cannot be written down, so no more is done."""

    code = "audit_unavailable"
