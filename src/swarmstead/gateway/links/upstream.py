"""The end of the chain: the tool server."""

from swarmstead.gateway.chain import Answer, Call
from swarmstead.gateway.contract import CallOutcome
from swarmstead.gateway.model import upstream_key
from swarmstead.gateway.ports import Upstream


class CallUpstream:
    """The end of the chain."""

    def __init__(self, upstream: Upstream, timeout_s: float) -> None:
        self._upstream = upstream
        self._timeout_s = timeout_s

    async def __call__(self, call: Call) -> Answer:
        server, listed = call.target
        request = call.request
        result = await self._upstream.call_tool(
            server, listed.tool.name, request.arguments, key=upstream_key(request), timeout_s=self._timeout_s
        )
        return CallOutcome("tool_error" if result.is_error else "ok", result)
