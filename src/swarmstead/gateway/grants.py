"""Which tools a caller may know of: bindings and tool servers of a tenant, kept in memory until they change."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from swarmstead.gateway.contract import BindingSpec, ServerRef, ToolServerSpec
from swarmstead.gateway.ports import Declared
from swarmstead.kernel.scope import Scope
from swarmstead.storage.database import Database

OUTSIDE = "*"


@dataclass(frozen=True, slots=True)
class TenantGrants:
    """What one tenant has declared: servers by name, and per agent the tools of each server."""

    servers: Mapping[str, ToolServerSpec]
    tools: Mapping[str, Mapping[str, frozenset[str]]]

    def of(self, agent: str) -> Mapping[str, frozenset[str]]:
        """Server name -> names of bound tools, for an agent; outside callers ('') use the binding for `*`."""
        return self.tools.get(agent or OUTSIDE, {})

    def server(self, name: str, root: str) -> ServerRef | None:
        """The server, limited to `root` where its spec asks for a folder."""
        spec = self.servers.get(name)
        return None if spec is None else ServerRef(name, spec, root if spec.root else "")


class Grants:
    """A cache of `TenantGrants`. Invariants: a committed change is seen by every call that starts after its wake."""

    def __init__(self, db: Database, declared: Declared) -> None:
        self._db = db
        self._declared = declared
        self._cached: dict[str, TenantGrants] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def forget(self, topic: str) -> None:
        """A signal watcher: `resources:TENANT` drops what is kept for that tenant."""
        if topic.startswith("resources:"):
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
    """Read all bindings and servers of a tenant. Two bindings of one agent to one server add up."""
    servers: dict[str, ToolServerSpec] = {r.name: r.spec for r in declared.all(conn, scope, "ToolServer", limit=10_000)}
    tools: dict[str, dict[str, frozenset[str]]] = {}
    for resource in declared.all(conn, scope, "Binding", limit=100_000):
        binding: BindingSpec = resource.spec
        of_agent = tools.setdefault(binding.agent, {})
        of_agent[binding.server] = of_agent.get(binding.server, frozenset()) | frozenset(binding.tools)
    return TenantGrants(servers, tools)
