"""The inbox: what waits for a person, and their decisions."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from swarmstead.doors.http import paging, shapes, views
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require
from swarmstead.permits import handlers, queries
from swarmstead.permits.contract import Approval
from swarmstead.runs import queries as runs

router = APIRouter(prefix="/api/v1", tags=["approvals"])


def with_askers(conn: Any, scope: Scope, found: Sequence[Approval]) -> list[shapes.ApprovalShape]:
    """Questions, each with the kind of model that asks and what its run has spent so far."""
    askers = runs.askers(conn, scope, [one.agent_run for one in found])
    return [views.approval(one, askers.get(one.agent_run)) for one in found]


@router.get("/approvals")
async def find(
    scope: Caller,
    app: Server,
    status: Annotated[str, Query(max_length=100)] = "",
    run: Annotated[str, Query(max_length=32)] = "",
    cursor: paging.Cursor = "",
    limit: paging.Limit = 50,
) -> shapes.Page[shapes.ApprovalShape]:
    """Questions, oldest deadline first. `status` may name several, separated by commas."""
    require(scope, "read")
    after = paging.decode(cursor, int, str)
    start = (int(after[0]), str(after[1])) if after else None
    statuses = [one for one in status.split(",") if one]

    def read(conn: Any) -> shapes.Page[shapes.ApprovalShape]:
        found = queries.find(conn, scope, statuses=statuses, run=run, after=start, limit=limit + 1)
        more = paging.encode(found[limit - 1].expires_at, found[limit - 1].id) if len(found) > limit else None
        return shapes.Page(items=with_askers(conn, scope, found[:limit]), next=more)

    return await app.db.read(read)


@router.get("/approvals/{approval}")
async def show(approval: str, scope: Caller, app: Server) -> shapes.ApprovalShape:
    """One question with its exact payload."""
    require(scope, "read")
    return await app.db.read(lambda conn: with_askers(conn, scope, [queries.get(conn, scope, approval)])[0])


@router.post("/approvals/{approval}:decide")
async def decide(approval: str, body: shapes.DecisionIn, scope: Caller, app: Server) -> shapes.ApprovalShape:
    """Approve or deny exactly the payload with this hash."""
    decided = await app.db.write(
        lambda tx: handlers.decide(tx, scope, app.clock, approval, body.decision, body.reason, body.hash)
    )
    return await app.db.read(lambda conn: with_askers(conn, scope, [decided])[0])
