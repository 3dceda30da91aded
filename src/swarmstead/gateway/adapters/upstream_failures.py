"""What a failed request to a tool server means for its caller."""

import logging
from http import HTTPStatus

from swarmstead.gateway.adapters.mcp_messages import RpcRefused, SessionLost, Ticket, clean
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstream_line import Line
from swarmstead.gateway.contract import RpcFault, ServerRef
from swarmstead.gateway.egress import WAY_OUT
from swarmstead.gateway.errors import EGRESS_DENIED, UpstreamFailed, UpstreamUnknown
from swarmstead.kernel.errors import SteadError

log = logging.getLogger(__name__)

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


def start_failure(line: Line, error: Exception, limits: UpstreamLimits) -> SessionLost:
    """What it means that no session came up. What nobody foresaw is logged, and is the trouble of this server alone."""
    if isinstance(error, SessionLost):
        return error
    if isinstance(error, TimeoutError):
        trouble = line.session.trouble() if line.session else ""
        return SessionLost(f"it was not ready within {limits.start_timeout_s:g} s. {trouble}")
    if isinstance(error, RpcRefused):
        return SessionLost(f"it refused the handshake: {clean(str(error), line.secrets)} (code {error.code})")
    log.error("the tool server %s could not be started", line.server.name, exc_info=error)
    return SessionLost(f"Swarmstead failed to start it ({type(error).__name__}); its log says more")


def phrase_of(status: int) -> str:
    """The standard's name for a status: the server's own words could be anything."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
