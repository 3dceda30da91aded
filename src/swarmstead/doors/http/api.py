"""The REST API of a gateway; a whole server adds its own routes to it."""

from types import ModuleType

from fastapi import FastAPI

from swarmstead import __version__
from swarmstead.doors.http import error_handlers, shapes
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

_DESCRIPTION = "Agents work in your stead; you stay in charge. Errors are RFC 9457 problems with a way out."
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
    """The API of a gateway alone, over a running one."""
    api = assembled(*OPEN, people, *DECLARED)
    api.state.stead = app
    return api
