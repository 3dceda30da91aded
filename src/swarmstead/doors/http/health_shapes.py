"""Bodies of the health routes."""

from typing import Literal

from swarmstead.doors.http.shapes import Shape


class CheckShape(Shape):
    """One thing that readiness depends on."""

    name: str
    ok: bool
    detail: str


class ConfigShape(Shape):
    """What the operator's files declare: the digest of what is in force, and since when.

    `refused`: what stands in the files now is wrong, and this is the last that was good.
    """

    digest: str
    since: str
    refused: bool


class HealthShape(Shape):
    """Whether the server can do its work. `role`: a whole server, or a gateway alone.

    `protocol_versions` of MCP are spoken with clients, `upstream_protocol_versions` with tool servers.
    """

    status: Literal["ok", "unavailable"]
    role: Literal["server", "gateway"]
    version: str
    protocol_versions: list[str]
    upstream_protocol_versions: list[str]
    config: ConfigShape | None
    checks: list[CheckShape]
