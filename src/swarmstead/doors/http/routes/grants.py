"""Who may call which tool: the bindings, tool by tool."""

from bisect import bisect_right
from typing import Annotated, Any

from fastapi import APIRouter, Query

from swarmstead.doors.http import paging
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.grant_shapes import GranteeShape, GrantShape
from swarmstead.doors.http.shapes import Page
from swarmstead.gateway.bound import BoundTool, bound_tools
from swarmstead.people.contract import require

router = APIRouter(prefix="/api/v1", tags=["tools"], route_class=CarefulRoute)
_MOST_GRANTEES = 200
_MOST_BINDINGS = 100_000
Name = Annotated[str, Query(max_length=63)]
ToolName = Annotated[str, Query(max_length=200)]
Agent = Annotated[str, Query(max_length=63, description="An agent's name, or * for outside MCP clients.")]


@router.get("/grants")
async def grants(
    scope: Caller,
    app: Server,
    server: Name = "",
    tool: ToolName = "",
    agent: Agent = "",
    cursor: paging.Cursor = "",
    limit: paging.Limit = 200,
) -> Page[GrantShape]:
    """Every tool that a binding names, by server and name, with whom it is bound to and where that holds."""
    require(scope, "read")
    after = paging.decode(cursor, str, str)

    def read(conn: Any) -> tuple[list[BoundTool], bool]:
        named = [(one.name, one.spec) for one in app.registry.all(conn, scope, "Binding", limit=_MOST_BINDINGS)]
        found = bound_tools(named, server=server, tool=tool, agent=agent)
        key = (str(after[0]), str(after[1])) if after else ("", "")
        start = bisect_right(found, key, key=lambda one: (one.server, one.tool)) if after else 0
        return found[start : start + limit], len(found) > start + limit

    found, more = await app.db.read(read)
    last = paging.encode(found[-1].server, found[-1].tool) if more else None
    return Page(items=[_grant(one) for one in found], next=last)


def _grant(found: BoundTool) -> GrantShape:
    shown = found.grantees[:_MOST_GRANTEES]
    return GrantShape(
        server=found.server,
        tool=found.tool,
        grantees=[GranteeShape.model_validate(one, from_attributes=True) for one in shown],
        total=len(found.grantees),
    )
