"""Small documents of others, over the client that connects to checked addresses only: for issuers of tokens."""

from http import HTTPStatus

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.errors import HttpFailed
from swarmstead.gateway.adapters.http.fetch import fetch
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.egress import Egress
from swarmstead.people.errors import IssuerAway


class Documents:
    """Satisfies `people.ports.Fetch`. The client is made at the first use."""

    def __init__(self, egress: Egress, limits: HttpLimits | None = None) -> None:
        self._egress = egress
        self._limits = limits
        self._client: HttpClient | None = None

    async def get(self, url: str, *, max_bytes: int) -> bytes:
        """The body of a 200 answer; anything else is IssuerAway. No redirect is followed."""
        if self._client is None:
            self._client = HttpClient(self._egress, self._limits)
        try:
            found = await fetch(self._client, url, headers={"accept": "application/json"}, max_bytes=max_bytes)
        except HttpFailed as error:
            raise IssuerAway(f"{url} did not answer: {error}.") from error
        if found.status != HTTPStatus.OK:
            raise IssuerAway(f"{url} answered {found.status}.")
        return found.body

    async def aclose(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.aclose()
