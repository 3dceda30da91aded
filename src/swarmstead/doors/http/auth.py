"""Who is calling: a bearer key, or a browser's session cookie.

The scope comes from the credential and from nothing else.
"""

from typing import Annotated, Literal

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from swarmstead.kernel.errors import NotPermitted, NotSignedIn
from swarmstead.kernel.scope import Scope
from swarmstead.people import queries as people
from swarmstead.wiring import App

COOKIE = "stead_session"
CSRF_HEADER = "x-stead-request"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_SIGN_IN = "Send `Authorization: Bearer KEY`, or sign in through the link that the server printed at start."


def app_of(connection: HTTPConnection) -> App:
    """The server behind this request."""
    return connection.app.state.stead


def credential(connection: HTTPConnection) -> tuple[Literal["key", "session"], str]:
    """The credential of a request. A key wins over a cookie. Fails: NotSignedIn."""
    header = connection.headers.get("authorization", "")
    kind, _, secret = header.partition(" ")
    if header and (kind.lower() != "bearer" or not secret.strip()):
        raise NotSignedIn("The Authorization header is not `Bearer KEY`.", way_out=_SIGN_IN)
    if secret.strip():
        return "key", secret.strip()
    cookie = connection.cookies.get(COOKIE, "")
    if not cookie:
        raise NotSignedIn("This needs a key or a session.", way_out=_SIGN_IN)
    return "session", cookie


async def scope_of(connection: HTTPConnection) -> Scope:
    """Whose request this is. Fails: NotSignedIn, CredentialRefused."""
    app = app_of(connection)
    kind, secret = credential(connection)
    find = people.scope_of_key if kind == "key" else people.scope_of_session
    return await app.db.read(lambda conn: find(conn, app.clock, secret))


async def caller(request: Request) -> Scope:
    """FastAPI dependency: the caller's scope. Refuses a cookie's unsafe request that no page of ours has sent."""
    scope = await scope_of(request)
    by_cookie = credential(request)[0] == "session"
    if by_cookie and request.method not in _SAFE and request.headers.get(CSRF_HEADER) != "1":
        raise NotPermitted(
            "A browser sent this without the header that our pages send.",
            way_out="Use the web UI, or call the API with `Authorization: Bearer KEY`.",
            code="csrf_refused",
        )
    return scope


def server(request: Request) -> App:
    """FastAPI dependency: the server."""
    return app_of(request)


Caller = Annotated[Scope, Depends(caller)]
Server = Annotated[App, Depends(server)]
