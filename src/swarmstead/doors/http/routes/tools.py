"""Finding tools by what they do."""

from typing import Annotated

from fastapi import APIRouter, Query

from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.shapes import Page
from swarmstead.doors.http.tool_shapes import FoundToolShape
from swarmstead.gateway.contract import Caller as ToolCaller
from swarmstead.gateway.search.contract import MOST
from swarmstead.people.contract import require

router = APIRouter(prefix="/api/v1", tags=["tools"], route_class=CarefulRoute)
Task = Annotated[str, Query(min_length=1, max_length=2_000, description="What is to be done, in any words.")]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Agent = Annotated[str, Query(max_length=63, description="Whose tools; without it those of outside MCP clients.")]


@router.get("/tools:search")
async def search(scope: Caller, app: Server, q: Task, limit: Limit = 10, agent: Agent = "") -> Page[FoundToolShape]:
    """The bound tools that fit best, best first. A task of several steps may be given whole."""
    require(scope, "read")
    await app.gateway.look(scope)
    caller = ToolCaller(scope, "" if agent == "*" else agent, environment=scope.environment)
    found = await app.tool_search.search(caller, q, limit, app.sample_repository())
    return Page(
        items=[
            FoundToolShape(
                name=one.document.qualified,
                server=one.document.server,
                tool=one.document.name,
                description=one.document.description,
                risk=one.document.risk,
                score=round(one.score, 4),
            )
            for one in found
        ]
    )
