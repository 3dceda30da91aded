"""RFC 9728: what an MCP client needs to know to get a token for this server, and where it is told to look.

A 401 of `/mcp` names the address of `/.well-known/oauth-protected-resource/mcp`; that document names the issuers.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from swarmstead.doors.http.auth import app_of
from swarmstead.doors.http.people_shapes import ResourceMetadata
from swarmstead.wiring import App

WELL_KNOWN = "/.well-known/oauth-protected-resource"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
router = APIRouter(tags=["identity"])


@router.get(WELL_KNOWN, response_model_exclude_none=True)
async def whole_server(request: Request) -> ResourceMetadata:
    """The server as an OAuth protected resource (RFC 9728)."""
    return _metadata(request, "")


@router.get(f"{WELL_KNOWN}/mcp", response_model_exclude_none=True)
async def mcp_endpoint(request: Request) -> ResourceMetadata:
    """The MCP endpoint as an OAuth protected resource (RFC 9728)."""
    return _metadata(request, "/mcp")


@router.get(f"{WELL_KNOWN}/mcp/{{name}}", response_model_exclude_none=True)
async def named_mcp_endpoint(
    request: Request, name: Annotated[str, Path(pattern="^[a-z0-9-]{1,63}$")]
) -> ResourceMetadata:
    """An MCP endpoint with a name of its own. It says the same for every name: nobody learns which there are."""
    return _metadata(request, f"/mcp/{name}")


def challenge(app: App, scope: Mapping[str, Any], path: str = "/mcp", *, error: str = "") -> str:
    """The value of WWW-Authenticate in a 401: where the metadata is, and for a credential that is no good, that.

    `scope` is the request's, as ASGI gives it; `error` is one of RFC 6750's, such as `invalid_token`.
    """
    parts = [f'error="{error}"'] if error else []
    return "Bearer " + ", ".join([*parts, f'resource_metadata="{base_of(app, scope)}{WELL_KNOWN}{path}"'])


def base_of(app: App, scope: Mapping[str, Any]) -> str:
    """How the caller reaches this server: the public URL, or the host that was asked for. No slash at its end."""
    if app.settings.public_url:
        return app.settings.public_url.rstrip("/")
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    if not _HOST.fullmatch(host):  # it becomes part of a header: nothing but a host goes in there
        host = f"{app.settings.host}:{app.settings.port}"
    return f"{scope.get('scheme', 'http')}://{host}"


def _metadata(request: Request, path: str) -> ResourceMetadata:
    app = app_of(request)
    issuers = app.credentials.issuers
    return ResourceMetadata(
        resource=f"{base_of(app, request.scope)}{path}",
        authorization_servers=(issuers.urls if issuers else None) or None,
        bearer_methods_supported=["header"],
        scopes_supported=(issuers.scopes if issuers else None) or None,
        resource_name="Swarmstead",
    )
