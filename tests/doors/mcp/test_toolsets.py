"""Virtual servers: an address of its own, names of its own, and never more than what is granted."""

from typing import Any

import pytest

from swarmstead.kernel.errors import BadInput
from tests.doors.mcp.door import TENANT, Door, words
from tests.fakes.upstream import text

SETS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {name: plain}
spec: {instructions: Read only., select: [{server: kit, tools: [read, wipe]}]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {name: long}
spec: {names: prefixed, select: [{server: kit, tools: [append]}]}
"""
TWO = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {{name: two}}
spec: {{names: {names}, select: [{{server: kit, tools: [read]}}, {{server: {other}, tools: [read]}}]}}
"""


async def test_a_set_shows_what_it_selects_of_what_is_granted(door: Door) -> None:
    await door.house.declare(SETS, TENANT)
    for path, names in (
        ("/plain", ["read"]),
        ("/long", ["kit__append", "apply_plan"]),
        ("/long/", ["kit__append", "apply_plan"]),
    ):
        async with door.modern(path) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == names


async def test_a_tool_is_called_by_the_name_that_the_set_gives_it(door: Door) -> None:
    await door.house.declare(SETS, TENANT)
    door.house.upstream.answers["read"] = text("found")
    async with door.modern("/plain") as client:
        assert words(await client.call_tool("read", {"name": "x"})) == "found"
        granted_not = await client.call_tool("wipe", {})
        assert (granted_not.is_error, "has no tool 'wipe'" in words(granted_not)) == (True, True)
    assert [call.tool for call in door.house.upstream.calls] == ["read"]


@pytest.mark.parametrize(
    ("path", "name"), [("/plain", "append"), ("/plain", "kit__read"), ("/long", "append"), ("/long", "kit__read")]
)
async def test_what_a_set_does_not_select_is_not_there(door: Door, path: str, name: str) -> None:
    await door.house.declare(SETS, TENANT)
    params: dict[str, Any] = {"name": name, "arguments": {}}
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await door.post(message, path=path)
    assert answer.json()["error"]["code"] == -32602
    assert door.house.upstream.calls == []


async def test_a_set_that_is_not_declared_here_is_not_found(door: Door) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = await door.post(message, path="/plain")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_set_tells_its_instructions(door: Door) -> None:
    await door.house.declare(SETS, TENANT)
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
    told = (await door.post(message, path="/plain")).json()["result"]
    assert (told["instructions"].startswith("Read only."), told["protocolVersion"]) == (True, "2025-06-18")


async def test_two_tools_of_one_name_are_refused_and_prefixed_ones_are_not(door: Door) -> None:
    with pytest.raises(BadInput, match="both have a tool 'read'"):
        await door.house.declare(TWO.format(names="plain", other="box"), TENANT)
    await door.house.declare(TWO.format(names="prefixed", other="box"), TENANT)
    with pytest.raises(BadInput, match="is named twice"):
        await door.house.declare(TWO.format(names="prefixed", other="kit"), TENANT)


async def test_a_set_that_is_declared_anew_is_what_the_next_call_meets(door: Door) -> None:
    """What a set selects is worked out once, and again when it changes."""
    await door.house.declare(SETS, TENANT)
    door.house.upstream.answers["read"] = text("found")
    async with door.modern("/plain") as client:
        assert words(await client.call_tool("read", {"name": "x"})) == "found"
        await door.house.declare(SETS.replace("[read, wipe]", "[append]"), TENANT)
        assert [tool.name for tool in (await client.list_tools()).tools] == ["append", "apply_plan"]
    params: dict[str, Any] = {"name": "read", "arguments": {"name": "x"}}
    answer = await door.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, path="/plain")
    assert answer.json()["error"]["code"] == -32602
    assert len(door.house.upstream.calls) == 1
