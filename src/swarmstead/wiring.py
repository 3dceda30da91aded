"""The composition root: the only module that names concrete adapters and hands each room what it needs.

`open_app` brings a server up to the point where doors can be opened; `App.close` takes it down again. Heavy libraries
(DBOS, model providers, HTTP clients) are imported where they are needed, not here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path

from swarmstead.agents.contract import AgentSpec
from swarmstead.audit import handlers as audit_handlers
from swarmstead.audit.adapters.ed25519 import Ed25519Signer
from swarmstead.audit.contract import FLUSHER as AUDIT
from swarmstead.budgets import handlers as ledger
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import BindingSpec, FeatureFlagSpec, ToolServerSpec, ToolSetSpec
from swarmstead.gateway.egress import Egress, parse_entries, rules
from swarmstead.gateway.gateway import Gateway, check_server
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.reach import check_url
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.gateway.specs import binding_refers, check_binding, check_toolset, server_refers, toolset_refers
from swarmstead.kernel.clock import Clock, SystemClock
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.money import micros_from_usd
from swarmstead.kernel.scope import system_scope
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.local import LocalModel
from swarmstead.models.adapters.scripted import ScriptedModel
from swarmstead.models.contract import ModelSpec
from swarmstead.models.ports import ModelProvider
from swarmstead.models.routing import Models
from swarmstead.models.rules import check_spec
from swarmstead.parts import gateway_limits, open_identity, open_tool_search, open_traffic
from swarmstead.people import handlers as people
from swarmstead.people import queries as people_reads
from swarmstead.people.contract import NewKey
from swarmstead.people.credentials import Credentials
from swarmstead.permits import handlers as permits
from swarmstead.permits import queries as permit_reads
from swarmstead.permits.contract import PolicySpec
from swarmstead.permits.policies.checks import check_policy
from swarmstead.permits.policies.service import Policies
from swarmstead.resources import handlers as resource_handlers
from swarmstead.resources.contract import Kind, Reference
from swarmstead.resources.manifests import parse
from swarmstead.resources.queries import Registry
from swarmstead.runs import events
from swarmstead.runs.adapters.leases import Leases
from swarmstead.runs.adapters.repositories import LocalRepositories
from swarmstead.runs.contract import SwarmSpec
from swarmstead.runs.control import Controls
from swarmstead.runs.errors import InputRefused
from swarmstead.runs.preview import Preview, check_swarm, swarm_refers
from swarmstead.runs.runner import Runner
from swarmstead.runs.service import Runs
from swarmstead.runs.steps.context import Hands
from swarmstead.settings import Settings
from swarmstead.storage import requests
from swarmstead.storage.database import Database
from swarmstead.storage.datadir import DataDir
from swarmstead.storage.engines import make_engine, make_workflow_engine
from swarmstead.storage.migrate import migrate
from swarmstead.storage.probe import Probe
from swarmstead.storage.signals import FLUSHER as SIGNALS
from swarmstead.storage.signals import Signals

log = logging.getLogger(__name__)
_SWEEP_EVERY_S = 5.0


def kinds(egress: Egress | None = None) -> dict[str, Kind]:
    """What can be declared. With `egress`, an address that its rules shut out is refused when it is applied."""

    def check_model(spec: ModelSpec) -> None:
        check_spec(spec)
        if spec.base_url:
            check_url(spec.base_url, egress, field="spec.base_url")

    found = (
        Kind("Agent", AgentSpec, lambda _spec: None, lambda spec: [Reference("model", "Model", spec.model)]),
        Kind("Binding", BindingSpec, check_binding, binding_refers),
        Kind("FeatureFlag", FeatureFlagSpec, lambda _spec: None),
        Kind("Model", ModelSpec, check_model),
        Kind("Policy", PolicySpec, check_policy),
        Kind("Swarm", SwarmSpec, check_swarm, swarm_refers),
        Kind("ToolServer", ToolServerSpec, lambda spec: check_server(spec, egress), server_refers),
        Kind("ToolSet", ToolSetSpec, check_toolset, toolset_refers),
    )
    return {kind.name: kind for kind in found}


KINDS = kinds()


@dataclass
class App:
    """A running server without its doors. `first_key` is set on the very first start only."""

    settings: Settings
    clock: Clock
    db: Database
    signals: Signals
    registry: Registry
    signer: Ed25519Signer
    models: Models
    gateway: Gateway
    policies: Policies
    tool_search: ToolSearch
    runs: Runs
    credentials: Credentials
    first_key: NewKey | None
    loop_version: str
    probe: Probe = field(init=False)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    answering: dict[tuple[str, ...], asyncio.Event] = field(default_factory=dict[tuple[str, ...], asyncio.Event])
    """Requests under an idempotency key that are being answered; `doors/http/careful.py` keeps it."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _stopper: asyncio.Task[None] | None = None
    _closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list[Callable[[], Awaitable[None]]])

    def __post_init__(self) -> None:
        self.probe = Probe(self.db, self.clock, self.settings.data if self.settings.single_process else None)

    def stop_when_drained(self) -> None:
        """Ask for the end of the process (`stopping`) as soon as no loop is carried any more."""
        if self._stopper is None:
            self._stopper = asyncio.create_task(self._stop_when_drained())

    async def _stop_when_drained(self) -> None:
        await self.runs.at_rest()
        self._stopper = None
        if self.runs.draining:
            self.stopping.set()

    def sample_repository(self) -> str:
        """The folder that the server was started in, when it is a git repository that runs may read; else ''."""
        try:
            return str(LocalRepositories(self.settings.allowed_paths).check(str(Path.cwd())))
        except InputRefused:
            return ""

    async def close(self) -> None:
        """Take everything down in the reverse order in which it came up."""
        self.closing.set()
        for closer in reversed(self._closers):
            try:
                await closer()
            except Exception:
                log.exception("something did not close cleanly")


def egress_rules(settings: Settings) -> Egress:
    """Where requests of tool servers may go. Fails: BadInput, naming the variable."""
    for name, text in (("egress_allow", settings.egress_allow), ("egress_block", settings.egress_block)):
        try:
            parse_entries(text)
        except ValueError as error:
            raise BadInput(
                f"The setting {name} {error}.",
                field=f"STEAD_{name.upper()}",
                way_out="Write it like `tools.example.org, *.intern.example.org:8443, 10.1.0.0/16`.",
            ) from error
    return rules(
        settings.egress_allow,
        settings.egress_block,
        public=settings.egress_public == "allow",
        listens_on=settings.host,
    )


def open_database(settings: Settings, clock: Clock, signals: Signals) -> Database:
    """The database on this version's schema. Fails: storage.errors."""
    writer = make_engine(settings.url)
    migrate(writer)
    flushers = [
        (AUDIT, audit_handlers.make_flusher(clock)),
        (events.FLUSHER, events.make_flusher(clock)),
        (SIGNALS, signals.flush),
    ]
    return Database(writer, make_engine(settings.url, readonly=True), flushers=flushers)


async def open_app(settings: Settings) -> App:
    """Bring a server up: lock, schema, first key, samples, engine, sweeper.

    Fails: storage.errors, BadInput; nothing is left open.
    """
    clock, signals, egress = SystemClock(), Signals(), egress_rules(settings)
    closers: list[Callable[[], Awaitable[None]]] = []
    try:
        if settings.single_process:
            closers.append(partial(_sync, DataDir(settings.data).close))
        signer = Ed25519Signer.load_or_make(settings.data / "audit.key")
        db = await asyncio.to_thread(open_database, settings, clock, signals)
        closers.append(lambda: _sync(db.close))  # DBOS takes the loop's threads with it, so not in one of them
        registry = Registry(kinds(egress))
        first_key = await _first_start(settings, clock, db)
        credentials = open_identity(settings, egress, clock, db, signals, closers)
        models = Models(_providers())
        closers.append(models.close)
        policies = Policies(db, registry, people_reads, clock)
        grants = Grants(db, registry)
        gateway, tool_search = _open_gateway(settings, (db, clock, signals), egress, grants, policies, closers)
        hands = _hands(settings, clock, db, signals, registry, models, gateway)
        runs = await _open_runs(settings, hands, closers)
    except BaseException:
        for closer in reversed(closers):
            with suppress(Exception):
                await closer()
        raise
    return App(
        settings,
        clock,
        db,
        signals,
        registry,
        signer,
        models,
        gateway,
        policies,
        tool_search,
        runs,
        credentials,
        first_key,
        runs.loop_version,
        _closers=closers,
    )


def _open_gateway(
    settings: Settings,
    storage: tuple[Database, Clock, Signals],
    egress: Egress,
    grants: Grants,
    policies: Policies,
    closers: list[Callable[[], Awaitable[None]]],
) -> tuple[Gateway, ToolSearch]:
    """The gateway and search over what it reaches. What they keep in memory lasts until a signal says otherwise."""
    db, clock, signals = storage
    limits, traffic = gateway_limits(settings), open_traffic(settings, db)
    gateway = Gateway(db, clock, Upstreams(egress=egress), grants, policies, permits, limits, traffic=traffic)
    closers.append(gateway.aclose)
    tool_search = open_tool_search(settings, clock, grants, gateway, closers)
    for watcher in (grants.forget, policies.forget, gateway.forget, tool_search.forget):
        signals.watch(watcher)
    return gateway, tool_search


def _providers() -> dict[str, ModelProvider]:
    direct = DirectModel()
    return {
        "scripted": ScriptedModel(),
        "local": LocalModel(),
        "openai": direct,
        "anthropic": direct,
        "google": direct,
        "ollama": direct,
    }


def _hands(
    settings: Settings,
    clock: Clock,
    db: Database,
    signals: Signals,
    registry: Registry,
    models: Models,
    gateway: Gateway,
) -> Hands:
    return Hands(
        db=db,
        clock=clock,
        signals=signals,
        controls=Controls(db, clock, signals),
        thinker=models,
        tools=gateway,
        ledger=ledger,
        inbox=permits,
        inbox_reads=permit_reads,
        declared=registry,
        user_day_cap=micros_from_usd(settings.user_day_usd),
        tenant_day_cap=micros_from_usd(settings.tenant_day_usd),
        plan_life_ms=settings.plan_life_s * 1000,
    )


async def _open_runs(settings: Settings, hands: Hands, closers: list[Callable[[], Awaitable[None]]]) -> Runs:
    from swarmstead.runs.adapters.dbos_engine import LOOP_VERSION, DbosEngine

    leases = Leases(hands.db, hands.clock, LOOP_VERSION)
    engine = DbosEngine(make_workflow_engine(settings.url), leases, Runner(hands).carry)
    await leases.renew()
    await engine.launch()
    closers.append(engine.close)
    runs = Runs(hands, Preview(hands, LocalRepositories(settings.allowed_paths), people_reads), engine)
    tasks = [asyncio.create_task(_sweep(hands, runs))]
    if not settings.single_process:
        from swarmstead.storage.listener import listen

        tasks.append(asyncio.create_task(engine.keep_lease()))
        tasks.append(asyncio.create_task(listen(settings.url, hands.signals)))

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    closers.append(stop)
    await runs.mend(all_queued=settings.single_process)
    await runs.warn_of_strangers()
    return runs


async def _sweep(hands: Hands, runs: Runs) -> None:
    """Every few seconds: expire questions, forget old answers, mend what crashes left.

    A failure is tried again.
    """
    while True:
        await asyncio.sleep(_SWEEP_EVERY_S)
        try:
            await hands.db.write(lambda tx: permits.expire(tx, hands.clock))
            await hands.db.write(lambda tx: requests.forget_old(tx, hands.clock))
            await runs.mend()
        except Exception:
            log.exception("the sweeper could not finish; it tries again")


async def _first_start(settings: Settings, clock: Clock, db: Database) -> NewKey | None:
    """The first key, and the sample swarm; what an operator has changed or removed since is left alone."""
    first_key = await db.write(lambda tx: people.bootstrap(tx, clock, settings.bootstrap_key.get_secret_value()))
    text = (files("swarmstead") / "samples" / "repo-review.yaml").read_text()
    documents = parse(text, KINDS, "samples/repo-review.yaml")
    scope = system_scope(people.DEFAULT_TENANT)
    await db.write(lambda tx: resource_handlers.apply_missing(tx, scope, clock, documents))
    return first_key


async def _sync(close: Callable[[], None]) -> None:
    close()
