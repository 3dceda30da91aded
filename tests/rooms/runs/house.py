"""The runs room with everything around it real but two: tool servers, which a test holds and breaks, and the engine.

The engine here starts loops as tasks of the test. It can crash: then they are cut where they stand, and `resume` starts
what had not ended anew, as the durable engine does. (That one is put to the test with real kills in `tests/chaos`.)
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from swarmstead.budgets import handlers as ledger
from swarmstead.budgets import queries as balances
from swarmstead.budgets.tables import budget_leases
from swarmstead.gateway.gateway import Gateway, GatewayLimits
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.routing import Models
from swarmstead.people import queries as people_reads
from swarmstead.people.tables import environments, tenants
from swarmstead.permits import handlers as permits
from swarmstead.permits import queries as permit_reads
from swarmstead.permits.contract import Approval, Decision
from swarmstead.permits.policies.service import Policies
from swarmstead.resources import handlers as resources
from swarmstead.resources.manifests import parse
from swarmstead.resources.queries import Registry
from swarmstead.runs import handlers as run_handlers
from swarmstead.runs import queries
from swarmstead.runs.adapters.repositories import LocalRepositories
from swarmstead.runs.contract import Command, CommandKind, Launch, Overrides, Plan, StoredEvent, events_topic
from swarmstead.runs.control import Controls
from swarmstead.runs.events import after
from swarmstead.runs.preview import Preview
from swarmstead.runs.runner import Runner
from swarmstead.runs.service import Runs
from swarmstead.runs.steps.context import Hands
from swarmstead.runs.tables import agent_runs
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.signals import Signals
from swarmstead.telemetry.spans import Tracer
from swarmstead.wiring import KINDS
from tests.clocks import MovableClock
from tests.databases import aged
from tests.fakes.reach import this_machine
from tests.fakes.upstream import FakeUpstream
from tests.rooms.runs.swarms import manifests

T = TypeVar("T")
ADA = system_scope("acme", "ada")
PLAN_LIFE_S = 3600
_PATIENCE_S = 30


class TaskEngine:
    """Satisfies `runs.service.Carrier` with the tasks of one event loop."""

    version = "1"

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.mine = True
        self.stalled = False
        self.given_up: list[str] = []

    async def start(self, agent_run: str) -> None:
        """Once per agent run. A stalled engine starts nothing, as if nobody was there to."""
        if self.stalled or agent_run in self._tasks:
            return
        work = self._runner.carry(agent_run, self)
        self._tasks[agent_run] = asyncio.get_running_loop().create_task(work, context=contextvars.Context())

    async def carries(self, agent_run: str) -> bool:
        """Whether nobody else has taken it over."""
        return self.mine

    async def take_over(self) -> int:
        """There is nobody to take over from."""
        return 0

    async def rest(self, busy: Callable[[str], bool]) -> None:
        """Cut what is not busy, and start nothing."""
        self.stalled = True
        idle = [one for one, task in self._tasks.items() if not busy(one) and not task.done()]
        if idle:
            await self.crash(*idle)

    async def wake(self) -> None:
        """Start things again; what was cut is for `House.resume`."""
        self.stalled = False

    @property
    def carrying(self) -> int:
        """How many loops are at work."""
        return sum(not task.done() for task in self._tasks.values())

    async def at_rest(self) -> None:
        """Wait for all loops."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def poisoned(self) -> list[str]:
        """What a test says is given up."""
        return self.given_up

    def task(self, agent_run: str) -> asyncio.Task[None]:
        """The loop of an agent run."""
        return self._tasks[agent_run]

    async def crash(self, *only: str) -> None:
        """Cut the loops, or only these; they are forgotten."""
        cut = [self._tasks.pop(one) for one in only or list(self._tasks)]
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)


def _settle_tenants(tx: Tx) -> None:
    for tenant in ("acme", "evil"):
        tx.conn.execute(tenants.insert().values(name=tenant, created_at=0))
        for name in ("dev", "prod"):
            tx.conn.execute(environments.insert().values(tenant=tenant, name=name, production=name == "prod"))


class House:
    """One server's runs. `async with` opens and closes it; on the same database another one can follow."""

    def __init__(
        self,
        db: Database,
        clock: MovableClock,
        signals: Signals,
        folder: Path,
        traffic: Traffic | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.db = db
        self.write, self.read = db.write, db.read  # for people, and for the test: whatever is done to those of `db`
        self.clock = clock
        self.signals = signals
        self.repository = folder / "repo"
        self.upstream = FakeUpstream()
        self.models = Models({"scripted": ScriptedModel(), "openai": DirectModel(this_machine())})
        registry = Registry(KINDS)
        grants = Grants(db, registry)
        signals.watch(grants.forget)
        policies = self.policies = Policies(db, registry, people_reads, clock)
        signals.watch(policies.forget)
        limits = GatewayLimits(call_timeout_s=5, plan_life_ms=PLAN_LIFE_S * 1000, write_pauses_s=(0, 0, 0))
        self.gateway = Gateway(
            db, clock, self.upstream, grants, policies, permits, limits, traffic=traffic, tracer=tracer
        )
        signals.watch(self.gateway.forget)
        self.hands = Hands(
            db=db,
            clock=clock,
            signals=signals,
            controls=Controls(db, clock, signals),
            thinker=self.models,
            tools=self.gateway,
            ledger=ledger,
            balances=balances,
            inbox=permits,
            inbox_reads=permit_reads,
            declared=registry,
            user_day_cap=50_000_000,
            tenant_day_cap=500_000_000,
            plan_life_ms=PLAN_LIFE_S * 1000,
            tracer=tracer,
        )
        self.engine = TaskEngine(Runner(self.hands))
        self.runs = Runs(self.hands, Preview(self.hands, LocalRepositories([folder]), people_reads), self.engine)

    async def open(self) -> None:
        """Make the repository that runs work on, and two tenants with their environments."""
        await asyncio.to_thread((self.repository / ".git").mkdir, parents=True, exist_ok=True)
        await self.write(_settle_tenants)

    async def close(self) -> None:
        """Cut what still runs."""
        await self.engine.crash()
        await self.models.close()

    async def resume(self) -> None:
        """What a start after a crash does: every agent run that has not ended is started."""
        query = sa.select(agent_runs.c.id).where(agent_runs.c.finished_at.is_(None))
        for agent_run in await self.read(lambda conn: conn.execute(query).scalars().all()):
            await self.engine.start(agent_run)

    async def restart(self) -> None:
        """Crash, and start again."""
        await self.engine.crash()
        await self.resume()

    async def later(self, seconds: int) -> None:
        """Let so much time pass, for this worker and for the database."""
        self.clock.advance(seconds=seconds)
        times = (agent_runs.c.created_at, budget_leases.c.expires_at)
        await self.write(lambda tx: aged(tx, seconds * 1000, *times))

    async def declare(self, text: str, scope: Scope = ADA) -> None:
        """Apply manifests."""
        documents = parse(text, KINDS)
        await self.write(lambda tx: resources.apply(tx, scope, self.clock, documents))

    def wish(self, **more: Any) -> Launch:
        """A wish to launch the test's swarm on its repository."""
        values: dict[str, Any] = {"swarm": "team", "input": {"repo": str(self.repository)}, "environment": "dev"}
        values["overrides"] = Overrides()
        return Launch(**(values | more))

    async def preview(self, **more: Any) -> Plan:
        """What would run."""
        return await self.runs.preview(ADA, self.wish(**more))

    async def launch(self, script: Mapping[str, Sequence[Any]] | None = None, **more: Any) -> str:
        """Launch the test's swarm with these scripts; the run's id. Without scripts it is launched as declared."""
        if script is not None:
            await self.declare(manifests(script))
        return await self.runs.launch(ADA, self.wish(**more))

    async def say(self, run: str, kind: CommandKind, **more: Any) -> str:
        """Command a run."""
        return await self.command(ADA, Command(run, kind, **more))

    async def command(self, scope: Scope, said: Command) -> str:
        """As `say`, by anybody."""
        return await self.hands.db.write(lambda tx: run_handlers.command(tx, scope, self.hands.clock, said))

    async def heard(self, run: str) -> None:
        """Return once the run knows what it was told: its loops read a command when the signal for it reaches them."""
        await self.hands.controls.refresh(run)

    async def run(self, run: str) -> Mapping[str, Any]:
        """The run's row as it is now."""
        return (await self.read(lambda conn: queries.get(conn, ADA, run))).row

    async def until(self, ready: Callable[[], Awaitable[T | None]]) -> T:
        """Wait until `ready` answers something; it is asked after every event."""
        async with asyncio.timeout(_PATIENCE_S):
            return await self.signals.until(events_topic(ADA.tenant), ready)

    async def status(self, run: str, *wanted: str) -> Mapping[str, Any]:
        """Wait until the run is in one of these states; its row."""

        async def there() -> Mapping[str, Any] | None:
            row = await self.run(run)
            return row if row["status"] in wanted else None

        return await self.until(there)

    async def event(self, run: str, kind: str, count: int = 1) -> StoredEvent:
        """Wait for the `count`th event of a kind."""

        async def there() -> StoredEvent | None:
            found = [event for event in await self.events(run) if event.kind == kind]
            return found[count - 1] if len(found) >= count else None

        return await self.until(there)

    async def events(self, run: str) -> list[StoredEvent]:
        """The run's events, oldest first."""
        return await self.read(lambda conn: after(conn, ADA, 0, run=run, limit=10_000))

    async def kinds(self, run: str) -> list[str]:
        """The kinds of the run's events, oldest first."""
        return [event.kind for event in await self.events(run)]

    async def steps(self, run: str) -> dict[str, Mapping[str, Any]]:
        """The run's steps with their outputs, by `agent/turn/part`."""
        rows = await self.read(lambda conn: queries.steps_of(conn, ADA, run))
        whole = [await self.read(lambda conn, row=row: queries.step(conn, ADA, run, row["key"])) for row in rows]
        return {f"{row['agent']}/{row['key'].partition('/')[2]}": row for row in whole}

    async def agents(self, run: str) -> dict[str, Mapping[str, Any]]:
        """The run's agent runs, by agent; of several the latest."""
        rows = await self.read(lambda conn: queries.agents_of(conn, ADA, run))
        return {row["agent"]: row for row in rows}

    async def asked(self, run: str, *statuses: str) -> list[Approval]:
        """The run's questions."""
        return await self.read(lambda conn: permit_reads.find(conn, ADA, run=run, statuses=statuses))

    async def question(self, run: str) -> Approval:
        """Wait for an open question of the run."""

        async def there() -> Approval | None:
            return next(iter(await self.asked(run, "pending")), None)

        return await self.until(there)

    async def decide(self, asked: Approval, decision: Decision = "approve", reason: str = "") -> Approval:
        """A person's answer."""
        return await self.write(lambda tx: permits.decide(tx, ADA, self.clock, asked.id, decision, reason, asked.hash))

    async def expire(self) -> None:
        """What the sweeper does about questions that nobody has answered."""
        await self.write(lambda tx: permits.expire(tx, self.clock, ADA.tenant))
