"""Declared models, and what each lacks before it can be asked."""

import asyncio

from fastapi import APIRouter

from swarmstead.doors.http import shapes
from swarmstead.doors.http.auth import Caller
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.whole import Whole
from swarmstead.people.contract import require
from swarmstead.resources.contract import Resource
from swarmstead.wiring import App

router = APIRouter(prefix="/api/v1", tags=["resources"], route_class=CarefulRoute)


@router.get("/models", tags=["models"])
async def models(scope: Caller, app: Whole) -> shapes.Page[shapes.ModelShape]:
    """Declared models, and what each lacks before it can be asked."""
    require(scope, "read")
    found = await app.db.read(lambda conn: app.registry.all(conn, scope, "Model", limit=10_000))
    return shapes.Page(items=await asyncio.to_thread(lambda: [_model(app, one) for one in found]))


def _model(app: App, found: Resource) -> shapes.ModelShape:
    lack = app.models.missing(found.spec)
    return shapes.ModelShape(
        name=found.name,
        digest=found.digest,
        provider=found.spec.provider,
        model=found.spec.model,
        kind=found.spec.kind,
        base_url=found.spec.base_url,
        missing=shapes.MissingShape(what=lack[0], way_out=lack[1]) if lack else None,
    )
