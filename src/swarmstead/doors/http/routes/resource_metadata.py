"""RFC 9728, for MCP clients that need a token."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from swarmstead.doors.http.auth import Server
from swarmstead.doors.http.people_shapes import ResourceMetadata
from swarmstead.doors.http.resource_metadata import NAME, WELL_KNOWN, metadata

router = APIRouter(tags=["identity"])


@router.get(WELL_KNOWN, response_model_exclude_none=True)
async def whole_server(request: Request, app: Server) -> ResourceMetadata:
    """The server as an OAuth protected resource (RFC 9728)."""
    return ResourceMetadata.model_validate(metadata(app, request.scope))


@router.get(f"{WELL_KNOWN}/mcp", response_model_exclude_none=True)
async def mcp_endpoint(request: Request, app: Server) -> ResourceMetadata:
    """The MCP endpoint as an OAuth protected resource (RFC 9728)."""
    return ResourceMetadata.model_validate(metadata(app, request.scope, "/mcp"))


@router.get(f"{WELL_KNOWN}/mcp/{{name}}", response_model_exclude_none=True)
async def named_mcp_endpoint(
    request: Request, app: Server, name: Annotated[str, Path(pattern=f"^{NAME}$")]
) -> ResourceMetadata:
    """An MCP endpoint with a name of its own. It says the same for every name: nobody learns which there are."""
    return ResourceMetadata.model_validate(metadata(app, request.scope, f"/mcp/{name}"))
