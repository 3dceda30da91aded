"""Parts of the composition: who is let in, where calls may go, how tools are found, what is swept and traced."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from swarmstead.audit.errors import damage_told
from swarmstead.gateway import underway
from swarmstead.gateway.adapters.documents import Documents
from swarmstead.gateway.adapters.search.opening import open_index
from swarmstead.gateway.adapters.shared_buckets import SharedBuckets
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.egress import Egress, parse_entries, rules
from swarmstead.gateway.gateway import Gateway, GatewayLimits
from swarmstead.gateway.grants import Grants
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.gateway.search.ports import ToolIndex
from swarmstead.gateway.search.service import ToolSearch
from swarmstead.gateway.search.weights import shipped
from swarmstead.gateway.traffic.breaker import BreakerRules
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.secrets import resolve_reference
from swarmstead.people.contract import IdentityProviderSpec
from swarmstead.people.credentials import Credentials
from swarmstead.people.issuers import Issuers
from swarmstead.people.providers import ProviderFile, check_provider
from swarmstead.permits import handlers as permits
from swarmstead.resources.contract import Kind
from swarmstead.settings import Settings
from swarmstead.storage import requests
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from swarmstead.telemetry.spans import Sampling, Tracer

log = logging.getLogger(__name__)
_LOOK_EVERY_S = 5.0
_FLUSH_S = 3.0
_SWEEP_EVERY_S = 5.0
Chore = Callable[[], Awaitable[object]]
# Read from the operator's own files, never applied: a tenant declares none of these.
OPERATOR_KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (Kind("IdentityProvider", IdentityProviderSpec, check_provider),)
}


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


def open_identity(
    settings: Settings,
    egress: Egress,
    clock: Clock,
    db: Database,
    signals: Signals,
    closers: list[Callable[[], Awaitable[None]]],
) -> Credentials:
    """Who is let in: what is in the database, and issuers where the operator has declared some."""
    credentials = Credentials(db, clock)
    signals.watch(credentials.heard)
    if settings.identity_providers is not None:
        file = ProviderFile(settings.identity_providers, _parse_providers)
        credentials.issuers = issuers = Issuers(clock, Documents(egress), file.load(), credentials.forget)
        closers.append(issuers.aclose)
        following = asyncio.create_task(_follow(file, issuers))
        closers.append(lambda: cancelled(following))
    return credentials


def _parse_providers(text: str, name: str) -> dict[str, IdentityProviderSpec]:
    from swarmstead.resources.manifests import parse

    return {one.metadata.name: one.spec for one in parse(text, OPERATOR_KINDS, name)}


async def _follow(file: ProviderFile, issuers: Issuers) -> None:
    """Every few seconds: take over what the operator has changed in the file."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            if (found := await asyncio.to_thread(file.changed)) is not None:
                issuers.replace(found)
        except Exception:
            log.exception("the identity providers could not be read again; it is tried again")


async def cancelled(task: asyncio.Task[None]) -> None:
    """End a task that goes on by itself."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def open_tool_search(
    settings: Settings,
    clock: Clock,
    grants: Grants,
    gateway: Gateway,
    closers: list[Callable[[], Awaitable[None]]],
) -> ToolSearch:
    """Search over what the gateway reaches.

    It keeps an index per tenant under `data`; of several processes each has its own, which goes with it.
    """
    folder, weights = settings.data / "search", shipped()
    if not settings.single_process:
        own = TemporaryDirectory(prefix="stead-search-", ignore_cleanup_errors=True)

        async def removed() -> None:
            await asyncio.to_thread(own.cleanup)

        closers.append(removed)
        folder = Path(own.name)

    def opened(tenant: str) -> ToolIndex:
        return open_index(folder / digest(tenant)[-16:], weights)

    at_once = settings.search_concurrency
    found = ToolSearch(gateway, grants, clock, weights, opened, gateway.experience, at_once=at_once)
    closers.append(found.aclose)
    return found


def gateway_limits(settings: Settings) -> GatewayLimits:
    """The bounds on tool calls that the settings name."""
    contracts = ContractLimits(
        characters=settings.max_argument_characters,
        items=settings.max_argument_items,
        depth=settings.max_argument_depth,
        argument_bytes=settings.max_argument_bytes,
        result_bytes=settings.max_result_bytes,
    )
    return GatewayLimits(settings.call_timeout_s, settings.plan_life_s * 1000, contracts=contracts)


def upstream_limits(settings: Settings) -> UpstreamLimits:
    """The bounds on sessions with tool servers that the settings name."""
    return UpstreamLimits(
        max_sessions=settings.server_sessions,
        max_sessions_per_tenant=settings.server_sessions_per_tenant,
        max_sessions_per_identity=settings.server_sessions_per_identity,
    )


def open_traffic(settings: Settings, db: Database) -> Traffic:
    """Backpressure as the settings say. One process keeps its buckets to itself, several share them."""
    limits = TrafficLimits(
        identity=Rate(settings.rate_per_identity, settings.burst_per_identity),
        tenant=Rate(settings.rate_per_tenant, settings.burst_per_tenant),
        rates={name: Rate(*rate) for name, rate in settings.rates.items()},
        tool_concurrency=settings.tool_concurrency,
        tenant_concurrency=settings.tenant_concurrency,
        overload=settings.overload,
        queue=settings.queue,
        queue_wait_s=settings.queue_wait_s,
        expensive_per_run=settings.expensive_per_run,
        breaker=BreakerRules(
            settings.breaker_share,
            settings.breaker_calls,
            settings.breaker_window_s,
            settings.breaker_rest_s,
            12 * settings.breaker_rest_s,
        ),
        attempts=settings.retry_attempts,
        retry_share=settings.retry_share,
    )
    return Traffic(limits, None if settings.single_process else SharedBuckets(db))


def open_tracer(settings: Settings, closers: list[Callable[[], Awaitable[None]]]) -> Tracer | None:
    """What tells of calls and runs; None, and nothing of it is loaded, where no collector is named.

    Fails: SecretMissing for a header's value.
    """
    if not settings.otlp_endpoint:
        return None
    headers = {name: resolve_reference(where) for name, where in settings.otlp_headers.items()}
    from swarmstead import __version__
    from swarmstead.telemetry.adapters.otlp import OtlpSpans

    service = {"service.name": "swarmstead", "service.version": __version__}
    spans = OtlpSpans(settings.otlp_endpoint, headers, service)

    async def flushed() -> None:
        spans.close(_FLUSH_S)  # nothing else goes on by now, and the loop's threads may be gone

    closers.append(flushed)
    sampling = Sampling(settings.trace_calls, settings.trace_runs, settings.trace_followed_per_s)
    return Tracer(spans.keep, sampling)


def chores(db: Database, clock: Clock) -> tuple[Chore, ...]:
    """What a gateway has to do again and again, tenant by tenant where the trail gets rows."""

    async def expire() -> None:
        for tenant in await db.read(lambda conn: permits.tenants_due(conn, clock)):
            with damage_told():
                await db.write(lambda tx, of=tenant: permits.expire(tx, clock, of))

    async def forget() -> None:
        await db.write(lambda tx: requests.forget_old(tx, clock))

    async def close_lost() -> None:
        await close_lost_calls(db, clock, underway.LONGEST_MS)

    return expire, forget, close_lost


async def close_lost_calls(db: Database, clock: Clock, older_ms: int) -> None:
    """The last audit rows of calls that ended with their process. A tenant that can have none stops nobody else."""
    for tenant in await db.read(underway.tenants):
        with damage_told():
            while lost := await db.write(lambda tx, of=tenant: underway.close_lost(tx, clock, of, older_ms)):
                log.warning("%d calls of outside clients ended with their process: nobody knows if they happened", lost)


async def sweep(*chores: Chore) -> None:
    """Every few seconds: what is to be done again and again. What fails is tried again."""
    while True:
        await asyncio.sleep(_SWEEP_EVERY_S)
        for chore in chores:
            try:
                await chore()
            except Exception:
                log.exception("the sweeper could not finish a chore; it tries again")
