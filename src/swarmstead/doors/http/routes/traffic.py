"""What the caller's tool servers are doing now: calls under way, queues, breakers, refusals."""

from fastapi import APIRouter

from swarmstead.doors.http import shapes, traffic_shapes
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.people.contract import require

router = APIRouter(prefix="/api/v1", tags=["tools"])


@router.get("/traffic")
async def traffic(scope: Caller, app: Server) -> shapes.Page[traffic_shapes.ServerTrafficShape]:
    """Per tool server of the tenant, as this process sees it. Servers that were not called lately are left out."""
    require(scope, "tool.call")
    found = app.gateway.traffic.of(scope.tenant)
    return shapes.Page(items=[traffic_shapes.server_traffic(name, one) for name, one in found.items()])
