"""Bodies of `/api/v1/traffic`."""

from typing import Literal

from swarmstead.doors.http.shapes import Shape
from swarmstead.gateway.traffic.state import ServerTraffic
from swarmstead.gateway.traffic.tally import Calls
from swarmstead.kernel.clock import rfc3339

BreakerShape = Literal["closed", "open", "half_open", "probing"]


class CallsShape(Shape):
    """How often a tool's server was asked since the process began, repeats included, and how often that failed.

    What was refused before it got there is not counted. The times are of the last 200 answers.
    """

    calls: int
    failures: int
    p50_ms: float | None
    p95_ms: float | None
    last_called: str


class ToolTrafficShape(Shape):
    """One tool: calls under way and waiting, and whether it is left alone, for how many seconds more."""

    name: str
    in_flight: int
    queued: int
    breaker: BreakerShape
    resting_s: float
    calls: CallsShape | None


class ServerTrafficShape(Shape):
    """One tool server; `breaker` is the worst of its own and its tools'.

    `refused` counts since the process began, at `since`.
    """

    name: str
    in_flight: int
    queued: int
    breaker: BreakerShape
    resting_s: float
    refused: dict[str, int]
    since: str
    tools: list[ToolTrafficShape]


def server_traffic(name: str, found: ServerTraffic, now_ms: int, counted_s: float) -> ServerTrafficShape:
    """A server's traffic as the API shows it."""
    return ServerTrafficShape(
        name=name,
        in_flight=found.in_flight,
        queued=found.queued,
        breaker=found.breaker.value,
        resting_s=round(found.resting_s, 1),
        refused=dict(found.refused),
        since=rfc3339(now_ms - int(counted_s * 1000)),
        tools=[
            ToolTrafficShape(
                name=tool,
                in_flight=one.in_flight,
                queued=one.queued,
                breaker=one.breaker.value,
                resting_s=round(one.resting_s, 1),
                calls=None if one.calls is None else _calls(one.calls, now_ms),
            )
            for tool, one in sorted(found.tools.items())
        ],
    )


def _calls(found: Calls, now_ms: int) -> CallsShape:
    return CallsShape(
        calls=found.calls,
        failures=found.failures,
        p50_ms=None if found.p50_ms is None else round(found.p50_ms, 2),
        p95_ms=None if found.p95_ms is None else round(found.p95_ms, 2),
        last_called=rfc3339(now_ms - int(found.ago_s * 1000)),
    )
