"""A tool server over Streamable HTTP that says what it should not: arguments, our headers, secrets of its own.

The tool's name says how. `seen` has the headers of every request that came, `traces` what calls said of their trace.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes import web

READS = ("answer", "apologise", "refuse", "turn_away", "mirror", "crash", "garble", "cut", "hang", "forbidden", "shut")
_TEXT = {"type": "string", "maxLength": 1000}
_NOTE = {"type": "object", "properties": {"note": _TEXT}, "required": ["note"], "additionalProperties": False}


def _tool(name: str, *, reads: bool) -> dict[str, Any]:
    return {"name": name, "description": f"To {name}.", "inputSchema": _NOTE, "annotations": {"readOnlyHint": reads}}


class Leaky:
    """Says `words` wherever it says anything."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.url = ""
        self.seen: list[Mapping[str, str]] = []
        self.traces: list[str] = []
        self.hanging = asyncio.Event()
        self._hang = asyncio.Event()
        self._plain: Mapping[str, Callable[[dict[str, Any], web.Request], web.Response]] = {
            "apologise": lambda message, _: self._text(message, self.words, is_error=True),
            "mirror": lambda message, request: self._text(message, json.dumps(dict(request.headers))),
            "crash": lambda _, request: web.text_response(f"{self.words} {dict(request.headers)}", status=500),
            "garble": lambda _, request: web.text_response(f"{{{self.words} {dict(request.headers)}", "text/html"),
            "turn_away": lambda _, request: web.text_response(f"{self.words} {dict(request.headers)}", status=403),
            "refuse": self._refusal,
        }

    def answer_all(self) -> None:
        """From now on nothing hangs."""
        self._hang.set()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.seen.append(dict(request.headers))
        message: dict[str, Any] = request.json() if request.body else {}
        params: dict[str, Any] = message.get("params", {})
        match message.get("method"):
            case "initialize":
                about: dict[str, Any] = {
                    "protocolVersion": params["protocolVersion"],
                    "capabilities": {},
                    "serverInfo": {},
                }
                return self._result(message, about)
            case "tools/list":
                tools: list[dict[str, Any]] = [_tool(name, reads=True) for name in READS] + [
                    _tool("change", reads=False)
                ]
                return self._result(message, {"tools": tools})
            case "resources/read":
                return self._result(message, {"contents": [{"uri": params["uri"], "text": self.words}]})
            case "tools/call":
                self.traces.append(params.get("_meta", {}).get("traceparent", ""))
                return await self._call(params["name"], message, request)
            case _:
                return web.Response(status=202)

    async def _call(self, name: str, message: dict[str, Any], request: web.Request) -> web.Response:
        if name == "hang":
            self.hanging.set()
            await self._hang.wait()
        if name == "cut":
            request.abort()
        plain = self._plain.get(name)
        if plain is not None:
            return plain(message, request)
        return self._text(message, f"{self.words}, asked with {message['params']['arguments']['note']}")

    def _refusal(self, message: dict[str, Any], request: web.Request) -> web.Response:
        told = f"{self.words} {request.headers.get('authorization')}"
        error = {"code": -32099, "message": told, "data": {"why": told}}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error})

    def _text(self, message: dict[str, Any], words: str, *, is_error: bool = False) -> web.Response:
        content = [{"type": "text", "text": words}]
        return self._result(message, {"content": content, "structuredContent": {"words": words}, "isError": is_error})

    def _result(self, message: dict[str, Any], result: dict[str, Any]) -> web.Response:
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})


@asynccontextmanager
async def serving(words: str) -> AsyncGenerator[Leaky]:
    """Serve on a free port of this machine."""
    fake = Leaky(words)
    async with web.serving(fake.handle) as port:
        fake.url = f"http://127.0.0.1:{port}/mcp"
        yield fake
