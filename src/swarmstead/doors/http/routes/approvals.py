"""The inbox: what waits for a person, and their decisions."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query, Request

from swarmstead.doors.http import approval_shapes, paging, shapes, views
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute, expect, mark
from swarmstead.doors.http.once import once
from swarmstead.doors.http.uses import uses
from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.scope import Scope
from swarmstead.people import queries as people
from swarmstead.people.contract import require
from swarmstead.permits import handlers, queries
from swarmstead.permits.contract import Approval, ApprovalStatus
from swarmstead.permits.errors import AlreadyDecided
from swarmstead.storage.database import Tx

router = APIRouter(prefix="/api/v1", tags=["approvals"], route_class=CarefulRoute)
_CLOSED = ("approved", "denied", "expired")


def with_askers(app: Gatehouse, conn: Any, scope: Scope, found: Sequence[Approval]) -> list[shapes.ApprovalShape]:
    """Questions, each with the kind of model that asks, what its run has spent so far, and what came of it."""
    askers, came = app.askers(conn, scope, [one.agent_run for one in found]), uses(app, conn, scope, found)
    return [views.approval(one, askers.get(one.agent_run), scope, came.get(one.id)) for one in found]


@router.get("/approvals")
async def find(
    scope: Caller,
    app: Server,
    status: Annotated[str, Query(max_length=100)] = "",
    run: Annotated[str, Query(max_length=32)] = "",
    order: Literal["urgent", "newest"] = "urgent",
    cursor: paging.Cursor = "",
    limit: paging.Limit = 50,
) -> shapes.Page[shapes.ApprovalShape]:
    """Questions: those of production first, then the oldest deadline. `status` may name several, separated by commas.

    `order=newest` is for what is decided: the last decision first.
    """
    require(scope, "read")
    statuses = paging.choices(status, get_args(ApprovalStatus), "status")
    if order == "newest":
        return await _newest(app, scope, statuses, run, cursor, limit)
    after = paging.decode(cursor, int, int, str)
    start = (int(after[0]), int(after[1]), str(after[2])) if after else None

    def read(conn: Any) -> shapes.Page[shapes.ApprovalShape]:
        first = people.production(conn, scope)
        found = queries.find(conn, scope, statuses=statuses, run=run, first=first, after=start, limit=limit + 1)
        more = paging.encode(*queries.place_of(found[limit - 1], first)) if len(found) > limit else None
        return shapes.Page(items=with_askers(app, conn, scope, found[:limit]), next=more)

    return await app.db.read(read)


async def _newest(
    app: Gatehouse, scope: Scope, statuses: Sequence[str], run: str, cursor: str, limit: int
) -> shapes.Page[shapes.ApprovalShape]:
    before = paging.decode(cursor, int, str)
    start = (int(before[0]), str(before[1])) if before else None
    closed = [one for one in statuses or _CLOSED if one in _CLOSED]

    def read(conn: Any) -> shapes.Page[shapes.ApprovalShape]:
        found = queries.decided(conn, scope, statuses=closed, run=run, before=start, limit=limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        more = paging.encode(last.decided_at or 0, last.id) if last else None
        return shapes.Page(items=with_askers(app, conn, scope, found[:limit]), next=more)

    return await app.db.read(read)


@router.get("/approvals/{approval}")
async def show(request: Request, approval: str, scope: Caller, app: Server) -> shapes.ApprovalShape:
    """One question; with its exact payload for who may decide, without what is secret in it for others."""
    require(scope, "read")
    found = await app.db.read(lambda conn: with_askers(app, conn, scope, [queries.get(conn, scope, approval)])[0])
    mark(request, _version(found))
    return found


@router.get("/approvals/{approval}/effect")
async def effect(approval: str, scope: Caller, app: Server) -> approval_shapes.LookShape:
    """A fresh look at what an open question's call would do now. A decision is still about the payload that was asked.

    It calls the tool's preview, so it is for those who may decide.
    """
    require(scope, "approval.decide")
    asked = await app.db.read(lambda conn: queries.get(conn, scope, approval))
    if asked.status != "pending":
        raise AlreadyDecided(f"This approval is {asked.status} already.", way_out="Look at the run; it may ask again.")
    look = await app.gateway.looking.at(scope, asked)
    return approval_shapes.LookShape(
        state=look.state, effect=dict(look.effect), why=look.why, looked_at=rfc3339(app.clock.now_ms())
    )


@router.post("/approvals/{approval}:decide")
async def decide(
    request: Request, approval: str, body: approval_shapes.DecisionIn, scope: Caller, app: Server
) -> shapes.ApprovalShape:
    """Approve or deny exactly the payload with this hash. `If-Match` refuses when its state has changed as well."""
    if "if-match" in request.headers:
        seen = await app.db.read(lambda conn: queries.get(conn, scope, approval))
        expect(request, _version(seen), "The question")

    def shown(tx: Tx) -> str:
        """The reason goes where others read: what the run was told in secret stays out of it."""
        asks = queries.get(tx.conn, scope, approval).agent_run if body.reason else ""
        asker = app.askers(tx.conn, scope, [asks]).get(asks) if asks else None
        return asker.show(body.reason) if asker else body.reason

    def decided(tx: Tx) -> shapes.ApprovalShape:
        answered = handlers.decide(tx, scope, app.clock, approval, body.decision, shown(tx), body.hash)
        return with_askers(app, tx.conn, scope, [answered])[0]

    return await once(request, decided)


def _version(found: Approval | shapes.ApprovalShape) -> str:
    return f"{found.status}-{found.hash}"
