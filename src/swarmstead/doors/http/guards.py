"""What every request passes before a route sees it: Host and Origin, size of the body, and headers for browsers."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swarmstead.doors.http.problems import problem

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
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Guards:
    """Refuses requests for another host (DNS rebinding), from another origin, or with too large a body."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], max_body: int) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _Counted(receive, self._max_body), _decorated(send))

    def _refusal(self, headers: dict[bytes, str]) -> ASGIApp | None:
        if "*" not in self._hosts and _hostname("//" + headers.get(b"host", "")) not in self._hosts:
            return problem(
                421,
                "host_refused",
                "This server does not answer under this host name.",
                way_out="Set STEAD_PUBLIC_URL.",
            )
        origin = headers.get(b"origin", "")
        if origin and "*" not in self._hosts and _hostname(origin) not in self._hosts:
            return problem(
                403, "origin_refused", "A page of another origin sent this.", way_out="Set STEAD_PUBLIC_URL."
            )
        length = headers.get(b"content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            return _too_large(self._max_body)
        return None


def hosts_of(host: str, public_url: str) -> list[str]:
    """Host names under which the server answers. Listening on every address allows every name, as before a proxy."""
    if public_url:
        return [*_LOOPBACK, _hostname(public_url)]
    return ["*"] if host in ("0.0.0.0", "::") else [*_LOOPBACK, host]  # noqa: S104 - compared, not bound


class _Counted:
    """Counts a body that comes without a length, and cuts it at the limit."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                return {"type": "http.disconnect"}
        return message


def _too_large(limit: int) -> ASGIApp:
    return problem(
        413,
        "body_too_large",
        f"The body is larger than {limit} bytes.",
        way_out="Send less, or raise STEAD_MAX_BODY_BYTES.",
    )


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
