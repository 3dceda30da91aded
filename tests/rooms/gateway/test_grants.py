"""Who may know of a tool. What is not granted does not exist, and reads exactly so."""

import pytest

from swarmstead.gateway.contract import Caller
from swarmstead.gateway.errors import UpstreamFailed
from tests.rooms.gateway.desk import ADA, EVE, MANIFESTS, Desk, agent, outside

HIDDEN = {
    "not bound to this agent": {"tool": "look"},
    "bound, and the server has no such tool": {"tool": "missing"},
    "on no server": {"tool": "fly"},
    "not in the run's plan": {"tool": "read", "planned": False},
    "of an unknown server": {"tool": "read", "server": "other"},
}


@pytest.mark.parametrize("case", HIDDEN.values(), ids=list(HIDDEN))
async def test_what_is_hidden_reads_like_what_does_not_exist(desk: Desk, case: dict[str, object]) -> None:
    values = dict(case)
    tool, server = str(values.pop("tool")), str(values.get("server", "kit"))
    outcome = await desk.call(tool, {"name": "x", "line": "x"}, **values)
    assert (outcome.verdict, outcome.code) == ("denied", "tool_unknown")
    assert outcome.reason == f"Denied: ann has no tool {tool!r} on {server!r}."
    assert outcome.way_out
    assert (desk.upstream.calls, await desk.asked()) == ([], [])
    assert await desk.trail() == [("effect", f"{server}/{tool}", "denied")]


async def test_an_outside_caller_has_what_is_bound_to_nobody_in_particular(desk: Desk) -> None:
    assert (await desk.call("read", {"name": "x"}, caller=outside())).verdict == "ok"
    refused = await desk.call("put", {"name": "x"}, caller=outside())
    assert (refused.code, refused.reason) == ("tool_unknown", "Denied: this caller has no tool 'put' on 'kit'.")


async def test_an_agent_does_not_have_what_is_bound_to_outside_callers(desk: Desk) -> None:
    outcome = await desk.call("read", {"name": "x"}, caller=Caller(agent("carl"), "carl"))
    assert outcome.code == "tool_unknown"


async def test_another_tenants_bindings_are_none(desk: Desk) -> None:
    assert (await desk.call("read", {"name": "x"}, caller=outside("evil"))).code == "tool_unknown"
    assert await desk.gateway.tools(outside("evil")) == []
    await desk.declare(MANIFESTS, EVE)
    assert (await desk.call("read", {"name": "x"}, caller=outside("evil"))).verdict == "ok"


async def test_a_binding_that_is_taken_back_is_felt_by_the_next_call(any_desk: Desk) -> None:
    assert (await any_desk.call("put", {"name": "x"}, plan_id="none")).code != "tool_unknown"
    await any_desk.declare(MANIFESTS.replace("[read, put, append, wipe, note, missing]", "[read]"))
    assert (await any_desk.call("put", {"name": "x"}, plan_id="none")).code == "tool_unknown"
    assert (await any_desk.call("read", {"name": "x"})).verdict == "ok"


async def test_an_approved_plan_does_not_outlive_its_binding(desk: Desk) -> None:
    request = desk.request("append", {"line": "x"})
    asked = await desk.approved(request)
    await desk.declare(MANIFESTS.replace("[read, put, append, wipe, note, missing]", "[read]"))
    outcome = await desk.call("append", {"line": "x"}, key=request.key, plan_id=asked.id)
    assert (outcome.code, desk.upstream.lines) == ("tool_unknown", [])


async def test_bindings_of_one_agent_add_up(desk: Desk) -> None:
    more = MANIFESTS.split("---")[1].replace("name: ann}", "name: more}").replace("[read, put", "[look, put")
    await desk.declare(more)
    assert (await desk.call("look", {"line": "x"})).verdict == "ok"
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"


async def test_a_caller_is_told_of_its_own_tools_and_of_what_is_wrong_with_them(desk: Desk) -> None:
    (kit,) = await desk.gateway.tools(Caller(ADA, agent="ann"), desk.root)
    assert [tool.name for tool in kit.tools] == ["append", "note", "put", "read", "wipe"]
    assert kit.problem == "kit has no tool 'missing', which is bound."
    (gone,) = await desk.gateway.tools(Caller(ADA, agent="bob"), desk.root)
    assert (gone.tools, gone.problem) == ((), "There is no ToolServer called 'gone'.")
    assert await desk.gateway.tools(Caller(ADA, agent="carl"), desk.root) == []


async def test_a_server_that_is_down_is_a_failure_and_surely_nothing_happened(desk: Desk) -> None:
    desk.upstream.down = "The tool server 'kit' did not take the call."
    outcome = await desk.call("append", {"line": "x"})
    assert (outcome.verdict, outcome.code) == ("failed", "upstream_failed")
    assert (desk.upstream.calls, await desk.asked()) == ([], [])


async def test_an_operator_sees_every_tool_with_its_class(desk: Desk) -> None:
    found = await desk.gateway.inspect(Caller(ADA), "kit", desk.root)
    assert {tool.name: tool.risk for tool in found} == {
        "read": "read",
        "look": "read",
        "put": "write",
        "append": "write",
        "wipe": "danger",
        "note": "unknown",
    }
    with pytest.raises(UpstreamFailed):
        await desk.gateway.inspect(Caller(ADA), "gone", desk.root)
