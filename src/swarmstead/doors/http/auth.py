"""Who is calling, as the HTTP door knows it: `scope_of_credential` for every endpoint, and what FastAPI needs of it.

The scope comes from the credential and from nothing else; see `people.credentials`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.scope import Scope
from swarmstead.people.certificates import PEER
from swarmstead.people.contract import Identity
from swarmstead.people.credentials import COOKIE
from swarmstead.wiring import App

__all__ = ["COOKIE", "Caller", "Server", "app_of", "identity_of", "scope_of", "scope_of_credential"]

CSRF_HEADER = "x-stead-request"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def app_of(connection: HTTPConnection) -> App:
    """The server behind this request."""
    return connection.app.state.stead


async def scope_of_credential(app: App, scope: Mapping[str, Any], *, cookies: bool = False) -> Scope:
    """Whose request this is, from an ASGI scope. `cookies`: the endpoint is one for browsers.

    Fails: as `people.credentials.Credentials.scope_of`.
    """
    return await app.credentials.scope_of(
        scope["headers"], peer=_peer(scope), address=address_of(scope), cookies=cookies
    )


async def identity_of(request: Request) -> Identity:
    """As `scope_of`, with the means and the end of the credential."""
    scope = request.scope
    return await app_of(request).credentials.identify(
        scope["headers"], peer=_peer(scope), address=address_of(scope), cookies=True
    )


async def scope_of(connection: HTTPConnection) -> Scope:
    """Whose request this is. Fails: NotSignedIn, CredentialRefused, and others as `scope_of_credential`."""
    return await scope_of_credential(app_of(connection), connection.scope, cookies=True)


async def caller(request: Request) -> Scope:
    """FastAPI dependency: the caller's scope. Refuses a browser's unsafe request that no page of ours has sent."""
    known: Scope | None = getattr(request.state, "caller", None)
    if known is not None:  # found out before, for this very request
        return known
    scope = await scope_of(request)
    if request.method not in _SAFE and _is_ambient(request) and request.headers.get(CSRF_HEADER) != "1":
        raise NotPermitted(
            "A browser sent this without the header that our pages send.",
            way_out="Use the web UI, or call the API with `Authorization: Bearer KEY`.",
            code="csrf_refused",
        )
    request.state.caller = scope
    return scope


async def server(request: Request) -> App:
    """FastAPI dependency: the server. It is async because FastAPI sends any other through a thread."""
    return app_of(request)


def address_of(scope: Mapping[str, Any]) -> str:
    """The address that the request came from; '' when the connection has none."""
    client = scope.get("client")
    return client[0] if client else ""


def _is_ambient(request: Request) -> bool:
    """Whether a browser may have added the credential by itself: a cookie, or its user's client certificate."""
    if "authorization" in request.headers:
        return False
    return COOKIE in request.cookies or "origin" in request.headers or "sec-fetch-site" in request.headers


def _peer(scope: Mapping[str, Any]) -> Any:
    state = scope.get("state")
    return None if state is None else state.get(PEER)


Caller = Annotated[Scope, Depends(caller)]
Server = Annotated[App, Depends(server)]
