"""What a policy denies outright is in no list; resources and prompts are questions to policies like tools."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from swarmstead.gateway.contract import SUBSCRIPTIONS, UPDATED, Caller, Kind
from tests.rooms.gateway.desk import EVE, Desk, agent, outside
from tests.rooms.permits.test_policy_service import policy

NO_PUT = policy("p", '@id("no-put") forbid (principal, action, resource == Tool::"kit/put");')
BOUND = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: ann-reads}
spec: {agent: ann, server: kit, resources: ["ticket://*"], prompts: [summary, secret]}
"""
OPEN, SHUT = "ticket://open/1", "ticket://shut/1"
READS = """@id("shut") @reason("closed tickets are shut")
    forbid (principal, action, resource) when { resource.name like "ticket://shut/*" || resource.name == "secret" };"""
ANN = Caller(agent("ann"), "ann", environment="dev")


async def hidden(desk: Desk, caller: Caller = ANN) -> set[str]:
    (kit,) = await desk.gateway.tools(caller, desk.root)
    return {name for _, name in await desk.gateway.hidden(caller, kit.tools)}


async def test_a_tool_that_a_policy_denies_is_hidden_and_a_call_says_which_rule(desk: Desk) -> None:
    assert await hidden(desk) == set()
    await desk.declare(NO_PUT)
    assert await hidden(desk) == {"put"}
    outcome = await desk.call("put", {"name": "x"})
    assert (outcome.code, outcome.reason) == ("policy_denied", "Denied by policy: forbidden by a policy (no-put).")
    (row,) = await desk.rows("tool.call")
    assert row.data["policy.check"]["rules"] == ["no-put"]


async def test_another_tenants_policy_hides_nothing(desk: Desk) -> None:
    await desk.declare(NO_PUT, EVE)
    assert await hidden(desk) == set()


async def test_a_rule_with_roles_hides_from_those_only(desk: Desk) -> None:
    rule = 'forbid (principal is User, action, resource) when { principal.roles.contains("operator") };'
    await desk.declare(policy("p", rule))
    assert await hidden(desk, outside()) == {"read", "append"}
    assert await hidden(desk) == set()


async def test_ten_thousand_tools_leave_others_their_turn(desk: Desk) -> None:
    await desk.declare(policy("p", 'forbid (principal, action, resource) when { resource.name like "t1*" };'))
    (kit,) = await desk.gateway.tools(ANN, desk.root)
    tools = [_named(kit.tools[0], f"t{number}") for number in range(1_000)]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    found = await desk.gateway.hidden(ANN, tools)
    beside.cancel()
    assert len(found) == 111
    assert turns >= 19


def _named(tool: Any, name: str) -> Any:
    return replace(tool, name=name)


async def read(desk: Desk, kind: Kind, name: str, more: Mapping[str, Any] | None = None) -> Any:
    method = "resources/read" if kind == "resource" else "prompts/get"
    return await desk.call(name, kind=kind, method=method, more=more or {}, caller=ANN)


async def test_a_read_is_asked_about_recorded_and_refused_with_its_rule(desk: Desk) -> None:
    await desk.declare(BOUND)
    await desk.declare(policy("p", READS))
    desk.upstream.fetched = {"resources/read": {"contents": []}, "prompts/get": {"messages": []}}
    assert (await read(desk, "resource", OPEN)).verdict == "ok"
    assert (await read(desk, "prompt", "summary")).verdict == "ok"
    shut, secret = await read(desk, "resource", SHUT), await read(desk, "prompt", "secret")
    assert (shut.verdict, shut.code) == ("denied", "policy_denied")
    assert shut.reason == "Denied by policy: closed tickets are shut (shut)."
    assert secret.code == "policy_denied"
    assert [method for _, method, _ in desk.upstream.fetches] == ["resources/read", "prompts/get"]
    checks = [row.data["policy.check"] for row in await desk.rows("resource.read")]
    assert [(check["effect"], check["rules"]) for check in checks] == [
        ("allow", ["builtin/resources"]),
        ("deny", ["shut"]),
    ]


async def test_a_rule_sees_the_arguments_of_a_prompt(desk: Desk) -> None:
    await desk.declare(BOUND)
    long = 'context.arguments has style && context.arguments.style == "long"'
    await desk.declare(policy("p", f"forbid (principal, action, resource is Prompt) when {{ {long} }};"))
    assert (await read(desk, "prompt", "summary", {"arguments": {"style": "short"}})).verdict == "ok"
    assert (await read(desk, "prompt", "summary", {"arguments": {"style": "long"}})).code == "policy_denied"


async def test_lists_leave_out_what_may_not_be_read(desk: Desk) -> None:
    await desk.declare(BOUND)
    desk.upstream.lists = {
        "resources/list": [{"uri": OPEN}, {"uri": SHUT}],
        "resources/templates/list": [{"uriTemplate": "ticket://open/{id}"}, {"uriTemplate": "ticket://shut/{id}"}],
        "prompts/list": [{"name": "summary"}, {"name": "secret"}],
    }
    before = {method: len(await desk.gateway.listed(ANN, method)) for method in desk.upstream.lists}
    assert set(before.values()) == {2}
    await desk.declare(policy("p", READS))
    after = {method: [one.name for one in await desk.gateway.listed(ANN, method)] for method in desk.upstream.lists}
    assert after == {
        "resources/list": [OPEN],
        "resources/templates/list": ["ticket://open/{id}"],
        "prompts/list": ["summary"],
    }


class Ear:
    """A relay that notes what it hears."""

    capabilities: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.heard: list[str] = []

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self.heard.append(f"{method} {params.get('uri')}")

    def hang_up(self) -> None:
        """Never."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError(method)


async def test_who_may_not_read_a_resource_does_not_hear_of_its_changes(desk: Desk) -> None:
    await desk.declare(BOUND)
    await desk.declare(policy("p", READS))
    ear, ready = Ear(), asyncio.Event()
    listening = asyncio.create_task(desk.gateway.listen(ANN, {SUBSCRIPTIONS: [OPEN, SHUT]}, ear, ready.set))
    await asyncio.wait_for(ready.wait(), 10)
    ((_, wanted, relay),) = desk.upstream.listeners
    assert wanted == {SUBSCRIPTIONS: [OPEN]}
    for uri in (OPEN, SHUT):
        relay.notify(UPDATED, {"uri": uri})
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert ear.heard == [f"{UPDATED} {OPEN}"]
