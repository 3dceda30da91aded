"""One connection: a request goes out, an answer comes in, one at a time. llhttp (httptools) parses, strictly.

What llhttp refuses by itself: two lengths, a length beside Transfer-Encoding, folded headers, lines that end in a bare
LF or CR, bytes that no header may have. What it lets pass and we refuse: other encodings than `chunked`, a compressed
body (we ask for none), answers that nobody asked for, switching protocols, heads and chunk framing without end.
"""

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from swarmstead.gateway.adapters.http.errors import Broken, HttpFailed, TooLong
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.adapters.http.response import Response

_BODILESS = frozenset({204, 304})
_FIRST_INTERIM, _SWITCHING, _FIRST_FINAL, _LAST = 100, 101, 200, 599
_FRAMING_PER_BYTE = 16  # a chunk of one byte costs six on the wire
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


class Ticket(Protocol):
    """Whether a request may have been received: False until the operating system took its first byte.

    `era` is that of the connection that it went out on, where it was 0 before; another number is the only one in which
    it may go out, and with None it does not matter.
    """

    sent: bool
    era: int | None


OnFree = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """A connection to a checked address. `on_free` is told when it may serve again, or has ended."""

    def __init__(self, limits: HttpLimits, on_free: "OnFree") -> None:
        self._limits = limits
        self._on_free = on_free
        self._loop = asyncio.get_running_loop()
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._poll: select.poll | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._response: Response | None = None
        self.made_at = self._loop.time()
        self.idle_since = self.made_at
        self.address = ""
        """The checked address it leads to; set by who dials."""
        self.era = 0
        """Set by the pool, see there."""
        self.on_lend: OnFree | None = None
        """Is told when the answer under way waits for a person; set by who counts connections."""
        self.closed = False
        self._paused = False
        self._queued = False
        """Whether a request went through the transport's own buffer, and may still lie there."""
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._head_left = self._limits.max_head_bytes
        self._lines = 0
        self._interim = 0
        self._wire = 0
        self._body = 0
        self._keep = False
        self._eager = False
        self._until_close = False
        self._ended = False
        self._problem: HttpFailed | None = None

    def attach(self, sock: socket.socket) -> None:
        """The socket below, for a connection without TLS: what is sent on it directly is known to be sent."""
        secure = self._transport is not None and self._transport.get_extra_info("ssl_object") is not None
        self._poll = select.poll()
        # Over TLS there may be something to read at rest (session tickets); without, anything unasked for is wrong.
        self._poll.register(sock.fileno(), _GONE if secure else _GONE | select.POLLIN)
        self._socket = None if secure else sock

    @property
    def alive(self) -> bool:
        """Whether the other side has neither closed nor spoken out of turn, as far as the system knows this instant.

        Cost: 0.3 us. It finds what the event loop has not got round to telling us.
        """
        return not self.closed and self._poll is not None and not self._poll.poll(0)

    def send(self, message: bytes, ticket: Ticket | None) -> asyncio.Future[Response]:
        """Send a request; the answer is there with its headers, or whole if it is short.

        Fails: ConnectionError when the other side is gone and it is certain that nothing was sent.
        """
        transport = self._transport
        if transport is None or self.closed:
            raise ConnectionResetError
        self._begin()
        sent = self._send_now(self._socket, message) if self._socket is not None else 0
        if ticket is not None:
            ticket.sent = True
        if sent < len(message):
            self._queued = True
            transport.write(message[sent:])
        self._answer = answer = self._loop.create_future()
        return answer

    def _send_now(self, sock: socket.socket, message: bytes) -> int:
        try:
            return sock.send(message)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.abort()
            raise ConnectionResetError from error

    def resume(self) -> None:
        """Read on after an answer was held back."""
        if self._paused and self._transport is not None and not self.closed:
            self._paused = False
            self._transport.resume_reading()

    def lend(self) -> None:
        """The answer under way waits for a person: until it is over, nobody is to be kept waiting by it."""
        if self.on_lend is not None:
            self.on_lend(self)

    def abort(self) -> None:
        """Close at once; an answer under way fails."""
        if not self.closed:
            self.closed = True
            if self._transport is not None:
                self._transport.abort()

    # What the event loop says ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Parse, then hand over what has become of the answer."""
        parser = self._parser
        if parser is None or (self._answer is None and self._response is None):
            self.abort()  # nobody asked
            return
        try:
            if self._response is None:
                data = self._fed_head(parser, data)
            if data:
                parser.feed_data(data)
                self._wire += len(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(self._problem or Broken(f"its answer is not valid HTTP: {_words(error)}"))
            return
        if self._wire - self._body * _FRAMING_PER_BYTE > self._limits.max_head_bytes + self._body:
            self._fail(TooLong("its answer is framing with hardly any content"))
            return
        self._hand_over()

    def eof_received(self) -> bool | None:
        """No half-open connections: the transport closes itself."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of an answer that has no length, or of the hope for one."""
        was_closed, self.closed = self.closed, True
        response = self._response
        if response is not None and self._until_close and exc is None and not was_closed and not self._ended:
            self._ended = response.complete = True
            self._hand_over()
        elif response is not None or self._answer is not None:
            self._lose(response)
        self._parser = self._transport = self._socket = self._poll = None
        self._on_free(self)

    # What the parser says --------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Refuse an answer after the answer."""
        if self._ended:
            raise self._wrong(Broken("it sent more than one answer, or more than its length says"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; values of one name are joined."""
        if self._response is not None:  # trailers: read past, nobody needs them
            return
        self._lines += 1
        if self._lines > self._limits.max_headers:
            raise self._wrong(TooLong(f"its answer has more than {self._limits.max_headers} headers"))
        headers, key = self._headers, name.lower()
        headers[key] = value if key not in headers else headers[key] + b", " + value

    def on_headers_complete(self) -> None:
        """Decide whether the head is acceptable, where its body ends, and whether the connection may go on."""
        parser = cast("httptools.HttpResponseParser", self._parser)  # it is the one that calls
        status = parser.get_status_code()
        if status < _FIRST_FINAL:
            self._between(status)
            return
        headers = self._headers
        encoding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
        problem = _problem(status, parser.get_http_version(), encoding, headers.get(b"content-encoding"))
        if problem:
            raise self._wrong(Broken(problem))
        self._until_close = encoding is None and length is None and status not in _BODILESS
        # One that says it has a body where none may be is not to be trusted with a further request.
        self._keep = parser.should_keep_alive() and not (
            status in _BODILESS and (encoding or length not in {None, b"0"})
        )
        self._eager = length is not None and int(length) <= self._limits.whole_bytes
        self._response = Response(self, status, headers)

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        response = self._response
        if response is not None:
            self._body += len(body)
            response.feed(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        response = self._response
        if response is not None:
            self._ended = response.complete = True
        else:
            self._headers = {}  # an interim answer; the real one follows

    # -----------------------------------------------------------------------------------------------------------------

    def _fed_head(self, parser: httptools.HttpResponseParser, data: bytes) -> bytes:
        """Feed what still may be the head, and give back the rest. Fails: as the parser."""
        left = self._head_left
        if len(data) <= left:
            self._head_left = left - len(data)
            parser.feed_data(data)
            return b""
        parser.feed_data(data[:left])
        if self._response is None:
            raise self._wrong(TooLong(f"its headers have more than {self._limits.max_head_bytes} bytes"))
        return data[left:]

    def _between(self, status: int) -> None:
        self._interim += 1
        if status == _SWITCHING or status < _FIRST_INTERIM:
            raise self._wrong(Broken(f"it answered HTTP {status}, which was not asked for"))
        if self._interim > self._limits.max_interim:
            raise self._wrong(TooLong(f"it sent more than {self._limits.max_interim} interim answers"))

    def _hand_over(self) -> None:
        response = self._response
        if response is None:
            return
        answer = self._answer
        if self._ended:
            self._response = self._answer = None
            self._free()
        elif response.size >= self._limits.buffer_bytes and not self._eager:
            self._hold_back(response)
        if answer is None:
            response.wake()
        elif self._ended or not self._eager:
            self._answer = None
            if answer.done():  # nobody waits any more
                self.abort()
            else:
                answer.set_result(response)

    def _hold_back(self, response: Response) -> None:
        if self._transport is not None and not self.closed and not self._paused:
            self._paused = True
            self._transport.pause_reading()
            response.held_back()

    def _free(self) -> None:
        if not self._keep or self.closed or (self._queued and self._unsent()):
            self.abort()  # the pool hears of it when it is gone
            return
        if self._paused:
            self.resume()
        self._on_free(self)

    def _unsent(self) -> bool:
        self._queued = self._transport is not None and self._transport.get_write_buffer_size() > 0
        return self._queued

    def _wrong(self, problem: HttpFailed) -> httptools.HttpParserError:
        """Remember the words for what the parser's callback found; the parser only passes on that it failed."""
        self._problem = problem
        return httptools.HttpParserError(str(problem))

    def _fail(self, error: HttpFailed) -> None:
        """Give up on the answer and the connection."""
        answer, response = self._answer, self._response
        self._answer = self._response = None
        self.abort()
        if answer is not None and not answer.done():
            answer.set_exception(error)
        elif response is not None:
            response.complete = False
            response.fail(error)
            response.wake()

    def _lose(self, response: Response | None) -> None:
        self._fail(Broken("its answer broke off" if response is not None else "it closed the connection"))


def _problem(status: int, version: str, transfer: bytes | None, content: bytes | None) -> str:
    """What makes a head unacceptable although it can be parsed; '' for nothing."""
    if version not in {"1.1", "1.0"} or status > _LAST:
        return f"it answered HTTP/{version} {status}, which we do not speak"
    if transfer is not None and (transfer.lower() != b"chunked" or version == "1.0"):
        return "its answer has a Transfer-Encoding that is not chunked"
    if content is not None and content.lower() not in {b"identity", b""}:
        return "its answer is compressed, which was not asked for"
    return ""


def _words(error: Exception) -> str:
    return str(error)[:100] or type(error).__name__
