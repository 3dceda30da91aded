"""The composition root of a whole server: the gateway (`gatehouse`), with models and runs upon it.

`open_app` brings a server up to the point where doors can be opened; `App.close` takes it down again. Heavy libraries
(DBOS, model providers, HTTP clients) are imported where they are needed, not here.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

import sqlalchemy as sa

from swarmstead import gatehouse
from swarmstead.agents.contract import AgentSpec
from swarmstead.budgets import handlers as ledger
from swarmstead.budgets import queries as balances
from swarmstead.gatehouse import Closers, Gatehouse, gateway_kinds, open_gatehouse
from swarmstead.gateway.adapters.http.admitted import AdmittedAddresses
from swarmstead.gateway.egress import Egress
from swarmstead.gateway.reach import check_url
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.money import micros_from_usd
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.local import LocalModel
from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.contract import ModelSpec
from swarmstead.models.ports import ModelProvider
from swarmstead.models.routing import Models
from swarmstead.models.rules import address_of, check_spec
from swarmstead.parts import cancelled, egress_rules, sweep
from swarmstead.people import handlers as people
from swarmstead.people import queries as people_reads
from swarmstead.permits import handlers as permits
from swarmstead.permits import queries as permit_reads
from swarmstead.permits.contract import Asker
from swarmstead.resources import handlers as resource_handlers
from swarmstead.resources.contract import Kind, Reference
from swarmstead.resources.manifests import parse
from swarmstead.runs import events
from swarmstead.runs import queries as run_reads
from swarmstead.runs.adapters.leases import Leases
from swarmstead.runs.adapters.repositories import LocalRepositories
from swarmstead.runs.contract import SwarmSpec
from swarmstead.runs.control import Controls
from swarmstead.runs.errors import InputRefused
from swarmstead.runs.preview import Preview
from swarmstead.runs.runner import Runner
from swarmstead.runs.service import Runs
from swarmstead.runs.steps.context import Hands
from swarmstead.runs.swarms import check_swarm, swarm_refers, swarm_warnings
from swarmstead.settings import Settings
from swarmstead.storage.database import Database
from swarmstead.storage.engines import make_workflow_engine
from swarmstead.storage.signals import Signals


def kinds(egress: Egress | None = None) -> dict[str, Kind]:
    """What can be declared. With `egress`, an address that its rules shut out is refused when it is applied."""

    def check_model(spec: ModelSpec) -> None:
        check_spec(spec)
        if address := address_of(spec.provider, spec.base_url):
            check_url(address, egress, field="spec.base_url")

    found = (
        Kind("Agent", AgentSpec, lambda _spec: None, lambda spec: [Reference("model", "Model", spec.model)]),
        Kind("Model", ModelSpec, check_model),
        Kind("Swarm", SwarmSpec, check_swarm, swarm_refers, swarm_warnings),
    )
    return gateway_kinds(egress) | {kind.name: kind for kind in found}


KINDS = kinds()


@dataclass(kw_only=True)
class App(Gatehouse):
    """A running server without its doors: the gateway, and runs that call tools through it."""

    role: ClassVar[Literal["server", "gateway"]] = "server"
    takes: ClassVar[str] = "runs"
    models: Models
    runs: Runs
    loop_version: str
    _stopper: asyncio.Task[None] | None = None

    @property
    def resting(self) -> str:
        """Why no new work is taken; '' while it is."""
        if not self.runs.draining:
            return ""
        return f"The server is being drained; {self.runs.carrying} loops have not come to rest."

    def stop_when_drained(self) -> None:
        """Ask for the end of the process (`stopping`) as soon as no loop is carried any more."""
        if self._stopper is None:
            self._stopper = asyncio.create_task(self._stop_when_drained())

    def stay(self) -> None:
        """Call off `stop_when_drained`."""
        if self._stopper is not None:
            self._stopper.cancel()
            self._stopper = None

    async def _stop_when_drained(self) -> None:
        await self.runs.at_rest()
        self._stopper = None
        if self.runs.draining:
            self.stopping.set()

    def askers(self, conn: sa.Connection, scope: Scope, agent_runs: Sequence[str]) -> Mapping[str, Asker]:
        """What is known of the agents that ask a person something, by agent run."""
        return run_reads.askers(conn, scope, agent_runs)

    def statuses_of_steps(self, conn: sa.Connection, scope: Scope, keys: Collection[str]) -> Mapping[str, str]:
        """In which state steps of runs are, by key."""
        return run_reads.statuses_of_steps(conn, scope, keys)

    def count_runs(self, conn: sa.Connection) -> Mapping[str, int] | None:
        """How many runs of all tenants are in each open state."""
        return run_reads.count_all(conn)

    def sample_repository(self) -> str:
        """The folder that the server was started in, when it is a git repository that runs may read; else ''."""
        try:
            return str(LocalRepositories(self.settings.allowed_paths).check(str(Path.cwd())))
        except InputRefused:
            return ""


def open_database(settings: Settings, clock: Clock, signals: Signals) -> Database:
    """The database with what all rooms leave for the end of a transaction. Fails: storage.errors."""
    return gatehouse.open_database(settings, clock, signals, _flushers(clock))


def _flushers(clock: Clock) -> gatehouse.Flushers:
    return [(events.FLUSHER, events.make_flusher(clock))]


async def open_app(settings: Settings) -> App:
    """Bring a server up: the gateway, samples, models, engine, sweeper.

    Fails: storage.errors, BadInput; nothing is left open.
    """
    house = await open_gatehouse(settings, kinds, _flushers)
    try:
        await _declare_samples(house)
        models = Models(_providers(egress_rules(settings)))
        house.closers.append(models.close)
        runs = await _open_runs(settings, _hands(house, models), house.closers)
    except BaseException:
        await house.close()
        raise
    given = {one.name: getattr(house, one.name) for one in fields(Gatehouse) if one.init}
    return App(**given, models=models, runs=runs, loop_version=runs.loop_version)


def _providers(egress: Egress) -> dict[str, ModelProvider]:
    direct = DirectModel(AdmittedAddresses(egress))
    return {
        "scripted": ScriptedModel(),
        "local": LocalModel(),
        "openai": direct,
        "anthropic": direct,
        "google": direct,
        "ollama": direct,
    }


def _hands(house: Gatehouse, models: Models) -> Hands:
    settings = house.settings
    return Hands(
        db=house.db,
        clock=house.clock,
        signals=house.signals,
        controls=Controls(house.db, house.clock, house.signals),
        thinker=models,
        tools=house.gateway,
        ledger=ledger,
        balances=balances,
        inbox=permits,
        inbox_reads=permit_reads,
        declared=house.registry,
        user_day_cap=micros_from_usd(settings.user_day_usd),
        tenant_day_cap=micros_from_usd(settings.tenant_day_usd),
        plan_life_ms=settings.plan_life_s * 1000,
        tracer=house.tracer,
    )


async def _open_runs(settings: Settings, hands: Hands, closers: Closers) -> Runs:
    from swarmstead.runs.adapters.dbos_engine import LOOP_VERSION, DbosEngine

    leases = Leases(hands.db, hands.clock, LOOP_VERSION)
    engine = DbosEngine(make_workflow_engine(settings.url), leases, Runner(hands).carry)
    await leases.renew()
    await engine.launch()
    closers.append(engine.close)
    runs = Runs(hands, Preview(hands, LocalRepositories(settings.allowed_paths), people_reads), engine)
    tasks = [asyncio.create_task(sweep(runs.mend))]
    if not settings.single_process:
        tasks.append(asyncio.create_task(engine.keep_lease()))
    closers.extend(partial(cancelled, task) for task in tasks)
    await runs.mend(all_queued=settings.single_process)
    await runs.warn_of_strangers()
    return runs


async def _declare_samples(house: Gatehouse) -> None:
    """The sample swarm; what an operator has changed or removed since is left alone."""
    text = (files("swarmstead") / "samples" / "repo-review.yaml").read_text()
    documents = parse(text, KINDS, "samples/repo-review.yaml")
    scope = system_scope(people.DEFAULT_TENANT)
    await house.db.write(lambda tx: resource_handlers.apply_missing(tx, scope, house.clock, documents))
