"""The server itself: draining it before it is stopped."""

from fastapi import APIRouter

from swarmstead.doors.http import server_shapes as shapes
from swarmstead.doors.http.auth import Caller
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.whole import Whole
from swarmstead.kernel.errors import NotPermitted
from swarmstead.people.contract import require
from swarmstead.people.handlers import DEFAULT_TENANT
from swarmstead.wiring import App

router = APIRouter(prefix="/api/v1", tags=["server"], route_class=CarefulRoute)


@router.get("/drain")
async def state(scope: Caller, app: Whole) -> shapes.DrainShape:
    """Whether the server is being drained, and how many loops it still carries; at 0 it may be stopped."""
    require(scope, "read")
    return _state(app)


@router.post("/drain", status_code=202)
async def drain(body: shapes.DrainIn, scope: Caller, app: Whole) -> shapes.DrainShape:
    """Take no new runs and let loops come to rest; `stop` ends the server once they have, `on: false` goes on.

    What is in flight ends first, and everything else goes on from its journal: at the next start, or on another worker.
    """
    require(scope, "server.drain")
    if scope.tenant != DEFAULT_TENANT:
        raise NotPermitted(
            "The server is not this tenant's alone.", way_out=f"Ask an admin of the tenant {DEFAULT_TENANT}."
        )
    await app.runs.drain(scope, on=body.on)
    if body.on and body.stop:
        app.stop_when_drained()
    else:
        app.stay()
    return _state(app)


def _state(app: App) -> shapes.DrainShape:
    return shapes.DrainShape(draining=app.runs.draining, carrying=app.runs.carrying)
