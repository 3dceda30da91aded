"""What every request passes before a route sees it: Host, Origin, the body's size and pace; and browsers' headers."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swarmstead.doors.http.problems import problem, refusal

_HEADERS = [
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
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_PACE = 65_536
_PROBED = {"/healthz", "/readyz"}  # asked by address, by whoever watches the process
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Guards:
    """Refuses requests for another host (DNS rebinding), from another origin, or with too large a body."""

    def __init__(
        self, app: ASGIApp, *, hosts: Sequence[str], public_url: str, max_body: int, read_timeout_s: float
    ) -> None:
        self._app = app
        self._public_origin = public_url.rstrip("/").lower()
        self._read_timeout_s = read_timeout_s
        self._hosts = {host.lower() for host in hosts}
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refusal(scope["path"], headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, _Watched(receive, self._max_body, self._read_timeout_s), _decorated(send))

    def _refusal(self, path: str, headers: dict[bytes, str]) -> ASGIApp | None:
        host = headers.get(b"host", "")
        if path not in _PROBED and "*" not in self._hosts and _hostname("//" + host) not in self._hosts:
            return problem(
                421,
                "host_refused",
                "This server does not answer under this host name.",
                way_out="Set STEAD_PUBLIC_URL.",
            )
        origin = headers.get(b"origin", "")
        if origin and origin != self._public_origin and _netloc(origin) != host.lower():
            return problem(
                403, "origin_refused", "A page of another origin sent this.", way_out="Set STEAD_PUBLIC_URL."
            )
        length = headers.get(b"content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            return refusal(HTTPException(413, f"The body is larger than {self._max_body} bytes."))
        return None


def hosts_of(host: str, public_url: str) -> list[str]:
    """Host names under which the server answers. Listening on every address allows every name, as before a proxy."""
    if public_url:
        return [*_LOOPBACK, _hostname(public_url)]
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
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(self._began + self._timeout_s + self._seen / _PACE):
                message = await self._receive()
        except TimeoutError:
            detail = (
                f"The body did not arrive within {self._timeout_s:.0f} seconds, and one more for each 64 KiB of it."
            )
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail) from None
        self._seen += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._seen > self._limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {self._limit} bytes.")
        return message


def _decorated(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_HEADERS]
        await send(message)

    return with_headers


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
