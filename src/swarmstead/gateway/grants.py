"""What a caller may know of: bindings, tool servers and tool sets of a tenant, kept in memory until they change.

A binding speaks of an agent (or of one version of it) or of outside callers (`*`), and may hold in some environments or
for some roles only. Bindings of one caller add up; only a feature flag takes away, what its tools' server says that it
does.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import sqlalchemy as sa

from swarmstead.gateway.contract import (
    BindingSpec,
    Caller,
    FeatureFlagSpec,
    Kind,
    ServerRef,
    ToolServerSpec,
    ToolSetSpec,
)
from swarmstead.gateway.model import covers, is_there
from swarmstead.gateway.ports import Declared
from swarmstead.kernel.scope import Scope
from swarmstead.storage.database import Database
from swarmstead.storage.signals import EVERYTHING

K = TypeVar("K")
V = TypeVar("V")
OUTSIDE = "*"
_MOST_ANSWERS = 4096


@dataclass(frozen=True, slots=True)
class Granted:
    """What may be used of one server.

    `off` are (tool, flag) of those that are bound and not there, as a feature flag stands. `firm` is what would be left
    without the bindings that are only monitored; None where there are none of those.
    """

    tools: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    off: frozenset[tuple[str, str]] = frozenset()
    firm: "Granted | None" = None

    def holds(self, kind: Kind, name: str) -> bool:
        """Whether a tool or a prompt of this name, or the resource at this address, is among it."""
        if kind == "tool":
            return name in self.tools
        return name in self.prompts if kind == "prompt" else covers(self.resources, name)

    def shows(self, kind: Kind, name: str) -> bool:
        """As `holds`, for what a list shows: there a template stands for all that it may become."""
        return self.holds(kind, name.partition("{")[0] if kind == "resource" else name) or self.holds(kind, name)


NOTHING = Granted()
GrantedServers = Mapping[str, Granted]
"""By server name."""
Who = tuple[str, str, str, frozenset[str], str]
"""What tells callers apart as far as grants go."""


@dataclass(frozen=True, slots=True)
class DeclaredServer:
    """A tool server as declared: its spec and the digest of its declaration."""

    spec: ToolServerSpec
    digest: str


@dataclass(frozen=True, slots=True)
class TenantGrants:
    """What one tenant has declared. Answers are kept: a caller's second call finds its first one's."""

    tenant: str
    servers: Mapping[str, DeclaredServer]
    bindings: Mapping[str, Sequence[BindingSpec]]
    toolsets: Mapping[str, ToolSetSpec]
    flags: Mapping[str, FeatureFlagSpec] = field(default_factory=dict[str, FeatureFlagSpec])
    by_share: bool = False
    """Whether a flag is on for a share of the callers, so that each is to be looked at."""
    _granted: dict[Who, GrantedServers] = field(default_factory=dict[Who, GrantedServers])
    _refs: dict[tuple[str, str, str, bool], ServerRef] = field(
        default_factory=dict[tuple[str, str, str, bool], ServerRef]
    )

    def of(self, caller: Caller) -> GrantedServers:
        """What is bound to this caller, here and now."""
        who = self.who(caller)
        found = self._granted.get(who)
        if found is None:
            found = _remember(self._granted, who, self._bound(caller))
        return found

    def who(self, caller: Caller) -> Who:
        """Callers for whom this is the same have the same grants."""
        subject = caller.subject if self.by_share else ""
        return (caller.agent, caller.agent_digest, caller.environment, caller.scope.actor.roles, subject)

    def server(self, name: str, root: str, caller: Caller) -> ServerRef | None:
        """The server, limited to `root` where its spec asks for a folder, on this caller's lane."""
        declared = self.servers.get(name)
        if declared is None:
            return None
        key = (name, root if declared.spec.root else "", lane_of(caller, declared.spec), caller.modern)
        found = self._refs.get(key)
        if found is None:
            version = f"{self.tenant}/{declared.digest}"
            whose = identity_of(caller, declared.spec)
            ref = ServerRef(name, declared.spec, key[1], version, key[2], whose, key[3], self.tenant)
            found = _remember(self._refs, key, ref)
        return found

    def anywhere(self, agent: str, digest: str) -> GrantedServers:
        """What is bound to an agent's version in some environment: for people who look at the agent."""
        return _added_up(self._about(agent, digest))

    def binds(self, agent: str, environment: str, server: str, tool: str) -> bool:
        """Whether any binding gives the tool there: to some version of the agent; for '', to some outside caller."""
        whose = agent or OUTSIDE
        return any(
            one.server == server and tool in one.tools and (not one.environments or environment in one.environments)
            for name, bindings in self.bindings.items()
            if name == whose or name.startswith(f"{whose}@")
            for one in bindings
        )

    def _bound(self, caller: Caller) -> GrantedServers:
        mine = [one for one in self._about(caller.agent, caller.agent_digest) if _holds(one, caller)]
        granted = _added_up(mine)
        if any(one.mode == "monitor" for one in mine):
            firm = _added_up(one for one in mine if one.mode != "monitor")
            granted = {name: replace(one, firm=firm.get(name, NOTHING)) for name, one in granted.items()}
        return {name: self._flagged(name, one, caller) for name, one in granted.items()}

    def _flagged(self, name: str, granted: Granted, caller: Caller) -> Granted:
        """Without the tools that are not there, as their flags stand for this caller."""
        declared = self.servers.get(name)
        if declared is None or not declared.spec.flags:
            return granted
        off = {
            tool: flag
            for tool, flag in declared.spec.flags.items()
            if tool in granted.tools and not is_there(flag, self.flags, caller.environment, caller.subject)
        }
        return replace(granted, tools=granted.tools - off.keys(), off=frozenset(off.items())) if off else granted

    def _about(self, agent: str, digest: str) -> Iterator[BindingSpec]:
        for name in (agent, f"{agent}@{digest}") if agent else (OUTSIDE,):
            yield from self.bindings.get(name, ())


def identity_of(caller: Caller, spec: ToolServerSpec) -> str:
    """Whose a caller's sessions with a server are: an agent's, a key's or a person's; nobody's where shared."""
    if spec.shared:
        return ""
    return f"agent:{caller.agent}" if caller.agent else caller.scope.actor.id


def lane_of(caller: Caller, spec: ToolServerSpec) -> str:
    """With whom a caller shares a session with a server: with nobody else, or with its tenant where nothing is kept."""
    if spec.shared:
        return ""
    if caller.agent:
        return f"agent:{caller.agent}/{caller.environment}"
    return f"{caller.scope.actor.id}/{caller.session}"


def _added_up(bindings: Iterable[BindingSpec]) -> GrantedServers:
    granted: dict[str, Granted] = {}
    for binding in bindings:
        before = granted.get(binding.server, NOTHING)
        granted[binding.server] = Granted(
            before.tools | frozenset(binding.tools),
            before.resources | frozenset(binding.resources),
            before.prompts | frozenset(binding.prompts),
        )
    return granted


def _holds(binding: BindingSpec, caller: Caller) -> bool:
    if binding.environments and caller.environment not in binding.environments:
        return False
    return not binding.roles or bool(caller.scope.actor.roles & frozenset(binding.roles))


def _remember(kept: dict[K, V], key: K, value: V) -> V:
    if len(kept) >= _MOST_ANSWERS:  # whoever invents sessions must not fill the memory
        kept.clear()
    kept[key] = value
    return value


class Grants:
    """A cache of `TenantGrants`. Invariants: a committed change is seen by every call that starts after its wake."""

    def __init__(self, db: Database, declared: Declared) -> None:
        self._db = db
        self._declared = declared
        self._cached: dict[str, TenantGrants] = {}
        self._generation = 0
        self._lock = threading.Lock()

    async def declared_as(self, scope: Scope, name: str, version: str) -> ToolServerSpec | None:
        """How a tool server was declared when that was its `ServerRef.version`; None where it never was."""
        digest = version.removeprefix(f"{scope.tenant}/")
        found = await self._db.read(lambda conn: self._declared.find(conn, scope, "ToolServer", name, digest))
        return None if found is None else cast("ToolServerSpec", found.spec)

    def forget(self, topic: str) -> None:
        """A signal watcher: `resources:TENANT` drops what is kept for that tenant."""
        if topic == EVERYTHING:
            with self._lock:
                self._generation += 1
                self._cached.clear()
        elif topic.startswith("resources:"):
            with self._lock:
                self._generation += 1
                self._cached.pop(topic.removeprefix("resources:"), None)

    async def of(self, scope: Scope) -> TenantGrants:
        """The tenant's grants as of now."""
        found = self._cached.get(scope.tenant)
        if found is None:
            generation = self._generation
            found = await self._db.read(lambda conn: load(conn, scope, self._declared))
            with self._lock:
                if generation == self._generation:  # nothing changed while we read
                    self._cached[scope.tenant] = found
        return found


def load(conn: sa.Connection, scope: Scope, declared: Declared) -> TenantGrants:
    """Read all bindings, servers, tool sets and feature flags of a tenant."""
    servers = {
        one.name: DeclaredServer(one.spec, one.digest) for one in declared.all(conn, scope, "ToolServer", limit=10_000)
    }
    bindings: dict[str, list[BindingSpec]] = {}
    for resource in declared.all(conn, scope, "Binding", limit=100_000):
        binding: BindingSpec = resource.spec
        bindings.setdefault(binding.agent, []).append(binding)
    toolsets = {one.name: one.spec for one in declared.all(conn, scope, "ToolSet", limit=10_000)}
    flags: dict[str, FeatureFlagSpec] = {
        one.name: one.spec for one in declared.all(conn, scope, "FeatureFlag", limit=10_000)
    }
    by_share = any(one.share < 1 for one in flags.values())
    return TenantGrants(scope.tenant, servers, bindings, toolsets, flags, by_share)
