"""Policies: which are in force, and what one would have done to past calls."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from swarmstead.audit import queries as audit
from swarmstead.doors.http import policy_shapes, shapes
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.routes.resources import body_text
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.errors import BadInput
from swarmstead.people.contract import require
from swarmstead.permits.contract import PastCall, PolicyView
from swarmstead.permits.errors import PolicyUnknown
from swarmstead.permits.policies.past import past_calls
from swarmstead.resources.manifests import parse

router = APIRouter(prefix="/api/v1", tags=["policies"], route_class=CarefulRoute)
_ROWS_A_CALL = 3  # a call that was asked about and came through has two rows that count as one


@router.get("/policies")
async def find(scope: Caller, app: Server) -> shapes.Page[policy_shapes.PolicyShape]:
    """The built-in rules and every declared policy, with what is wrong with it."""
    require(scope, "read")
    return shapes.Page(items=[_policy(view) for view in await app.policies.views(scope)])


@router.get("/policies/{name}")
async def show(name: str, scope: Caller, app: Server) -> policy_shapes.PolicyShape:
    """One policy."""
    require(scope, "read")
    found = next((view for view in await app.policies.views(scope) if view.name == name), None)
    if found is None:
        raise PolicyUnknown(f"There is no Policy called {name!r}.", way_out="List them with `stead policy list`.")
    return _policy(found)


@router.post(
    "/policies:test",
    openapi_extra={"requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}},
)
async def try_out(
    request: Request, scope: Caller, app: Server, last: Annotated[int, Query(ge=1, le=100_000)] = 1000
) -> policy_shapes.ReplayShape:
    """What these policies would have done to the last calls, were they enforced; nothing is changed."""
    require(scope, "audit.read")
    parsed = await asyncio.to_thread(parse, await body_text(request), app.registry.kinds)
    documents = [one for one in parsed if one.kind == "Policy"]
    if not documents:
        raise BadInput("There is no Policy in it.", way_out="Give YAML with at least one document of kind: Policy.")

    def read(conn: Any) -> tuple[list[PastCall], int]:
        return past_calls(audit.of_calls(conn, scope, last * _ROWS_A_CALL), last)

    calls, unread = await app.db.scan(read)
    found = asdict(await app.policies.replay(scope, documents, calls, unread))
    examples = [one | {"at": rfc3339(one.pop("at_ms"))} for one in found.pop("examples")]
    return policy_shapes.ReplayShape.model_validate(found | {"examples": examples})


def _policy(view: PolicyView) -> policy_shapes.PolicyShape:
    facts = asdict(view)
    facts["rules"] = [rule | {"last_hit": shapes.when(rule["last_hit"])} for rule in facts["rules"]]
    return policy_shapes.PolicyShape.model_validate(facts)
