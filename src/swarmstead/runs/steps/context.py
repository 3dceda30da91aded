"""What a loop knows when it starts: facts that never change during the run, its journal, and its hands."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.models.contract import ModelSpec
from swarmstead.runs import ports, records
from swarmstead.runs.contract import PlannedAgent
from swarmstead.runs.control import Controls, RunControl
from swarmstead.runs.drain import Drain
from swarmstead.runs.plans import load_plan
from swarmstead.runs.tables import agent_runs, runs, steps
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.errors import DatabaseLocked, DatabaseUnavailable, DiskFull
from swarmstead.storage.signals import Signals
from swarmstead.telemetry.spans import Tracer

T = TypeVar("T")
log = logging.getLogger(__name__)
PARALLEL_READS = 4
AWAY = (DatabaseUnavailable, DatabaseLocked, DiskFull)
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything a loop acts through. One for the process, made by `wiring`."""

    db: Database
    clock: Clock
    signals: Signals
    controls: Controls
    thinker: ports.Thinker
    tools: ports.Tools
    ledger: ports.Ledger
    balances: ports.Balances
    inbox: ports.Inbox
    inbox_reads: ports.InboxReads
    declared: ports.Declared
    user_day_cap: int
    tenant_day_cap: int
    plan_life_ms: int
    drain: Drain = field(default_factory=Drain)
    tracer: Tracer | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step as the journal has it. `output` None: it is not done."""

    status: str
    output: Any
    error: Mapping[str, Any] | None
    attempts: int
    attempted_at: int | None
    approval: str | None


@dataclass(frozen=True, slots=True)
class AgentContext:
    """One agent run: who it is, what it was asked, what it may use, and what it has done so far."""

    hands: Hands
    engine: ports.Engine
    control: RunControl
    scope: Scope
    run: str
    agent_run: str
    parent: str | None
    depth: int
    task: str
    root: str
    swarm: str
    environment: str
    launched_by: str
    budget_micros: int
    trace_id: str
    max_agents: int
    planned: PlannedAgent
    model: ModelSpec
    members: tuple[PlannedAgent, ...]
    journal: Mapping[str, Recorded] = field(repr=False)

    @property
    def is_coordinator(self) -> bool:
        """Whether this agent may delegate."""
        return self.planned.role == "coordinator" and self.depth == 0

    def key(self, turn: int, part: str) -> str:
        """The key of a step: unique for ever, the same on every replay."""
        return f"{self.agent_run}/{turn}/{part}"

    async def safe_point(self, step: str) -> bool:
        """Before `step`: where pausing and cancelling take hold; whether it rested here, and is `queued` since then.

        Fails: RunCancelled, DeadlinePassed.
        """
        hands = self.hands

        hands.drain.check()

        async def resting() -> None:
            await hands.db.write(lambda tx: records.settle_status(tx, self.scope, hands.clock, self.run, step))

        async def woken() -> None:
            await hands.db.write(lambda tx: records.settle_status(tx, self.scope, hands.clock, self.run))

        return await self.control.safe_point(resting, woken)

    async def write_patiently(self, handler: Callable[[Tx], T]) -> T:
        """Write what cannot be had again, such as a reply that was paid for: while the database is away, try again."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return await self.hands.db.write(handler)
            except AWAY as error:
                log.warning("agent run %s has a result that the database cannot take yet: %s", self.agent_run, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    def step_row(self, key: str, turn: int, kind: str, name: str, **more: Any) -> dict[str, Any]:
        """A new row of the journal for this agent run."""
        row = {"key": key, "tenant": self.scope.tenant, "run": self.run, "agent_run": self.agent_run}
        row |= {"agent": self.planned.name, "turn": turn, "kind": kind, "name": name}
        return row | {"started_at": self.hands.clock.now_ms()} | more


def agent_scope(tenant: str, agent_run: str, agent: str) -> Scope:
    """An agent acting inside a run. It has no roles: it can never decide, launch or apply."""
    return Scope(tenant, Actor(f"agent:{agent}@{agent_run}", "agent", agent))


def load(conn: sa.Connection, hands: Hands, engine: ports.Engine, control: RunControl, agent_run: str) -> AgentContext:
    """Read an agent run with its run, plan and journal. Fails: sqlalchemy's NoResultFound when there is none."""
    mine = conn.execute(sa.select(agent_runs).where(agent_runs.c.id == agent_run)).one()
    run = conn.execute(sa.select(runs).where(runs.c.id == mine.run)).one()
    scope = agent_scope(mine.tenant, agent_run, mine.agent)
    plan = load_plan(conn, mine.tenant, run.plan_hash)
    planned = plan.agent(mine.agent)
    if planned is None:
        raise LookupError(f"the plan of run {run.id} does not hold the agent {mine.agent}")
    model = hands.declared.get(conn, scope, "Model", planned.model, planned.model_digest).spec
    journal = {
        row.key: Recorded(
            row.status,
            records.loaded(conn, mine.tenant, row.output),
            row.error,
            row.attempts,
            row.attempted_at,
            row.approval,
        )
        for row in conn.execute(sa.select(steps).where(steps.c.agent_run == agent_run))
    }
    return AgentContext(
        hands=hands,
        engine=engine,
        control=control,
        scope=scope,
        run=run.id,
        agent_run=agent_run,
        parent=mine.parent,
        depth=mine.depth,
        task=mine.task,
        root=plan.root,
        swarm=run.swarm,
        environment=run.environment,
        launched_by=run.launched_by,
        budget_micros=run.budget_micros,
        trace_id=run.trace_id,
        max_agents=plan.max_agents,
        planned=planned,
        model=model,
        members=tuple(agent for agent in plan.agents if agent.role == "member"),
        journal=journal,
    )
