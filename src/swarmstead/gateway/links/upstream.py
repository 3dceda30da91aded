"""The end of the chain: the tool server."""

from swarmstead.gateway.chain import Answer, Call
from swarmstead.gateway.contract import CallOutcome, CallResult
from swarmstead.gateway.mirrored import headers_for
from swarmstead.gateway.ports import Upstream


class CallUpstream:
    """The end of the chain."""

    def __init__(self, upstream: Upstream, timeout_s: float) -> None:
        self._upstream = upstream
        self._timeout_s = timeout_s

    async def __call__(self, call: Call) -> Answer:
        request = call.request
        if request.kind != "tool":
            return await self._fetch(call)
        server, listed = call.target
        result = await self._upstream.call_tool(
            server,
            listed.tool.name,
            request.arguments,
            key=request.key,
            timeout_s=self._time_of(call),
            more=request.more,
            headers=headers_for(listed.tool.mirrors, request.arguments) if listed.tool.mirrors else None,
            relay=request.relay,
        )
        return CallOutcome("tool_error" if result.is_error else "ok", result)

    async def _fetch(self, call: Call) -> Answer:
        request = call.request
        params = dict(request.more)
        if request.arguments:
            params["arguments"] = request.arguments
        found = await self._upstream.fetch(
            call.place, request.method, params, timeout_s=self._time_of(call), relay=request.relay
        )
        return CallOutcome("ok", CallResult(more=found))

    def _time_of(self, call: Call) -> float:
        return call.timeout_s or call.place.spec.limits.timeout_s or self._timeout_s
