"""The end of the chain: the tool server."""

import time
from collections.abc import Awaitable
from functools import partial

from swarmstead.gateway.catalogue import Catalogue
from swarmstead.gateway.chain import Answer, Call
from swarmstead.gateway.contract import CallOutcome, CallRequest, CallResult
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.links.asking import Asking, CallRelay
from swarmstead.gateway.mirrored import headers_for
from swarmstead.gateway.model import upstream_key
from swarmstead.gateway.ports import Upstream
from swarmstead.gateway.search.experience import Experience
from swarmstead.gateway.tracing import ended, leg_of
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.telemetry.contract import TRACEPARENT, traceparent_of


class CallUpstream:
    """The end of the chain. A call goes out only in a session whose definitions are those that it was judged by.

    How a tool has done goes to `experience`, which search ranks by, and to `traffic`, for people; the time in which its
    client was asked is not the tool's. `asking` is what a call does while its client is asked. `traced`: somebody keeps
    spans, so that a call of a run which has none is not sampled.
    """

    def __init__(
        self,
        upstream: Upstream,
        catalogue: Catalogue,
        timeout_s: float,
        experience: Experience,
        traffic: Traffic,
        asking: Asking,
        *,
        traced: bool = False,
    ) -> None:
        self._upstream = upstream
        self._catalogue = catalogue
        self._experience = experience
        self._traffic = traffic
        self._timeout_s = timeout_s
        self._asking = asking
        self._traced = traced

    def __call__(self, call: Call) -> Awaitable[Answer]:
        above = call.progress.span
        if above is None:
            return self._send(call, self._traceparent(call.request))
        leg = leg_of(above, call.request)
        return ended(leg, self._send(call, leg.traceparent))

    async def _send(self, call: Call, traceparent: str) -> Answer:
        request = call.request
        relay = None if request.relay is None else CallRelay(request.relay, call, self._asking)
        if request.kind != "tool":
            return await self._fetch(call, traceparent, relay)
        tenant, began, good, reached = request.caller.scope.tenant, time.perf_counter(), False, True
        try:
            result = await self._call(call, traceparent, relay)
            good = not result.is_error
        except UpstreamFailed:
            reached = False
            raise
        finally:
            ms = (time.perf_counter() - began - (relay.close() if relay is not None else 0.0)) * 1000
            self._experience.note(tenant, request.server, request.tool, good=good, ms=ms)
            self._traffic.ended(tenant, request.server, request.tool, ms if reached else None, good=good)
        return CallOutcome("tool_error" if result.is_error else "ok", result)

    async def _call(self, call: Call, traceparent: str, relay: CallRelay | None) -> CallResult:
        request = call.request
        server, listed = call.target
        return await self._upstream.call_tool(
            server,
            listed.tool.name,
            request.arguments,
            vet=partial(self._catalogue.vet, server, listed),
            key=upstream_key(request),
            timeout_s=self._time_of(call),
            more=request.more,
            headers=headers_for(listed.tool.mirrors, request.arguments) if listed.tool.mirrors else None,
            relay=relay,
            expect=call.progress.precondition.get("expect"),
            traceparent=traceparent,
        )

    async def _fetch(self, call: Call, traceparent: str, relay: CallRelay | None) -> Answer:
        request = call.request
        params = dict(request.more)
        if request.arguments:
            params["arguments"] = request.arguments
        if traceparent:
            params["_meta"] = {TRACEPARENT: traceparent}
        try:
            found = await self._upstream.fetch(
                call.place, request.method, params, timeout_s=self._time_of(call), relay=relay
            )
        finally:
            if relay is not None:
                relay.close()
        return CallOutcome("ok", CallResult(more=found))

    def _traceparent(self, request: CallRequest) -> str:
        """Where no span of ours comes between: the client's own; of a run, the call's."""
        caller = request.caller
        if caller.traceparent or not caller.trace_id:
            return caller.traceparent
        return traceparent_of(caller.trace_id, request.key, sampled=not self._traced)

    def _time_of(self, call: Call) -> float:
        return call.timeout_s or call.place.spec.limits.timeout_s or self._timeout_s
