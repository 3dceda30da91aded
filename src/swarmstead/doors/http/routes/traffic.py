"""What the caller's tool servers are doing now: calls under way, queues, breakers, refusals."""

from fastapi import APIRouter

from swarmstead.doors.http import shapes, traffic_shapes
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.people.contract import require

router = APIRouter(prefix="/api/v1", tags=["tools"], route_class=CarefulRoute)


@router.get("/traffic")
async def traffic(scope: Caller, app: Server) -> shapes.Page[traffic_shapes.ServerTrafficShape]:
    """Per tool server of the tenant that was called since this process began, as it sees it."""
    require(scope, "tool.call")
    seen = app.gateway.traffic
    now, counted = app.clock.now_ms(), seen.counted_s
    found = seen.of(scope.tenant).items()
    return shapes.Page(items=[traffic_shapes.server_traffic(name, one, now, counted) for name, one in found])
