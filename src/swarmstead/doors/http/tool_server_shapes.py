"""Shapes of tool servers: what they offer, and how they do."""

from typing import Literal

from swarmstead.doors.http.shapes import Shape, when
from swarmstead.gateway.health import Health
from swarmstead.telemetry.contract import redact_text


class ServerToolShape(Shape):
    """A tool as its server describes it, classed. What is not `accepted` cannot be called, and `problem` says why.

    `warnings` say what its schema leaves open.
    """

    name: str
    description: str
    risk: str
    idempotent: bool
    schema_hash: str
    state: Literal["accepted", "quarantined", "unusable"]
    problem: str
    warnings: list[str]


class ServerHealthShape(Shape):
    """How a server does, as the process that answers sees it: what its sessions met last, and its breaker.

    `up`: the last question was answered. `problem`: it was not, and `problem` says why. `resting`: it is left alone for
    `resting_s` more, because it keeps failing. `idle`: there is no session with it now, so nothing can be said. `since`
    is when that began. `protocols` are the versions of MCP that were agreed. `failing` of the sessions have a problem.
    """

    state: Literal["up", "resting", "problem", "idle"]
    since: str | None
    problem: str
    protocols: list[str]
    sessions: int
    failing: int
    resting_s: float


class ToolServerShape(Shape):
    """A declared tool server. Tools are listed when it can be asked now; else `problem` says why not.

    `warnings` name what is declared of tools that it does not offer.
    `seen` tools of it are known from earlier, `quarantined` of them wait for a person, whether it answers now or not.
    """

    name: str
    digest: str
    transport: str
    address: str
    root: str
    tools: list[ServerToolShape]
    problem: str
    warnings: list[str]
    health: ServerHealthShape
    seen: int
    quarantined: int


def server_health(found: Health, now_ms: int) -> ServerHealthShape:
    """A server's health as the API shows it."""
    return ServerHealthShape(
        state=found.state,
        since=None if found.since_s is None else when(now_ms - int(found.since_s * 1000)),
        problem=redact_text(found.trouble),
        protocols=list(found.protocols),
        sessions=found.sessions,
        failing=found.failing,
        resting_s=round(found.resting_s, 1),
    )
