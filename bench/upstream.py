"""A tool server over Streamable HTTP that can be made to hang, and to go away."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvicorn

_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_KEY = "swarmstead.dev/idempotency-key"
_TOOL = {
    "name": "look",
    "description": "Looks.",
    "inputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": True},
}


class ToolServer:
    """Answers `tools/call` at once, or never while `hangs`. `called` tells when which call arrived, by its step."""

    def __init__(self) -> None:
        self.hangs = False
        self.port = 0
        self.called: dict[str, asyncio.Future[float]] = {}
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                "127.0.0.1",
                0,
                interface="asgi3",
                log_level="critical",
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup()
        self._serving = asyncio.create_task(self._server.main_loop())
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away: connections are refused from here on."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        await self._server.shutdown()

    def arrival(self, step: str) -> "asyncio.Future[float]":
        """When the call of this step arrives, or has arrived: `time.perf_counter`."""
        return self.called.setdefault(step, asyncio.get_running_loop().create_future())

    async def _app(self, _scope: Mapping[str, Any], receive: _Receive, send: _Send) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        message = json.loads(body or b"{}")
        answer = await self._answer(message) if "id" in message else b""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200 if answer else 202, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, message: dict[str, Any]) -> bytes:
        method, params = message.get("method", ""), message.get("params", {})
        if method == "tools/call":
            arrival = self.arrival(params["_meta"][_KEY].rpartition(":")[0])  # the rest names the arguments
            if not arrival.done():  # the same call comes again when the answer to the first was never seen
                arrival.set_result(time.perf_counter())
            if self.hangs:
                await asyncio.Event().wait()
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": _result(method, params)}).encode()


def _result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "bench", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [_TOOL]}
    return {"content": [{"type": "text", "text": "seen"}]}
