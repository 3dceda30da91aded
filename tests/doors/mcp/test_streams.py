"""Streams of the MCP door: what servers tell on their own, answers as events, and coming back to them."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from swarmstead.doors.mcp.headers import decoded, headers_of
from swarmstead.gateway.contract import RpcFault
from swarmstead.gateway.errors import UpstreamFailed, UpstreamUnknown
from swarmstead.gateway.pins import handlers as pins
from swarmstead.gateway.pins import queries as pin_reads
from tests.doors.mcp.door import TENANT, Door
from tests.fakes.upstream import Called, tool

META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
MODERN = {"mcp-protocol-version": "2026-07-28"}
UPDATED = "notifications/resources/updated"
CALL: dict[str, Any] = {"name": "kit__read", "arguments": {"name": "x"}}
RESOURCES = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: notes}
spec: {agent: "*", server: kit, resources: ["notes://open/*"]}
"""


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


async def opened(door: Door, version: str = "2025-11-25", **can: Any) -> str:
    """A new session's id."""
    answer = await door.post(request("initialize", protocolVersion=version, capabilities=can))
    return answer.headers["mcp-session-id"]


class Events:
    """A stream of events, read one by one."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, str]:
        """The fields of the next event; empty at the end."""
        found: dict[str, str] = {}
        async with asyncio.timeout(20):
            async for line in self._lines:
                if not line and found:
                    return found
                name, mark, value = line.partition(": ")
                if mark and name:
                    found[name] = value
                elif line == "data: ":
                    found["data"] = ""
        return found

    async def told(self) -> dict[str, Any]:
        """The next message."""
        return json.loads((await self.next())["data"])


@asynccontextmanager
async def stream(door: Door, message: Any = None, *, key: str = "", **headers: str) -> AsyncGenerator[Events]:
    """The answer to a POST, or to a GET where there is no message, as it comes."""
    sent = {"authorization": f"Bearer {key or door.key}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    method = "GET" if message is None else "POST"
    content = None if message is None else json.dumps(message)
    async with (
        httpx2.AsyncClient(timeout=30) as http,
        http.stream(method, door.address, content=content, headers=sent) as response,
    ):
        yield Events(response)


def listen(**wanted: Any) -> dict[str, Any]:
    return request("subscriptions/listen", notifications=wanted, _meta=META)


async def test_a_subscriber_is_told_what_servers_tell_and_from_whom_it_heard_it(door: Door) -> None:
    await door.house.declare(RESOURCES, TENANT)
    wanted = listen(resourceSubscriptions=["notes://open/1", "notes://shut/1"], toolsListChanged=True)
    async with stream(door, wanted, **MODERN, mcp_method="subscriptions/listen") as events:
        assert (await events.told())["method"] == "notifications/subscriptions/acknowledged"
        ((_, asked, relay),) = door.house.upstream.listeners
        assert asked == {"resourceSubscriptions": ["notes://open/1"], "toolsListChanged": True}
        for uri in ("notes://shut/1", "notes://open/2", "notes://open/1"):
            relay.notify(UPDATED, {"uri": uri})
        relay.notify("notifications/prompts/list_changed", {})
        relay.notify("notifications/message", {"level": "error", "data": "psst"})
        relay.notify("notifications/tools/list_changed", {})
        first, second = await events.told(), await events.told()
    assert (first["params"]["uri"], second["method"]) == ("notes://open/1", "notifications/tools/list_changed")
    assert {one["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] for one in (first, second)} == {7}


async def test_a_server_that_says_its_tools_have_changed_is_asked_for_them_again(door: Door) -> None:
    session = await opened(door)
    await door.post(request("tools/list"), mcp_session_id=session)
    door.house.upstream.tools = [tool("read", {"readOnlyHint": True}, title={"type": "string"})]
    async with stream(door, listen(toolsListChanged=True), **MODERN, mcp_method="subscriptions/listen") as events:
        await events.told()
        door.house.upstream.tell_changed()
        await events.told()
        listed = (await door.post(request("tools/list"), mcp_session_id=session)).json()["result"]["tools"]
        assert listed == []  # what has changed waits for a person
        house = door.house
        pin = await house.db.read(lambda conn: pin_reads.get(conn, TENANT, "kit", "read"))
        await house.db.write(lambda tx: pins.accept(tx, TENANT, house.clock, "kit", "read", pin.offered_hash))
        listed = (await door.post(request("tools/list"), mcp_session_id=session)).json()["result"]["tools"]
    assert list(listed[0]["inputSchema"]["properties"]) == ["title"]


async def test_what_is_taken_away_is_not_listened_to_any_more(door: Door) -> None:
    await door.house.declare(RESOURCES, TENANT)
    wanted = listen(resourceSubscriptions=["notes://open/1"], toolsListChanged=True)
    async with stream(door, wanted, **MODERN, mcp_method="subscriptions/listen") as events:
        await events.told()
        await door.house.declare(RESOURCES.replace("open", "other"), TENANT)
        assert (await events.told())["method"] == "notifications/tools/list_changed"
        async with asyncio.timeout(20):
            while [asked for _, asked, _ in door.house.upstream.listeners] != [{"toolsListChanged": True}]:
                await door.post(request("ping"))


async def test_a_session_is_told_of_the_resources_that_it_has_subscribed_to(door: Door) -> None:
    await door.house.declare(RESOURCES, TENANT)
    session = await opened(door)
    async with stream(door, mcp_session_id=session) as events:
        for uri in ("notes://open/1", "notes://open/2"):
            assert (await door.post(request("resources/subscribe", uri=uri), mcp_session_id=session)).is_success
        await door.post(request("resources/unsubscribe", uri="notes://open/2"), mcp_session_id=session)
        ((server, asked, relay),) = door.house.upstream.listeners
        assert asked["resourceSubscriptions"] == ["notes://open/1"]
        assert server.lane.endswith(door.house.upstream.fetches[0][0].lane.rpartition("/")[2])
        relay.notify(UPDATED, {"uri": "notes://open/2"})
        relay.notify(UPDATED, {"uri": "notes://open/1"})
        assert (await events.told())["params"] == {"uri": "notes://open/1"}


async def test_a_session_has_one_open_stream_the_last_one(door: Door) -> None:
    session = await opened(door)
    async with stream(door, mcp_session_id=session) as first, stream(door, mcp_session_id=session) as second:
        assert await first.next() == {}
        async with asyncio.timeout(20):
            while len(door.house.upstream.listeners) != 1:
                await door.post(request("ping"))
        door.house.upstream.listeners[0][2].notify("notifications/tools/list_changed", {})
        assert (await second.told())["method"] == "notifications/tools/list_changed"


async def test_a_client_that_names_events_first_gets_its_answer_as_one(door: Door) -> None:
    session = await opened(door)
    accept = "text/event-stream, application/json"
    async with stream(door, request("tools/call", **CALL), mcp_session_id=session, accept=accept) as events:
        first, second = await events.next(), await events.next()
    assert (first["data"], first["retry"], first["id"]) == ("", "500", "1-0")
    assert json.loads(second["data"])["result"]["isError"] is False
    answer = await door.post(request("tools/call", **CALL), mcp_session_id=session)
    assert answer.headers["content-type"] == "application/json"


async def test_a_client_is_let_go_when_the_server_hangs_up_and_comes_back_for_the_rest(door: Door) -> None:
    session = await opened(door)
    upstream = door.house.upstream
    let_go = asyncio.Event()

    async def hang_up(_call: Called) -> None:
        assert upstream.relay is not None
        upstream.relay.hang_up()
        await let_go.wait()

    upstream.during = hang_up
    async with stream(door, request("tools/call", **CALL), mcp_session_id=session) as events:
        last = (await events.next())["id"]
        assert await events.next() == {}
    let_go.set()
    async with stream(door, mcp_session_id=session, last_event_id=last) as events:
        assert (await events.told())["result"]["content"] == [{"type": "text", "text": "read x"}]
        assert await events.next() == {}


async def test_nobody_comes_back_to_a_stream_of_another_session(door: Door) -> None:
    mine, other = await opened(door), await opened(door)
    accept = "text/event-stream, application/json"
    async with stream(door, request("tools/call", **CALL), mcp_session_id=mine, accept=accept) as events:
        last = (await events.next())["id"]
    for id_ in (last, "1", "x-1", "9" * 50 + "-1"):
        async with stream(door, mcp_session_id=other, last_event_id=id_) as events:
            async with asyncio.timeout(20):
                while not door.house.upstream.listeners:  # it is the open stream of its own session
                    await door.post(request("ping"))
            door.house.upstream.listeners[-1][2].notify("notifications/tools/list_changed", {})
            assert (await events.told())["method"] == "notifications/tools/list_changed"


async def test_a_servers_error_reaches_the_client_with_its_code_and_data_and_without_credentials(door: Door) -> None:
    data: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}, "token": "s3cret"}

    async def refuse(_call: Called) -> None:
        raise UpstreamFailed("It did not take the call.", fault=RpcFault(-32021, "No sampling", data))

    door.house.upstream.during = refuse
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "kit__read"}
    modern = await door.post(request("tools/call", **CALL, _meta=META), **headers)
    legacy = await door.post(request("tools/call", **CALL))
    assert [modern.status_code, legacy.status_code] == [400, 200]
    for answer in (modern, legacy):
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == (-32021, "No sampling")
        assert error["data"] == {"requiredCapabilities": {"sampling": {}}, "token": "[redacted]"}


async def test_an_outcome_that_nobody_knows_is_told_as_such_whatever_the_server_says(door: Door) -> None:
    async def lose(_call: Called) -> None:
        raise UpstreamUnknown("It may have happened.", fault=RpcFault(-32603, "All is well"))

    call = request("tools/call", name="kit__append", arguments={"line": "one"})
    plan = (await door.post(call)).json()["result"]["_meta"]["swarmstead.dev/plan"]["plan_id"]
    await door.decide(plan)
    door.house.upstream.during = lose
    call["params"]["_meta"] = {"swarmstead.dev/plan-id": plan}
    result = (await door.post(call)).json()["result"]
    assert result["isError"]
    assert result["content"][0]["text"].startswith("It may have happened.")


async def test_a_header_that_repeats_an_argument_has_to_agree_with_it(door: Door) -> None:
    region = {"type": "string", "x-mcp-header": "Region"}
    door.house.upstream.tools = [tool("read", {"readOnlyHint": True}, name=region)]
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "kit__read"}
    message = request("tools/call", **CALL, _meta=META)
    for wrong in ({}, {"mcp_param_region": "y"}, {"mcp_param_region": "=?base64?!?="}):
        answer = await door.post(message, **headers, **wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
    assert door.house.upstream.called("read") == 0
    for right in ("x", "=?base64?eA==?="):
        assert (await door.post(message, **headers, mcp_param_region=right)).status_code == 200
    legacy = await door.post(request("tools/call", **CALL))  # in the era of sessions there are no such headers
    assert legacy.json()["result"]["isError"] is False


def test_blanks_around_a_header_are_no_part_of_it() -> None:
    assert decoded(b"  kit__read\t") == "kit__read"
    assert headers_of([(b"mcp-name", b"a"), (b"mcp-name", b"b")])[b"mcp-name"] == b"a, b"


async def test_contents_are_the_callers_alone_however_public_the_server_says_they_are(door: Door) -> None:
    await door.house.declare(RESOURCES, TENANT)
    contents = [{"uri": "notes://open/1", "text": "hello"}]
    door.house.upstream.fetched["resources/read"] = {"contents": contents, "ttlMs": 5000, "cacheScope": "public"}
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "resources/read", "mcp_name": "notes://open/1"}
    modern = await door.post(request("resources/read", uri="notes://open/1", _meta=META), **headers)
    legacy = await door.post(request("resources/read", uri="notes://open/1"))
    assert {name: modern.json()["result"][name] for name in ("ttlMs", "cacheScope", "resultType")} == {
        "ttlMs": 5000,
        "cacheScope": "private",
        "resultType": "complete",
    }
    assert legacy.json()["result"] == {"contents": contents}
