"""Who may know of a tool. What is not granted does not exist, and reads exactly so."""

from dataclasses import replace

import pytest

from swarmstead.gateway.contract import Caller
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.grants import Grants
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.resources.queries import Registry
from swarmstead.storage.signals import EVERYTHING
from swarmstead.wiring import KINDS
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


async def test_a_tool_without_its_server_is_named_as_it_was_called(desk: Desk) -> None:
    outcome = await desk.call("", {}, server="approve")
    assert (outcome.code, outcome.reason) == ("tool_unknown", "Denied: ann has no tool 'approve'.")
    assert "SERVER__TOOL" in outcome.way_out


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


NARROW = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {{name: narrow}}
spec: {{agent: {agent}, server: kit, tools: [read]{more}}}
"""
V1 = f"sha256:{'1' * 64}"
V2 = f"sha256:{'2' * 64}"


async def test_a_binding_may_hold_for_one_version_of_an_agent(desk: Desk) -> None:
    await desk.declare(NARROW.format(agent=f'"zoe@{V1}"', more=""))
    for digest, verdict in ((V1, "ok"), (V2, "denied"), ("", "denied")):
        caller = Caller(agent("zoe"), "zoe", agent_digest=digest)
        assert (await desk.call("read", {"name": "x"}, caller=caller)).verdict == verdict


async def test_a_binding_may_hold_in_some_environments(desk: Desk) -> None:
    await desk.declare(NARROW.format(agent="zoe", more=", environments: [dev]"))
    for environment, verdict in (("dev", "ok"), ("prod", "denied"), ("", "denied")):
        caller = Caller(agent("zoe"), "zoe", environment=environment)
        assert (await desk.call("read", {"name": "x"}, caller=caller)).verdict == verdict


async def test_a_binding_of_outside_callers_may_ask_for_a_role(desk: Desk) -> None:
    await desk.declare(MANIFESTS.replace("tools: [read, append]}", "tools: [read, append], roles: [admin]}"))
    for roles, verdict in ((frozenset({"operator"}), "denied"), (frozenset({"operator", "admin"}), "ok")):
        caller = Caller(Scope("acme", Actor("key:k_1", "user", "Client", roles)))
        assert (await desk.call("read", {"name": "x"}, caller=caller)).verdict == verdict


@pytest.mark.parametrize(
    ("agent_name", "more"), [('"zoe@v1"', ""), ('"zoe@sha256:12"', ""), ("zoe", ", roles: [admin]")]
)
async def test_a_binding_that_could_never_hold_is_refused(desk: Desk, agent_name: str, more: str) -> None:
    with pytest.raises(BadInput):
        await desk.declare(NARROW.format(agent=agent_name, more=more))


async def test_what_may_have_been_missed_is_read_again(desk: Desk) -> None:
    """A worker whose link to the database was away hears `everything`, whatever has changed meanwhile."""
    unheard = Grants(desk.db, Registry(KINDS))
    ann = Caller(ADA, "ann")
    assert "append" in (await unheard.of(ADA)).of(ann)["kit"].tools
    await desk.declare(MANIFESTS.replace("[read, put, append, wipe, note, missing]", "[read]"))
    unheard.forget("resources:other")
    assert "append" in (await unheard.of(ADA)).of(ann)["kit"].tools
    unheard.forget(EVERYTHING)
    assert (await unheard.of(ADA)).of(ann)["kit"].tools == {"read"}


async def test_callers_do_not_share_a_session_with_a_server_unless_it_says_so(desk: Desk) -> None:
    callers = [
        Caller(agent("ann"), "ann"),
        outside(),
        replace(outside(), session="s1"),
        replace(outside(), session="s2"),
    ]
    for caller in callers:
        await desk.call("read", {"name": "x"}, caller=caller)
    assert len({call.server.key for call in desk.upstream.calls}) == 4
    await desk.declare(MANIFESTS.replace("root: repo,", "root: repo, sessions: tenant,"))
    desk.upstream.calls.clear()
    for caller in callers:
        await desk.call("read", {"name": "x"}, caller=caller)
    assert len({call.server.key for call in desk.upstream.calls}) == 1


async def test_two_tenants_never_share_a_session(desk: Desk) -> None:
    await desk.declare(MANIFESTS.replace("root: repo,", "root: repo, sessions: tenant,"))
    await desk.declare(MANIFESTS.replace("root: repo,", "root: repo, sessions: tenant,"), EVE)
    await desk.call("read", {"name": "x"}, caller=outside())
    await desk.call("read", {"name": "x"}, caller=outside("evil"))
    assert len({call.server.key for call in desk.upstream.calls}) == 2


async def test_a_list_that_fails_as_nobody_foresaw_is_one_servers_problem(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("the handler is closed")

    monkeypatch.setattr(desk.upstream, "list_tools", broken)
    (found,) = await desk.gateway.tools(outside())
    assert (found.server, found.tools) == ("kit", ())
    assert found.problem == "The tools of 'kit' could not be read: RuntimeError in Swarmstead."
    assert "the handler is closed" in caplog.text
