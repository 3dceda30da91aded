"""Who is calling, as FastAPI's dependencies: the caller, and the gateway or server behind a request."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from swarmstead.doors.http.credentials import address_of, peer_of, scope_of_credential
from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import Identity
from swarmstead.people.credentials import COOKIE

__all__ = ["COOKIE", "Caller", "Server", "app_of", "identity_of", "scope_of"]

CSRF_HEADER = "x-stead-request"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def app_of(connection: HTTPConnection) -> Gatehouse:
    """The gateway behind this request, which may be a whole server."""
    return connection.app.state.stead


async def identity_of(request: Request) -> Identity:
    """As `scope_of`, with the means and the end of the credential."""
    scope = request.scope
    return await app_of(request).credentials.identify(
        scope["headers"], peer=peer_of(scope), address=address_of(scope), cookies=True
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


async def server(request: Request) -> Gatehouse:
    """FastAPI dependency: the gateway, which may be a whole server. Async, since any other goes through a thread."""
    return app_of(request)


def _is_ambient(request: Request) -> bool:
    """Whether a browser may have added the credential by itself: a cookie, or its user's client certificate."""
    if "authorization" in request.headers:
        return False
    return COOKIE in request.cookies or "origin" in request.headers or "sec-fetch-site" in request.headers


Caller = Annotated[Scope, Depends(caller)]
Server = Annotated[Gatehouse, Depends(server)]
