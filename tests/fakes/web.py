"""A little HTTP/1.1 server for the fakes: it shares no code with the client under test, and can cut connections off."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote


class Headers(dict[str, str]):
    """Headers under lower-case names, found by any."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


@dataclass(eq=False)
class Request:
    """A request, its body read. `stream` begins an answer whose end is not known yet."""

    method: str
    path: str
    headers: Headers
    body: bytes
    transport: asyncio.Transport

    def json(self) -> Any:
        return json.loads(self.body)

    def abort(self) -> None:
        """Cut the connection off."""
        self.transport.abort()

    def stream(self, headers: Mapping[str, str]) -> "Stream":
        return Stream(self.transport, headers)


@dataclass
class Response:
    """An answer in one piece."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def encoded(self) -> bytes:
        """As it goes over the wire."""
        lines = [_status_line(self.status), *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.status not in {204, 304}:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Stream(Response):
    """An answer in chunks."""

    def __init__(self, transport: asyncio.Transport, headers: Mapping[str, str]) -> None:
        super().__init__()
        self._transport = transport
        lines = [_status_line(200), *(f"{name}: {value}" for name, value in headers.items())]
        transport.write("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode())

    def write(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def encoded(self) -> bytes:
        return b"0\r\n\r\n"


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def text_response(text: str, kind: str = "text/plain", status: int = 200) -> Response:
    """An answer in words."""
    return Response(status, text.encode(), {"Content-Type": kind})


Handler = Callable[[Request], Awaitable[Response]]


def _status_line(status: int) -> str:
    known = status in HTTPStatus._value2member_map_
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase if known else 'Unheard Of'}"


class _Peer(asyncio.Protocol):
    """One connection. Its handler is cancelled when the client goes."""

    def __init__(self, handler: Handler, peers: "set[_Peer]") -> None:
        self._handler = handler
        self._peers = peers
        self._received = bytearray()
        self._arrived = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._peers.add(self)
        self._transport = cast("asyncio.Transport", transport)
        self.task = asyncio.create_task(self._serve(self._transport))

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        if self.task is not None:
            self.task.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _serve(self, transport: asyncio.Transport) -> None:
        while True:
            while b"\r\n\r\n" not in self._received:
                await self._more()
            head = self._take(self._received.index(b"\r\n\r\n") + 4).decode("latin-1")
            first, *lines = head.split("\r\n")
            method, path, _ = first.split(" ")
            headers = Headers((n.strip().lower(), v.strip()) for n, v in (one.split(":", 1) for one in lines if one))
            length = int(headers.get("content-length", "0"))
            while len(self._received) < length:
                await self._more()
            request = Request(method, unquote(path.partition("?")[0]), headers, self._take(length), transport)
            try:
                transport.write((await self._handler(request)).encoded())
            except Exception:
                transport.abort()  # a fake that fails is not to look like one that hangs
                raise

    async def _more(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    def _take(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[int]:
    """Serve on a free port of loopback, which is given; in the end all connections are cut off."""
    peers: set[_Peer] = set()
    server = await asyncio.get_running_loop().create_server(lambda: _Peer(handler, peers), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        tasks = [peer.task for peer in peers if peer.task is not None]
        for peer in tuple(peers):
            peer.close()
        await asyncio.gather(*tasks, return_exceptions=True)
