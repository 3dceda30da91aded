"""Tool servers that speak JSON-RPC and mean something else: every answer is used, or is a failure that says why."""

import asyncio
import copy
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmstead.doors.mcp.relays import ClientRelay
from swarmstead.doors.mcp.streams import Stream
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import CallResult, ServerRef
from swarmstead.gateway.errors import UpstreamFailed, UpstreamUnknown
from tests.fakes import odd_server
from tests.fakes.mcp_upstreams import CALL_S, HERE, LIMITS, http, unvetted
from tests.fakes.odd_server import OddServer
from tests.oddities import change

_METHODS = (*odd_server.RESULTS, "subscriptions/listen")
_NUMBERS = ("NaN", "1e999", '"\\ud800"', "[" * 150 + "]" * 150)


class Wire:
    """Where a relay sends to: everything has to be JSON."""

    async def send(self, message: Any) -> None:
        body: bytes = message.get("body", b"")
        for line in body.split(b"\r\n"):
            if line.startswith(b"data: "):
                json.loads(line.removeprefix(b"data: "))


@pytest.fixture
async def odd() -> AsyncGenerator[OddServer]:
    async with odd_server.serving() as server:
        yield server


@st.composite
def _plots(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
    """How answers are changed, by method; what is told before them; and the caller's era."""
    changed: dict[str, Any] = {}
    for method in draw(st.lists(st.sampled_from(_METHODS), max_size=3, unique=True)):
        message: dict[str, Any] = {
            "jsonrpc": "2.0",
            "id": 0,
            "result": copy.deepcopy(odd_server.RESULTS.get(method, {})),
        }
        if method == "tools/call" and draw(st.booleans()):
            message["result"] = {"resultType": "input_required", "inputRequests": {"a": {"method": "roots/list"}}}
        if draw(st.integers(0, 3)) == 0:
            message["error"] = {"code": -32000, "message": "no", "data": {"a": 1}}
            del message["result"]
        for _ in range(draw(st.integers(1, 3))):
            change(draw, message)
        changed[method] = message
    tells = copy.deepcopy(draw(st.lists(st.sampled_from(odd_server.TELLS), max_size=4)))
    for one in tells:
        for _ in range(draw(st.integers(0, 2))):
            change(draw, one)
    return changed, tells, draw(st.booleans())


def _with_its_id(message: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    return {**message, "id": asked["id"]} if message.get("id") == 0 and "id" in asked else message


async def offered(upstreams: Upstreams, server: ServerRef) -> Any:
    return (await upstreams.list_tools(server)).definitions


async def _judge(odd: OddServer, changed: dict[str, Any], tells: list[dict[str, Any]], *, modern: bool) -> None:
    odd.changes = {method: lambda asked, m=message: _with_its_id(m, asked) for method, message in changed.items()}
    odd.tells = tells
    upstreams = Upstreams(replace(LIMITS, backoff_base_s=0.0), egress=HERE)
    server = replace(http(odd.url), modern=modern)
    relay = ClientRelay(Wire().send, capabilities={"elicitation": {}}, token="t", log_level="debug")
    stream = Stream("acme", subscription=1)
    ready = asyncio.Event()
    listening = asyncio.create_task(
        upstreams.listen(server, {"toolsListChanged": True, "resourceSubscriptions": ["odd://1"]}, stream, ready.set)
    )
    asks = [
        lambda: upstreams.call_tool(server, "odd", {}, vet=unvetted, key="k", timeout_s=CALL_S, relay=relay),
        lambda: offered(upstreams, server),
        lambda: upstreams.list_all(server, "prompts/list"),
        lambda: upstreams.list_all(server, "resources/list"),
        lambda: upstreams.fetch(server, "resources/read", {"uri": "odd://1"}, timeout_s=CALL_S, relay=relay),
    ]
    reasons: list[str] = []
    try:
        for ask in asks:
            try:
                json.dumps(_sized(await ask()))
            except (UpstreamFailed, UpstreamUnknown) as error:
                reasons.append(error.message)
        assert all("tool server 'web'" in reason for reason in reasons), reasons
        if listening.done():
            with_reason = listening.exception()
            assert with_reason is None or isinstance(with_reason, UpstreamFailed)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await upstreams.aclose()


def _sized(found: Any) -> Any:
    return [list(found.content), found.structured, found.more] if isinstance(found, CallResult) else found


async def test_whatever_an_answer_says_it_is_used_or_refused_with_a_reason(odd: OddServer) -> None:
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, fault: faults.append(fault))

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(_plots())
    def attempt(plot: tuple[dict[str, Any], list[dict[str, Any]], bool]) -> None:
        changed, tells, modern = plot
        asyncio.run_coroutine_threadsafe(_judge(odd, changed, tells, modern=modern), loop).result(60)
        assert not faults

    await asyncio.to_thread(attempt)
