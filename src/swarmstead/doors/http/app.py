"""The HTTP door as one ASGI application: guards, REST, MCP, metrics and the web UI."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from swarmstead import __version__
from swarmstead.doors.http import health, problems, resource_metadata, shapes
from swarmstead.doors.http.guards import Guards, hosts_of
from swarmstead.doors.http.metrics import metrics_app
from swarmstead.doors.http.open_streams import OpenStreams
from swarmstead.doors.http.routes import (
    approvals,
    audit,
    overview,
    people,
    pins,
    policies,
    resources,
    runs,
    server,
    tools,
    traffic,
)
from swarmstead.doors.http.static import WebUi
from swarmstead.doors.mcp.endpoint import PATH as MCP
from swarmstead.doors.mcp.endpoint import McpEndpoint
from swarmstead.wiring import App

_API = ("/api/", resource_metadata.WELL_KNOWN)
_DESCRIPTION = "Agents work in your stead; you stay in charge. Errors are RFC 9457 problems with a way out."


def make_api() -> FastAPI:
    """The REST API without a server behind it: what the OpenAPI document is made from."""
    api = FastAPI(
        title="Swarmstead",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": shapes.Problem, "description": "What went wrong, and the way out."}},
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}" if route.tags else route.name,
    )
    problems.install(api)
    declared = (approvals, resources, pins, tools, policies, traffic, audit, server)
    for module in (health, resource_metadata, overview, people, runs, *declared):
        api.include_router(module.router)
    return api


def make_door(app: App, host: str) -> ASGIApp:
    """The whole door over a running server."""
    api = make_api()
    api.state.stead = app
    streams = api.state.streams = OpenStreams(app.settings.streams_per_identity)
    api.add_route("/metrics", metrics_app(app))
    settings = app.settings
    return Guards(
        _Switch(api, McpEndpoint(app, streams), WebUi()),
        hosts=hosts_of(host, settings.public_url),
        public_url=settings.public_url,
        max_body=settings.max_body_bytes,
        read_timeout_s=settings.read_timeout_s,
    )


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
