"""The `/mcp` door as the official SDK's client meets it: initialize, list, call, and plan, approve, apply."""

from typing import Any

import httpx2
import pytest

from swarmstead.audit import queries as audit
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.permits import queries as permits
from tests.doors.mcp.door import TENANT, Door, words
from tests.fakes.upstream import TEXT, WRITE, text, tool

PLAN = "swarmstead.dev/plan-id"


async def test_a_client_of_the_sdk_is_welcome(door: Door) -> None:
    async with door.session():
        welcome = door.welcome
        assert welcome is not None
        assert (welcome.server_info.name, welcome.protocol_version in {"2025-11-25", "2025-06-18"}) == (
            "swarmstead",
            True,
        )
        assert PLAN in (welcome.instructions or "")
        assert welcome.capabilities.tools is not None


async def test_it_is_told_of_what_is_bound_to_outside_callers_and_of_nothing_else(door: Door) -> None:
    async with door.session() as client:
        found = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(found) == {"kit__read", "kit__append", "apply_plan"}
        read, append = found["kit__read"].annotations, found["kit__append"].annotations
        assert read is not None
        assert append is not None
        assert (read.read_only_hint, append.read_only_hint) == (True, False)
        assert found["kit__read"].input_schema["required"] == ["name"]


async def test_a_read_is_answered_as_the_tool_answers_it(door: Door) -> None:
    async with door.session() as client:
        door.house.upstream.answers["read"] = text("found", structured={"found": [1, 2]})
        result = await client.call_tool("kit__read", {"name": "x"})
        assert (words(result), result.structured_content, result.is_error) == ("found", {"found": [1, 2]}, False)


async def test_a_side_effect_is_planned_approved_and_applied_once(door: Door) -> None:
    async with door.session() as client:
        planned = await client.call_tool("kit__append", {"line": "one"})
        told: dict[str, Any] = (planned.meta or {})["swarmstead.dev/plan"]
        assert (told["plan_id"] in words(planned), door.house.upstream.lines) == (True, [])
        meta: Any = {PLAN: told["plan_id"]}
        early = await client.call_tool("kit__append", {"line": "one"}, meta=meta)
        assert (early.is_error, "nobody has decided yet" in words(early)) == (True, True)
        await door.decide(told["plan_id"])
        other = await client.call_tool("kit__append", {"line": "two"}, meta=meta)
        assert (other.is_error, "for other arguments" in words(other)) == (True, True)
        applied = await client.call_tool("kit__append", {"line": "one"}, meta=meta)
        assert (applied.is_error, words(applied), door.house.upstream.lines) == (False, "append one", ["one"])
        again = await client.call_tool("kit__append", {"line": "one"}, meta=meta)
        assert (again.is_error, "it was used before" in words(again), door.house.upstream.lines) == (
            True,
            True,
            ["one"],
        )


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
async def test_a_plan_reaches_a_client_that_holds_answers_to_the_tools_output_schema(door: Door, era: str) -> None:
    lines = {"type": "object", "properties": {"lines": {"type": "integer"}}, "required": ["lines"]}
    upstream = door.house.upstream
    upstream.tools = [tool("append", WRITE, line=TEXT) | {"outputSchema": lines}]
    async with door.session() if era == "2025-11-25" else door.modern() as client:
        await client.list_tools()
        planned: Any = await client.call_tool("kit__append", {"line": "one"})
        plan = planned.meta["swarmstead.dev/plan"]["plan_id"]
        assert (planned.is_error, plan in words(planned)) == (True, True)
        await door.decide(plan)
        upstream.answers["append"] = text("done", structured={"lines": 1})
        applied: Any = await client.call_tool("kit__append", {"line": "one"}, meta={PLAN: plan})
        assert (applied.is_error, applied.structured_content) == (False, {"lines": 1})


async def test_a_denied_plan_is_told_with_its_reason(door: Door) -> None:
    async with door.session() as client:
        planned = await client.call_tool("kit__append", {"line": "one"})
        plan = (planned.meta or {})["swarmstead.dev/plan"]["plan_id"]
        await door.decide(plan, "deny", "Not today")
        meta: Any = {PLAN: plan}
        refused = await client.call_tool("kit__append", {"line": "one"}, meta=meta)
        assert (refused.is_error, "Not today" in words(refused), door.house.upstream.lines) == (True, True, [])


async def test_a_plan_that_is_asked_about_again_can_be_applied(door: Door) -> None:
    """What it would change has changed since: a person sees it anew, and the new plan is good for the same call."""
    seen = {"path": "notes", "before": None, "after": "one\n"}
    door.house.upstream.answers["look"] = text("", structured=seen)
    async with door.session() as client:
        planned = await client.call_tool("kit__append", {"line": "one"})
        first = (planned.meta or {})["swarmstead.dev/plan"]["plan_id"]
        await door.decide(first)
        door.house.upstream.answers["look"] = text("", structured=seen | {"before": "zero\n"})
        asked: Any = await client.call_tool("kit__append", {"line": "one"}, meta={PLAN: first})
        second = asked.meta["swarmstead.dev/plan"]["plan_id"]
        assert second != first
        await door.decide(second)
        applied = await client.call_tool("kit__append", {"line": "one"}, meta={PLAN: second})
    assert (applied.is_error, door.house.upstream.lines) == (False, ["one"]), words(applied)


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("kit__put", {"name": "x"}, "tool_unknown"),
        ("kit__fly", {}, "tool_unknown"),
        ("kit__read", {"name": 7}, "arguments_refused"),
    ],
)
async def test_a_refusal_is_an_answer_with_a_code_and_a_way_out(
    door: Door, tool: str, arguments: dict[str, Any], code: str
) -> None:
    async with door.session() as client:
        result = await client.call_tool(tool, arguments)
        assert (result.is_error, (result.meta or {})["swarmstead.dev/refusal"]["code"]) == (True, code)
        assert words(result).startswith("Denied: ")


async def test_without_the_right_key_there_is_no_door(door: Door) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    viewer = await door.new_key("viewer")
    async with httpx2.AsyncClient(timeout=30) as http:
        for key, status in (("", 401), ("stead_wrong", 401), (viewer, 403)):
            headers = {"authorization": f"Bearer {key}"} if key else {}
            answer = await http.post(door.address, json=message, headers=headers)
            assert answer.status_code == status
            assert "tools" not in answer.text


async def test_what_an_outside_caller_does_is_in_the_trail_under_its_key(door: Door) -> None:
    async with door.session() as client:
        await client.call_tool("kit__read", {"name": "x"})
        await door.house.gateway.written()
        rows = await door.house.read(lambda conn: audit.page(conn, TENANT, action="tool.call"))
        assert [(row.phase, row.target, row.actor.startswith("key:"), row.run) for row in rows] == [
            ("effect", "kit/read", True, "")
        ]


async def test_a_client_that_calls_too_often_is_told_when_to_come_back(door: Door) -> None:
    door.house.gateway.traffic.limits = TrafficLimits(identity=Rate(0.001, 1))
    async with door.session() as client:
        assert not (await client.call_tool("kit__read", {"name": "x"})).is_error
        refused = await client.call_tool("kit__read", {"name": "x"})
    assert (refused.is_error, "too many tool calls" in words(refused)) == (True, True)
    assert refused.meta is not None
    told = refused.meta["swarmstead.dev/refusal"]
    assert (told["code"], told["verdict"], 990 < told["retry_after_s"] <= 1000) == ("rate_exceeded", "denied", True)
    assert door.house.upstream.called("read") == 1


async def test_a_plan_names_the_key_of_the_client_that_asks(door: Door) -> None:
    async with door.session() as client:
        planned = await client.call_tool("kit__append", {"line": "named"})
    plan = (planned.meta or {})["swarmstead.dev/plan"]["plan_id"]
    asked = await door.house.read(lambda conn: permits.get(conn, TENANT, plan))
    assert (asked.agent, asked.run, asked.asked_by_name) == ("", "", "first admin")
    assert asked.asked_by.startswith("key:")
