"""A tool server over Streamable HTTP that can be made to hang, and to go away."""

import asyncio
import time
from typing import Any

from aiohttp import web

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
        app = web.Application()
        app.router.add_post("/mcp", self._post)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away: connections are refused from here on."""
        await self._runner.cleanup()

    def arrival(self, step: str) -> "asyncio.Future[float]":
        """When the call of this step arrives, or has arrived: `time.perf_counter`."""
        return self.called.setdefault(step, asyncio.get_running_loop().create_future())

    async def _post(self, request: web.Request) -> web.Response:
        message = await request.json()
        method = message.get("method", "")
        if "id" not in message:
            return web.Response(status=202)
        if method == "tools/call":
            arrival = self.arrival(message["params"]["_meta"][_KEY].rpartition(":")[0])  # the rest names the arguments
            if not arrival.done():  # the same call comes again when the answer to the first was never seen
                arrival.set_result(time.perf_counter())
            if self.hangs:
                await asyncio.Event().wait()
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": _result(method, message.get("params", {}))}
        return web.json_response(answer)


def _result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "bench", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [_TOOL]}
    return {"content": [{"type": "text", "text": "seen"}]}
