"""The gateway with all that it needs to stand alone: the composition that `stead gateway` is, and a server builds upon.

`open_gatehouse` brings it up to the point where doors can be opened; `Gatehouse.close` takes it down again. It knows
neither runs nor models: import-linter keeps it so. What a process may never need is imported where it is needed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import ClassVar, Literal

import sqlalchemy as sa

from swarmstead.agents.contract import AgentSpec
from swarmstead.audit import handlers as audit_handlers
from swarmstead.audit.adapters.ed25519 import Ed25519Signer
from swarmstead.audit.contract import FLUSHER as AUDIT
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import BindingSpec, FeatureFlagSpec, ToolServerSpec, ToolSetSpec
from swarmstead.gateway.egress import Egress
from swarmstead.gateway.gateway import Gateway, check_server
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.gateway.specs import (
    binding_refers,
    check_binding,
    check_toolset,
    flag_refers,
    server_refers,
    toolset_refers,
)
from swarmstead.kernel.apart import apart
from swarmstead.kernel.clock import Clock, SystemClock
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.parts import (
    cancelled,
    chores,
    close_lost_calls,
    egress_rules,
    gateway_limits,
    open_identity,
    open_tool_search,
    open_tracer,
    open_traffic,
    sweep,
    upstream_limits,
)
from swarmstead.people import handlers as people
from swarmstead.people import queries as people_reads
from swarmstead.people.adapters.unshown import Unshown
from swarmstead.people.contract import NewKey
from swarmstead.people.credentials import Credentials
from swarmstead.permits import handlers as permits
from swarmstead.permits.contract import Asker, PolicySpec
from swarmstead.permits.policies.checks import check_policy, policy_refers
from swarmstead.permits.policies.service import Policies
from swarmstead.resources import handlers as resource_handlers
from swarmstead.resources.contract import FILES, Document, Kind, files_actor
from swarmstead.resources.files import DeclaredFiles
from swarmstead.resources.following import Following
from swarmstead.resources.queries import Registry
from swarmstead.settings import Settings
from swarmstead.storage.database import Database, Flusher, Tx
from swarmstead.storage.datadir import DataDir
from swarmstead.storage.engines import make_engine
from swarmstead.storage.migrate import migrate
from swarmstead.storage.probe import Probe
from swarmstead.storage.signals import FLUSHER as SIGNALS
from swarmstead.storage.signals import Signals
from swarmstead.telemetry.spans import Tracer

log = logging.getLogger(__name__)
Closers = list[Callable[[], Awaitable[None]]]
Flushers = Sequence[tuple[str, Flusher]]


def gateway_kinds(egress: Egress | None = None) -> dict[str, Kind]:
    """What can be declared to a gateway.

    With `egress`, an address that its rules shut out is refused when it is applied.
    """
    found = (
        Kind("Agent", AgentSpec, lambda _spec: None),
        Kind("Binding", BindingSpec, check_binding, binding_refers),
        Kind("FeatureFlag", FeatureFlagSpec, lambda _spec: None, flag_refers),
        Kind("Policy", PolicySpec, check_policy, policy_refers),
        Kind("ToolServer", ToolServerSpec, lambda spec: check_server(spec, egress), server_refers),
        Kind("ToolSet", ToolSetSpec, check_toolset, toolset_refers),
    )
    return {kind.name: kind for kind in found}


@dataclass(kw_only=True)
class Gatehouse:
    """A running gateway without its doors. `first_key` is set until a start has shown it: see `first_key_shown`."""

    role: ClassVar[Literal["server", "gateway"]] = "gateway"
    takes: ClassVar[str] = "calls"
    """What it takes unless `resting`."""
    settings: Settings
    clock: Clock
    db: Database
    signals: Signals
    registry: Registry
    signer: Ed25519Signer
    gateway: Gateway
    policies: Policies
    tool_search: ToolSearch
    credentials: Credentials
    first_key: NewKey | None
    tracer: Tracer | None = None
    config: Following | None = None
    closers: Closers = field(default_factory=Closers)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    answering: dict[tuple[str, ...], asyncio.Event] = field(default_factory=dict[tuple[str, ...], asyncio.Event])
    """Requests under an idempotency key that are being answered; `doors/http/careful.py` keeps it."""
    probe: Probe = field(init=False)

    def __post_init__(self) -> None:
        self.probe = Probe(self.db, self.clock, self.settings.data if self.settings.single_process else None)

    @property
    def resting(self) -> str:
        """Why no new work is taken; '' while it is."""
        return ""

    def askers(self, conn: sa.Connection, scope: Scope, agent_runs: Sequence[str]) -> Mapping[str, Asker]:
        """What is known of the agents that ask a person something, by agent run. There are none without runs."""
        del conn, scope, agent_runs
        return {}

    def statuses_of_steps(self, conn: sa.Connection, scope: Scope, keys: Collection[str]) -> Mapping[str, str]:
        """In which state steps of runs are, by key. There are none without runs."""
        del conn, scope, keys
        return {}

    def count_runs(self, conn: sa.Connection) -> Mapping[str, int] | None:
        """How many runs of all tenants are in each open state; None without runs."""
        del conn

    def first_key_shown(self) -> None:
        """A person has `first_key` now: it is kept nowhere any more, and no later start shows it."""
        _unshown(self.settings).drop()

    def sample_repository(self) -> str:
        """The folder whose tools are shown where a tool server needs one; ''. Without runs nobody names any."""
        return ""

    async def close(self) -> None:
        """Take everything down in the reverse order in which it came up."""
        self.closing.set()
        for closer in reversed(self.closers):
            try:
                await closer()
            except Exception:
                log.exception("something did not close cleanly")


def open_database(settings: Settings, clock: Clock, signals: Signals, more: Flushers = ()) -> Database:
    """The database on this version's schema; `more` flushers come between those of the trail and of signals.

    Fails: storage.errors.
    """
    writer = make_engine(settings.url)
    migrate(writer)
    flushers = [(AUDIT, audit_handlers.make_flusher(clock)), *more, (SIGNALS, signals.flush)]
    return Database(writer, make_engine(settings.url, readonly=True), flushers=flushers)


async def open_gatehouse(
    settings: Settings,
    kinds: Callable[[Egress], dict[str, Kind]] = gateway_kinds,
    flushers: Callable[[Clock], Flushers] = lambda _clock: (),
) -> Gatehouse:
    """Bring the gateway up: lock, schema, first key, what the operator's files declare, sweeper.

    Fails: storage.errors, BadInput; nothing is left open.
    """
    closers: Closers = []
    try:
        return await _opened(settings, kinds, flushers, closers)
    except BaseException:
        for closer in reversed(closers):
            with suppress(Exception):
                await closer()
        raise


async def _opened(
    settings: Settings,
    kinds: Callable[[Egress], dict[str, Kind]],
    flushers: Callable[[Clock], Flushers],
    closers: Closers,
) -> Gatehouse:
    clock, signals, egress = SystemClock(), Signals(), egress_rules(settings)
    registry = Registry(kinds(egress), {"Environment": _environments})
    files = DeclaredFiles(settings.config, registry.kinds) if settings.config else None
    documents = _read(files) if files else []  # what is wrong with them shows before anything is opened
    if settings.single_process:
        closers.append(partial(_sync, DataDir(settings.data).close))
    signer = Ed25519Signer.load_or_make(_signing_key(settings))
    if public_key := apart(lambda: _prepared(settings, signer)):
        signer.known_as(public_key)
    db = await asyncio.to_thread(open_database, settings, clock, signals, flushers(clock))
    closers.append(lambda: _sync(db.close))  # DBOS takes the loop's threads with it, so not in one of them
    first_key = await _begin(db, settings, clock, signer)
    tracer = open_tracer(settings, closers)
    config = await _follow(files, documents, settings.config_owner, db, registry, clock, closers) if files else None
    credentials = open_identity(settings, egress, clock, db, signals, closers)
    policies, grants = Policies(db, registry, people_reads, clock), Grants(db, registry)
    gateway, tool_search = _open_gateway(settings, (db, clock, signals), egress, grants, policies, tracer, closers)
    _keep_house(settings, db, clock, signals, closers)
    return Gatehouse(
        settings=settings,
        clock=clock,
        db=db,
        signals=signals,
        registry=registry,
        signer=signer,
        gateway=gateway,
        policies=policies,
        tool_search=tool_search,
        credentials=credentials,
        first_key=first_key,
        tracer=tracer,
        config=config,
        closers=closers,
    )


def _environments(conn: sa.Connection, scope: Scope) -> set[str]:
    return {one.name for one in people_reads.list_environments(conn, scope)}


def _read(files: DeclaredFiles) -> list[Document]:
    """What they declare, without keeping what reads YAML and checks it: seldom is anything read again."""
    files.loaded = files.state()
    found = apart(files.load)
    return files.load() if found is None else found


def _prepared(settings: Settings, signer: Ed25519Signer) -> str:
    """What needs much that a gateway then does without: Alembic after a first start, cryptography at each."""
    migrate(make_engine(settings.url))
    return signer.public_key


def _signing_key(settings: Settings) -> Path:
    return settings.data / "audit.key"


def has_signing_key(settings: Settings) -> bool:
    """Whether the key that signs checkpoints lies where a start looks for it. Fails: KeyUnusable."""
    path = _signing_key(settings)
    return path.exists() and bool(Ed25519Signer.load(path))


def _unshown(settings: Settings) -> Unshown:
    return Unshown(settings.data / "first-admin.key")


async def _begin(db: Database, settings: Settings, clock: Clock, signer: Ed25519Signer) -> NewKey | None:
    """The first start's tenant and key, and a new host's key among those that sign checkpoints; what a crash has cut.

    The key is on the disk before it is known, and stays there until it was shown: a start that dies between the two
    leaves it to the next one.
    """
    unshown, bootstrap_key = _unshown(settings), settings.bootstrap_key.get_secret_value()
    first = not bootstrap_key and not await db.read(people_reads.any_key)
    found = unshown.found()
    kept = unshown.keep() if first else found

    def begin(tx: Tx) -> tuple[NewKey | None, list[str]]:
        made = people.bootstrap(tx, clock, bootstrap_key, kept)
        return made, audit_handlers.introduce(tx, people.DEFAULT_TENANT, clock, signer)

    if settings.single_process:  # nobody else can have begun a call that is not over
        await close_lost_calls(db, clock, 0)
    made, earlier = await db.write(begin)
    if earlier and settings.single_process:  # elsewhere it is the first start of one more host
        log.warning(
            "%s was made anew: the key that signed audit checkpoints before, %s, was not there any more",
            _signing_key(settings),
            earlier[-1],
        )
    if made is None and kept:  # another server was first, or it has ended, or there is a bootstrap key
        if kept != found or await db.read(lambda conn: people_reads.knows(conn, kept)):
            unshown.drop()  # nobody waits for it
        else:  # whoever has that one has no other copy
            log.warning(
                "%s holds the first admin key of another database; a start with that one shows it", unshown.path
            )
    return made


def _open_gateway(
    settings: Settings,
    storage: tuple[Database, Clock, Signals],
    egress: Egress,
    grants: Grants,
    policies: Policies,
    tracer: Tracer | None,
    closers: Closers,
) -> tuple[Gateway, ToolSearch]:
    """The gateway and search over what it reaches. What they keep in memory lasts until a signal says otherwise."""
    db, clock, signals = storage
    limits, traffic = gateway_limits(settings), open_traffic(settings, db)
    gateway = Gateway(
        db,
        clock,
        Upstreams(upstream_limits(settings), egress=egress),  # nobody else gets hold of them
        grants,
        policies,
        permits,
        limits,
        traffic=traffic,
        tracer=tracer,
    )
    closers.append(gateway.aclose)
    tool_search = open_tool_search(settings, clock, grants, gateway, closers)
    for watcher in (grants.forget, policies.forget, gateway.forget, tool_search.forget):
        signals.watch(watcher)
    return gateway, tool_search


async def _follow(
    files: DeclaredFiles,
    documents: Sequence[Document],
    owner: str,
    db: Database,
    registry: Registry,
    clock: Clock,
    closers: Closers,
) -> Following:
    """Apply the operator's files, and go on doing so when they change."""
    scope = system_scope(people.DEFAULT_TENANT, files_actor(owner))

    async def applied(found: Sequence[Document]) -> list[str]:
        done = await db.write(lambda tx: resource_handlers.declare(tx, scope, clock, found, registry.kinds))
        dangling = await db.read(lambda conn: registry.dangling(conn, scope, found))
        for document, *warnings in zip(found, dangling, registry.advice(found), strict=True):
            for warning in chain(*warnings):
                log.warning("%s %s: %s", document.kind, document.metadata.name, warning)
        if owner == FILES and any(one.action == "deleted" for one in done):
            log.warning("Are those of another server's files? Then give each set of files a STEAD_CONFIG_OWNER.")
        return [f"{one.kind}/{one.name} {one.action}" for one in done if one.action != "unchanged"]

    following = Following(files, applied, clock)
    await following.begin(documents)
    task = asyncio.create_task(following.watch())
    closers.append(lambda: cancelled(task))
    return following


def _keep_house(settings: Settings, db: Database, clock: Clock, signals: Signals, closers: Closers) -> None:
    """What goes on beside the calls."""
    tasks = [asyncio.create_task(sweep(*chores(db, clock)))]
    if not settings.single_process:
        from swarmstead.storage.listener import listen

        tasks.append(asyncio.create_task(listen(settings.url, signals)))
    closers.extend(partial(cancelled, task) for task in tasks)


async def _sync(close: Callable[[], None]) -> None:
    close()
