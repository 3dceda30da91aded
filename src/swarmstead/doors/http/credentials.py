"""Whose request it is, from its ASGI scope: for every endpoint of the HTTP door, with or without the framework.

The scope comes from the credential and from nothing else; see `people.credentials`.
"""

from collections.abc import Mapping
from typing import Any

from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.scope import Scope
from swarmstead.people.certificates import PEER


async def scope_of_credential(app: Gatehouse, scope: Mapping[str, Any], *, cookies: bool = False) -> Scope:
    """Whose request this is, from an ASGI scope. `cookies`: the endpoint is one for browsers.

    Fails: as `people.credentials.Credentials.scope_of`.
    """
    return await app.credentials.scope_of(
        scope["headers"], peer=peer_of(scope), address=address_of(scope), cookies=cookies
    )


def address_of(scope: Mapping[str, Any]) -> str:
    """The address that the request came from; '' when the connection has none."""
    client = scope.get("client")
    return client[0] if client else ""


def peer_of(scope: Mapping[str, Any]) -> Any:
    """The client's certificate, if the connection has shown one."""
    state = scope.get("state")
    return None if state is None else state.get(PEER)
