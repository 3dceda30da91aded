"""The gateway: `call` is the one way to a tool, `tools` is what a caller may know of."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from swarmstead.audit.contract import record
from swarmstead.gateway.catalogue import Catalogue
from swarmstead.gateway.chain import Answer, Call, Foreseen, Progress, chained
from swarmstead.gateway.contract import (
    SUBSCRIPTIONS,
    Caller,
    CallOutcome,
    CallRequest,
    Kind,
    PlanNeeded,
    ServerRef,
    Tool,
    ToolServerSpec,
    ToolSetSpec,
)
from swarmstead.gateway.egress import Egress
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.grants import GrantedServers, Grants
from swarmstead.gateway.health import Health, SessionState, health_of
from swarmstead.gateway.hearing import Source, hear
from swarmstead.gateway.links.arguments import Contract
from swarmstead.gateway.links.asking import Asking
from swarmstead.gateway.links.attempt import Attempt
from swarmstead.gateway.links.breaker import Breakers
from swarmstead.gateway.links.expensive import Expensive
from swarmstead.gateway.links.grant import Grant
from swarmstead.gateway.links.load import Load
from swarmstead.gateway.links.paced import PacedDryRun
from swarmstead.gateway.links.permit import Permit
from swarmstead.gateway.links.rate import Rate
from swarmstead.gateway.links.record import Record, lost_entry
from swarmstead.gateway.links.redact import Redact
from swarmstead.gateway.links.result import Results
from swarmstead.gateway.links.retry import Retry
from swarmstead.gateway.links.upstream import CallUpstream
from swarmstead.gateway.looking import Looking
from swarmstead.gateway.model import flag_words, question_of, read_question
from swarmstead.gateway.pins.keeper import StoredPins
from swarmstead.gateway.ports import Approvals, Policies, Upstream
from swarmstead.gateway.reach import check_command, check_headers, check_url, check_values
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.gateway.search.experience import Experience
from swarmstead.gateway.tracing import begun, traced
from swarmstead.gateway.traffic.limits import check_limits
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.gateway.trail import Trail
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import PolicyVerdict
from swarmstead.storage.database import Database, Tx
from swarmstead.telemetry.spans import Tracer


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """`call_timeout_s`: one tool call, and how long it waits for its turn inside a run.

    `plan_life_ms`: how long a plan waits for a person.
    `write_pauses_s`: how long to wait before each further try to write down how a side effect ended.
    """

    call_timeout_s: float = 10.0
    plan_life_ms: int = 24 * 3_600_000
    write_pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
    contracts: ContractLimits = field(default_factory=ContractLimits)


@dataclass(frozen=True, slots=True)
class ServerTools:
    """A server with its bound tools, or why it could not be asked.

    `off`: bound tools that are not there, and what each stands behind, in words.
    """

    server: str
    tools: tuple[Tool, ...]
    problem: str = ""
    off: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """A resource, template or prompt as its server describes it. `name` is the address of a resource."""

    server: str
    name: str
    definition: Mapping[str, Any]


_NAMED: Mapping[str, tuple[Kind, str]] = {
    "prompts/list": ("prompt", "name"),
    "resources/list": ("resource", "uri"),
    "resources/templates/list": ("resource", "uriTemplate"),
}


class Gateway:
    """Owns the chain. Everything it needs comes in; it opens nothing itself."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        upstream: Upstream,
        grants: Grants,
        policies: Policies,
        approvals: Approvals,
        limits: GatewayLimits,
        *,
        traffic: Traffic | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.traffic = traffic or Traffic()
        self.experience = Experience()
        self._tracer, self._upstream, self._grants, self._policies = tracer, upstream, grants, policies
        self._catalogue = Catalogue(upstream, clock, StoredPins(db, clock), limits.contracts)
        self._trail = Trail(db)
        rate, load = Rate(self.traffic, limits.call_timeout_s), Load(self.traffic, limits.call_timeout_s)
        expensive, breakers = Expensive(db, clock, self.traffic), Breakers(self.traffic)
        dry_run = PacedDryRun(upstream, self._catalogue, self._trail, rate, load)
        self.looking = Looking(grants, self._catalogue, dry_run)
        end = partial(CallUpstream, upstream, self._catalogue, limits.call_timeout_s, traced=tracer is not None)
        self._chain = chained(
            [
                Record(db, self._trail, limits.write_pauses_s),
                Grant(grants, self._catalogue),
                Contract(),
                expensive,
                Permit(db, clock, grants, policies, approvals, dry_run, limits.plan_life_ms),
                rate,
                load,
                breakers,
                Attempt(db, clock, approvals, expensive),
                Retry(self.traffic, limits.call_timeout_s),
                Redact(),
                Results(),
            ],
            end(self.experience, self.traffic, Asking(load, breakers)),
        )

    async def call(self, request: CallRequest) -> CallOutcome | PlanNeeded:
        """Walk the chain. A refusal or a failure is an outcome, not an exception.

        Fails: storage.errors only, when nothing could be written; then no side effect was started, or the step is left
        marked as attempted for whoever repeats it to judge.
        """
        answer = await self._walked(Call(request))
        if isinstance(answer, Foreseen):
            raise TypeError("what is to be carried out is not foreseen")
        return answer

    async def dry_run(self, request: CallRequest) -> CallOutcome | Foreseen:
        """Walk the same chain for a person who tries a tool.

        A read that nobody has to be asked about is carried out; of anything else comes back what it would do. No plan
        is made or spent. Fails: as `call`.
        """
        answer = await self._walked(Call(replace(request, plan_id=""), progress=Progress(dry_run=True)))
        if isinstance(answer, PlanNeeded):
            raise TypeError("a dry run asks nobody")
        return answer

    async def look(self, scope: Scope) -> None:
        """To be awaited before a list, a search or a stream is given to somebody from outside. Fails: RateExceeded."""
        await self.traffic.looks.admit(scope)

    async def tools(self, caller: Caller, root: str = "") -> list[ServerTools]:
        """The tools bound to this caller, server by server.

        A server that does not answer is listed with its problem.
        """
        grants = await self._grants.of(caller.scope)
        found: list[ServerTools] = []
        for name, granted in sorted(grants.of(caller).items()):
            server = grants.server(name, root, caller)
            if server is None:
                found.append(ServerTools(name, (), f"There is no ToolServer called {name!r}."))
            else:
                bound = await self._bound(server, granted.tools)
                off = tuple((tool, flag_words(flag)) for tool, flag in sorted(granted.off))
                found.append(replace(bound, off=off) if off else bound)
        return found

    async def verdict(self, caller: Caller, tool: Tool) -> PolicyVerdict:
        """What a call of this tool will meet, as far as that can be said without its arguments and its time."""
        return await self._policies.decide(caller.scope, question_of(caller, tool))

    async def hidden(self, caller: Caller, tools: Iterable[Tool]) -> frozenset[tuple[str, str]]:
        """(server, name) of those tools that policies deny to this caller whatever the arguments and the time."""
        questions = (question_of(caller, tool) for tool in tools)
        return await self._policies.hidden(caller.scope, "tool", caller.environment, questions)

    async def hides(self, caller: Caller) -> bool:
        """Whether `hidden` can name anything for this caller."""
        return await self._policies.hides(caller.scope, "tool", caller.environment)

    def record_lost(self, tx: Tx, request: CallRequest) -> None:
        """The last audit row of a call whose process ended before the call did; only its run knows of it."""
        record(tx, lost_entry(request, Progress()))

    async def policy_version(self, caller: Caller) -> str:
        """Names the rules that are in force for this caller."""
        return await self._policies.version(caller.scope, caller.environment)

    async def listed(self, caller: Caller, method: str, root: str = "") -> list[Feature]:
        """What one of MCP's lists (`prompts/list`, `resources/list`, `resources/templates/list`) shows this caller.

        A server that does not answer is left out, clients see what there is now, operators see what is missing; so is
        what policies deny outright.
        """
        kind, name = _NAMED[method]
        grants = await self._grants.of(caller.scope)
        found: list[Feature] = []
        for server_name, granted in sorted(grants.of(caller).items()):
            server = grants.server(server_name, root, caller)
            if server is None or not (granted.prompts if kind == "prompt" else granted.resources):
                continue
            with suppress(UpstreamFailed):
                items = await self._upstream.list_all(server, method)
                found += [
                    Feature(server_name, shown, item)
                    for item in items
                    if granted.shows(kind, shown := str(item.get(name, "")))
                ]
        denied = await self._unreadable(caller, kind, ((one.server, one.name) for one in found))
        return [one for one in found if (one.server, one.name) not in denied]

    async def listen(
        self, caller: Caller, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None], root: str = ""
    ) -> None:
        """Pass on what servers tell on their own of what is granted to this caller, until cancelled.

        `wanted` says what of it, as in MCP's `subscriptions/listen`. `ready` is called when nothing is missed any more.
        """
        grants = await self._grants.of(caller.scope)
        sources: list[Source] = []
        uris = [str(uri) for uri in wanted.get(SUBSCRIPTIONS) or ()]
        for name, granted in sorted(grants.of(caller).items()):
            server = grants.server(name, root, caller)
            if server is not None:
                denied = await self._unreadable(caller, "resource", ((name, uri) for uri in uris))
                sources.append(Source(server, granted, denied))
        await hear(self._upstream, sources, wanted, relay, ready)

    async def granted(self, caller: Caller) -> GrantedServers:
        """What is bound to this caller, server by server."""
        return (await self._grants.of(caller.scope)).of(caller)

    async def toolset(self, caller: Caller, name: str) -> ToolSetSpec | None:
        """The tool set of this name in the caller's tenant."""
        return (await self._grants.of(caller.scope)).toolsets.get(name)

    async def health(self, scope: Scope) -> dict[str, Health]:
        """How each declared server does, by name, as this process sees it. Asks none of them."""
        declared, traffic = (await self._grants.of(scope)).servers, self.traffic.of(scope.tenant)
        found: dict[str, list[SessionState]] = {name: [] for name in declared}
        for one in self._upstream.sessions(scope.tenant):
            if one.server in declared and one.version == f"{scope.tenant}/{declared[one.server].digest}":
                found[one.server].append(one)
        rests = {name: one.own_rest_s for name, one in traffic.items()}
        return {name: health_of(sessions, rests.get(name)) for name, sessions in found.items()}

    async def inspect(self, caller: Caller, name: str, root: str = "") -> list[Tool]:
        """Every tool of a server, bound or not, with its class and state: for operators. Fails: UpstreamFailed."""
        server = (await self._grants.of(caller.scope)).server(name, root, caller)
        if server is None:
            raise UpstreamFailed(f"There is no ToolServer called {name!r}.", way_out="List them with `stead mcp list`.")
        return [listed.tool for listed in (await self._catalogue.tools(server)).values()]

    def forget(self, heard: str) -> None:
        """A signal watcher: what a person has decided about a tool is seen by every call that starts after its wake."""
        self._catalogue.forget(heard)

    async def written(self) -> None:
        """Return once every call that was answered stands in the audit trail."""
        await self._trail.written()

    async def aclose(self) -> None:
        """End the sessions with tool servers, and write what is still to be written."""
        await self._upstream.aclose()
        await self._trail.aclose()

    def _walked(self, call: Call) -> Awaitable[Answer]:
        span = None if self._tracer is None else begun(self._tracer, call.request)
        return self._chain(call) if span is None else traced(span, self._chain, call)

    async def _unreadable(
        self, caller: Caller, kind: Kind, named: Iterable[tuple[str, str]]
    ) -> frozenset[tuple[str, str]]:
        """Those of these (server, name) whose reading policies deny outright."""
        questions = (read_question(caller, kind, *one) for one in named)
        return await self._policies.hidden(caller.scope, kind, caller.environment, questions)

    async def _bound(self, server: ServerRef, allowed: frozenset[str]) -> ServerTools:
        try:
            listed = await self._catalogue.tools(server)
        except UpstreamFailed as error:
            return ServerTools(server.name, (), error.message)
        tools = [listed[name].tool for name in sorted(allowed & listed.keys())]
        problems = [f"{server.name} has no tool {name!r}, which is bound." for name in sorted(allowed - listed.keys())]
        problems += [f"{one.name!r} is {one.state}: {one.problem}" for one in tools if one.state != "accepted"]
        usable = tuple(tool for tool in tools if tool.state == "accepted")
        return ServerTools(server.name, usable, problems[0] if problems else "")


def check_server(spec: ToolServerSpec, egress: Egress | None = None) -> None:
    """What the types of a ToolServer cannot say, and `egress` can without a look-up. Fails: BadInput with the field."""
    check_limits(spec)
    if spec.transport == "stdio":
        if not spec.command:
            raise BadInput(
                "a stdio server needs a command", field="command", way_out="Name the program, e.g. [builtin:git]."
            )
        if spec.url or spec.headers:
            raise BadInput("a stdio server has no url and no headers", field="url", way_out="Use transport: http.")
        check_command(spec.command, field="command")
        check_values(spec.env, field="env")
    else:
        check_url(spec.url, egress, field="url")
        check_headers(spec.headers, field="headers")
        if spec.command or spec.env or spec.root:
            raise BadInput(
                "an http server has no command, env or root", field="command", way_out="Use transport: stdio."
            )
