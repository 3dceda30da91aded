"""uvicorn's HTTP protocol with a deadline for headers, and with the client's certificate in the ASGI scope.

Who opens a connection and says nothing does not keep it. A certificate that TLS has verified is read once a connection
and lies in `scope["state"]["peer_certificate"]` as a `people.contract.PeerCertificate`.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from swarmstead.people.certificates import PEER, peer_certificate
from swarmstead.people.contract import PeerCertificate


def with_header_timeout(seconds: float) -> type[asyncio.Protocol]:
    """The class for uvicorn's `http` setting; `seconds` run from the begin of a request to the end of its headers."""

    class Timed(HttpToolsProtocol):
        """One connection."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self._deadline: asyncio.TimerHandle | None = None
            self._peer: PeerCertificate | None = None

        # pyright: ignore[reportIncompatibleMethodOverride] - uvicorn narrows the type in the same way
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._peer = _peer_of(transport)
            self._start()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            cast("dict[str, Any]", self.scope)["state"][PEER] = self._peer
            self._stop()
            self._start()

        def on_headers_complete(self) -> None:
            self._stop()
            super().on_headers_complete()

        def _start(self) -> None:
            self._deadline = asyncio.get_running_loop().call_later(seconds, self.transport.close)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return cast("type[asyncio.Protocol]", Timed)


def _peer_of(transport: asyncio.Transport) -> PeerCertificate | None:
    """The client's certificate, when the connection has one. TLS has verified it, or there would be no connection."""
    tls = transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    if not der:
        return None
    try:
        return peer_certificate(der)
    except ValueError:  # good enough for TLS, but we cannot read who it is: nobody, then
        return None
