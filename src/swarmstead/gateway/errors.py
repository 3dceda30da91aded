"""Why a tool call was refused or failed. `code` is what audit rows, events and clients carry."""

from swarmstead.gateway.contract import RpcFault
from swarmstead.kernel.errors import BadInput, Conflict, NotFound, NotPermitted, Unavailable


class ToolUnknown(NotFound):
    """No such server or tool, or the caller may not know of it: both read the same."""

    code = "tool_unknown"


class ArgumentsRefused(BadInput):
    """The arguments do not satisfy the tool's contract."""

    code = "arguments_refused"


class HeadersRefused(BadInput):
    """A header says something else than the argument that it repeats."""

    code = "headers_refused"


class RiskUnknown(NotPermitted):
    """Neither the server nor an override says what the tool may do, so it may not be called."""

    code = "risk_unknown"


class PlanRefused(Conflict):
    """The plan named is not approved, expired, used, or for another call."""

    code = "plan_refused"


EGRESS_DENIED = "egress_denied"
"""The code of an UpstreamFailed that the egress rules caused."""


class _OfUpstream(Unavailable):
    """`fault`: the JSON-RPC error that the server gave, if it gave one."""

    def __init__(self, message: str, *, way_out: str = "", code: str = "", fault: RpcFault | None = None) -> None:
        super().__init__(message, way_out=way_out, code=code)
        self.fault = fault


class UpstreamFailed(_OfUpstream):
    """The tool server could not be reached or refused; it is certain that nothing happened."""

    code = "upstream_failed"


class UpstreamUnknown(_OfUpstream):
    """The call was sent and no usable answer came; it may have happened."""

    code = "outcome_unknown"


class RelayRefused(NotPermitted):
    """The client cannot be asked, or has refused what a tool server asked of it."""

    code = "client_refused"


class TrailFull(Unavailable):
    """What was done cannot be written down, so no more is done."""

    code = "audit_unavailable"
