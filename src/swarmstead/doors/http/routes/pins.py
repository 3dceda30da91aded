"""Tools as their servers were seen to define them: what is trusted, what waits for a person, and the decisions."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request

from swarmstead.doors.http import paging, shapes
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.once import once
from swarmstead.doors.http.pin_shapes import AcceptIn, PinDetail, PinShape, QuarantineIn
from swarmstead.doors.http.shapes import when
from swarmstead.gateway.pins import handlers, queries
from swarmstead.gateway.pins.model import Pin, drift
from swarmstead.kernel.clock import rfc3339
from swarmstead.people.contract import require

router = APIRouter(prefix="/api/v1", tags=["tools"], route_class=CarefulRoute)
ServerName = Annotated[str, Path(max_length=63)]
ToolName = Annotated[str, Path(max_length=200)]


def _facts(pin: Pin) -> dict[str, Any]:
    names = ("server", "tool", "state", "why", "schema_hash", "offered_hash", "reason", "decided_by")
    times = {"first_seen": rfc3339(pin.first_seen), "changed_at": rfc3339(pin.changed_at)}
    return {name: getattr(pin, name) for name in names} | times | {"decided_at": when(pin.decided_at)}


def _detail(pin: Pin) -> PinDetail:
    lines = [shapes.DiffLine.model_validate({"op": op, "text": text}) for op, text in drift(pin)]
    definition = None if pin.definition is None else dict(pin.definition)
    offered = None if pin.offered is None else dict(pin.offered)
    return PinDetail(**_facts(pin), definition=definition, offered=offered, drift=lines)


@router.get("/tools")
async def find(
    scope: Caller,
    app: Server,
    server: Annotated[str, Query(max_length=63)] = "",
    state: Literal["", "accepted", "quarantined"] = "",
    cursor: paging.Cursor = "",
    limit: paging.Limit = 200,
) -> shapes.Page[PinShape]:
    """Every tool that a declared server was seen to offer, by server and name."""
    require(scope, "read")
    after = paging.decode(cursor, str, str)
    start = (str(after[0]), str(after[1])) if after else None
    found = await app.db.read(
        lambda conn: queries.find(conn, scope, server=server, state=state, after=start, limit=limit + 1)
    )
    more = paging.encode(found[limit - 1].server, found[limit - 1].tool) if len(found) > limit else None
    return shapes.Page(items=[PinShape(**_facts(one)) for one in found[:limit]], next=more)


@router.get("/tools/{server}/{tool:path}")
async def show(server: ServerName, tool: ToolName, scope: Caller, app: Server) -> PinDetail:
    """One tool: the accepted definition, the one that waits, and what differs."""
    require(scope, "read")
    return _detail(await app.db.read(lambda conn: queries.get(conn, scope, server, tool)))


@router.post("/tools/{server}/{tool:path}:accept")
async def accept(
    request: Request, server: ServerName, tool: ToolName, body: AcceptIn, scope: Caller, app: Server
) -> PinDetail:
    """Trust the definition that waits, named by its hash. Needs `resource.apply`."""
    return await once(request, lambda tx: _detail(handlers.accept(tx, scope, app.clock, server, tool, body.hash)))


@router.post("/tools/{server}/{tool:path}:quarantine")
async def quarantine(
    request: Request, server: ServerName, tool: ToolName, body: QuarantineIn, scope: Caller, app: Server
) -> PinDetail:
    """Set a tool aside at once, for everybody. Needs `run.command`."""
    return await once(request, lambda tx: _detail(handlers.quarantine(tx, scope, app.clock, server, tool, body.reason)))


@router.post("/tools/{server}/{tool:path}:release")
async def release(request: Request, server: ServerName, tool: ToolName, scope: Caller, app: Server) -> PinDetail:
    """Take back a quarantine that a person has set. Needs `resource.apply`."""
    return await once(request, lambda tx: _detail(handlers.release(tx, scope, app.clock, server, tool)))
