"""Making connections, to checked addresses (`admitted.py`) only: between check and connect there is no look-up."""

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address

from swarmstead.gateway.adapters.http.admitted import AdmittedAddresses
from swarmstead.gateway.adapters.http.connection import Connection, OnFree
from swarmstead.gateway.adapters.http.errors import NotConnected
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.addresses import Address
from swarmstead.gateway.egress import Egress
from swarmstead.gateway.ports import Resolver
from swarmstead.gateway.targets import Target

_SHARE = 0.5  # of the time that is left, for one address that has others after it


class Dialer:
    """Connects to targets that the egress rules let through. `trust` stands in for the system's TLS trust store."""

    def __init__(
        self, egress: Egress, resolver: Resolver | None, limits: HttpLimits, trust: ssl.SSLContext | None = None
    ) -> None:
        self._addresses = AdmittedAddresses(egress, resolver)
        self._limits = limits
        self._trust = trust
        self._making_trust: asyncio.Task[ssl.SSLContext] | None = None

    async def dial(self, target: Target, on_free: OnFree) -> tuple[Connection, frozenset[str]]:
        """A ready connection, and the checked addresses of its target. Fails: Refused, NotConnected."""
        try:
            async with asyncio.timeout(self._limits.connect_timeout_s) as deadline:
                addresses = await self._addresses.of(target)
                return await self._connected(target, addresses, on_free, deadline), frozenset(map(str, addresses))
        except TimeoutError as error:
            raise NotConnected("no connection in time") from error

    async def _connected(
        self,
        target: Target,
        addresses: Sequence[Address],
        on_free: OnFree,
        deadline: asyncio.Timeout,
    ) -> Connection:
        """A connection to the first address that takes one, in order. Fails: NotConnected, TimeoutError."""
        last: Exception | None = None
        for number, address in enumerate(addresses, 1):
            try:
                async with asyncio.timeout_at(self._turn_ends(deadline, more=number < len(addresses))):
                    return await self._connect(target, address, on_free)
            except (OSError, ssl.CertificateError) as error:  # a TimeoutError of this turn too
                last = error
        raise NotConnected(f"no connection to {target.host}:{target.port}: {_words(last)}") from last

    def _turn_ends(self, deadline: asyncio.Timeout, *, more: bool) -> float | None:
        when, now = deadline.when(), asyncio.get_running_loop().time()
        return now + (when - now) * _SHARE if more and when is not None else None

    async def _connect(self, target: Target, address: Address, on_free: OnFree) -> Connection:
        loop = asyncio.get_running_loop()
        context = await self._context() if target.scheme == "https" else None
        sock = socket.socket(
            socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6, socket.SOCK_STREAM
        )
        try:
            sock.setblocking(False)
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, (str(address), target.port))
            _, connection = await loop.create_connection(
                lambda: Connection(self._limits, on_free),
                sock=sock,
                ssl=context,
                server_hostname=target.host if context else None,
            )
        except BaseException:
            sock.close()
            raise
        connection.address = str(address)
        connection.attach(sock)
        return connection

    async def _context(self) -> ssl.SSLContext:
        if self._trust is None:
            if self._making_trust is None:
                self._making_trust = asyncio.create_task(asyncio.to_thread(_system_trust))
            self._trust = await asyncio.shield(self._making_trust)
        return self._trust


def _system_trust() -> ssl.SSLContext:
    """TLS with the system's trust store, names verified, HTTP/1.1 only. Cost: 20 ms and a file; made once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _words(error: Exception | None) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted ({error.verify_message})"
        case ssl.SSLError():
            return "the TLS handshake failed"
        case TimeoutError():
            return "no answer in time"
        case OSError() if error.errno:
            return os.strerror(error.errno)  # asyncio's own words quote the address
        case _:
            return type(error).__name__
