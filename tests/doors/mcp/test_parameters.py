"""What stands beside a call's arguments: what is not known goes nowhere, and what goes on is bounded."""

import json
from typing import Any

import pytest

from tests.doors.mcp.door import TENANT, Door
from tests.doors.mcp.test_streams import CALL, META, RESOURCES, opened, request

READ = {"uri": "notes://open/1"}
COMPLETE: dict[str, Any] = {
    "ref": {"type": "ref/resource", "uri": "notes://open/1"},
    "argument": {"name": "id", "value": "1"},
}

UNKNOWN: list[tuple[str, dict[str, Any], str]] = [
    ("tools/call", CALL | {"Arguments": {"name": "/etc/shadow"}}, "params.Arguments"),
    ("tools/call", CALL | {"Name": "wipe"}, "params.Name"),
    ("tools/call", CALL | {"_Meta": {"swarmstead.dev/idempotency-key": "mine"}}, "params._Meta"),
    ("tools/call", CALL | {"argument\u017f": {}}, "params.argument\u017f"),
    ("tools/call", CALL | {"more": 1}, "params.more"),
    ("tools/call", {"name": "search_tools", "arguments": {"query": "x"}, "Query": "y"}, "params.Query"),
    ("prompts/get", {"name": "kit__summary", "Name": "other"}, "params.Name"),
    ("resources/read", READ | {"URI": "notes://shut/1"}, "params.URI"),
    ("resources/subscribe", READ | {"requestState": "s"}, "params.requestState"),
    ("resources/unsubscribe", READ | {"Uri": "notes://shut/1"}, "params.Uri"),
    ("completion/complete", COMPLETE | {"Ref": {}}, "params.Ref"),
    ("completion/complete", COMPLETE | {"ref": COMPLETE["ref"] | {"Uri": "notes://shut/1"}}, "params.ref.Uri"),
    ("completion/complete", COMPLETE | {"argument": {"name": "i", "value": "1", "Value": ""}}, "params.argument.Value"),
    ("completion/complete", COMPLETE | {"context": {"arguments": {}, "Arguments": {}}}, "params.context.Arguments"),
]


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(("method", "params", "field"), UNKNOWN)
async def test_what_no_contract_and_no_policy_has_seen_goes_to_no_server(
    door: Door, method: str, params: dict[str, Any], field: str
) -> None:
    await door.house.declare(RESOURCES, TENANT)
    session = await opened(door)
    modern = {"mcp_protocol_version": "2026-07-28", "mcp_method": method}
    if (named := params.get("uri") or params.get("name")) is not None:
        modern["mcp_name"] = str(named)
    for told in ({}, {"mcp_session_id": session}, modern):
        if told is modern and method in {"resources/subscribe", "resources/unsubscribe"}:
            continue
        answer = await door.post(request(method, **params | ({"_meta": META} if told is modern else {})), **told)
        error = answer.json()["error"]
        assert (error["code"], error["data"]) == (-32602, {"field": field})
        assert error["message"].startswith(field)
        assert answer.status_code == (400 if told is modern else 200)
    assert (door.house.upstream.calls, door.house.upstream.fetches) == ([], [])


@pytest.mark.parametrize(
    "more", ["[" * 500 + "]" * 500, "[" * 33 + "]" * 33, '"' + "x" * 1_048_577 + '"', json.dumps([0] * 1001)]
)
@pytest.mark.parametrize(("method", "params"), [("tools/call", CALL), ("resources/read", READ)])
async def test_what_goes_on_is_bounded_as_arguments_are(
    door: Door, more: str, method: str, params: dict[str, Any]
) -> None:
    await door.house.declare(RESOURCES, TENANT)
    body = json.dumps(request(method, **params, inputResponses={"a": "@"})).replace('"@"', more)
    error = (await door.post(body.encode())).json()["error"]
    assert (error["code"], error["data"]) == (-32602, {"field": "params.inputResponses"})
    assert (door.house.upstream.calls, door.house.upstream.fetches) == ([], [])


async def test_a_state_is_a_text(door: Door) -> None:
    error = (await door.post(request("tools/call", **CALL, requestState={"a": 1}))).json()["error"]
    assert (error["code"], error["message"]) == (-32602, "params.requestState is a string.")


async def test_a_client_that_asks_for_a_task_is_answered_without_one(door: Door) -> None:
    """So MCP 2025-11-25 wants it of a server that has no tasks."""
    await door.house.declare(RESOURCES, TENANT)
    answer = await door.post(request("tools/call", **CALL, task={"ttl": 60_000}))
    assert answer.json()["result"]["isError"] is False
    door.house.upstream.fetched["resources/read"] = {"contents": []}
    assert (await door.post(request("resources/read", **READ, task={"ttl": 1}))).json()["result"] == {"contents": []}
    assert [params for _, _, params in door.house.upstream.fetches] == [READ]


async def test_what_a_client_answers_to_a_server_is_bounded_too(door: Door) -> None:
    session = await opened(door, elicitation={})
    for result in (deep(40), [0] * 1001):
        answer = await door.post({"jsonrpc": "2.0", "id": "stead-1", "result": {"a": result}}, mcp_session_id=session)
        assert (answer.status_code, answer.json()["error"]["data"]) == (400, {"field": "result"})
    answer = await door.post({"jsonrpc": "2.0", "id": "stead-1", "result": {"a": deep(20)}}, mcp_session_id=session)
    assert answer.status_code == 202
