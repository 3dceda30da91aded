"""A preview shows what the policies will say, and a changed policy is a changed plan."""

from collections.abc import Mapping
from typing import Any

import pytest

from swarmstead.models.contract import ModelRequest
from swarmstead.runs.contract import Plan
from swarmstead.runs.errors import PlanChanged
from tests.rooms.permits.test_policy_service import policy
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import call, delegate, manifests

SCRIPT: Mapping[str, Any] = {"boss": [delegate("ann"), "done"], "ann": [call("read", name="x"), "read"], "bob": ["bob"]}
QUIET = 'forbid (principal == Agent::"nobody", action, resource);'


async def tools(house: House, **wish: Any) -> dict[str, tuple[str, tuple[str, ...]]]:
    ann = (await house.preview(**wish)).agent("ann")
    assert ann is not None
    return {tool.name: (tool.verdict, tool.rules) for tool in ann.tools}


async def test_a_preview_shows_the_verdict_and_its_rules(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    who = 'principal == Agent::"ann", action == Action::"call", resource == Tool::"kit/put"'
    rule = f'@id("ann-writes") permit ({who});'
    await house.declare(policy("p", rule, environments="[dev]"))
    assert await tools(house, environment="dev") == {
        "read": ("allow", ("builtin/read",)),
        "look": ("allow", ("builtin/read",)),
        "put": ("allow", ("ann-writes",)),
        "append": ("ask", ("builtin/write",)),
        "wipe": ("ask", ("builtin/danger-always-asks",)),
        "note": ("deny", ("builtin/unknown",)),
    }
    assert (await tools(house, environment="prod"))["put"] == ("ask", ("builtin/write",))


async def test_rules_that_wait_for_arguments_are_named(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    rule = '@id("secret") forbid (principal, action, resource == Tool::"kit/read")'
    await house.declare(policy("p", rule + ' when { context.arguments has name && context.arguments.name == "s" };'))
    ann = (await house.preview()).agent("ann")
    assert ann is not None
    assert {tool.name: tool.conditional for tool in ann.tools if tool.conditional} == {"read": ("secret",)}


async def test_a_policy_that_changes_between_preview_and_launch_asks_again(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    before = await house.preview()
    await house.declare(policy("p", QUIET))  # no verdict changes, but the rules do
    with pytest.raises(PlanChanged) as changed:
        await house.launch(plan_hash=before.hash)
    now = changed.value.plan
    assert isinstance(now, Plan)
    assert now.policy != before.policy
    again = await house.preview()
    assert again.hash == now.hash
    await house.launch(plan_hash=again.hash)


async def test_a_policy_for_another_environment_changes_no_plan(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    before = await house.preview(environment="dev")
    await house.declare(policy("p", QUIET, environments="[prod]"))
    assert (await house.preview(environment="dev")).hash == before.hash
    assert (await house.preview(environment="prod")).policy != before.policy


async def test_a_model_is_not_told_of_what_a_policy_denies_outright(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, set[str]] = {}
    real = house.models.request

    async def request(spec: Any, request: ModelRequest, *more: Any) -> Any:
        told[request.agent] = {tool.name for tool in request.tools}
        return await real(spec, request, *more)

    monkeypatch.setattr(house.models, "request", request)
    await house.declare(manifests(SCRIPT))
    rules = (
        'forbid (principal, action, resource == Tool::"kit/put");',
        'forbid (principal, action == Action::"plan", resource == Tool::"kit/wipe");',
        'forbid (principal, action == Action::"plan", resource == Tool::"kit/append");',
        'permit (principal, action, resource == Tool::"kit/append") when { context.arguments has line };',
    )
    await house.declare(policy("p", "".join(rules)))
    await house.status(await house.launch(), "succeeded")
    assert told["ann"] == {"kit__read", "kit__look", "kit__append"}  # what arguments may yet permit is offered
