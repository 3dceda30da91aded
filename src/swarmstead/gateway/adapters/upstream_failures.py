"""What a failed request to a tool server means for its caller."""

from http import HTTPStatus

from swarmstead.gateway.adapters.mcp_messages import Ticket
from swarmstead.gateway.contract import RpcFault, ServerRef
from swarmstead.gateway.egress import WAY_OUT
from swarmstead.gateway.errors import EGRESS_DENIED, UpstreamFailed, UpstreamUnknown
from swarmstead.kernel.errors import SteadError

_CHECK_SPEC = "Check the tool server's spec, then try again."


def failure(
    server: ServerRef,
    ticket: Ticket,
    why: str,
    code: str = "",
    fault: RpcFault | None = None,
    not_started: type[UpstreamFailed] = UpstreamFailed,
) -> SteadError:
    """The error to raise: whether the call may have happened, its ticket says."""
    why = why.strip().rstrip(".")
    if ticket.sent:
        return UpstreamUnknown(
            f"The call was sent to the tool server {server.name!r}, and no usable answer came: {why}.",
            way_out="Check whether it happened before you try again.",
            fault=fault,
        )
    return not_started(
        f"The tool server {server.name!r} did not take the call: {why}.",
        way_out=f"Nothing was done. {WAY_OUT if code == EGRESS_DENIED else _CHECK_SPEC}",
        code=code,
        fault=fault,
    )


def phrase_of(status: int) -> str:
    """The standard's name for a status: the server's own words could be anything."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
