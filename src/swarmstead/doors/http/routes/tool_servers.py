"""Tool servers: what each offers now, and how it does."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from swarmstead.doors.http import shapes
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.tool_server_shapes import ServerToolShape, ToolServerShape, server_health
from swarmstead.gatehouse import Gatehouse
from swarmstead.gateway.contract import Caller as ToolCaller
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.health import Health
from swarmstead.gateway.pins import queries as pins
from swarmstead.gateway.specs import unoffered
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require
from swarmstead.resources.contract import Resource
from swarmstead.telemetry.contract import redact_text

router = APIRouter(prefix="/api/v1", tags=["tools"], route_class=CarefulRoute)
_PATIENCE_S = 3.0
_AT_ONCE = 16
_LATE = f"It has not answered within {_PATIENCE_S:g} s; it is still being asked."
_UNSEEN = Health("idle")
Asked = tuple[list[ServerToolShape], str]
_NOTHING: Asked = ([], "")


@router.get("/tool-servers")
async def tool_servers(
    scope: Caller,
    app: Server,
    tools: Annotated[bool, Query(description="Without them no server is asked anything.")] = True,  # noqa: FBT002 - a query parameter
) -> shapes.Page[ToolServerShape]:
    """Declared tool servers with their tools and their health. A server that needs a folder is asked in our own.

    They are asked at the same time, and a slow one keeps nobody waiting: it is listed without its tools.
    """
    require(scope, "read")
    if tools:
        await app.gateway.look(scope)
    found = await app.db.read(lambda conn: app.registry.all(conn, scope, "ToolServer", limit=10_000))
    few = asyncio.Semaphore(_AT_ONCE)

    async def ask(one: Resource) -> Asked:
        async with few:
            return await _asked(app, scope, one)

    answers = await asyncio.gather(*map(ask, found)) if tools else [_NOTHING] * len(found)
    counts = await app.db.read(lambda conn: pins.counts(conn, scope))  # with what was seen just now
    health, now = await app.gateway.health(scope), app.clock.now_ms()
    return shapes.Page(
        items=[
            ToolServerShape(
                name=one.name,
                digest=one.digest,
                transport=one.spec.transport,
                address=redact_text(one.spec.url or " ".join(one.spec.command)),
                root=one.spec.root,
                tools=listed,
                problem=problem,
                warnings=_warnings(one, listed),
                health=server_health(health.get(one.name, _UNSEEN), now),
                seen=counts.get(one.name, (0, 0))[0],
                quarantined=counts.get(one.name, (0, 0))[1],
            )
            for one, (listed, problem) in zip(found, answers, strict=True)
        ]
    )


def _warnings(found: Resource, listed: list[ServerToolShape]) -> list[str]:
    return unoffered(found.spec, {tool.name for tool in listed}) if listed else []


async def _asked(app: Gatehouse, scope: Scope, found: Resource) -> Asked:
    """A server's tools, or why there are none."""
    root = app.sample_repository() if found.spec.root else ""
    if found.spec.root and not root:
        return [], "Its tools are listed in the preview of a run, which names the folder."
    try:
        async with asyncio.timeout(_PATIENCE_S):
            listed = await app.gateway.inspect(ToolCaller(scope), found.name, root)
    except UpstreamFailed as error:
        return [], redact_text(error.message)
    except TimeoutError:
        return [], _LATE
    return [ServerToolShape.model_validate(tool, from_attributes=True) for tool in listed], ""
