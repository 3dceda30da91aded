"""Whatever anybody declares, binds and asks: what reaches a tool was granted, classed, and approved where it had to be.

The judge below knows the rules by its own words and looks only at what arrived upstream. Names are hostile on purpose.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmstead.gateway.applying import planned_call
from swarmstead.gateway.contract import BindingSpec, Caller, CallRequest, PlanNeeded, Risk, ToolServerSpec
from swarmstead.gateway.gateway import Gateway, GatewayLimits
from swarmstead.gateway.grants import Grants
from swarmstead.kernel.scope import Actor, Scope, system_scope
from swarmstead.people import queries as people
from swarmstead.permits import handlers as permits
from swarmstead.permits.errors import AlreadyDecided
from swarmstead.permits.policies.service import Policies
from swarmstead.resources.contract import Resource
from swarmstead.storage.database import Database
from tests.clocks import MovableClock
from tests.fakes.upstream import Called, FakeUpstream

HOSTILE = ["Kit", "kit__read", "rea\u200bd", "../kit", "*", "", "__proto__", "kit/read", "\uff52ead"]
TOOL_NAMES = ["read", "look", "add", "wipe", *HOSTILE]
RISKS: tuple[Risk, ...] = ("read", "write", "danger", "unknown")
Lane = Literal["caller", "tenant"]
LANES: tuple[Lane, ...] = ("caller", "tenant")
AGENTS = ["ann", "", "Ann", "ann@sha256:1", "ann@", "*", "a\0nn"]
PLACES = ["dev", "prod", ""]
SCHEMAS: list[dict[str, Any]] = [
    {"type": "object"},
    {"type": "object", "required": ["line"], "properties": {"line": {"type": "string"}}},
]
HINTS: list[dict[str, Any] | None] = [
    None,
    {},
    {"readOnlyHint": True},
    {"readOnlyHint": False},
    {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True},
    {"readOnlyHint": "true"},
    {"readOnlyHint": 1, "destructiveHint": None},
]
ARGUMENTS = st.dictionaries(
    st.sampled_from(["line", "line", "path", "__proto__"]), st.text(max_size=3) | st.integers(0, 3), max_size=2
)
Tools = Mapping[str, tuple[Mapping[str, Any] | None, Mapping[str, Any]]]


@dataclass(frozen=True)
class Act:
    """Something that is tried: a call; or an earlier one again (`again`), changed or not, with some plan or none.

    `named`: an earlier plan is applied by its id alone, by this caller or by the one who was asked.
    """

    caller: tuple[str, str, str, frozenset[str]]
    server: str
    tool: str
    arguments: Mapping[str, Any]
    planned: bool
    again: int | None
    changed: bool
    plan: int | None
    repeat: bool
    answer: str
    named: int | None
    by_asker: bool


@dataclass(frozen=True)
class World:
    """What is declared, and what is tried in it."""

    servers: Mapping[str, ToolServerSpec]
    tools: Tools
    bindings: Sequence[BindingSpec]
    acts: Sequence[Act]


def mostly(draw: st.DrawFn, usual: Sequence[Any], strange: Sequence[Any]) -> Any:
    """One of the usual ones; one time in six a strange one."""
    return draw(st.sampled_from(strange if draw(st.integers(0, 5)) == 5 else usual))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Mostly things that fit together, so that much gets through; and always some that do not."""
    names = draw(st.lists(st.sampled_from(["kit", "box", *HOSTILE]), min_size=1, max_size=2, unique=True))
    about = st.tuples(st.sampled_from(HINTS), st.sampled_from(SCHEMAS))
    tools = draw(st.dictionaries(st.sampled_from(TOOL_NAMES), about, min_size=2, max_size=5))
    tools["look"] = ({"readOnlyHint": True}, SCHEMAS[0])  # so that there is something that may be a preview
    known = st.sampled_from(sorted(tools))
    risks = st.dictionaries(known, st.sampled_from(RISKS), max_size=3)
    lanes = st.sampled_from(LANES)
    servers = {name: _server(draw(risks), _previews(draw, tools), draw(lanes)) for name in names}
    bindings = [
        BindingSpec(
            mostly(draw, ["ann", "*"], AGENTS) or "*",
            mostly(draw, names, HOSTILE),
            tuple(mostly(draw, sorted(tools), HOSTILE) for _ in range(draw(st.integers(1, 4)))),
            draw(st.sampled_from([(), (), ("dev",), ("prod", "")])),
            draw(st.sampled_from([(), (), ("operator",), ("admin", "*")])),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    acts = [_act(draw, draw(st.sampled_from(bindings)), names) for _ in range(draw(st.integers(3, 8)))]
    return World(servers, tools, bindings, acts)


def _previews(draw: st.DrawFn, tools: Tools) -> dict[str, str]:
    return {name: mostly(draw, ["look"], [*sorted(tools), *HOSTILE]) for name in sorted(tools)}


def _server(risk: Mapping[str, Risk], preview: Mapping[str, str], lane: Lane) -> ToolServerSpec:
    return ToolServerSpec("stdio", ("x",), risk=risk, preview=preview, sessions=lane)


def _act(draw: st.DrawFn, binding: BindingSpec, servers: Sequence[str]) -> Act:
    """A call that this binding allows, but for what is strange about it."""
    agent = "" if binding.agent == "*" else binding.agent.partition("@")[0]
    roles: frozenset[str] = mostly(draw, [frozenset(binding.roles)], [frozenset(), frozenset({"operator"})])
    return Act(
        (
            mostly(draw, [agent], AGENTS),
            draw(st.sampled_from(["", "sha256:1"])),
            mostly(draw, binding.environments or PLACES, PLACES),
            roles,
        ),
        mostly(draw, [binding.server], [*servers, *HOSTILE]),
        mostly(draw, binding.tools, TOOL_NAMES),
        draw(ARGUMENTS),
        mostly(draw, [True], [False]),
        mostly(draw, [None, 0, 1], [2, 3]),
        mostly(draw, [False], [True]),
        mostly(draw, [None], [-1, 0, 1]),
        mostly(draw, [False], [True]),
        mostly(draw, ["approve"], ["deny", ""]),
        draw(st.sampled_from([None, None, 0, 1])),
        draw(st.sampled_from([True, True, False])),
    )


class Declared:
    """What is declared, by hand: names here need not be ones that `apply` would take."""

    def __init__(self, servers: Mapping[str, ToolServerSpec], bindings: Sequence[BindingSpec]) -> None:
        self._found = {
            "ToolServer": [_resource("ToolServer", name, spec) for name, spec in servers.items()],
            "Binding": [_resource("Binding", str(n), spec) for n, spec in enumerate(bindings)],
        }

    def all(
        self, conn: sa.Connection, scope: Scope, kind: str, *, after: str = "", limit: int = 1000
    ) -> list[Resource]:
        """Everything of a kind."""
        return self._found.get(kind, [])

    def find(self, conn: sa.Connection, scope: Scope, kind: str, name: str, digest: str = "") -> Resource | None:
        """That version."""
        mine = (one for one in self.all(conn, scope, kind) if one.name == name and one.digest == digest)
        return next(mine, None)


def _resource(kind: str, name: str, spec: Any) -> Resource:
    return Resource(kind, name, f"sha256:{name}", 1, spec, {}, {}, "", 0, "")


@dataclass
class Judge:
    """Says of each call that arrived whether it might, from what was declared and what people have said."""

    servers: Mapping[str, ToolServerSpec]
    tools: Tools
    bindings: Sequence[BindingSpec]
    approved: dict[str, CallRequest] = field(default_factory=dict[str, CallRequest])
    used: set[str] = field(default_factory=set[str])
    seen: Counter[str] = field(default_factory=Counter[str])

    def risk(self, server: str, tool: str) -> str:
        """The class of a tool: what the operator says, else what its server says, else nothing."""
        hints = self.tools[tool][0] or {}
        told = self.servers[server].risk.get(tool)
        if told:
            return told
        if hints.get("readOnlyHint") is True:
            return "read"
        return "effect" if hints.get("readOnlyHint") is False else "unknown"

    def bound(self, caller: Caller, server: str, tool: str) -> bool:
        """Whether some binding gives this tool to this caller, here."""
        whose = {caller.agent, f"{caller.agent}@{caller.agent_digest}"} if caller.agent else {"*"}
        return any(
            one.agent in whose
            and one.server == server
            and tool in one.tools
            and (not one.environments or caller.environment in one.environments)
            and (not one.roles or bool(set(one.roles) & caller.scope.actor.roles))
            for one in self.bindings
        )

    def arrived(self, request: CallRequest, call: Called) -> None:
        """Fails: AssertionError, when the call had no right to be there."""
        assert request.planned
        assert call.server.name == request.server
        assert self.bound(request.caller, request.server, request.tool)
        assert dict(call.arguments) == dict(request.arguments)
        required = self.tools[request.tool][1].get("required", [])
        assert all(isinstance(request.arguments.get(name), str) for name in required)
        risk = self.risk(request.server, request.tool)
        assert risk != "unknown"
        if call.key.endswith("/preview"):  # a dry run, for the person who will decide
            assert risk != "read"
            assert call.tool == self.servers[request.server].preview[request.tool]
            assert self.risk(request.server, call.tool) == "read"
            self.seen["previews"] += 1
            return
        assert call.tool == request.tool
        self.seen["reads" if risk == "read" else "effects"] += 1
        if risk != "read" or request.by_plan:
            asked = self.approved[request.plan_id]
            assert _essence(asked) == _essence(request)
            assert request.plan_id not in self.used or request.repeat
            self.used.add(request.plan_id)


def _essence(request: CallRequest) -> tuple[Any, ...]:
    return (request.server, request.tool, dict(request.arguments), request.key, request.caller.run)


async def _try(db: Database, clock: MovableClock, tenant: str, world: World) -> Counter[str]:
    """Play the acts through a gateway of their own; what arrived, and what was asked."""
    judge = Judge(world.servers, world.tools, world.bindings)
    upstream = FakeUpstream()
    upstream.tools = [
        {"name": name, "description": "", "inputSchema": dict(schema)}
        | ({} if hints is None else {"annotations": hints})
        for name, (hints, schema) in world.tools.items()
    ]
    declared = Declared(world.servers, world.bindings)
    grants, policies = Grants(db, declared), Policies(db, declared, people, clock)
    gateway = Gateway(db, clock, upstream, grants, policies, permits, GatewayLimits(5, 3_600_000, (0,)))
    asked: list[tuple[str, CallRequest]] = []
    for number, act in enumerate(world.acts):
        if act.named is not None and act.named < len(asked):
            request = await _by_name(db, tenant, act, *asked[act.named])
            judge.seen["named" if request else "not theirs"] += 1
        else:
            request = _request(tenant, number, act, asked)
        if request is None:
            continue
        before = len(upstream.calls)
        answer = await gateway.call(request)
        for call in upstream.calls[before:]:
            judge.arrived(request, call)
        if isinstance(answer, PlanNeeded):
            judge.seen["questions"] += 1
            asked.append((answer.plan_id, request))
            await _answered(db, clock, tenant, act.answer, answer)
            if act.answer == "approve":
                judge.approved[answer.plan_id] = request
    await gateway.aclose()
    return judge.seen


async def _by_name(db: Database, tenant: str, act: Act, plan: str, asked: CallRequest) -> CallRequest | None:
    """What comes of a plan's id, said by whoever acts; nothing unless it is an outside client's, and theirs."""
    caller = asked.caller if act.by_asker else _caller(tenant, act)
    stored = await db.read(lambda conn: permits.plan_of(conn, caller.scope, plan))
    assert stored is not None
    request = planned_call(stored, caller, asked.root)
    is_own = not asked.caller.agent and not caller.agent
    is_own = is_own and (caller.scope.actor.id, caller.environment) == (
        asked.caller.scope.actor.id,
        asked.caller.environment,
    )
    assert (request is not None) == is_own
    if request is not None:
        assert _essence(request) == _essence(asked)
    return request


async def _answered(db: Database, clock: MovableClock, tenant: str, said: str, asked: PlanNeeded) -> None:
    """A person approves, denies, or says nothing. Asked the same thing again, they have answered already."""
    if said:
        with suppress(AlreadyDecided):
            await db.write(
                lambda tx: permits.decide(
                    tx,
                    system_scope(tenant),
                    clock,
                    asked.plan_id,
                    "approve" if said == "approve" else "deny",
                    "Because.",
                    asked.hash,
                )
            )


def _caller(tenant: str, act: Act) -> Caller:
    agent, digest, place, roles = act.caller
    if not agent:
        return Caller(Scope(tenant, Actor(f"key:{sorted(roles)}", "user", "key", roles)), environment=place)
    scope = Scope(tenant, Actor(f"agent:{agent}", "agent", agent, roles))
    return Caller(scope, agent, "r_1", "a_1", "team", place, "0" * 32, agent_digest=digest)


def _request(tenant: str, number: int, act: Act, asked: Sequence[tuple[str, CallRequest]]) -> CallRequest:
    request = CallRequest(
        _caller(tenant, act), act.server, act.tool, act.arguments, f"{tenant}/1/{number}", planned=act.planned
    )
    if act.again is not None and act.again < len(asked):
        plan, earlier = asked[act.again]
        request = replace(earlier, plan_id=plan, arguments=act.arguments if act.changed else earlier.arguments)
    elif act.plan is not None:
        request = replace(request, plan_id=asked[act.plan][0] if 0 <= act.plan < len(asked) else "ap_nothing")
    return replace(request, repeat=act.repeat and bool(request.plan_id))


def test_nothing_reaches_a_tool_but_what_was_granted_classed_and_approved(
    sqlite_database: Database, clock: MovableClock
) -> None:
    seen: list[Counter[str]] = []
    with asyncio.Runner() as runner:

        @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
        @given(worlds())
        def check(world: World) -> None:
            seen.append(runner.run(_try(sqlite_database, clock, f"t{len(seen)}", world)))

        check()
    total = sum(seen, Counter[str]())
    assert min(total[what] for what in ("reads", "effects", "previews", "questions")) >= 10, total
    assert min(total[what] for what in ("named", "not theirs")) >= 3, total
