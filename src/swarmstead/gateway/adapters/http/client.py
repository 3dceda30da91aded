"""The HTTP client: requests in, answers out, over kept connections to checked addresses.

It follows no redirect, keeps no cookie, and knows no proxy of the environment: a request goes where it says.
"""

import asyncio
import ssl

from swarmstead.gateway.adapters.http.connection import Ticket
from swarmstead.gateway.adapters.http.dialer import Dialer
from swarmstead.gateway.adapters.http.errors import Elsewhere, NotConnected
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.adapters.http.pool import Pool
from swarmstead.gateway.adapters.http.request import RequestHead
from swarmstead.gateway.adapters.http.resolver import SystemResolver
from swarmstead.gateway.adapters.http.response import Response
from swarmstead.gateway.egress import Egress
from swarmstead.gateway.ports import Resolver

_MOST_STALE = 3


class HttpClient:
    """Belongs to one event loop, and is to be closed. Satisfies what `fetch` needs.

    Cost: 15 us of CPU a request on a kept connection, JSON aside (`python -m bench.http_client`).
    """

    def __init__(
        self,
        egress: Egress,
        limits: HttpLimits | None = None,
        *,
        resolver: Resolver | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or HttpLimits()
        self._dialer = Dialer(egress, resolver or SystemResolver(), self.limits, trust)
        self._pools: dict[tuple[str, str, int], Pool] = {}
        self._tidying: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, head: RequestHead, body: bytes = b"", ticket: Ticket | None = None) -> Response:
        """Send a request; the answer is there with its headers, or whole if it says that it is short.

        `ticket.sent` becomes true when the operating system has taken the first byte. It is sent once: a kept
        connection that turns out to be gone before that is passed over for another one. The caller sets the time limit.
        Fails: Refused, NotConnected, Broken, TooLong; Elsewhere where `ticket.era` is over. Being called off closes the
        connection.
        """
        pool = self._pools.get(head.target.origin) or self._new_pool(head)
        message = head.message(body)
        for _ in range(_MOST_STALE):
            connection = pool.take() or await pool.get()
            if ticket is not None and ticket.era is not None:
                if ticket.era not in (0, connection.era):
                    pool.put_back(connection)
                    raise Elsewhere("its connections were closed meanwhile")
                ticket.era = connection.era
            try:
                return await connection.send(message, ticket)
            except ConnectionError:  # raised before anything was sent, and by nothing else
                continue
            except asyncio.CancelledError:
                connection.abort()
                raise
        raise NotConnected("its connections are closed as soon as they are made")

    @property
    def hosts(self) -> int:
        """To how many origins there are connections."""
        return len(self._pools)

    def tidy(self) -> None:
        """Close connections that were idle for too long, forget hosts without any. Runs by itself now and then."""
        for pool in self._pools.values():
            pool.tidy()
        self._pools = {origin: pool for origin, pool in self._pools.items() if not pool.empty}

    async def aclose(self) -> None:
        """Close all connections; requests under way fail, later ones too."""
        self._closed = True
        if self._tidying is not None:
            self._tidying.cancel()
        for pool in self._pools.values():
            pool.close()
        await asyncio.sleep(0)  # sockets are closed in the loop's next turn

    def _new_pool(self, head: RequestHead) -> Pool:
        target = head.target
        pool = self._pools[target.origin] = Pool(target, self._dialer, self.limits)
        if self._closed:
            pool.close()
        elif self._tidying is None:
            self._tidy_later()
        return pool

    def _tidy_later(self) -> None:
        self._tidying = asyncio.get_running_loop().call_later(self.limits.keep_alive_s / 2, self._tidy_and_go_on)

    def _tidy_and_go_on(self) -> None:
        """Every now and then, until there is nothing left to tidy."""
        self.tidy()
        self._tidying = None
        if self._pools:
            self._tidy_later()
