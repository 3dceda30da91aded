"""The connections that HTTP sessions with tool servers share."""

from dataclasses import dataclass

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.egress import Egress
from swarmstead.gateway.ports import Resolver


@dataclass(frozen=True, slots=True)
class Clients:
    """Connections that all HTTP sessions share: for calls, and for listening, which must not take those away."""

    calls: HttpClient
    listening: HttpClient

    async def aclose(self) -> None:
        """Close them all."""
        await self.calls.aclose()
        await self.listening.aclose()


def make_clients(limits: UpstreamLimits, egress: Egress, resolver: Resolver | None = None) -> Clients:
    """To be made on the event loop, and closed."""
    most = (limits.max_connections_per_host, limits.max_listening_per_host)
    calls, listening = (
        HttpClient(egress, HttpLimits(connect_timeout_s=limits.connect_timeout_s, max_per_host=one), resolver=resolver)
        for one in most
    )
    return Clients(calls, listening)
