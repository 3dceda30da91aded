"""What every request passes before a route sees it: Host, Origin, the body's size and pace; and browsers' headers."""

import asyncio
import time
from collections.abc import Awaitable, Generator, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swarmstead.doors.http.problems import problem, refusal
from swarmstead.telemetry.contract import request_served

_HEADERS = [(b"x-content-type-options", b"nosniff")]
_OF_PAGES = [
    (
        b"content-security-policy",
        b"; ".join(
            (
                b"default-src 'self'",
                b"style-src 'self' 'unsafe-inline'",
                b"img-src 'self' data:",
                b"object-src 'none'",
                b"base-uri 'none'",
                b"frame-ancestors 'none'",
                b"form-action 'self'",
            )
        ),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    *_HEADERS,
]
"""For what a browser may show as a page. To write them costs as much as to read a request."""
_PACE = 65_536
_PROBED = {"/healthz", "/readyz"}  # asked by address, by whoever watches the process
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Guards:
    """Refuses requests for another host (DNS rebinding), from another origin, or with too large a body.

    What lies under `programs` answers programs and takes no cookies: no page of it could be shown or framed.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str],
        public_url: str,
        max_body: int,
        read_timeout_s: float,
        programs: str = "",
    ) -> None:
        self._app = app
        self._programs = programs and f"{programs}/"
        self._public_origin = public_url.rstrip("/").lower()
        self._read_timeout_s = read_timeout_s
        self._hosts = {host.lower() for host in hosts}
        self._any_host = "*" in self._hosts
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refused = self._refusal(scope["path"], headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        for_programs = self._programs and f"{scope['path']}/".startswith(self._programs)
        more = _HEADERS if for_programs else _OF_PAGES
        await self._app(
            scope, _Watched(receive, self._max_body, self._read_timeout_s), _decorated(send, scope["method"], more)
        )

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> ASGIApp | None:
        host = headers.get(b"host", b"")
        if path not in _PROBED and not self._any_host and _hostname(b"//" + host) not in self._hosts:
            return problem(
                421,
                "host_refused",
                "This server does not answer under this host name.",
                way_out="Set STEAD_PUBLIC_URL.",
            )
        origin = headers.get(b"origin")
        if origin and origin.decode("latin-1") != self._public_origin and _netloc(origin) != _text(host).lower():
            return problem(
                403, "origin_refused", "A page of another origin sent this.", way_out="Set STEAD_PUBLIC_URL."
            )
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._max_body:
            return refusal(HTTPException(413, f"The body is larger than {self._max_body} bytes."))
        return None


def hosts_of(host: str, public_url: str) -> list[str]:
    """Host names under which the server answers. Listening on every address allows every name, as before a proxy."""
    if public_url:
        return [*_LOOPBACK, _hostname(public_url.encode())]
    return ["*"] if host in ("0.0.0.0", "::") else [*_LOOPBACK, host]  # noqa: S104 - compared, not bound


class _Watched:
    """Counts a body that comes without a length, and gives up on one that comes too slowly."""

    def __init__(self, receive: Receive, limit: int, timeout_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0
        self._timeout_s = timeout_s
        self._began: float | None = None
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:  # what is waited for now is the client's leaving, which may take hours
            return await self._receive()
        waiting = _Begun(self._receive())
        message = waiting.message if waiting.done else await self._in_time(waiting)
        self._seen += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._seen > self._limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {self._limit} bytes.")
        return message

    async def _in_time(self, waiting: "_Begun") -> Message:
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(self._began + self._timeout_s + self._seen / _PACE):
                return await waiting
        except TimeoutError:
            detail = (
                f"The body did not arrive within {self._timeout_s:.0f} seconds, and one more for each 64 KiB of it."
            )
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail) from None


class _Begun:
    """A message that is being received. Most are there already: those need no clock, which costs more than they do."""

    __slots__ = ("_first", "_rest", "done", "message")

    def __init__(self, receiving: Awaitable[Message]) -> None:
        self._rest = receiving.__await__()
        self.message: Message = {}
        self.done = False
        try:
            self._first = next(self._rest)
        except StopIteration as over:
            self.message, self.done = over.value, True

    def __await__(self) -> Generator[Any, Any, Message]:
        try:
            yield self._first
        except BaseException:  # called off, or too late
            self._rest.close()
            raise
        return (yield from self._rest)


def _decorated(send: Send, method: str, more: Sequence[tuple[bytes, bytes]]) -> Send:
    """Adds the headers, and counts the answer: how long it took to begin."""
    started = time.perf_counter()

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            counted = method if method in _METHODS else "other"  # whoever invents methods must not fill the memory
            request_served(counted, message["status"], time.perf_counter() - started)
            message["headers"] = [*message["headers"], *more]
        await send(message)

    return with_headers


@lru_cache(256)
def _hostname(url: bytes) -> str:
    try:
        return (urlsplit(_text(url)).hostname or "").lower()
    except ValueError:
        return ""


def _netloc(origin: bytes) -> str:
    try:
        return urlsplit(_text(origin)).netloc.lower()
    except ValueError:
        return ""


def _text(header: bytes) -> str:
    return header.decode("latin-1")
