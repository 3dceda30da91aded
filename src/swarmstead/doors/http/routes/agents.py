"""Declared agents, with the tools that are bound to them."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from swarmstead.doors.http import paging, shapes, views
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute, mark
from swarmstead.doors.http.routes.resources import Digest, compare, versions
from swarmstead.gatehouse import Gatehouse
from swarmstead.gateway.grants import TenantGrants, load
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

    def read(conn: Any) -> tuple[list[Resource], Callable[[Resource], dict[str, Any]]]:
        return app.registry.all(conn, scope, "Agent", after=start, limit=limit + 1), _agent_facts(app, conn, scope)

    found, facts = await app.db.read(read)
    more = paging.encode(found[limit - 1].name) if len(found) > limit else None
    return shapes.Page(items=[shapes.AgentShape(**facts(one)) for one in found[:limit]], next=more)


@router.get("/agents/{name}", tags=["agents"])
async def agent(request: Request, name: str, scope: Caller, app: Server) -> shapes.AgentDetail:
    """One agent with its spec."""
    require(scope, "read")

    def read(conn: Any) -> tuple[Resource, dict[str, Any]]:
        found = app.registry.get(conn, scope, "Agent", name)
        return found, _agent_facts(app, conn, scope)(found)

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
) -> shapes.DiffShape:
    """Two versions of an agent, line by line."""
    return await compare("Agent", name, scope, app, from_, to)


def _agent_facts(app: Gatehouse, conn: Any, scope: Scope) -> Callable[[Resource], dict[str, Any]]:
    grants: TenantGrants = load(conn, scope, app.registry)
    kinds = {model.name: model.spec.kind for model in app.registry.all(conn, scope, "Model", limit=10_000)}
    counts = app.registry.count_versions(conn, scope, "Agent")

    def facts(found: Resource) -> dict[str, Any]:
        """The fields of `shapes.AgentShape`; tools of every environment, by server and name."""
        tools = [
            shapes.BoundToolShape(server=server, name=tool, risk=_declared_risk(grants, server, tool))
            for server, granted in sorted(grants.anywhere(found.name, found.digest).items())
            for tool in sorted(granted.tools)
        ]
        return {
            "name": found.name,
            "digest": found.digest,
            "description": found.spec.description,
            "model": found.spec.model,
            "model_kind": kinds.get(found.spec.model),
            "owner": found.owner,
            "labels": dict(found.labels),
            "versions": counts[found.name],
            "updated_at": rfc3339(found.created_at),
            "tools": tools,
        }

    return facts


def _declared_risk(grants: TenantGrants, server: str, tool: str) -> str | None:
    declared = grants.servers.get(server)
    return declared.spec.risk.get(tool) if declared else None
