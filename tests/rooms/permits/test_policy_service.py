"""Policies are those of the tenant, those of now, and never broken ones."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.people import handlers as people
from swarmstead.people import queries as environments
from swarmstead.permits.contract import PolicySpec
from swarmstead.permits.policies.service import Policies
from swarmstead.resources import handlers as resources
from swarmstead.resources.contract import Kind
from swarmstead.resources.manifests import parse
from swarmstead.resources.queries import Registry
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from swarmstead.wiring import KINDS
from tests.clocks import MovableClock
from tests.rooms.permits.asking import ANN

ACME = system_scope("acme", "ada")
EVIL = system_scope("evil", "eve")
DENY = "forbid (principal, action, resource);"
LOOSE = 'permit (principal, action == Action::"call", resource);'


def policy(name: str, cedar: str, **spec: Any) -> str:
    head = f"apiVersion: swarmstead.dev/v1alpha1\nkind: Policy\nmetadata: {{name: {name}}}\n"
    lines = "".join(f"  {field}: {value}\n" for field, value in spec.items())
    return f"{head}spec:\n{lines}  cedar: |\n    {cedar}\n"


class Office:
    """Policies on a database."""

    def __init__(self, db: Database, clock: MovableClock, signals: Signals) -> None:
        self.db = db
        self.clock = clock
        self.signals = signals
        self.policies = self.another()

    def another(self) -> Policies:
        """A second process."""
        made = Policies(self.db, Registry(KINDS), environments, self.clock)
        self.signals.watch(made.forget)
        return made

    async def declare(self, text: str, scope: Scope = ACME) -> None:
        await self.db.write(lambda tx: resources.apply(tx, scope, self.clock, parse(text, KINDS)))

    async def declare_broken(self, name: str, cedar: str = "permit (", scope: Scope = ACME, **spec: Any) -> None:
        """As an older or newer version of the product may have left it."""
        lax = {**KINDS, "Policy": Kind("Policy", PolicySpec, lambda _spec: None)}
        await self.db.write(lambda tx: resources.apply(tx, scope, self.clock, parse(policy(name, cedar, **spec), lax)))

    async def effect(self, scope: Scope = ACME, /, **changes: Any) -> str:
        return (await self.policies.decide(scope, replace(ANN, **changes))).effect


@pytest.fixture
def office(database: Database, clock: MovableClock, signals: Signals) -> Office:
    return Office(database, clock, signals)


@pytest.fixture
def sqlite_office(sqlite_database: Database, clock: MovableClock, signals: Signals) -> Office:
    return Office(sqlite_database, clock, signals)


async def test_a_policy_holds_for_the_next_call(office: Office) -> None:
    assert await office.effect() == "ask"
    await office.declare(policy("p", DENY))
    assert await office.effect() == "deny"
    await office.declare(policy("p", LOOSE))
    assert await office.effect() == "allow"


async def test_a_policy_of_another_tenant_never_applies(office: Office) -> None:
    await office.declare(policy("p", LOOSE), EVIL)
    await office.declare(policy("q", 'forbid (principal in Tenant::"acme", action, resource);'), EVIL)
    assert await office.effect() == "ask"
    assert await office.effect(EVIL) == "allow"
    assert [one.name for one in await office.policies.views(ACME)] == ["builtin"]
    await office.declare(policy("p", DENY))
    assert (await office.effect(), await office.effect(EVIL)) == ("deny", "allow")


async def test_declared_environments_and_labels_are_seen(sqlite_office: Office) -> None:
    office = sqlite_office
    await office.db.write(lambda tx: people.bootstrap(tx, office.clock, ""))
    here = system_scope(people.DEFAULT_TENANT)
    rule = "forbid (principal, action, resource) when { context.environment.production };"
    await office.declare(policy("p", rule), here)
    assert [await office.effect(here, environment=name) for name in ("dev", "prod", "")] == ["ask", "deny", "deny"]
    tags = 'permit (principal is Agent, action, resource) when { principal.hasTag("team") && resource.hasTag("tier") };'
    await office.declare(policy("q", tags), here)
    labelled = """
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: ann, labels: {team: payments}}
spec: {instructions: x, model: m}
---
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: kit, labels: {tier: gold}}
spec: {transport: stdio, command: [kit]}
"""
    assert await office.effect(here) == "ask"
    await office.declare(labelled, here)
    assert await office.effect(here) == "allow"


async def test_a_broken_policy_never_becomes_live_and_is_shown(sqlite_office: Office) -> None:
    office = sqlite_office
    await office.declare(policy("p", DENY))
    assert await office.effect() == "deny"
    version = await office.policies.version(ACME, "dev")
    await office.declare_broken("p")
    assert await office.effect() == "deny"
    assert await office.policies.version(ACME, "dev") == version
    shown = {one.name: one.problem for one in await office.policies.views(ACME)}
    assert shown["p"].startswith("spec.cedar, line 1: not Cedar: unexpected end of input.")
    await office.declare(policy("q", LOOSE))  # a change beside it does not bring the broken set into force either
    assert await office.effect() == "deny"
    await office.declare(policy("p", LOOSE))
    assert await office.effect() == "allow"
    assert not any(one.problem for one in await office.policies.views(ACME))


async def test_without_a_last_good_set_everything_is_denied(sqlite_office: Office) -> None:
    await sqlite_office.declare_broken("p")
    found = await sqlite_office.policies.decide(ACME, replace(ANN, risk="read"))
    assert (found.effect, found.rules) == ("deny", ("p/broken",))
    assert "the policy p cannot be read: spec.cedar, line 1" in found.text
    assert await sqlite_office.effect(EVIL, risk="read") == "allow"
    assert await sqlite_office.policies.hides(ACME, "tool", "dev")
    for scope, hidden in ((ACME, {("kit", "put")}), (EVIL, set[tuple[str, str]]())):
        assert await sqlite_office.policies.hidden(scope, "tool", "dev", [ANN]) == hidden


async def test_a_broken_policy_that_only_watches_is_only_shown(sqlite_office: Office) -> None:
    await sqlite_office.declare(policy("p", LOOSE))
    await sqlite_office.declare_broken("q", mode="monitor")
    assert await sqlite_office.effect() == "allow"
    assert [bool(one.problem) for one in await sqlite_office.policies.views(ACME)] == [False, False, True]


async def test_a_change_while_policies_are_read_is_not_missed(sqlite_office: Office) -> None:
    """Between reading the rows and keeping what came of them, another version is committed."""
    office = sqlite_office
    await office.declare(policy("p", LOOSE))
    real = Registry.all
    slow = Registry(KINDS)
    once: list[bool] = []

    def all_(conn: Any, scope: Scope, kind: str, **more: Any) -> Any:
        found = real(slow, conn, scope, kind, **more)
        if kind == "Policy" and not once:
            once.append(True)
            document = parse(policy("p", DENY), KINDS)
            office.db.write_sync(lambda tx: resources.apply(tx, ACME, office.clock, document))
        return found

    slow.all = all_  # type: ignore[method-assign]
    policies = Policies(office.db, slow, environments, office.clock)
    office.signals.watch(policies.forget)
    assert (await policies.decide(ACME, ANN)).effect == "allow"  # it asked before the change
    assert (await policies.decide(ACME, ANN)).effect == "deny"


async def test_calls_during_many_changes_meet_one_version_or_the_other(sqlite_office: Office) -> None:
    office = sqlite_office
    await office.declare(policy("p", DENY))
    seen: set[str] = set()
    done = asyncio.Event()

    async def call() -> None:
        while not done.is_set():
            seen.add(await office.effect())
            await asyncio.sleep(0)

    callers = [asyncio.create_task(call()) for _ in range(4)]
    for text in (LOOSE, DENY) * 10:
        await office.declare(policy("p", text))
        assert await office.effect() == ("allow" if text == LOOSE else "deny")
    done.set()
    await asyncio.gather(*callers)
    assert seen <= {"allow", "deny"}


async def test_a_missed_wake_makes_everything_be_read_again(sqlite_office: Office) -> None:
    office = sqlite_office
    deaf = Policies(office.db, Registry(KINDS), environments, office.clock)
    assert (await deaf.decide(ACME, ANN)).effect == "ask"
    await office.declare(policy("p", DENY))
    assert (await deaf.decide(ACME, ANN)).effect == "ask"
    deaf.forget("*")
    assert (await deaf.decide(ACME, ANN)).effect == "deny"


async def test_exceptions_are_shown_with_whether_they_are_over(sqlite_office: Office) -> None:
    one = "{principal: agent/ann, tool: kit/put, until: '2026-11-22T10:00:00Z', reason: moving}"
    await sqlite_office.declare(policy("p", DENY, exceptions=f"[{one}]"))
    view = (await sqlite_office.policies.views(ACME))[1]
    assert [(shown.reason, shown.expired) for shown in view.exceptions] == [("moving", False)]
    sqlite_office.clock.advance(seconds=86_400)
    view = (await sqlite_office.policies.views(ACME))[1]
    assert [shown.expired for shown in view.exceptions] == [True]
