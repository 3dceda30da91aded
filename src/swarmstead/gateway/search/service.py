"""Search for a tenant's callers: keeps each tenant's index in step with definitions and grants, and asks it.

What a caller may find is taken from the grants as they are when the search begins; the index may be a minute behind on
descriptions, never on permissions. Only tools that are bound to somebody, have a risk class and are not quarantined
are in an index, and every answer is held against the grants once more.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Protocol

from swarmstead.gateway.contract import Caller, Tool
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.grants import NOTHING, GrantedServers, Grants, TenantGrants, Who
from swarmstead.gateway.search import ranking
from swarmstead.gateway.search.contract import MOST, Found, Only, Permitted, ToolDocument, document_of
from swarmstead.gateway.search.experience import Experience
from swarmstead.gateway.search.ports import ToolIndex
from swarmstead.gateway.search.turns import Turns
from swarmstead.gateway.search.weights import Weights
from swarmstead.kernel.clock import Clock
from swarmstead.storage.signals import EVERYTHING

log = logging.getLogger(__name__)
_LIFE_MS = 60_000
_AT_ONCE = 100
_PATIENCE_S, _PATIENCE_WITH_KNOWN_S = 15.0, 2.0
_MOST_CALLERS = 4096
_FURTHER = 200  # how far down the order is looked where policies hide tools
_Listed = list[Tool] | None
_Who = tuple[Who, frozenset[tuple[str, frozenset[str]]] | None]


class Definitions(Protocol):
    """Tool definitions as the servers give them. Given by `gateway.Gateway`."""

    async def inspect(self, caller: Caller, name: str, root: str = "") -> list[Tool]:
        """Every tool of a server. Fails: UpstreamFailed."""
        ...

    async def hides(self, caller: Caller) -> bool:
        """Whether policies may hide any tool from this caller."""
        ...

    async def hidden(self, caller: Caller, tools: Iterable[Tool]) -> frozenset[tuple[str, str]]:
        """(server, name) of those that policies hide from this caller."""
        ...


@dataclass
class _Tenant:
    """One tenant's index, and what it was made from. `permitted` is kept so that an index can know it again."""

    index: ToolIndex
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    grants: TenantGrants | None = None
    until: int = 0
    servers: dict[str, list[ToolDocument]] = field(default_factory=dict[str, list[ToolDocument]])
    documents: list[ToolDocument] | None = None
    permitted: dict[_Who, Permitted] = field(default_factory=dict[_Who, Permitted])
    improving: asyncio.Task[None] | None = None


class ToolSearch:
    """`search` finds tools, `definitions` gives those that were asked for by name. Opens an index per tenant.

    `only` narrows either to some tools by server, as a tool set does; it never widens what is granted. `root` limits
    servers that ask for a folder, as in `Gateway.tools`.
    """

    def __init__(
        self,
        definitions: Definitions,
        grants: Grants,
        clock: Clock,
        weights: Weights,
        open_index: Callable[[str], ToolIndex],
        experience: Experience,
        *,
        at_once: int = 2,
    ) -> None:
        self._turns = Turns(at_once)
        self._experience = experience
        self._definitions, self._grants, self._clock, self._weights = definitions, grants, clock, weights
        self._open_index = open_index
        self._tenants: dict[str, _Tenant] = {}
        self._opening = asyncio.Lock()

    async def search(
        self, caller: Caller, task: str, limit: int = MOST, root: str = "", only: Only | None = None
    ) -> list[Found]:
        """The tools of this caller that fit the task best, best first. Steps of a task are looked for one by one.

        Fails: Overloaded, while `at_once` searches of its tenant are under way and others wait.
        """
        grants = await self._grants.of(caller.scope)
        tenant = await self._ready(caller, grants, root)
        permitted = _permitted(tenant, caller, grants, only)
        limit, hides = min(limit, MOST), await self._definitions.hides(caller)
        most = _FURTHER if hides else limit
        search = partial(ranking.search, tenant.index, self._weights, task, permitted, most)
        found = await self._turns.in_thread(caller.scope.tenant, caller.scope.actor.id, search)
        found = [one for one in found if permitted.allows(one.document.server, one.document.name)]
        return await self._not_hidden(caller, found, limit, root) if hides else found

    async def definitions(
        self, caller: Caller, wanted: list[tuple[str, str]], root: str = "", only: Only | None = None
    ) -> list[Tool]:
        """The callable ones of these (server, tool) pairs, in that order. Hidden and unknown are left out alike."""
        allowed = _narrowed((await self._grants.of(caller.scope)).of(caller), only)
        listed: dict[str, dict[str, Tool]] = {}
        for server in {server for server, tool in wanted if tool in allowed.get(server, frozenset())}:
            listed[server] = {tool.name: tool for tool in await self._listed(caller, server, root) or ()}
        found = [
            listed[server].get(tool)
            for server, tool in wanted
            if server in listed and tool in allowed.get(server, frozenset())
        ]
        usable = [tool for tool in found if tool is not None and _usable(tool)]
        hidden = await self._definitions.hidden(caller, usable)
        return [tool for tool in usable if (tool.server, tool.name) not in hidden]

    def forget(self, heard: str) -> None:
        """A signal watcher: after `tools:TENANT`, a quarantine say, the next search looks at all definitions anew."""
        for name, tenant in tuple(self._tenants.items()):
            if heard in (EVERYTHING, f"tools:{name}"):
                tenant.until = 0

    async def aclose(self) -> None:
        """End background work and let go of the indexes."""
        tasks = [tenant.improving for tenant in self._tenants.values() if tenant.improving is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for tenant in self._tenants.values():
            await asyncio.to_thread(tenant.index.close)
        self._tenants.clear()

    async def _not_hidden(self, caller: Caller, found: list[Found], limit: int, root: str) -> list[Found]:
        """The best `limit` of them that no policy hides: policies are asked about no more than that takes."""
        kept: list[Found] = []
        for at in range(0, len(found), limit):
            some = found[at : at + limit]
            wanted = [(one.document.server, one.document.name) for one in some]
            seen = {(tool.server, tool.name) for tool in await self.definitions(caller, wanted, root)}
            kept += [one for one, pair in zip(some, wanted, strict=True) if pair in seen]
            if len(kept) >= limit:
                break
        return kept[:limit]

    async def _ready(self, caller: Caller, grants: TenantGrants, root: str) -> _Tenant:
        tenant = await self._tenant(caller.scope.tenant)
        async with tenant.lock:
            if tenant.grants is not grants or tenant.until <= self._clock.now_ms():
                await self._refresh(tenant, caller, grants, root)
        return tenant

    async def _tenant(self, name: str) -> _Tenant:
        if name in self._tenants:
            return self._tenants[name]
        async with self._opening:
            if name not in self._tenants:
                self._tenants[name] = _Tenant(await asyncio.to_thread(self._open_index, name))
            return self._tenants[name]

    async def _refresh(self, tenant: _Tenant, caller: Caller, grants: TenantGrants, root: str) -> None:
        bound: dict[str, set[str]] = {}
        for binding in chain.from_iterable(grants.bindings.values()):
            bound.setdefault(binding.server, set()).update(binding.tools)
        before, servers = tenant.servers, dict[str, list[ToolDocument]]()
        waits = [_PATIENCE_WITH_KNOWN_S if before.get(server) else _PATIENCE_S for server in bound]
        answers = await asyncio.gather(
            *(self._listed(caller, server, root, wait) for server, wait in zip(bound, waits, strict=True))
        )
        for server, tools in zip(bound, answers, strict=True):
            usable = None if tools is None else [tool for tool in tools if _usable(tool)]
            known = before.get(server, []) if usable is None else [self._document(caller, tool) for tool in usable]
            servers[server] = known
        tenant.servers = servers
        documents = [
            document for server, known in servers.items() for document in known if document.name in bound[server]
        ]
        if documents != tenant.documents:
            await asyncio.to_thread(tenant.index.refresh, documents)
            tenant.documents = documents
        if tenant.grants is not grants:
            tenant.permitted = {}
        tenant.grants, tenant.until = grants, self._clock.now_ms() + _LIFE_MS
        if tenant.improving is None or tenant.improving.done():
            tenant.improving = asyncio.create_task(_improve(tenant.index))

    async def _listed(self, caller: Caller, server: str, root: str, patience_s: float = _PATIENCE_S) -> _Listed:
        """None when the server does not answer in time: then what was known of it stands."""
        with contextlib.suppress(UpstreamFailed, TimeoutError):
            return await asyncio.wait_for(self._definitions.inspect(caller, server, root), patience_s)
        return None

    def _document(self, caller: Caller, tool: Tool) -> ToolDocument:
        document = document_of(tool)
        record = self._experience.of(caller.scope.tenant, tool.server, tool.name)
        if record is None:
            return document
        quality, latency = round(record.quality, 1), _rounded(record.latency_ms)  # coarse: a new number is a new row
        return replace(document, quality=quality, latency_ms=latency)


def _usable(tool: Tool) -> bool:
    """Whether anybody may call it now: it is classed, and nothing about it waits for a person."""
    return tool.risk != "unknown" and tool.state == "accepted"


def _permitted(tenant: _Tenant, caller: Caller, grants: TenantGrants, only: Only | None) -> Permitted:
    """The same object for the same caller, until the grants change: an index remembers what it made of it."""
    narrowing = None if only is None else frozenset(only.items())
    who = (grants.who(caller), narrowing)
    if who not in tenant.permitted:
        if len(tenant.permitted) >= _MOST_CALLERS:
            tenant.permitted.clear()
        tenant.permitted[who] = Permitted(_narrowed(grants.of(caller), only))
    return tenant.permitted[who]


def _narrowed(granted: GrantedServers, only: Only | None) -> Mapping[str, frozenset[str]]:
    if only is None:
        return {server: one.tools for server, one in granted.items()}
    return {server: granted.get(server, NOTHING).tools & names for server, names in only.items()}


def _rounded(ms: float) -> int:
    """The next power of two."""
    return 1 << max(0, int(ms) - 1).bit_length()


async def _improve(index: ToolIndex) -> None:
    """Better the index in the background, a little at a time, until there is nothing left to do."""
    try:
        while await asyncio.to_thread(index.improve, _AT_ONCE):
            pass
    except Exception:
        log.exception("the tool index could not be bettered; it serves as it is")
