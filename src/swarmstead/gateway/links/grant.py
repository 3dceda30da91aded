"""Who may know of which tool."""

from swarmstead.gateway.catalogue import Catalogue
from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.contract import SEPARATOR, CallRequest
from swarmstead.gateway.errors import ToolOff, ToolUnknown
from swarmstead.gateway.grants import NOTHING, Granted, Grants
from swarmstead.gateway.model import NOT, flag_words
from swarmstead.telemetry.contract import grant_monitored


class Grant:
    """Lets through only what is bound to the caller. Unknown and hidden read the same."""

    def __init__(self, grants: Grants, catalogue: Catalogue) -> None:
        self._grants = grants
        self._catalogue = catalogue

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        request = call.request
        grants = await self._grants.of(request.caller.scope)
        server = grants.server(request.server, request.root, request.caller)
        granted = grants.of(request.caller).get(request.server, NOTHING)
        if not request.planned or server is None or not granted.holds(request.kind, request.tool):
            raise _missing(request, granted)
        call.progress.granted = True
        if granted.firm is not None and not granted.firm.holds(request.kind, request.tool):
            call.progress.monitored = True
            grant_monitored()
        if request.kind != "tool":
            return await proceed(call.found(server, None))
        listed = (await self._catalogue.tools(server)).get(request.tool)
        if listed is None:
            raise _unknown(request)
        return await proceed(call.found(server, listed))


def _missing(request: CallRequest, granted: Granted) -> ToolUnknown | ToolOff:
    flag = dict(granted.off).get(request.tool) if request.kind == "tool" and request.planned else None
    if flag is None:
        return _unknown(request)
    name = flag.removeprefix(NOT)
    return ToolOff(
        f"Denied: {request.tool!r} of {request.server!r} stands behind {flag_words(flag)}.",
        way_out=f"Ask whoever keeps it: `stead tool flag {name}` shows how it stands.",
        extra={"flag": name},
    )


def _unknown(request: CallRequest) -> ToolUnknown:
    who = request.caller.agent or "this caller"
    if not request.tool:  # a model called it without the name of its server, or made it up
        return ToolUnknown(
            f"Denied: {who} has no {request.kind} {request.server!r}.",
            way_out=f"Call it by its whole name, as it is listed: SERVER{SEPARATOR}TOOL.",
        )
    return ToolUnknown(
        f"Denied: {who} has no {request.kind} {request.tool!r} on {request.server!r}.",
        way_out=f"Bind the {request.kind} to the agent with a Binding, if it should have it.",
    )
