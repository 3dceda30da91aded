"""The HTTP door of a gateway alone: guards, MCP, health, metrics, and the REST API, loaded when somebody asks for it.

What is asked again and again (calls, probes, scrapes) is answered without the framework, which takes 10 MB.
"""

import asyncio
import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from swarmstead.doors.http import health
from swarmstead.doors.http.guards import Guards, hosts_of
from swarmstead.doors.http.metrics import exposition
from swarmstead.doors.http.open_streams import OpenStreams
from swarmstead.doors.http.problems import problem
from swarmstead.doors.http.resource_metadata import NAME, WELL_KNOWN, metadata
from swarmstead.doors.mcp.endpoint import PATH as MCP
from swarmstead.doors.mcp.endpoint import McpEndpoint
from swarmstead.gatehouse import Gatehouse

_API = "/api/"
_METADATA = re.compile(f"{re.escape(WELL_KNOWN)}(/mcp(/{NAME})?)?")


def make_gateway_door(app: Gatehouse, host: str) -> ASGIApp:
    """The whole door over a running gateway. `host` is the address that is listened on."""

    def api() -> ASGIApp:
        from swarmstead.doors.http.api import gateway_api

        return gateway_api(app)

    streams = OpenStreams(app.settings.streams_per_identity)
    return guarded(_Switch(app, McpEndpoint(app, streams), _Later(api)), app, host)


def guarded(door: ASGIApp, app: Gatehouse, host: str) -> ASGIApp:
    """A door behind its guards, as the settings say."""
    settings = app.settings
    return Guards(
        door,
        hosts=hosts_of(host, settings.public_url),
        public_url=settings.public_url,
        max_body=settings.max_body_bytes,
        read_timeout_s=settings.read_timeout_s,
        programs=MCP,
    )


class _Later:
    """An application that is made at its first request, in a thread: calls go on meanwhile."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: ASGIApp | None = None
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._one_at_a_time:
            made = self._made = self._made or await asyncio.to_thread(self._make)
        await made(scope, receive, send)


class _Switch:
    """Sends a request to the MCP endpoint or the API, by its path, and answers what needs neither."""

    def __init__(self, app: Gatehouse, mcp: ASGIApp, api: ASGIApp) -> None:
        self._app = app
        self._mcp = mcp
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == MCP or path.startswith(f"{MCP}/"):
            await self._mcp(scope, receive, send)
        elif path.startswith(_API):
            await self._api(scope, receive, send)
        else:
            await (await self._plain(Request(scope)))(scope, receive, send)

    async def _plain(self, request: Request) -> Response:
        path = request.url.path
        known = path in ("/healthz", "/readyz", "/metrics") or _METADATA.fullmatch(path)
        if known and request.method not in ("GET", "HEAD"):
            return problem(405, "method_not_allowed", "This address takes GET only.")
        if path == "/healthz":
            return JSONResponse(health.alive(self._app))
        if path == "/readyz":
            found = await health.ready(self._app)
            return JSONResponse(found, 200 if found["status"] == "ok" else 503)
        if path == "/metrics":
            return await exposition(self._app)
        if known:
            return JSONResponse(metadata(self._app, request.scope, path.removeprefix(WELL_KNOWN)))
        return problem(
            404,
            "not_found",
            "There is nothing at this address: this is a gateway alone.",
            way_out="MCP clients use /mcp, the command line /api/v1. The web UI comes with `stead up`.",
        )
