"""A Streamable HTTP MCP server that misbehaves on demand: the tool's name says what to do with the call."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.fakes import web

SESSION = "Mcp-Session-Id"


class FakeHttpServer:
    """What it was sent is in `seen` (messages) and `headers`; `calls` counts tool calls that ran."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.deleted: list[str] = []
        self.tools: list[dict[str, Any]] = [{"name": "echo", "inputSchema": {"type": "object"}}]
        self.calls = 0
        self.token = ""
        self.connections: set[int] = set()
        self.is_nameless = False
        self.keeps = True
        self.pages = 1
        self._open: set[asyncio.Transport] = set()
        self.live: set[str] = set()
        self.says_gone_in_json_rpc = False
        self.started = 0
        self.cancelled = asyncio.Event()
        self.replies: list[dict[str, Any]] = []
        self.replied = asyncio.Event()

    def come_back(self) -> None:
        """As when it is started anew: its sessions are forgotten, its connections closed."""
        self.live.clear()
        for transport in self._open:
            if not transport.is_closing():
                transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)  # at once, not in the loop's next turn
        self._open.clear()

    async def handle(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        self.connections.add(id(request.transport))
        self._open.add(request.transport)
        if request.method == "DELETE":
            self.deleted.append(request.headers[SESSION])
            return web.Response(status=204)
        if self.token and request.headers.get("Authorization") != self.token:
            return web.Response(status=401)
        message = request.json()
        self.seen.append(message)
        if message.get("method") == "initialize":
            return self._initialize(message)
        if not self.is_nameless and request.headers.get(SESSION) not in self.live:
            if self.says_gone_in_json_rpc:
                error = {"code": -32600, "message": "Session not found"}
                body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error})
                return web.Response(404, body.encode(), {"Content-Type": "application/json"})
            return web.text_response("no such session", status=404)
        found = await self._in_session(request, message)
        return found if self.keeps else replace(found, headers={**found.headers, "Connection": "close"})

    def _list(self, message: dict[str, Any]) -> web.Response:
        page = int(message["params"].get("cursor", "0")) + 1
        more = {"nextCursor": str(page)} if page < self.pages else {}
        return answer(message, {"tools": self.tools if page == 1 else [], **more})

    async def _in_session(self, request: web.Request, message: dict[str, Any]) -> web.Response:
        method = message.get("method")
        if method == "tools/list":
            return self._list(message)
        if method == "tools/call":
            self.calls += 1
            return await self._call(request, message)
        return self._noted(message)

    def _initialize(self, message: dict[str, Any]) -> web.Response:
        self.started += 1
        session = f"session-{self.started}"
        self.live.add(session)
        version = message["params"]["protocolVersion"]
        body: dict[str, Any] = {"protocolVersion": version, "capabilities": {}, "serverInfo": {}}
        return answer(message, body, headers={} if self.is_nameless else {SESSION: session})

    def _noted(self, message: dict[str, Any]) -> web.Response:
        if message.get("method") == "notifications/cancelled":
            self.cancelled.set()
        if "method" not in message:
            self.replies.append(message)
            if len(self.replies) == 2:
                self.replied.set()
        return web.Response(status=202)

    async def _call(self, request: web.Request, message: dict[str, Any]) -> web.Response:
        name, arguments = message["params"]["name"], message["params"]["arguments"]
        if name in {"stream", "short", "break", "ask_back"}:
            return await self._stream(request, message)
        if name == "drop":
            request.abort()
        if name == "hang":
            await self.cancelled.wait()
        plain = PLAIN.get(name)
        return plain(message, arguments) if plain else web.Response()

    async def _stream(self, request: web.Request, message: dict[str, Any]) -> web.Response:
        name = message["params"]["name"]
        response = request.stream({"Content-Type": "text/event-stream"})
        response.write(b"\xef\xbb\xbf: hello\r\nid: 1\r\ndata:\r\n\r\n")
        note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "ü"}}
        response.write(event(note))
        if name == "ask_back":
            for method in ["ping", "sampling/createMessage"]:
                response.write(event({"jsonrpc": "2.0", "id": method, "method": method}))
            await self.replied.wait()
        if name == "break":
            request.abort()
        elif name != "short":
            result: dict[str, Any] = {"content": [], "structuredContent": {"ok": True}}
            body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            for byte in event(body):  # as a network may split it
                response.write(bytes([byte]))
        return response


def refuse(message: dict[str, Any], arguments: dict[str, Any]) -> web.Response:
    error = {"code": arguments["code"], "message": "bad\r\nnews"}
    body = {"jsonrpc": "2.0", "id": message["id"], "error": error}
    return web.json_response(body, status=arguments["status"])


def status(_message: dict[str, Any], arguments: dict[str, Any]) -> web.Response:
    headers = {"Location": "http://127.0.0.1:9/"} if 300 <= arguments["status"] < 400 else {}
    return web.Response(status=arguments["status"], headers=headers)


PLAIN: dict[str, Callable[[dict[str, Any], dict[str, Any]], web.Response]] = {
    "status": status,
    "refuse": refuse,
    "html": lambda _message, _arguments: web.text_response("<h1>It works</h1>", "text/html"),
    "garbage": lambda _message, _arguments: web.text_response("{", "application/json"),
    "huge": lambda _message, asked: web.text_response("x" * asked["size"], asked["type"]),
    "echo": lambda message, _arguments: answer(message, {"content": [], "structuredContent": message["params"]}),
}


def answer(message: dict[str, Any], result: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result}, headers=headers)


def event(message: dict[str, Any]) -> bytes:
    """One event whose data goes over two lines, with mixed line ends."""
    first, _, second = json.dumps(message, ensure_ascii=False).partition(", ")
    return f"event: message\rdata: {first},\r\ndata: {second}\n\n".encode()


@asynccontextmanager
async def serving() -> AsyncGenerator[FakeHttpServer]:
    """A running server on a free port of this machine."""
    fake = FakeHttpServer()
    async with web.serving(fake.handle) as port:
        fake.url = f"http://127.0.0.1:{port}/mcp"
        yield fake
