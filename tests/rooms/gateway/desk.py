"""The gateway with everything real but the tool servers, and callers on both sides of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from swarmstead.audit.tables import audit_rows
from swarmstead.gateway.contract import Caller, CallHooks, CallOutcome, CallRequest, PlanNeeded
from swarmstead.gateway.gateway import Gateway, GatewayLimits
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.pins import handlers as pins
from swarmstead.gateway.pins import queries as pin_reads
from swarmstead.gateway.pins.model import Pin
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.kernel.scope import Actor, Scope, system_scope
from swarmstead.people import queries as people
from swarmstead.permits import handlers as permits
from swarmstead.permits import queries as permit_reads
from swarmstead.permits.contract import Approval, Decision
from swarmstead.permits.policies.service import Policies
from swarmstead.resources import handlers as resources
from swarmstead.resources.manifests import parse
from swarmstead.resources.queries import Registry
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.signals import Signals
from swarmstead.telemetry.spans import Tracer
from swarmstead.wiring import KINDS
from tests.clocks import MovableClock
from tests.fakes.upstream import FakeUpstream

ADA = system_scope("acme", "ada")
EVE = system_scope("evil", "eve")
PLAN_LIFE_S = 3600

MANIFESTS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: kit}
spec: {transport: stdio, command: [kit], root: repo, preview: {append: look, wipe: put}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: ann}
spec: {agent: ann, server: kit, tools: [read, put, append, wipe, note, missing]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: outside}
spec: {agent: "*", server: kit, tools: [read, append]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: nobody}
spec: {agent: bob, server: gone, tools: [read]}
"""


class Desk:
    """A gateway, and what its callers say to it."""

    def __init__(
        self,
        db: Database,
        clock: MovableClock,
        signals: Signals,
        root: Path,
        traffic: Traffic | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.db = db
        self.clock = clock
        self.root = str(root)
        self.upstream = FakeUpstream()
        grants = Grants(db, Registry(KINDS))
        signals.watch(grants.forget)
        policies = self.policies = Policies(db, Registry(KINDS), people, clock)
        signals.watch(policies.forget)
        limits = GatewayLimits(call_timeout_s=5, plan_life_ms=PLAN_LIFE_S * 1000, write_pauses_s=(0, 0, 0))
        self.gateway = Gateway(
            db, clock, self.upstream, grants, policies, permits, limits, traffic=traffic, tracer=tracer
        )
        signals.watch(self.gateway.forget)
        self._count = 0

    async def declare(self, text: str, scope: Scope = ADA) -> None:
        """Apply manifests."""
        documents = parse(text, KINDS)
        await self.db.write(lambda tx: resources.apply(tx, scope, self.clock, documents))

    def request(self, tool: str, arguments: Mapping[str, Any] | None = None, /, **more: Any) -> CallRequest:
        """A call by the agent `ann`, inside a run."""
        self._count += 1
        caller = Caller(agent("ann"), "ann", "r_1", "a_1", "team", "dev", "0" * 32)
        values: dict[str, Any] = {"key": f"a_1/1/{self._count}", "root": self.root, "server": "kit", "caller": caller}
        return CallRequest(tool=tool, arguments=arguments or {}, **(values | more))

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, /, **more: Any) -> CallOutcome:
        """A call that ends."""
        answer = await self.gateway.call(self.request(tool, arguments, **more))
        assert isinstance(answer, CallOutcome)
        return answer

    async def plan(self, request: CallRequest) -> Approval:
        """A call that asks: the question."""
        needed = await self.gateway.call(request)
        assert isinstance(needed, PlanNeeded)
        await self.gateway.written()  # the row of its dry run
        asked = await self.db.read(lambda conn: permit_reads.get(conn, ADA, needed.plan_id))
        assert (asked.hash, asked.expires_at) == (needed.hash, needed.expires_at)
        return asked

    async def decide(self, asked: Approval, decision: Decision = "approve", reason: str = "") -> None:
        """A person's answer."""
        await self.db.write(lambda tx: permits.decide(tx, ADA, self.clock, asked.id, decision, reason, asked.hash))

    async def approved(self, request: CallRequest) -> Approval:
        """A plan that a person has approved."""
        asked = await self.plan(request)
        await self.decide(asked)
        return asked

    async def pin(self, tool: str, scope: Scope = ADA) -> Pin:
        """What is pinned of a tool of `kit`."""
        return await self.db.read(lambda conn: pin_reads.get(conn, scope, "kit", tool))

    async def accept(self, tool: str) -> None:
        """A person accepts the definition that waits."""
        offered = (await self.pin(tool)).offered_hash
        await self.db.write(lambda tx: pins.accept(tx, ADA, self.clock, "kit", tool, offered))

    async def accept_all(self) -> None:
        """A minute later: a person accepts whatever has changed."""
        self.clock.advance(seconds=61)
        for tool in await self.gateway.inspect(self.request("read").caller, "kit", self.root):
            if tool.state == "quarantined":
                await self.accept(tool.name)

    async def quarantine(self, tool: str, reason: str = "It misbehaves.") -> None:
        """A person sets a tool aside."""
        await self.db.write(lambda tx: pins.quarantine(tx, ADA, self.clock, "kit", tool, reason))

    async def release(self, tool: str) -> None:
        """A person takes it back."""
        await self.db.write(lambda tx: pins.release(tx, ADA, self.clock, "kit", tool))

    async def asked(self) -> list[Approval]:
        """All questions."""
        return await self.db.read(lambda conn: permit_reads.find(conn, ADA))

    async def trail(self) -> list[tuple[str, str, str]]:
        """The audit rows about tool calls: phase, target, verdict."""
        return [(row.phase, row.target, row.data.get("verdict", "")) for row in await self.rows("tool.call")]

    async def rows(self, *actions: str) -> Sequence[sa.Row[Any]]:
        """The audit rows with these actions."""
        await self.gateway.written()
        query = sa.select(audit_rows).where(audit_rows.c.action.in_(actions)).order_by(audit_rows.c.seq)
        return await self.db.read(lambda conn: conn.execute(query).all())


def agent(name: str, tenant: str = "acme") -> Scope:
    """An agent inside a run."""
    return Scope(tenant, Actor(f"agent:{name}@a_1", "agent", name))


def outside(tenant: str = "acme", key: str = "k_1") -> Caller:
    """A client that is no agent."""
    return Caller(Scope(tenant, Actor(f"key:{key}", "user", "Client", frozenset({"operator"}))))


def hooks(
    begin: Callable[[Tx], None] | None = None, settle: Callable[[Tx, CallOutcome], None] | None = None
) -> CallHooks:
    """What a run would write beside."""
    return CallHooks(None, begin, settle)
