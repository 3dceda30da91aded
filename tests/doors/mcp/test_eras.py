"""The era without sessions, and sessions of the one before: what is agreed, what has to agree, and what ends."""

from typing import Any

import pytest

from tests.doors.mcp.door import Door, words
from tests.doors.mcp.test_sessions import read_id, written_id
from tests.fakes.upstream import text

CALL = {"name": "kit__read", "arguments": {"name": "x"}}
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
SPOKEN = ["2026-07-28", "2025-11-25", "2025-06-18"]
HEADERS = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "kit__read"}


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


async def test_a_modern_client_lists_and_calls_without_a_session(door: Door) -> None:
    door.house.upstream.answers["read"] = text("found")
    async with door.modern() as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["kit__append", "kit__read", "apply_plan"]
        assert words(await client.call_tool("kit__read", {"name": "x"})) == "found"


async def test_every_modern_result_says_that_it_is_complete(door: Door) -> None:
    answer = await door.post(request("tools/call", **CALL, _meta=META), **HEADERS)
    assert (answer.status_code, answer.json()["result"]["resultType"]) == (200, "complete")
    assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mcp_method": "tools/list"}, -32020),
        ({"mcp_name": "kit__append"}, -32020),
        ({"mcp_name": "=?base64?a2l0X19hcHBlbmQ=?="}, -32020),
        ({"mcp_name": "=?base64?!?="}, -32020),
        ({"mcp_method": ""}, -32020),
        ({"mcp_protocol_version": "2027-01-01"}, -32020),
    ],
)
async def test_headers_that_a_proxy_would_route_by_must_say_what_the_body_says(
    door: Door, changed: dict[str, str], code: int
) -> None:
    answer = await door.post(request("tools/call", **CALL, _meta=META), **HEADERS | changed)
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["id"]) == (400, code, 7)
    assert door.house.upstream.called("read") == 0


ROUTES: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"method": "tools/call", "params": CALL}, {"mcp_method": "tools/list"}, "Mcp-Method does not say the same as the"),
    ({"method": "tools/call", "params": CALL}, {"mcp_name": "kit__append"}, "Mcp-Name does not say the same as params"),
    ({"method": "tools/call", "params": CALL}, {"mcp_name": "=?base64?!?="}, "Mcp-Name"),
    ({"method": "tools/call", "params": {}}, {"mcp_name": "kit__read"}, "params.name"),
    ({"method": "resources/read", "params": {"uri": "notes://1"}}, {"mcp_name": "notes://2"}, "params.uri"),
    ({"method": "tools/list"}, {"mcp_name": "kit__read"}, "Mcp-Name"),
    ({"method": "resources/subscribe", "params": {"uri": "notes://1"}}, {"mcp_name": "notes://2"}, "Mcp-Name"),
    ({"method": "ping"}, {"mcp_method": "ping, tools/list"}, "Mcp-Method"),
    ({"method": "initialize", "params": {"protocolVersion": "2025-11-25"}}, {"mcp_method": "ping"}, "Mcp-Method"),
]


@pytest.mark.parametrize(("message", "headers", "says"), ROUTES)
async def test_so_they_must_in_sessions_where_they_are_there(
    door: Door, message: dict[str, Any], headers: dict[str, str], says: str
) -> None:
    opened = await door.post(request("initialize", protocolVersion="2025-11-25", capabilities={}))
    for session in ({}, {"mcp_session_id": opened.headers["mcp-session-id"]}):
        answer = await door.post({"jsonrpc": "2.0", "id": 7, **message}, **headers, **session)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], answer.json()["id"]) == (400, -32020, 7)
        assert says in error["message"]
    assert door.house.upstream.called("read") == 0


async def test_so_they_must_of_what_is_no_request(door: Door) -> None:
    opened = await door.post(request("initialize", protocolVersion="2025-11-25", capabilities={}))
    session, called_off = opened.headers["mcp-session-id"], {"jsonrpc": "2.0", "method": "notifications/cancelled"}
    refused = [
        await door.post(called_off, mcp_session_id=session, mcp_method="tools/call"),
        await door.post(called_off, mcp_protocol_version="2026-07-28", mcp_method="tools/call"),
        await door.post({"jsonrpc": "2.0", "id": 1, "result": {}}, mcp_session_id=session, mcp_method="tools/call"),
    ]
    assert [(one.status_code, one.json()["error"]["code"]) for one in refused] == [(400, -32020)] * 3


async def test_in_a_session_they_may_say_what_the_body_says(door: Door) -> None:
    call = await door.post(request("tools/call", **CALL), mcp_method="tools/call", mcp_name="kit__read")
    watched = await door.post(
        request("resources/subscribe", uri="notes://1"), mcp_method="resources/subscribe", mcp_name="notes://1"
    )
    assert (call.status_code, call.json()["result"]["isError"]) == (200, False)
    assert watched.json()["error"]["code"] != -32020


async def test_a_name_may_come_encoded(door: Door) -> None:
    answer = await door.post(
        request("tools/call", **CALL, _meta=META), **HEADERS | {"mcp_name": "=?base64?a2l0X19yZWFk?="}
    )
    assert answer.status_code == 200


async def test_an_envelope_that_is_not_whole_is_refused_with_what_it_lacks(door: Door) -> None:
    bare = await door.post(request("tools/call", **CALL), **HEADERS)
    half = await door.post(
        request("tools/call", **CALL, _meta={"io.modelcontextprotocol/protocolVersion": "2026-07-28"}), **HEADERS
    )
    assert [one.status_code for one in (bare, half)] == [400, 400]
    assert "clientCapabilities" in half.json()["error"]["message"]


async def test_a_version_that_nobody_speaks_is_told_which_ones_we_do(door: Door) -> None:
    meta = META | {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}
    headers = {"mcp_protocol_version": "2031-01-01", "mcp_method": "server/discover"}
    answer = await door.post(request("server/discover", _meta=meta), **headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["data"] == {"supported": SPOKEN, "requested": "2031-01-01"}
    assert all(version in answer.json()["error"]["message"] for version in SPOKEN)


@pytest.mark.parametrize("version", ["2031-01-01", "2025-03-26", "2024-11-05", "loud"])
async def test_whatever_names_a_version_that_nobody_speaks_is_told_which_ones_we_do(door: Door, version: str) -> None:
    opened = await door.post(request("initialize", protocolVersion="2025-11-25", capabilities={}))
    in_session = {"mcp_session_id": opened.headers["mcp-session-id"], "mcp_protocol_version": version}
    refused = [
        await door.post(request("ping"), **in_session),
        await door.post({"jsonrpc": "2.0", "method": "notifications/cancelled"}, **in_session),
        await door.post({"jsonrpc": "2.0", "id": 1, "result": {}}, **in_session),
        await door.get(**in_session),
        await door.delete(in_session["mcp_session_id"], mcp_protocol_version=version),
    ]
    for answer in refused:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, -32022)
        assert error["data"] == {"supported": SPOKEN, "requested": version}
    assert [answer.json()["id"] for answer in refused] == [7, None, None, None, None]
    assert (await door.post(request("ping"), mcp_session_id=in_session["mcp_session_id"])).status_code == 200


@pytest.mark.parametrize("wanted", ["2025-03-26", "2024-11-05", "2031-01-01"])
async def test_a_session_in_a_version_that_we_do_not_speak_is_offered_one_that_we_do(door: Door, wanted: str) -> None:
    """The client decides whether it speaks that one. Before 2025-06-18 there were batches, which we do not take."""
    asked = request("initialize", protocolVersion=wanted, capabilities={})
    assert (await door.post(asked)).json()["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("wanted", ["2025-03-26", "2024-11-05"])
async def test_who_opens_a_session_with_an_older_version_in_the_header_is_offered_ours(door: Door, wanted: str) -> None:
    asked = request("initialize", protocolVersion=wanted, capabilities={})
    answer = await door.post(asked, mcp_protocol_version=wanted)
    assert answer.json()["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("wanted", [True, 7, ["2025-11-25"]])
async def test_a_session_in_what_is_no_version_is_not_opened(door: Door, wanted: Any) -> None:
    answer = await door.post(request("initialize", protocolVersion=wanted, capabilities={}))
    assert answer.json()["error"]["code"] == -32602
    assert "2025-11-25, 2025-06-18" in answer.json()["error"]["message"]
    assert "mcp-session-id" not in answer.headers


async def test_a_session_of_a_version_that_was_spoken_once_is_over(door: Door) -> None:
    opened = await door.post(request("initialize", protocolVersion="2025-06-18", capabilities={}))
    old = written_id(read_id(opened.headers["mcp-session-id"]) | {"v": "2025-03-26"})
    assert (await door.post(request("ping"), mcp_session_id=old)).status_code == 404


async def test_methods_of_the_other_era_do_not_exist(door: Door) -> None:
    modern = await door.post(request("ping", _meta=META), mcp_protocol_version="2026-07-28", mcp_method="ping")
    legacy = await door.post(request("server/discover"), mcp_protocol_version="2025-11-25")
    assert (modern.status_code, modern.json()["error"]["code"]) == (404, -32601)
    assert (legacy.status_code, legacy.json()["error"]["code"]) == (200, -32601)


async def test_a_session_is_its_callers_and_ends_when_it_says_so(door: Door) -> None:
    opened = await door.post(request("initialize", protocolVersion="2025-11-25", capabilities={"roots": {}}))
    session = opened.headers["mcp-session-id"]
    assert session == session.lower()
    other = await door.new_key("operator")
    ping = request("ping")
    assert (await door.post(ping, mcp_session_id=session)).status_code == 200
    assert (await door.post(ping, mcp_session_id=session, key=other)).status_code == 404
    assert (await door.post(ping, mcp_session_id="a" * 5000)).status_code == 404
    assert (await door.delete(session, key=other)).status_code == 404
    assert (await door.delete(session)).status_code == 204
    assert (await door.post(ping, mcp_session_id=session)).status_code == 404


async def test_an_answer_without_a_session_has_nobody_to_go_to(door: Door) -> None:
    assert (await door.post({"jsonrpc": "2.0", "id": 1, "result": {}})).status_code == 404


async def test_two_sessions_of_one_key_have_sessions_of_their_own_with_the_tool_server(door: Door) -> None:
    for _ in range(2):
        opened = await door.post(request("initialize", protocolVersion="2025-11-25", capabilities={}))
        await door.post(request("tools/call", **CALL), mcp_session_id=opened.headers["mcp-session-id"])
    lanes = [call.server.lane for call in door.house.upstream.calls]
    assert len(set(lanes)) == 2
    assert all(lane.startswith("key:") for lane in lanes)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'{"a": NaN}', -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": 1e999}}', -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"7", -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "Method": "tools/call"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}, "PARAMS": {}}', -32600),
    ],
)
async def test_what_is_no_request_is_told_so(door: Door, body: bytes, code: int) -> None:
    answer = await door.post(body)
    assert answer.json()["error"]["code"] == code
    assert answer.status_code in {200, 400}
