"""uvicorn's HTTP protocol with deadlines, a bound on connections, and the client's certificate in the ASGI scope.

A connection is not kept for one who sends no headers or reads no answer. A certificate that TLS has verified is read
once a connection and lies in `scope["state"]["peer_certificate"]` as a `people.contract.PeerCertificate`.
"""

import asyncio
import socket
import struct
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from swarmstead.doors.worker.connections import Connections
from swarmstead.doors.worker.corked import Turn, corked
from swarmstead.people.certificates import PEER, peer_certificate
from swarmstead.people.contract import PeerCertificate

_PACE = 65_536
_LONGEST_HEAD = 65_536
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NOTHING_MORE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 seconds


class Timed(HttpToolsProtocol):
    """One connection.

    `header_s` runs from the begin of a request to the end of its headers. While there is more to send than the system
    takes from us, the client has to read 64 KiB, or all of it, within `write_s`; else the connection is dropped with
    what is left. Connections without a request are uvicorn's `timeout_keep_alive`, which ends with the first byte that
    comes: from there on `header_s` runs, or where that byte is the rest of a request that was answered early, once more
    `timeout_keep_alive`, however many bytes follow. Connections beyond the bound of `connections` are closed unheard,
    and one whose headers do not end within 64 KiB and the piece in which that is passed.
    """

    header_s: float
    write_s: float
    connections_of_all: Connections
    turn: Turn

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._header: asyncio.TimerHandle | None = None
        self._in_headers = False
        self._in_body = False
        self._head_bytes = 0
        self._writing: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._peer: PeerCertificate | None = None

    # pyright: ignore[reportIncompatibleMethodOverride] - uvicorn narrows the type in the same way
    def connection_made(self, transport: asyncio.Transport) -> None:
        """Expect a request."""
        super().connection_made(corked(transport, self.turn))
        if not self.connections_of_all.enter(self):
            transport.close()
            return
        self.connections_of_all.rests(self)  # until it asks for something, it gives way like any idle one
        self._peer = _peer_of(transport)
        self._expect_headers(self.header_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self.connections_of_all.leave(self)
        self._have_headers()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Most requests have all their headers in one piece: a clock runs for those that have not."""
        unended = self._in_headers
        super().data_received(data)
        if unended and self._in_headers:  # the parser keeps all of a header until it ends
            self._head_bytes += len(data)
            if self._head_bytes > _LONGEST_HEAD:
                self._turn_away()
                return
        if self._header is not None:
            return
        if self._in_headers:
            self._expect_headers(self.header_s)
        elif self._unasked:
            self._expect_headers(self.timeout_keep_alive if self._in_body else self.header_s)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.connections_of_all.wakes(self)
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["state"][PEER] = self._peer
        self._have_headers()
        self._in_headers = self._in_body = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Its headers have come."""
        self._have_headers()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it has come."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The application is done; the client may not have read it all."""
        super().on_response_complete()
        self._watch_writing()
        if self.timeout_keep_alive_task is not None and not self._in_headers:
            self.connections_of_all.rests(self)

    def let_go(self) -> bool:
        """Close it for the sake of a new one, unless the client is still to read an answer; whether it is closed."""
        if self.transport.get_write_buffer_size():
            return False
        self.transport.close()
        return True

    def pause_writing(self) -> None:
        """More is unsent than the transport likes to hold."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """The client reads."""
        super().resume_writing()
        self._stop_watching()
        self._watch_writing()

    @property
    def _unasked(self) -> bool:
        """Whether something came after an answer that is no request yet: line ends, or more of the last request."""
        cycle = self.cycle  # None before the first request
        answered = cast("Any", cycle) is not None and cycle.response_complete and not self.pipeline
        return answered and self.timeout_keep_alive_task is None and not self.transport.is_closing()

    def _expect_headers(self, within_s: float) -> None:
        self._header = self.loop.call_later(within_s, self._give_up)

    def _have_headers(self) -> None:
        self._in_headers = False
        if self._header is not None:
            self._header.cancel()
            self._header = None

    def _turn_away(self) -> None:
        self._have_headers()
        self.transport.write(_TOO_LONG)
        self._give_up()

    def _give_up(self) -> None:
        self.transport.close()
        self._watch_writing()  # an earlier answer may not have been read, and closing would wait for it

    def _watch_writing(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._writing is None:
            self._unsent = unsent
            self._writing = self.loop.call_later(self.write_s, self._look_at_writing)

    def _look_at_writing(self) -> None:
        self._writing = None
        if self.transport.get_write_buffer_size() <= max(0, self._unsent - _PACE):
            self._watch_writing()
            return
        # Without this, what the system holds of it would be kept until TCP gives up.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOTHING_MORE)
        self.transport.abort()

    def _stop_watching(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None


def bounded(header_s: float, write_s: float, connections: int) -> type[asyncio.Protocol]:
    """The class for uvicorn's `http` setting: `Timed` with these seconds, and at most so many connections at a time."""
    bounds = {"header_s": header_s, "write_s": write_s, "connections_of_all": Connections(connections), "turn": Turn()}
    return cast("type[asyncio.Protocol]", type("Timed", (Timed,), bounds))


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
