"""A client with many tools is shown two that lead to all of them; what it may not call stays hidden there too."""

from typing import Any

import pytest
from mcp import ClientSession

from tests.doors.mcp.door import TENANT, Door, words
from tests.rooms.permits.test_policy_service import policy

BINDING = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: outside-more}
spec: {agent: "*", server: kit, tools: [read, look, put, append, wipe, note, more]}
"""
SET = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {name: readers}
spec: {select: [{server: kit, tools: [read, look]}]}
"""
META = ["search_tools", "describe_tools"]


async def found(session: ClientSession, query: str) -> list[str]:
    """The names that a search answers with."""
    answer = await session.call_tool("search_tools", {"query": query})
    assert answer.structured_content is not None
    return [one["name"] for one in answer.structured_content["tools"]]


@pytest.fixture(name="many")
async def _many(door: Door) -> Door:
    """A door whose one server has more tools than a list shows here."""
    extra = {"name": "more", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
    house = door.house
    house.upstream.tools = [*house.upstream.tools, extra, extra | {"name": "hidden"}]
    await house.declare(BINDING, TENANT)
    return door


async def test_a_short_list_is_shown_as_it_is(door: Door) -> None:
    async with door.session() as session:
        names = {tool.name for tool in (await session.list_tools()).tools}
    assert "kit__read" in names
    assert not names & set(META)


async def test_a_tool_that_a_policy_denies_outright_is_not_listed_and_answers_with_the_rule(door: Door) -> None:
    rule = '@id("no-read") forbid (principal, action, resource == Tool::"kit/read");'
    await door.house.declare(policy("p", rule), TENANT)
    async with door.session() as session, door.modern() as client:
        for listed in (await session.list_tools(), await client.list_tools()):
            assert [tool.name for tool in listed.tools] == ["kit__append", "apply_plan"]
        assert "no-read" in words(await session.call_tool("kit__read", {"name": "a"}))


async def test_a_long_list_is_searched_described_and_called_by_name(many: Door) -> None:
    async with many.session() as session:
        assert [tool.name for tool in (await session.list_tools()).tools] == [*META, "apply_plan"]
        assert "kit__append" in await found(session, "append a line")
        told = await session.call_tool("describe_tools", {"names": ["kit__read", "kit__hidden"]})
        assert told.structured_content is not None
        assert told.structured_content["tools"][0]["inputSchema"]["required"] == ["name"]
        assert told.structured_content["unknown"] == ["kit__hidden"]
        assert words(await session.call_tool("kit__read", {"name": "a"})) == "read a"


async def test_what_is_not_bound_is_not_found(many: Door) -> None:
    async with many.session() as session:
        assert "kit__hidden" not in await found(session, "hidden")


async def test_a_tool_set_is_searched_within_what_it_selects_and_by_its_own_names(many: Door) -> None:
    await many.house.declare(SET, TENANT)
    async with many.modern("/readers") as client:
        answer = await client.call_tool("search_tools", {"query": "read look append wipe"})
    assert answer.structured_content is not None
    assert {one["name"] for one in answer.structured_content["tools"]} == {"read", "look"}


@pytest.mark.parametrize(
    "arguments", [{}, {"query": ""}, {"query": "x" * 2001}, {"query": "a", "limit": 0}, {"q": "a"}]
)
async def test_wrong_arguments_are_an_error_that_says_why(many: Door, arguments: dict[str, Any]) -> None:
    async with many.session() as session:
        answer = await session.call_tool("search_tools", arguments)
    assert answer.is_error
    assert "`" in words(answer) or "argument" in words(answer)


async def test_the_search_of_the_api_knows_the_callers_environment(door: Door) -> None:
    """What a policy hides from a caller in `dev`, a caller in `dev` does not find."""
    hides = 'forbid (principal, action, resource == Tool::"kit/read");'
    await door.house.declare(policy("hides", hides, environments=["dev"]), TENANT)
    anywhere = (await door.get("/api/v1/tools:search?q=read")).json()["items"]
    in_dev = (await door.get("/api/v1/tools:search?q=read", x_stead_environment="dev")).json()["items"]
    assert "kit__read" in {one["name"] for one in anywhere}
    assert "kit__read" not in {one["name"] for one in in_dev}
