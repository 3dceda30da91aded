"""Trying a tool out, as the person who tries it: through the gateway's chain, and without a side effect."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Path

from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.try_shapes import AnsweredShape, ForeseenShape, TriedShape, TryIn
from swarmstead.gateway.chain import Foreseen
from swarmstead.gateway.contract import Caller as ToolCaller
from swarmstead.gateway.contract import CallOutcome, CallRequest
from swarmstead.gateway.errors import ToolUnknown
from swarmstead.people.contract import require, require_environment
from swarmstead.people.queries import environments_of
from swarmstead.people.tokens import unknown_environment

router = APIRouter(prefix="/api/v1", tags=["tools"], route_class=CarefulRoute)
ServerName = Annotated[str, Path(max_length=63)]
ToolName = Annotated[str, Path(max_length=200)]


@router.post("/tools/{server}/{tool:path}:try")
async def try_out(server: ServerName, tool: ToolName, body: TryIn, scope: Caller, app: Server) -> TriedShape:
    """A dry run. Needs `tool.call`, and a binding of the tool to outside callers (`*`) that holds for this person.

    A read tool is called, as the person; of any other comes back what it would do: no tool with a side effect is
    called, no approval is asked for. Both stand in the audit trail.
    """
    require(scope, "tool.call")
    if body.environment:
        known = await app.db.read(lambda conn: environments_of(conn, scope.tenant)) or frozenset[str]()
        if body.environment not in known:
            raise unknown_environment(body.environment, sorted(known), "environment")
        require_environment(scope, body.environment)
    environment = body.environment or scope.environment
    caller = ToolCaller(scope, environment=environment)
    key = f"try/{secrets.token_hex(12)}"
    root = app.sample_repository()
    answer = await app.gateway.dry_run(CallRequest(caller, server, tool, body.arguments, key, root=root))
    if isinstance(answer, Foreseen):
        return TriedShape(key=key, answered=None, foreseen=_foreseen(answer))
    if answer.code == ToolUnknown.code:
        raise ToolUnknown(
            answer.reason,
            way_out=f"Bind it to people, for their roles: `stead mcp bind '*' {server} {tool} --role operator`.",
        )
    return TriedShape(key=key, answered=_answered(answer), foreseen=None)


def _foreseen(found: Foreseen) -> ForeseenShape:
    verdict = found.verdict
    return ForeseenShape(
        verdict=verdict.effect,
        rules=list(verdict.rules),
        text=verdict.text,
        risk=found.risk,
        schema_hash=found.schema_hash,
        sentence=found.sentence,
        effect=dict(found.effect),
    )


def _answered(found: CallOutcome) -> AnsweredShape:
    result = found.result
    return AnsweredShape(
        verdict=found.verdict,
        code=found.code,
        reason=found.reason,
        way_out=found.way_out,
        duration_ms=found.duration_ms,
        content=[dict(block) for block in result.content] if result else [],
        structured=dict(result.structured) if result and result.structured is not None else None,
    )
