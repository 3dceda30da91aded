"""Bodies of `/api/v1/traffic`."""

from typing import Literal

from swarmstead.doors.http.shapes import Shape
from swarmstead.gateway.traffic.state import ServerTraffic

BreakerShape = Literal["closed", "open", "half_open", "probing"]


class ToolTrafficShape(Shape):
    """One tool: calls under way and waiting, and whether it is left alone, for how many seconds more."""

    name: str
    in_flight: int
    queued: int
    breaker: BreakerShape
    resting_s: float


class ServerTrafficShape(Shape):
    """One tool server; `breaker` is the worst of its own and its tools'. `refused` counts since the process started."""

    name: str
    in_flight: int
    queued: int
    breaker: BreakerShape
    resting_s: float
    refused: dict[str, int]
    tools: list[ToolTrafficShape]


def server_traffic(name: str, found: ServerTraffic) -> ServerTrafficShape:
    """A server's traffic as the API shows it."""
    return ServerTrafficShape(
        name=name,
        in_flight=found.in_flight,
        queued=found.queued,
        breaker=found.breaker.value,
        resting_s=round(found.resting_s, 1),
        refused=dict(found.refused),
        tools=[
            ToolTrafficShape(
                name=tool,
                in_flight=one.in_flight,
                queued=one.queued,
                breaker=one.breaker.value,
                resting_s=round(one.resting_s, 1),
            )
            for tool, one in sorted(found.tools.items())
        ],
    )
