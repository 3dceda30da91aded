"""A client whose model sees only tools applies an approved plan by its id: its own, once, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import ClientSession, types

from swarmstead.doors.mcp.protocol import PLAN_META
from swarmstead.gateway import applying
from swarmstead.gateway.contract import CallResult
from swarmstead.people import handlers as people
from swarmstead.permits import queries as permit_reads
from swarmstead.resources import handlers as resources
from tests.doors.mcp.door import TENANT, Door, words
from tests.doors.mcp.test_eras import CALL, HEADERS, META, request
from tests.doors.mcp.test_streams import opened
from tests.fakes.upstream import text, tool
from tests.rooms.gateway.desk import EVE, MANIFESTS
from tests.rooms.permits.test_policy_service import policy

LINE = {"line": "one"}
SETS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {name: readers}
spec: {select: [{server: kit, tools: [read]}]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {name: writers}
spec: {select: [{server: kit, tools: [append]}]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {name: own}
spec: {select: [{server: kit, tools: [append, apply_plan]}]}
"""


async def planned(client: ClientSession, arguments: dict[str, Any] | None = None) -> str:
    """The id of a plan for `append`."""
    answer = await client.call_tool("kit__append", arguments or LINE)
    return (answer.meta or {})["swarmstead.dev/plan"]["plan_id"]


async def apply(client: ClientSession, plan_id: str) -> types.CallToolResult:
    return await client.call_tool("apply_plan", {"plan_id": plan_id})


async def post(door: Door, plan_id: str, *, key: str = "", path: str = "", **params: Any) -> Any:
    """The result of applying in the era without sessions, by whoever has the key."""
    call = {"name": "apply_plan", "arguments": {"plan_id": plan_id}, "_meta": META} | params
    answer = await door.post(request("tools/call", **call), key=key, path=path, **HEADERS | {"mcp_name": "apply_plan"})
    return answer.json().get("result") or answer.json()["error"]


def code(result: types.CallToolResult) -> str:
    return (result.meta or {})["swarmstead.dev/refusal"]["code"]


async def test_a_plan_is_applied_by_its_id_once(door: Door) -> None:
    async with door.session() as client:
        answer = await client.call_tool("kit__append", LINE)
        plan = (answer.meta or {})["swarmstead.dev/plan"]["plan_id"]
        assert f'call apply_plan with {{"plan_id": "{plan}"}}, or call again' in words(answer)
        early = await apply(client, plan)
        assert (early.is_error, code(early)) == (True, "plan_refused")
        assert "nobody has decided yet. Wait until a person has decided, then call again" in words(early)
        assert door.house.upstream.lines == []
        await door.decide(plan)
        applied = await apply(client, plan)
        assert (applied.is_error, words(applied), door.house.upstream.lines) == (False, "append one", ["one"])
        again = await apply(client, plan)
        spent = "it was used before. Look first how that call ended: it may have happened"
        assert (code(again), spent in words(again), door.house.upstream.lines) == (
            "plan_refused",
            True,
            ["one"],
        )


async def test_either_way_spends_the_same_plan(door: Door) -> None:
    async with door.session() as client:
        first, second = await planned(client), await planned(client, {"line": "two"})
        for plan in (first, second):
            await door.decide(plan)
        by_meta: Any = {"swarmstead.dev/plan-id": first}
        assert not (await client.call_tool("kit__append", LINE, meta=by_meta)).is_error
        assert code(await apply(client, first)) == "plan_refused"
        assert not (await apply(client, second)).is_error
        by_meta = {"swarmstead.dev/plan-id": second}
        assert code(await client.call_tool("kit__append", {"line": "two"}, meta=by_meta)) == "plan_refused"
    assert door.house.upstream.lines == ["one", "two"]


async def test_the_tools_own_answer_comes_through_unflattened(door: Door) -> None:
    image = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
    answer = CallResult(
        ({"type": "text", "text": "done"}, image), {"lines": [1]}, is_error=True, more={"_meta": {"x/y": 1}}
    )
    door.house.upstream.answers["append"] = answer
    async with door.modern() as client:
        asked: Any = await client.call_tool("kit__append", LINE)
        plan = asked.meta["swarmstead.dev/plan"]["plan_id"]
        await door.decide(plan)
        told: Any = await client.call_tool("apply_plan", {"plan_id": plan})
    assert [block.type for block in told.content] == ["text", "image"]
    assert (told.structured_content, told.is_error, told.meta["x/y"]) == ({"lines": [1]}, True, 1)


async def test_a_denied_and_an_expired_plan_say_so(door: Door) -> None:
    async with door.session() as client:
        denied, expired = await planned(client), await planned(client, {"line": "two"})
        await door.decide(denied, "deny", "Not today")
        await door.decide(expired)
        told = await apply(client, denied)
        assert ("it was denied: Not today" in words(told), code(told)) == (True, "plan_refused")
        door.house.clock.advance(seconds=7 * 24 * 3600)
        told = await apply(client, expired)
        assert ("it has expired" in words(told), "Plan the call again" in words(told)) == (True, True)
    assert door.house.upstream.lines == []


async def test_a_plan_is_its_callers_own(door: Door) -> None:
    """Another key of the tenant, another tenant, and an agent of a run have no such plan; nor has nobody."""
    async with door.session() as client:
        plan = await planned(client)
        await door.decide(plan)
    of_tenant = await door.new_key("operator", "admin")
    house = door.house
    other = await house.write(lambda tx: people.create_key(tx, EVE, house.clock, "k", ["operator"]))
    answers = [
        await post(door, plan, key=of_tenant),
        await post(door, plan, key=other.secret),
        await post(door, "ap_nothing"),
    ]
    assert {one["_meta"]["swarmstead.dev/refusal"]["code"] for one in answers} == {"approval_unknown"}
    assert {one["content"][0]["text"].replace(plan, "P").replace("ap_nothing", "P") for one in answers} == {
        "Denied: you have no plan 'P'. Call the tool itself: its answer names the plan."
    }
    assert door.house.upstream.lines == []
    assert not (await post(door, plan))["isError"]  # it is still good for its own


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"plan_id": ""},
        {"plan_id": 7},
        {"plan_id": "x" * 65},
        {"plan_id": "ap_1", "arguments": {"line": "two"}},
        {"plan_id": "ap_1", "approve": True},
    ],
)
async def test_there_is_nothing_else_to_say_to_it(door: Door, arguments: dict[str, Any]) -> None:
    async with door.session() as client:
        told = await client.call_tool("apply_plan", arguments)
    assert (code(told), told.is_error) == ("bad_input", True)


async def test_it_approves_nothing(door: Door) -> None:
    """Whoever may decide in the inbox does not do it by this tool."""
    async with door.session() as client:
        plan = await planned(client)
        for _ in range(3):
            assert "nobody has decided yet" in words(await apply(client, plan))
    asked = await door.house.read(lambda conn: permit_reads.get(conn, TENANT, plan))
    assert (asked.status, door.house.upstream.lines) == ("pending", [])


# What holds at that time ------------------------------------------------------------------------------------------


async def forbidden(door: Door) -> None:
    await door.house.declare(
        policy("p", '@id("no") forbid (principal, action, resource == Tool::"kit/append");'), TENANT
    )


async def unbound(door: Door) -> None:
    house = door.house
    await house.write(lambda tx: resources.delete(tx, TENANT, house.clock, "Binding", "outside"))


async def redefined(door: Door) -> None:
    upstream = door.house.upstream
    upstream.tools = [one | {"description": "It does something else now."} for one in upstream.tools]
    door.house.clock.advance(seconds=120)


@pytest.mark.parametrize(
    ("change", "refusal"), [(forbidden, "policy_denied"), (unbound, "tool_unknown"), (redefined, "tool_quarantined")]
)
async def test_grants_policies_and_pins_hold_as_they_are_now(
    door: Door, change: Callable[[Door], Any], refusal: str
) -> None:
    async with door.session() as client:
        plan = await planned(client)
        await door.decide(plan)
        await change(door)
        told = await apply(client, plan)
    assert (code(told), door.house.upstream.lines) == (refusal, [])


async def test_a_default_that_came_since_is_asked_about_and_does_not_change_what_was_approved(door: Door) -> None:
    async with door.session() as client:
        plan = await planned(client)
        await door.decide(plan)
        await door.house.declare(MANIFESTS.replace("root: repo,", "root: repo, defaults: {append: {line: x}},"), TENANT)
        told: Any = await apply(client, plan)  # its server was declared anew
        again = told.meta["swarmstead.dev/plan"]["plan_id"]
        assert (again != plan, door.house.upstream.lines) == (True, [])
        await door.decide(again)
        assert not (await apply(client, again)).is_error  # the plan says what the line is
    assert door.house.upstream.lines == ["one"]


async def test_where_the_rules_relax_a_plan_is_spent_all_the_same(door: Door) -> None:
    """A denied or used plan is not carried out because nobody would have to be asked any more."""
    asks = '@id("ask") forbid (principal, action == Action::"call", resource == Tool::"kit/read");'
    more = 'permit (principal, action == Action::"plan", resource == Tool::"kit/read");'
    await door.house.declare(policy("p", asks + more), TENANT)
    house = door.house
    async with door.session() as client:
        assert "apply_plan" in {one.name for one in (await client.list_tools()).tools}
        plans = list[str]()
        for name in ("a", "b"):
            answer = await client.call_tool("kit__read", {"name": name})
            plans.append((answer.meta or {})["swarmstead.dev/plan"]["plan_id"])
        await door.decide(plans[0], "deny", "No")
        await door.decide(plans[1])
        await house.write(lambda tx: resources.delete(tx, TENANT, house.clock, "Policy", "p"))
        assert "it was denied: No" in words(await apply(client, plans[0]))
        assert words(await apply(client, plans[1])) == "read b"
        assert "it was used before" in words(await apply(client, plans[1]))
    assert house.upstream.called("read") == 1


async def test_what_would_change_has_changed_so_a_person_is_asked_anew(door: Door) -> None:
    seen = {"path": "notes", "before": None, "after": "one\n"}
    door.house.upstream.answers["look"] = text("", structured=seen)
    async with door.session() as client:
        first = await planned(client)
        await door.decide(first)
        door.house.upstream.answers["look"] = text("", structured=seen | {"before": "zero\n"})
        asked = await apply(client, first)
        second = (asked.meta or {})["swarmstead.dev/plan"]["plan_id"]
        assert (second != first, second in words(asked)) == (True, True)
        await door.decide(second)
        assert not (await apply(client, second)).is_error
    assert door.house.upstream.lines == ["one"]


# Addresses --------------------------------------------------------------------------------------------------------


async def test_an_address_applies_what_it_shows(door: Door) -> None:
    await door.house.declare(SETS, TENANT)
    async with door.session() as client:
        plan = await planned(client)
    await door.decide(plan)
    refused = await post(door, plan, path="/readers")
    assert refused["_meta"]["swarmstead.dev/refusal"]["code"] == "approval_unknown"
    async with door.modern("/readers") as client:
        assert [one.name for one in (await client.list_tools()).tools] == ["read"]  # nothing there waits for a person
    assert not (await post(door, plan, path="/writers"))["isError"]


async def test_a_sets_own_tool_of_that_name_is_itself(door: Door) -> None:
    upstream = door.house.upstream
    upstream.tools = [*upstream.tools, tool("apply_plan", {"readOnlyHint": True}, plan_id={"type": "string"})]
    await door.house.declare(SETS, TENANT)
    await door.house.declare(
        "apiVersion: swarmstead.dev/v1alpha1\nkind: Binding\nmetadata: {name: more}\n"
        'spec: {agent: "*", server: kit, tools: [apply_plan]}',
        TENANT,
    )
    async with door.modern("/own") as client:
        listed = [one.name for one in (await client.list_tools()).tools]
        assert sorted(listed) == ["append", "apply_plan"]
        asked: Any = await client.call_tool("append", LINE)
        assert "apply_plan" not in words(asked)
        told: Any = await client.call_tool("apply_plan", {"plan_id": "ap_1"})
    assert words(told) == "apply_plan ap_1"


async def test_what_a_tool_asks_while_it_is_applied_reaches_the_client(door: Door) -> None:
    """A server of the same era answers with a question; the answer makes it another call, which a person sees too."""
    needed = {"resultType": "input_required", "inputRequests": {"sure": {"method": "roots/list"}}, "requestState": "s"}
    async with door.session() as client:
        plan = await planned(client)
    await door.decide(plan)
    door.house.upstream.answers["append"] = CallResult(more=needed)
    asked = await post(door, plan)
    assert (asked["resultType"], asked["requestState"]) == ("input_required", "s")
    answered: dict[str, Any] = {"inputResponses": {"sure": {"roots": []}}, "requestState": "s"}
    again = await post(door, plan, **answered)
    second = again["_meta"]["swarmstead.dev/plan"]["plan_id"]
    stored = await door.house.read(lambda conn: permit_reads.get(conn, TENANT, second))
    assert (stored.payload["arguments"], stored.payload["more"]) == (LINE, answered)
    await door.decide(second)
    door.house.upstream.answers["append"] = text("done")
    assert (await post(door, second))["content"] == [{"type": "text", "text": "done"}]


def test_its_definition_says_what_it_takes() -> None:
    assert applying.DEFINITION["inputSchema"]["additionalProperties"] is False
    assert applying.fault_of({"plan_id": "ap_1"}) == ""


@given(st.dictionaries(st.sampled_from(["plan_id", "x"]), st.text() | st.integers() | st.none(), max_size=2))
def test_only_an_id_and_nothing_else_is_taken(arguments: dict[str, Any]) -> None:
    plan_id = arguments.get("plan_id")
    fits = arguments.keys() == {"plan_id"} and isinstance(plan_id, str) and 0 < len(plan_id) <= 64
    assert (applying.fault_of(arguments) == "") == fits


@pytest.mark.parametrize("plan", ["ap_nope", "x" * 5000, "'\u202e"])
@pytest.mark.parametrize("era", ["session", "alone"])
async def test_a_plan_that_nobody_has_is_a_refusal_of_the_call_and_not_the_end_of_the_session(
    door: Door, plan: str, era: str
) -> None:
    """404 would be: a client drops its session and opens another one."""
    told = {"mcp_session_id": await opened(door)} if era == "session" else HEADERS
    meta = {PLAN_META: plan} | ({} if era == "session" else META)
    answer = await door.post(request("tools/call", **CALL, _meta=meta), **told)
    result = answer.json()["result"]
    assert (answer.status_code, result["isError"]) == (200, True)
    assert result["_meta"]["swarmstead.dev/refusal"]["code"] == "approval_unknown"
    assert "its answer names the plan" in result["content"][0]["text"]
    assert len(answer.content) < 2000
