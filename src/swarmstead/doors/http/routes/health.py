"""Health, for whoever watches the process."""

from fastapi import APIRouter, Response

from swarmstead.doors.http import health
from swarmstead.doors.http.auth import Server
from swarmstead.doors.http.health_shapes import HealthShape

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz(app: Server) -> HealthShape:
    """The process answers. With the versions of MCP that it speaks, and what the operator's files have in force."""
    return HealthShape.model_validate(health.alive(app))


@router.get("/readyz")
async def readyz(app: Server, response: Response) -> HealthShape:
    """The server can read and write its database, and takes work; 503 when it cannot or does not."""
    found = HealthShape.model_validate(await health.ready(app))
    response.status_code = 200 if found.status == "ok" else 503
    return found
