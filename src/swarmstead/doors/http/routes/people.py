"""Signing in and out, who am I, and API keys."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from swarmstead import __version__
from swarmstead.doors.http import people_shapes, shapes, views
from swarmstead.doors.http.auth import COOKIE, Caller, Server, address_of, identity_of
from swarmstead.doors.http.careful import CarefulRoute
from swarmstead.doors.http.once import once
from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.clock import rfc3339
from swarmstead.people import handlers, queries, tokens
from swarmstead.people.contract import Identity, permissions_of
from swarmstead.people.errors import CannotDerive
from swarmstead.storage.database import Tx

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=CarefulRoute)


@router.get("/session")
async def session(request: Request, app: Server) -> people_shapes.SessionShape:
    """Who the caller is, how that is known, and what they may do."""
    return await _session(app, await identity_of(request))


@router.post("/session:redeem")
async def redeem(
    body: people_shapes.TokenIn, request: Request, response: Response, app: Server
) -> people_shapes.SessionShape:
    """Use a one-time link: sets the session cookie."""
    redeemed = app.db.write(lambda tx: handlers.redeem_link(tx, app.clock, body.token))
    secret = await app.credentials.counted(address_of(request.scope), redeemed)
    return await _signed_in(request, response, app, secret)


@router.post("/session:sign-in")
async def sign_in(
    body: people_shapes.SignInIn, request: Request, response: Response, app: Server
) -> people_shapes.SessionShape:
    """Sign a browser in with an API key: sets the session cookie."""
    known = app.db.read(lambda conn: queries.scope_of_key(conn, app.clock, body.key))
    key_id = handlers.key_of(await app.credentials.counted(address_of(request.scope), known))
    secret = await app.db.write(lambda tx: handlers.sign_in(tx, app.clock, key_id))
    return await _signed_in(request, response, app, secret)


@router.post("/session:sign-out", status_code=204)
async def sign_out(request: Request, response: Response, scope: Caller, app: Server) -> None:
    """Forget this browser's session."""
    del scope
    secret = request.cookies.get(COOKIE, "")
    await app.db.write(lambda tx: handlers.sign_out(tx, secret))
    response.delete_cookie(COOKIE, path="/")


@router.post("/session:link", status_code=201)
async def link(request: Request, scope: Caller, app: Server) -> people_shapes.LinkShape:
    """A one-time link that signs a browser in as the caller. A browser's session makes none: it would never end."""
    key_id = handlers.key_of(scope)
    if (await identity_of(request)).means == "session":
        raise CannotDerive(
            "A browser's session makes no sign-in links.", way_out="Use the key itself: `stead key link`."
        )

    def linked(tx: Tx) -> people_shapes.LinkShape:
        return people_shapes.LinkShape(path=f"/signin#token={handlers.create_link(tx, app.clock, key_id)}")

    return await once(request, linked)


@router.get("/keys")
async def keys(scope: Caller, app: Server) -> shapes.Page[people_shapes.KeyShape]:
    """The tenant's keys, newest first."""
    found = await app.db.read(lambda conn: queries.list_keys(conn, scope))
    return shapes.Page(items=[people_shapes.KeyShape(**views.key(one)) for one in found])


@router.post("/keys", status_code=201)
async def create(request: Request, body: people_shapes.KeyIn, scope: Caller, app: Server) -> people_shapes.NewKeyShape:
    """Make a key; its secret is in this answer and nowhere else."""
    wish = (body.name, body.roles, body.expires_in_s, body.certificate)

    def created(tx: Tx) -> people_shapes.NewKeyShape:
        made = handlers.create_key(tx, scope, app.clock, *wish)
        return people_shapes.NewKeyShape(**views.key(made.view), key=made.secret)

    return await once(request, created)


@router.post("/keys/{key}:revoke", status_code=204)
async def revoke(
    request: Request,
    key: str,
    scope: Caller,
    app: Server,
    force: Annotated[bool, Query(description="Also the caller's own key, when no other admin key is left.")] = False,  # noqa: FBT002 - a query parameter
) -> None:
    """Make a key useless at once, with its sessions and links."""
    await once(request, lambda tx: handlers.revoke_key(tx, scope, app.clock, key, force=force))


@router.post("/tokens", status_code=201)
async def mint(
    request: Request, body: people_shapes.ShortTokenIn, scope: Caller, app: Server
) -> people_shapes.NewTokenShape:
    """Make a short-lived token from the caller's key: no more than the key may, for twelve hours at most."""

    def minted(tx: Tx) -> people_shapes.NewTokenShape:
        made = tokens.mint_token(tx, scope, app.clock, body.roles, body.environment, body.expires_in_s)
        return people_shapes.NewTokenShape(
            id=made.id,
            token=made.secret,
            roles=list(made.roles),
            environment=made.environment,
            expires_at=rfc3339(made.expires_at),
        )

    return await once(request, minted)


async def _signed_in(request: Request, response: Response, app: Gatehouse, secret: str) -> people_shapes.SessionShape:
    secure = request.url.scheme == "https" or app.settings.public_url.startswith("https://")
    response.set_cookie(
        COOKIE,
        secret,
        max_age=handlers.SESSION_LIFE_MS // 1000,
        httponly=True,
        samesite="strict",
        secure=secure,
        path="/",
    )
    return await _session(app, await app.db.read(lambda conn: queries.identity_of_session(conn, app.clock, secret)))


async def _session(app: Gatehouse, identity: Identity) -> people_shapes.SessionShape:
    scope = identity.scope
    may = permissions_of(scope)
    found = await app.db.read(lambda conn: queries.list_environments(conn, scope)) if "read" in may else []
    actor = scope.actor
    return people_shapes.SessionShape.model_validate(
        {
            "tenant": scope.tenant,
            "actor": {"id": actor.id, "name": actor.name, "kind": actor.kind, "roles": sorted(actor.roles)},
            "permissions": sorted(may),
            "environments": [{"name": one.name, "production": one.production} for one in found],
            "version": __version__,
            "auth": identity.means,
            "environment": scope.environment,
            "expires_at": views.when(identity.expires_at),
        }
    )
