"""Health: is the process alive, and can it do its work? Without a credential, so it tells nothing else."""

from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from swarmstead import __version__
from swarmstead.doors.http.auth import app_of
from swarmstead.doors.http.shapes import Shape
from swarmstead.doors.mcp.protocol import VERSIONS
from swarmstead.kernel.errors import SteadError
from swarmstead.wiring import App

router = APIRouter(tags=["health"])


class CheckShape(Shape):
    """One thing that readiness depends on."""

    name: str
    ok: bool
    detail: str


class HealthShape(Shape):
    """Whether the server can do its work."""

    status: Literal["ok", "unavailable"]
    version: str
    protocol_versions: list[str]
    checks: list[CheckShape]


@router.get("/healthz")
async def healthz() -> HealthShape:
    """The process answers."""
    return HealthShape(status="ok", version=__version__, protocol_versions=list(VERSIONS), checks=[])


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> HealthShape:
    """The server can read and write its database; 503 when it cannot."""
    checks = [await _database(app_of(request))]
    ready = all(check.ok for check in checks)
    response.status_code = 200 if ready else 503
    status = "ok" if ready else "unavailable"
    return HealthShape(status=status, version=__version__, protocol_versions=list(VERSIONS), checks=checks)


async def _database(app: App) -> CheckShape:
    try:
        await app.db.read(lambda conn: conn.execute(sa.select(1)).scalar_one())
        await app.db.write(lambda _tx: None)
    except SteadError as error:
        return CheckShape(name="database", ok=False, detail=error.message)
    return CheckShape(name="database", ok=True, detail="")
