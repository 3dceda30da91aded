"""The HTTP door of a whole server as one ASGI application: guards, REST, MCP, metrics and the web UI."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from swarmstead.doors.http import resource_metadata
from swarmstead.doors.http.api import DECLARED, OPEN, assembled
from swarmstead.doors.http.gateway import guarded
from swarmstead.doors.http.metrics import metrics_app
from swarmstead.doors.http.open_streams import OpenStreams
from swarmstead.doors.http.routes import agents, models, overview, people, runs, server
from swarmstead.doors.http.run_views import plan_changed
from swarmstead.doors.http.static import WebUi
from swarmstead.doors.mcp.endpoint import PATH as MCP
from swarmstead.doors.mcp.endpoint import McpEndpoint
from swarmstead.runs.errors import PlanChanged
from swarmstead.wiring import App

_API = ("/api/", resource_metadata.WELL_KNOWN)


def make_api() -> FastAPI:
    """The REST API without a server behind it: what the OpenAPI document is made from."""
    api = assembled(*OPEN, overview, people, runs, *DECLARED, agents, models, server)
    api.add_exception_handler(PlanChanged, plan_changed)
    return api


def make_door(app: App, host: str) -> ASGIApp:
    """The whole door over a running server."""
    api = make_api()
    api.state.stead = app
    streams = api.state.streams = OpenStreams(app.settings.streams_per_identity)
    api.add_route("/metrics", metrics_app(app))
    return guarded(_Switch(api, McpEndpoint(app, streams), WebUi()), app, host)


class _Switch:
    """Sends a request to the API, the MCP endpoint or the web UI, by its path."""

    def __init__(self, api: FastAPI, mcp: ASGIApp, ui: ASGIApp) -> None:
        self._api = api
        self._mcp = mcp
        self._ui = ui

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self._api
        path: str = scope["path"]
        if path == MCP or path.startswith(f"{MCP}/"):
            await self._mcp(scope, receive, send)
        elif path.startswith(_API) or path in ("/metrics", "/healthz", "/readyz"):
            await self._api(scope, receive, send)
        else:
            await self._ui(scope, receive, send)
