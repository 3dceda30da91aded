"""Declared agents, with the tools that are bound to them."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from swarmstead.doors.http import paging, shapes, views
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute, mark
from swarmstead.doors.http.resource_shapes import DiffShape
from swarmstead.doors.http.routes.resources import Digest, compare, versions
from swarmstead.gatehouse import Gatehouse
from swarmstead.gateway.contract import Risk
from swarmstead.gateway.grants import TenantGrants, load
from swarmstead.gateway.pins.queries import risks
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require
from swarmstead.resources.contract import Resource

router = APIRouter(prefix="/api/v1", tags=["resources"], route_class=CarefulRoute)


@router.get("/agents", tags=["agents"])
async def agents(
    scope: Caller, app: Server, cursor: paging.Cursor = "", limit: paging.Limit = 200
) -> shapes.Page[shapes.AgentShape]:
    """Agents by name, with the tools that are bound to them."""
    require(scope, "read")
    after = paging.decode(cursor, str)
    start = str(after[0]) if after else ""

    def read(conn: Any) -> tuple[list[Resource], list[dict[str, Any]]]:
        found = app.registry.all(conn, scope, "Agent", after=start, limit=limit + 1)
        return found, _agent_facts(app, conn, scope, found[:limit])

    found, facts = await app.db.read(read)
    more = paging.encode(found[limit - 1].name) if len(found) > limit else None
    return shapes.Page(items=[shapes.AgentShape(**one) for one in facts], next=more)


@router.get("/agents/{name}", tags=["agents"])
async def agent(request: Request, name: str, scope: Caller, app: Server) -> shapes.AgentDetail:
    """One agent with its spec."""
    require(scope, "read")

    def read(conn: Any) -> tuple[Resource, dict[str, Any]]:
        found = app.registry.get(conn, scope, "Agent", name)
        return found, _agent_facts(app, conn, scope, [found])[0]

    found, facts = await app.db.read(read)
    mark(request, found.digest)
    return shapes.AgentDetail(**facts, spec=dict(found.content), manifest=views.resource(found).manifest)


@router.get("/agents/{name}/versions", tags=["agents"])
async def agent_versions(
    name: str, scope: Caller, app: Server, cursor: paging.Cursor = "", limit: paging.Limit = 50
) -> shapes.Page[shapes.ResourceShape]:
    """Every version of an agent, newest first."""
    return await versions("Agent", name, scope, app, cursor, limit)


@router.get("/agents/{name}/diff", tags=["agents"])
async def agent_diff(
    name: str, scope: Caller, app: Server, from_: Annotated[str, Query(alias="from", max_length=71)], to: Digest = ""
) -> DiffShape:
    """Two versions of an agent, line by line."""
    return await compare("Agent", name, scope, app, from_, to)


def _agent_facts(app: Gatehouse, conn: Any, scope: Scope, found: Sequence[Resource]) -> list[dict[str, Any]]:
    """The fields of `shapes.AgentShape`, agent by agent; tools of every environment, by server and name."""
    grants: TenantGrants = load(conn, scope, app.registry)
    kinds = {model.name: model.spec.kind for model in app.registry.all(conn, scope, "Model", limit=10_000)}
    counts = app.registry.count_versions(conn, scope, "Agent")
    bound = [_bound(grants, one) for one in found]
    classes = _classes(conn, scope, grants, {tool for tools in bound for tool in tools})
    return [
        {
            "name": one.name,
            "digest": one.digest,
            "description": one.spec.description,
            "model": one.spec.model,
            "model_kind": kinds.get(one.spec.model),
            "owner": one.owner,
            "labels": dict(one.labels),
            "versions": counts[one.name],
            "updated_at": rfc3339(one.created_at),
            "tools": [shapes.BoundToolShape(server=s, name=t, risk=classes.get((s, t))) for s, t in tools],
        }
        for one, tools in zip(found, bound, strict=True)
    ]


def _bound(grants: TenantGrants, agent: Resource) -> list[tuple[str, str]]:
    granted = grants.anywhere(agent.name, agent.digest)
    return [(server, tool) for server in sorted(granted) for tool in sorted(granted[server].tools)]


def _classes(
    conn: Any, scope: Scope, grants: TenantGrants, tools: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Risk]:
    """By server and tool, as far as it is known."""
    by_server: dict[str, set[str]] = {}
    for server, tool in tools:
        by_server.setdefault(server, set()).add(tool)
    found: dict[tuple[str, str], Risk] = {}
    for server, names in by_server.items():
        if declared := grants.servers.get(server):
            classed = risks(conn, scope, server, declared.spec, names)
            found |= {(server, name): risk for name, risk in classed.items()}
    return found
