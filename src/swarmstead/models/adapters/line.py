"""The connections to providers: to addresses that the egress rules let through, and by no proxy of the environment.

The provider's SDK makes the request, its HTTP library (httpx2 over httpcore2) writes it; where the connection goes is
decided here. Imports both: see `wire.py`.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, cast

import httpcore2
import httpx2

from swarmstead.models.ports import Addresses

_MOST_CONNECTIONS = 1_000
_MOST_IDLE = 100
_IDLE_S = 5.0
_CONNECT_S = 5.0
_MOST_BYTES = 64 * 1024 * 1024  # of an answer: 128,000 tokens, each in an event of its own, are half of that
_LONGEST_LINE = 8 * 1024 * 1024  # an SDK keeps an event until it is whole
_LONGEST_ERROR = 1024 * 1024
_BAD = 400  # statuses from here on are errors
_SHARE = 0.5  # of the time that is left, for one address that has others after it
_NAMES = (
    "ConnectError",
    "ConnectTimeout",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "TimeoutException",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
)
_SAME = {getattr(httpcore2, name): getattr(httpx2, name) for name in _NAMES}
# What goes out of what an SDK would send. The environment of the server has more for it (`OPENAI_ORG_ID`,
# `ANTHROPIC_CUSTOM_HEADERS`), and that is nobody's but its operator's: the address may be a stranger's.
_PASSED = frozenset(
    {b"accept", b"anthropic-beta", b"anthropic-version", b"content-length", b"content-type", b"transfer-encoding"}
)
# An answer that is compressed can be a thousand times what was sent, so none is asked for, and none is read.
_ALWAYS = {"user-agent": "swarmstead", "accept-encoding": "identity"}
EVENTS = "text/event-stream"
E = TypeVar("E", bound=BaseException)


class Listener(Protocol):
    """Told how far a request has come."""

    @property
    def most_bytes(self) -> int:
        """More than an answer to it can have, all that is around its words included."""
        ...

    def sending(self) -> None:
        """The provider is about to get the body of the request: from then on it may work, and bill."""
        ...

    def answered(self, status: int, media: str, close: Callable[[], Awaitable[None]]) -> None:
        """The head of its answer is here; `close` lets go of the connection, read to its end or not."""
        ...


HEARD: ContextVar[Listener | None] = ContextVar("heard", default=None)


class Denied(httpcore2.ConnectError):
    """The egress rules refuse the address. Nothing was sent."""


class Endless(httpx2.RemoteProtocolError):
    """More came than any answer holds, so it was not read on."""


class Compressed(httpx2.RemoteProtocolError):
    """The answer is compressed, though that was ruled out; it was not read."""


def cause(error: BaseException, kind: type[E]) -> E | None:
    """The error of that kind that an SDK's error came of, if it did."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        if isinstance(found, kind):
            return found
        seen.append(found)
        found = found.__cause__ or found.__context__
    return None


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connects to checked addresses, one after the other; the name is not looked up again. TLS verifies the name."""

    def __init__(self, addresses: Addresses, scheme: str) -> None:
        self._addresses = addresses
        self._scheme = scheme
        self._plain = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection without TLS, which is laid over it. Fails: Denied, ConnectError, ConnectTimeout."""
        try:
            async with asyncio.timeout(min(timeout or _CONNECT_S, _CONNECT_S)) as deadline:
                found = await self._admitted(host, port)
                return await self._connected(found, port, local_address, deadline)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout("no connection in time") from error

    async def _admitted(self, host: str, port: int) -> Sequence[str]:
        try:
            return await self._addresses.admitted(self._scheme, host, port)
        except PermissionError as refused:
            raise Denied(str(refused)) from refused
        except TimeoutError:
            raise
        except OSError as failed:
            raise httpcore2.ConnectError(str(failed)) from failed

    async def _connected(
        self, addresses: Sequence[str], port: int, local_address: str | None, deadline: asyncio.Timeout
    ) -> httpcore2.AsyncNetworkStream:
        last: Exception = httpcore2.ConnectError("its host has no address")
        for number, address in enumerate(addresses, 1):
            try:
                left = (deadline.when() or 0.0) - asyncio.get_running_loop().time()
                share = left * _SHARE if number < len(addresses) else left
                return await self._plain.connect_tcp(address, port, max(share, 0.0), local_address)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last

    async def sleep(self, seconds: float) -> None:
        """Between attempts to connect; there is one."""
        await asyncio.sleep(seconds)


class Line(httpx2.AsyncBaseTransport):
    """What an SDK's HTTP client sends through. Belongs to one event loop.

    Invariants: every connection goes to an address that `addresses` admitted for its scheme, host and port; proxies of
    the environment are not used; no request is sent twice; with it go `own` headers (the key) and what every request
    needs, and nothing that an SDK found in the environment; answers come as they are, uncompressed and bounded; cookies
    are not kept.
    """

    def __init__(self, addresses: Addresses, own: Mapping[str, str]) -> None:
        self._own = [(name.encode(), value.encode()) for name, value in (_ALWAYS | dict(own)).items()]
        trust = httpcore2.default_ssl_context()
        self._pools = {
            scheme: httpcore2.AsyncConnectionPool(
                ssl_context=trust,
                max_connections=_MOST_CONNECTIONS,
                max_keepalive_connections=_MOST_IDLE,
                keepalive_expiry=_IDLE_S,
                network_backend=_Backend(addresses, scheme),
            )
            for scheme in ("http", "https")
        }

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer's head; its body is read as it comes. Fails: httpx2.TransportError."""
        pool = self._pools.get(request.url.scheme)
        if pool is None:
            raise httpx2.UnsupportedProtocol("providers are asked over http or https")
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        heard = HEARD.get()
        body = _watched(cast("httpx2.AsyncByteStream", request.stream), heard)
        extensions = cast("Any", request).extensions
        passed = [(name, value) for name, value in request.headers.raw if name.lower() in _PASSED]
        headers = [(b"host", request.url.netloc), *passed, *self._own]
        wire = httpcore2.Request(request.method, url, headers=headers, content=body, extensions=extensions)
        with _as_httpx2():
            answer = await pool.handle_async_request(wire)
        answered = cast("Any", answer).extensions
        told = _without(answer.headers, b"set-cookie")
        stream = _Body(answer, heard.most_bytes if heard is not None else _MOST_BYTES)
        response = httpx2.Response(answer.status, headers=told, stream=stream, extensions=answered)
        if heard is not None:
            media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            heard.answered(answer.status, media, stream.aclose)
        if any(name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in told):
            await stream.aclose()
            raise Compressed("it sent a compressed answer, which nobody asked for")
        return response

    async def aclose(self) -> None:
        """Close the connections, those in use included."""
        for pool in self._pools.values():
            await pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """What is answered, as long as it is bounded: whoever declares a model names an address of any kind."""

    def __init__(self, answer: httpcore2.Response, most: int) -> None:
        self._answer = answer
        self._most = min(most, _LONGEST_ERROR if answer.status >= _BAD else _MOST_BYTES)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = line = 0
        with _as_httpx2():
            async for part in cast(
                "AsyncIterable[bytes]", self._answer.stream
            ):  # SDKs read on after its end, to drain it
                seen += len(part)
                line = line + len(part) if b"\n" not in part else len(part) - part.rindex(b"\n")
                if seen > self._most or line > _LONGEST_LINE:
                    raise Endless("it sent more than any answer has")
                yield part

    async def aclose(self) -> None:
        """Let the connection go: to the pool after the whole answer, else it is closed."""
        await self._answer.aclose()


def _without(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[tuple[bytes, bytes]]:
    return [one for one in headers if one[0].lower() != name]


async def _watched(body: httpx2.AsyncByteStream, heard: Listener | None) -> AsyncGenerator[bytes]:
    if heard is not None:
        heard.sending()
    async for part in body:
        yield part


@contextmanager
def _as_httpx2() -> Generator[None]:
    """The same errors under the names that the SDKs know."""
    try:
        yield
    except Exception as error:
        for kind in type(error).__mro__:
            if kind in _SAME:
                raise _SAME[kind](str(error)) from error
        raise
