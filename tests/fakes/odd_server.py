"""A tool server over Streamable HTTP in both eras whose every word a test has chosen beforehand."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes import web

TOOL: dict[str, Any] = {"name": "odd", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
RESULTS: Mapping[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "odd"}},
    "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {}, "serverInfo": {}},
    "tools/list": {"tools": [TOOL], "nextCursor": ""},
    "prompts/list": {"prompts": [{"name": "p", "arguments": []}]},
    "resources/list": {"resources": [{"uri": "odd://1", "name": "one"}]},
    "resources/read": {"contents": [{"uri": "odd://1", "text": "x"}]},
    "resources/subscribe": {},
    "tools/call": {
        "content": [{"type": "text", "text": "x"}],
        "structuredContent": {"a": 1},
        "isError": False,
        "_meta": {"x": 1},
        "resultType": "complete",
    },
}
"""What it answers while nothing is changed."""
ASKS: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": "q",
    "method": "elicitation/create",
    "params": {"message": "?", "a": [1]},
}
TELLS: tuple[dict[str, Any], ...] = (
    {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": "k", "progress": 1, "message": "m"},
    },
    {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "error", "data": {"a": ["b"]}}},
    {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "odd://1", "_meta": {"a": 1}}},
    {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
    {"jsonrpc": "2.0", "id": 5, "method": "ping"},
    ASKS,
)

Change = Callable[[dict[str, Any]], dict[str, Any]]


class OddServer:
    """`changes` says what becomes of an answer, by method; `tells` is what goes before it, as a stream."""

    def __init__(self) -> None:
        self.url = ""
        self.changes: dict[str, Change] = {}
        self.tells: list[dict[str, Any]] = []
        self.statuses: dict[str, int] = {}

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.method == "GET":
            return self._stream(request, self.tells)
        if request.method != "POST":
            return web.Response(status=204)
        asked: dict[str, Any] = request.json()
        method = str(asked.get("method"))
        if "id" not in asked or "method" not in asked:
            return web.Response(status=202)
        if method == "subscriptions/listen":
            first: dict[str, Any] = {
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": {},
            }
            return self._stream(request, [self._changed(method, first), *self.tells])
        answer = self._changed(method, {"jsonrpc": "2.0", "id": asked["id"], "result": RESULTS.get(method, {})})
        if self.tells and method == "tools/call":
            return self._stream(request, [*self.tells, answer])
        return web.Response(self.statuses.get(method, 200), _written(answer), _JSON)

    def _changed(self, method: str, message: dict[str, Any]) -> dict[str, Any]:
        change = self.changes.get(method)
        return change(json.loads(json.dumps(message))) if change else message

    def _stream(self, request: web.Request, messages: list[dict[str, Any]]) -> web.Response:
        stream = request.stream({"Content-Type": "text/event-stream"})
        for message in messages:
            stream.write(b"data: " + _written(message) + b"\n\n")
        return stream


_JSON = {"Content-Type": "application/json"}


def _written(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


@asynccontextmanager
async def serving() -> AsyncGenerator[OddServer]:
    """Serve on a free port of this machine."""
    fake = OddServer()
    async with web.serving(fake.handle) as port:
        fake.url = f"http://127.0.0.1:{port}/mcp"
        yield fake
