"""Every call meets the policies, and the trail says which rule decided."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.audit import queries as audit
from swarmstead.audit.tables import audit_rows
from swarmstead.gateway.contract import Caller, PlanNeeded
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people.tables import environments, tenants
from swarmstead.permits.policies.past import past_calls
from swarmstead.resources.manifests import parse
from swarmstead.telemetry.meter import METER
from swarmstead.wiring import KINDS
from tests.rooms.gateway.desk import ADA, EVE, Desk, outside
from tests.rooms.permits.test_policy_service import policy

LOOSE = 'permit (principal, action == Action::"call", resource == Tool::"kit/append");'
LINE = {"line": "one"}


async def checks(desk: Desk, action: str = "tool.call") -> list[dict[str, Any]]:
    """The data of the rows that end a call, or of those that ask."""
    await desk.gateway.written()
    phase = "effect" if action == "tool.call" else "note"
    query = sa.select(audit_rows.c.data).where(audit_rows.c.action == action, audit_rows.c.phase == phase)
    return list(await desk.db.read(lambda conn: conn.execute(query.order_by(audit_rows.c.seq)).scalars().all()))


async def test_the_trail_says_which_rule_decided(desk: Desk) -> None:
    await desk.call("read", {"name": "x"})
    await desk.call("note", LINE)
    await desk.plan(desk.request("append", LINE))
    read, note = await checks(desk)
    assert read["policy.check"] == {"effect": "allow", "rules": ["builtin/read"], "mode": "enforce"}
    assert (read["risk"], read["environment"], read["idempotent"], read["swarm"]) == ("read", "dev", True, "team")
    assert note["policy.check"] == {"effect": "deny", "rules": ["builtin/unknown"], "mode": "enforce"}
    (asked,) = await checks(desk, "approval.ask")
    assert asked["policy.check"] == {"effect": "ask", "rules": ["builtin/write"], "mode": "enforce"}
    assert (asked["agent"], asked["tool"], asked["risk"]) == ("ann", "kit/append", "write")


async def test_a_policy_that_forbids_denies_with_its_rule(desk: Desk) -> None:
    rule = '@id("no-secrets") @reason("secrets are not for agents") forbid (principal, action, resource)'
    await desk.declare(policy("p", f'{rule} when {{ context.arguments has name && context.arguments.name == "s" }};'))
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"
    outcome = await desk.call("read", {"name": "s"})
    assert (outcome.verdict, outcome.code) == ("denied", "policy_denied")
    assert outcome.reason == "Denied by policy: secrets are not for agents (no-secrets)."
    assert "stead policy list" in outcome.way_out
    assert len(desk.upstream.calls) == 1
    assert (await checks(desk))[1]["policy.check"]["rules"] == ["no-secrets"]


async def test_a_loosened_write_goes_straight_through_with_intent_and_effect(desk: Desk) -> None:
    await desk.declare(policy("p", LOOSE))
    assert (await desk.call("append", LINE)).verdict == "ok"
    assert [phase for phase, _, _ in await desk.trail()] == ["intent", "attempt", "effect"]
    assert await desk.asked() == []


async def test_a_read_that_a_person_must_see_needs_a_plan_that_is_spent(desk: Desk) -> None:
    await desk.declare(policy("p", 'forbid (principal, action == Action::"call", resource) when { true };'))
    request = desk.request("read", {"name": "x"})
    asked = await desk.approved(request)
    assert asked.rule == "a policy asks for a person (p/0)"
    assert (await desk.call("read", {"name": "x"}, key=request.key, plan_id="ap_made_up")).code == "approval_unknown"
    assert desk.upstream.calls == []
    assert (await desk.call("read", {"name": "x"}, key=request.key, plan_id=asked.id)).verdict == "ok"
    again = await desk.call("read", {"name": "x"}, key=request.key, plan_id=asked.id)
    assert again.code == "plan_refused"


async def test_a_plan_that_was_approved_is_refused_once_a_policy_forbids(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    await desk.declare(policy("p", "forbid (principal, action, resource);"))
    outcome = await desk.call("append", LINE, key=request.key, plan_id=asked.id)
    assert (outcome.code, desk.upstream.lines) == ("policy_denied", [])
    await desk.declare(policy("p", LOOSE))
    assert (await desk.call("append", LINE, key=request.key, plan_id=asked.id)).verdict == "ok"
    assert (await desk.call("append", LINE, key=request.key, plan_id=asked.id)).code == "plan_refused"


async def test_a_client_that_is_no_agent_is_a_user_with_roles(desk: Desk) -> None:
    rule = 'forbid (principal is User, action, resource) when { principal.roles.contains("operator") };'
    await desk.declare(policy("p", rule))
    assert (await desk.call("read", {"name": "x"}, caller=outside())).code == "policy_denied"
    viewer = Caller(Scope("acme", Actor("key:k_2", "user", "V", frozenset({"viewer"}))))
    assert (await desk.call("read", {"name": "x"}, caller=viewer)).verdict == "ok"
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"
    assert (await checks(desk))[0]["roles"] == ["operator"]


async def test_another_tenants_policy_does_not_bind(desk: Desk) -> None:
    await desk.declare(policy("p", "forbid (principal, action, resource);"), EVE)
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"


async def test_a_monitored_policy_is_in_the_trail_and_in_the_metrics(desk: Desk) -> None:
    await desk.declare(policy("p", "forbid (principal, action, resource);", mode="monitor"))
    name = ("stead_policy_monitored_total", (("effect", "allow"), ("would", "deny")))
    before = METER.counts().get(name, 0)
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"
    assert (await checks(desk))[0]["policy.check"]["monitored"] == {"effect": "deny", "rules": ["p/0"]}
    assert METER.counts()[name] == before + 1


async def replay(desk: Desk, text: str, last: int = 100) -> Any:
    await desk.gateway.written()
    documents = parse(text, KINDS)
    calls, unread = await desk.db.read(lambda conn: past_calls(audit.of_calls(conn, ADA, last * 3), last))
    return await desk.policies.replay(ADA, documents, calls, unread)


async def test_a_new_rule_is_tested_on_past_calls(desk: Desk) -> None:
    for name in ("x", "y", "z"):
        await desk.call("read", {"name": name})
    await desk.call("read", {"name": "x"}, caller=outside())
    await desk.call("nothing")  # refused before any policy was asked
    await desk.gateway.written()
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    await desk.call("append", LINE, key=request.key, plan_id=asked.id)  # asked and applied: one call
    found = await replay(desk, policy("p", 'forbid (principal == Agent::"ann", action, resource);'))
    assert (found.calls, found.blocked, found.asked, found.undecided, found.unread) == (5, 4, 0, 0, 0)
    assert found.matched == {"p/0": 4}
    assert {(one.principal, one.tool, one.was, one.would) for one in found.examples} == {
        ("agent/ann", "kit/read", "allow", "deny"),
        ("agent/ann", "kit/append", "ask", "deny"),
    }
    found = await replay(desk, policy("p", 'forbid (principal is User, action == Action::"call", resource);'))
    assert (found.calls, found.blocked, found.asked) == (5, 0, 1)
    found = await replay(desk, policy("p", LOOSE), last=2)
    assert (found.calls, found.allowed) == (2, 1)


async def test_what_depends_on_arguments_is_said_to_be_undecided(desk: Desk) -> None:
    for name in ("x", "y"):
        await desk.call("read", {"name": name})
    rule = '@id("r") forbid (principal, action, resource) when { context.arguments has name };'
    found = await replay(desk, policy("p", rule))
    assert (found.blocked, found.undecided, found.needs_arguments) == (0, 2, ("r",))
    always = f'{rule} forbid (principal == Agent::"ann", action, resource);'
    found = await replay(desk, policy("p", always))
    assert (found.blocked, found.undecided) == (2, 0)  # denied whatever the arguments were


async def test_the_hour_of_a_past_call_is_known(desk: Desk) -> None:
    await desk.call("read", {"name": "x"})
    found = await replay(desk, policy("p", "forbid (principal, action, resource) when { context.time.hour == 9 };"))
    assert (found.blocked, found.undecided) == (1, 0)


async def test_a_tested_policy_takes_the_place_of_its_namesake(desk: Desk) -> None:
    await desk.call("read", {"name": "x"})
    await desk.declare(policy("p", "forbid (principal, action, resource);"))
    found = await replay(desk, policy("p", 'forbid (principal == Agent::"bob", action, resource);'))
    assert (found.blocked, found.allowed) == (0, 0)
    found = await replay(desk, policy("p", "forbid (principal, action, resource);", mode="monitor"))
    assert found.blocked == 1


@pytest.mark.parametrize("tool", ["read", "append", "wipe", "note"])
async def test_the_verdict_that_is_shown_beforehand_is_the_one_that_is_met(desk: Desk, tool: str) -> None:
    """The same question, by the same code, whether somebody previews or calls."""
    caller = desk.request(tool).caller
    listed = {one.name: one for server in await desk.gateway.tools(caller, desk.root) for one in server.tools}
    texts = (
        LOOSE,
        'forbid (principal == Agent::"ann", action, resource in Server::"kit");',
        'forbid (principal, action == Action::"call", resource) when { context.environment.production };',
        'permit (principal in Tenant::"acme", action, resource);',
    )
    arguments = {"read": {"name": "x"}, "append": LINE, "note": LINE}.get(tool, {})
    for text in texts:
        await desk.declare(policy("p", text))
        shown = await desk.gateway.verdict(caller, listed[tool])
        answer = await desk.gateway.call(desk.request(tool, arguments))
        met = {"ok": "allow", "denied": "deny"}.get(getattr(answer, "verdict", ""), "ask")
        rows = await checks(desk, "approval.ask" if met == "ask" else "tool.call")
        assert (shown.effect, list(shown.rules)) == (met, rows[-1]["policy.check"]["rules"])


@pytest.mark.parametrize(
    ("environment", "verdict"), [("prod", "denied"), ("", "denied"), ("no-such", "denied"), ("dev", "ok")]
)
async def test_to_name_no_environment_is_no_way_round_what_production_forbids(
    desk: Desk, environment: str, verdict: str
) -> None:
    ours = {"tenant": ADA.tenant}
    await desk.db.write(lambda tx: tx.conn.execute(tenants.insert().values(name=ADA.tenant, created_at=0)))
    await desk.db.write(lambda tx: tx.conn.execute(environments.insert().values(**ours, name="dev", production=False)))
    await desk.declare(policy("frozen", "forbid (principal, action, resource);", environments="[prod]"))
    caller = replace(outside(), environment=environment)
    assert (await desk.call("read", {"name": "a"}, caller=caller, key="mcp/1")).verdict == verdict


async def test_what_production_permits_is_not_permitted_to_who_names_no_environment(desk: Desk) -> None:
    lets = 'permit (principal, action == Action::"call", resource);'
    await desk.declare(policy("lets", lets, environments="[prod]"))
    for environment, needs in (("prod", False), ("", True)):
        caller = replace(outside(), environment=environment)
        answer = await desk.gateway.call(desk.request("append", {"line": "x"}, caller=caller, key=f"mcp/{environment}"))
        assert isinstance(answer, PlanNeeded) is needs
