"""Bodies of the API about the server itself: readiness and draining."""

from typing import Literal

from swarmstead.doors.http.shapes import Shape


class DrainIn(Shape):
    """Drain the server, or go on. `stop` ends it once nothing is in flight."""

    on: bool = True
    stop: bool = False


class DrainShape(Shape):
    """How far draining has come: `carrying` loops have not come to rest."""

    draining: bool
    carrying: int


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
