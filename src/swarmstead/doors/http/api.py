"""The REST API of a gateway; a whole server adds its own routes to it."""

from types import ModuleType
from typing import cast

from fastapi import FastAPI, Request
from starlette.responses import Response

from swarmstead import __version__
from swarmstead.doors.http import error_handlers, shapes
from swarmstead.doors.http.problems import problem, response_of
from swarmstead.doors.http.routes import (
    approvals,
    audit,
    grants,
    health,
    people,
    pins,
    policies,
    resource_metadata,
    resources,
    tool_servers,
    tools,
    traffic,
    trying,
)
from swarmstead.gatehouse import Gatehouse
from swarmstead.resources.errors import KindUnknown

_DESCRIPTION = "Agents work in your stead; you stay in charge. Errors are RFC 9457 problems with a way out."
_ALONE = "This server is a gateway alone: it has neither runs nor models."
_WHOLE = "`stead up` has them: start that on the same data, or name another server with --server (or STEAD_SERVER)."
OPEN = (health, resource_metadata)
DECLARED = (approvals, resources, tool_servers, trying, pins, tools, grants, traffic, policies, audit)


def assembled(*routes: ModuleType) -> FastAPI:
    """An API of these modules' routes, in their order."""
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
    error_handlers.install(api)
    for module in routes:
        api.include_router(module.router)
    return api


def gateway_api(app: Gatehouse) -> FastAPI:
    """The API of a gateway alone, over a running one. Whoever asks for what only a whole server has is told so."""
    api = assembled(*OPEN, people, *DECLARED)
    api.add_exception_handler(404, _nothing_here)
    api.add_exception_handler(KindUnknown, _no_such_kind)
    api.state.stead = app
    return api


async def _nothing_here(_request: Request, _error: Exception) -> Response:
    return problem(404, "not_found", f"There is nothing at this address. {_ALONE}", way_out=_WHOLE)


async def _no_such_kind(_request: Request, error: Exception) -> Response:
    unknown = cast("KindUnknown", error)
    unknown.way_out = f"{unknown.way_out} {_ALONE} {_WHOLE}"
    return response_of(unknown)
