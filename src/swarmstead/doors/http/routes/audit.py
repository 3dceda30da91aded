"""The audit trail: look, verify, sign where it stands, export."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from swarmstead.audit import handlers, queries
from swarmstead.audit.contract import Checkpoint
from swarmstead.doors.http import audit_shapes, paging, shapes, views
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.kernel.hashing import canonical_json
from swarmstead.people import queries as people
from swarmstead.people.contract import require

router = APIRouter(prefix="/api/v1", tags=["audit"], route_class=CarefulRoute)
_PIECE = 500
Filter = Annotated[str, Query(max_length=128)]


@router.get("/audit")
async def find(
    scope: Caller,
    app: Server,
    run: Filter = "",
    actor: Filter = "",
    action: Filter = "",
    cursor: paging.Cursor = "",
    limit: paging.Limit = 50,
) -> shapes.Page[shapes.AuditRowShape]:
    """The trail, newest first."""
    require(scope, "audit.read")
    after = paging.decode(cursor, int)
    before = int(after[0]) if after else None
    rows = await app.db.read(
        lambda conn: queries.page(conn, scope, before=before, limit=limit + 1, run=run, actor=actor, action=action)
    )
    more = paging.encode(rows[limit - 1].seq) if len(rows) > limit else None
    return shapes.Page(items=[views.audit_row(row) for row in rows[:limit]], next=more)


@router.post("/audit:verify")
async def verify(scope: Caller, app: Server, body: audit_shapes.VerifyIn | None = None) -> audit_shapes.VerifyOut:
    """Walk the whole chain and name what is wrong; with a checkpoint, also what was rewritten or cut off since."""
    require(scope, "audit.read")
    given = body.checkpoint if body else None
    checkpoint = Checkpoint(**given.model_dump()) if given else None
    found = await app.db.scan(
        lambda conn: queries.verify_stored(conn, scope, app.signer, checkpoint, people.first_key(conn, scope))
    )
    return audit_shapes.VerifyOut(
        ok=found.ok,
        checked=found.checked,
        problems=[audit_shapes.AuditProblem(seq=one.seq, problem=one.problem) for one in found.problems],
        head=audit_shapes.HeadShape(seq=found.head_seq, hash=found.head_hash),
    )


@router.post("/audit:checkpoint")
async def checkpoint(scope: Caller, app: Server) -> audit_shapes.SignedCheckpoint:
    """Sign where the chain stands. Keep the answer outside of this server; `stead audit verify` takes it."""
    require(scope, "audit.checkpoint")
    signed = await app.db.read(lambda conn: handlers.checkpoint(conn, scope, app.clock, app.signer))
    return audit_shapes.SignedCheckpoint(**asdict(signed), public_key=app.signer.public_key)


@router.get("/audit:export", response_class=StreamingResponse)
async def export(scope: Caller, app: Server) -> StreamingResponse:
    """The whole chain as JSON lines, oldest first; `stead audit verify --file` checks it without a server."""
    require(scope, "audit.read")

    async def lines() -> AsyncIterator[bytes]:
        """Piece by piece: a reader that is slow must hold no connection. What is appended meanwhile is left out."""
        last, end = 0, await app.db.read(lambda conn: queries.newest(conn, scope))
        while last < end:
            rows = await app.db.scan(partial(queries.rows_after, scope=scope, last=last, limit=_PIECE))
            yield b"".join(canonical_json(asdict(row)) + b"\n" for row in rows if row.seq <= end)
            last = rows[-1].seq if rows else end

    headers = {"content-disposition": f'attachment; filename="audit-{scope.tenant}.jsonl"'}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)
