"""Health: is the process alive, and can it do its work? Without a credential, so it tells nothing else."""

from fastapi import APIRouter, Request, Response

from swarmstead import __version__
from swarmstead.doors.http import health_shapes
from swarmstead.doors.http.auth import app_of
from swarmstead.doors.mcp.protocol import VERSIONS
from swarmstead.kernel.errors import SteadError
from swarmstead.wiring import App

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> health_shapes.HealthShape:
    """The process answers."""
    return health_shapes.HealthShape(status="ok", version=__version__, protocol_versions=list(VERSIONS), checks=[])


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> health_shapes.HealthShape:
    """The server can read and write its database, and takes runs; 503 when it cannot or does not."""
    app = app_of(request)
    checks = [await _database(app), _taking(app)]
    ready = all(check.ok for check in checks)
    response.status_code = 200 if ready else 503
    status = "ok" if ready else "unavailable"
    return health_shapes.HealthShape(
        status=status, version=__version__, protocol_versions=list(VERSIONS), checks=checks
    )


async def _database(app: App) -> health_shapes.CheckShape:
    try:
        await app.probe.check()
    except SteadError as error:
        return health_shapes.CheckShape(name="database", ok=False, detail=error.message)
    return health_shapes.CheckShape(name="database", ok=True, detail="")


def _taking(app: App) -> health_shapes.CheckShape:
    draining = app.runs.draining
    detail = f"The server is being drained; {app.runs.carrying} loops have not come to rest." if draining else ""
    return health_shapes.CheckShape(name="runs", ok=not draining, detail=detail)
