"""RFC 9728: what an MCP client needs to know to get a token for this server, and where it is told to look.

A 401 of `/mcp` names the address of `/.well-known/oauth-protected-resource/mcp`; that document names the issuers.
"""

import re
from collections.abc import Mapping
from typing import Any

from swarmstead.gatehouse import Gatehouse

WELL_KNOWN = "/.well-known/oauth-protected-resource"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
NAME = "[a-z0-9-]{1,63}"
"""What a tool set may be called."""


def metadata(app: Gatehouse, scope: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The server, or its endpoint at `path`, as an OAuth protected resource.

    It is the same for every tool set's name: nobody learns which there are.
    """
    issuers = app.credentials.issuers
    found = {
        "resource": f"{base_of(app, scope)}{path}",
        "authorization_servers": (issuers.urls if issuers else None) or None,
        "bearer_methods_supported": ["header"],
        "scopes_supported": (issuers.scopes if issuers else None) or None,
        "resource_name": "Swarmstead",
    }
    return {name: value for name, value in found.items() if value is not None}


def challenge(app: Gatehouse, scope: Mapping[str, Any], path: str = "/mcp", *, error: str = "") -> str:
    """The value of WWW-Authenticate in a 401: where the metadata is, and for a credential that is no good, that.

    `scope` is the request's, as ASGI gives it; `error` is one of RFC 6750's, such as `invalid_token`.
    """
    parts = [f'error="{error}"'] if error else []
    return "Bearer " + ", ".join([*parts, f'resource_metadata="{base_of(app, scope)}{WELL_KNOWN}{path}"'])


def base_of(app: Gatehouse, scope: Mapping[str, Any]) -> str:
    """How the caller reaches this server: the public URL, or the host that was asked for. No slash at its end."""
    if app.settings.public_url:
        return app.settings.public_url.rstrip("/")
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    if not _HOST.fullmatch(host):  # it becomes part of a header: nothing but a host goes in there
        host = f"{app.settings.host}:{app.settings.port}"
    return f"{scope.get('scheme', 'http')}://{host}"
