"""Bodies of the health routes."""

from typing import Literal

from swarmstead.doors.http.shapes import Shape


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
