"""What people declare: apply, look, compare."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from swarmstead.doors.http import paging, shapes, views
from swarmstead.doors.http.auth import Caller, Server
from swarmstead.doors.http.careful import CarefulRoute, expected, mark
from swarmstead.doors.http.once import once
from swarmstead.doors.http.resource_shapes import AppliedShape, DeletedShape, DiffShape
from swarmstead.gatehouse import Gatehouse
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require
from swarmstead.people.handlers import DEFAULT_TENANT
from swarmstead.resources import handlers
from swarmstead.resources.contract import Document, Kind, Resource
from swarmstead.resources.errors import KindUnknown
from swarmstead.resources.manifests import parse, schema_of
from swarmstead.resources.queries import diff, refuse_dangling
from swarmstead.storage.database import Tx

router = APIRouter(prefix="/api/v1", tags=["resources"], route_class=CarefulRoute)
_MOST_USERS = 5
Digest = Annotated[str, Query(max_length=71)]


@router.get("/schemas")
async def schemas(scope: Caller, app: Server) -> dict[str, Any]:
    """JSON Schemas of all kinds, by kind."""
    require(scope, "read")
    return {name: schema_of(kind) for name, kind in app.registry.kinds.items()}


@router.get("/schemas/{kind}")
async def schema(kind: str, scope: Caller, app: Server) -> dict[str, Any]:
    """JSON Schema of one kind's documents."""
    require(scope, "read")
    return schema_of(_known(app, kind))


def _known(app: Gatehouse, kind: str) -> Kind:
    found = app.registry.kinds.get(kind)
    if found is None:
        raise KindUnknown(kind, app.registry.kinds)
    return found


@router.post(
    "/apply",
    openapi_extra={"requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}},
)
async def apply(
    request: Request, scope: Caller, app: Server, *, dry_run: bool = False, strict: bool = False
) -> shapes.Page[AppliedShape]:
    """Apply YAML documents, all or none. With `dry_run`, everything is checked and nothing is kept.

    What they name and nobody has declared is a warning; with `strict` it is refused, and nothing is kept either.
    `If-Match` with the ETag of a resource applies one document only if that is still its current version.
    """
    require(scope, "resource.apply")
    text = await body_text(request)
    documents = await asyncio.to_thread(parse, text, app.registry.kinds)
    seen = expected(request)
    if seen and len(documents) != 1:
        raise BadInput(
            f"If-Match is about one resource, and there are {len(documents)}.",
            field="If-Match",
            way_out="Apply the one document by itself.",
        )

    def warned(conn: Any, applied: list[AppliedShape]) -> shapes.Page[AppliedShape]:
        dangling = app.registry.dangling(conn, scope, documents)
        if strict:
            refuse_dangling(documents, dangling)
        both = zip(applied, dangling, app.registry.advice(documents), strict=True)
        return shapes.Page(items=[one.model_copy(update={"warnings": [*no, *so]}) for one, no, so in both])

    def done(tx: Tx) -> shapes.Page[AppliedShape]:
        applied = handlers.apply(tx, scope, app.clock, documents, seen)
        return warned(tx.conn, [AppliedShape.model_validate(one, from_attributes=True) for one in applied])

    if not dry_run:
        return await once(request, done)
    return await app.db.read(lambda conn: warned(conn, [_would(app, conn, scope, document) for document in documents]))


async def body_text(request: Request) -> str:
    """The body as text. Fails: BadInput."""
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise BadInput("The body is not UTF-8 text.", way_out="Send the YAML as UTF-8.") from error


def _would(app: Gatehouse, conn: Any, scope: Scope, document: Document) -> AppliedShape:
    now = app.registry.find(conn, scope, document.kind, document.metadata.name)
    action = "created" if now is None else "unchanged" if now.digest == document.digest else "updated"
    return AppliedShape(kind=document.kind, name=document.metadata.name, digest=document.digest, action=action)


@router.get("/resources")
async def find(
    scope: Caller,
    app: Server,
    kind: Annotated[str, Query(max_length=40)],
    cursor: paging.Cursor = "",
    limit: paging.Limit = 200,
) -> shapes.Page[shapes.ResourceShape]:
    """Current versions of a kind, by name."""
    require(scope, "read")
    _known(app, kind)
    after = paging.decode(cursor, str)
    start = str(after[0]) if after else ""
    found = await app.db.read(lambda conn: app.registry.all(conn, scope, kind, after=start, limit=limit + 1))
    more = paging.encode(found[limit - 1].name) if len(found) > limit else None
    return shapes.Page(items=[views.resource(one) for one in found[:limit]], next=more)


@router.get("/resources/{kind}/{name}")
async def show(
    request: Request, kind: str, name: str, scope: Caller, app: Server, digest: Digest = ""
) -> shapes.ResourceShape:
    """The current version, or the one named by `digest`."""
    require(scope, "read")
    found = await app.db.read(lambda conn: app.registry.get(conn, scope, kind, name, digest))
    mark(request, found.digest)
    return views.resource(found)


@router.delete("/resources/{kind}/{name}")
async def delete(request: Request, kind: str, name: str, scope: Caller, app: Server) -> DeletedShape:
    """Take a resource back, from now on. Its versions stay; applying it again revives it.

    `If-Match` with the resource's ETag takes it back only if that is still its current version. Warnings name what
    still uses it, and the file of this server's `--config` that declares it.
    """
    seen = expected(request)

    def taken(tx: Tx) -> tuple[str, list[tuple[str, str]]]:
        digest = handlers.delete(tx, scope, app.clock, kind, name, seen)
        return digest, app.registry.users(tx.conn, scope, kind, name)

    digest, users = await app.db.write(taken)
    warnings = [*_still_used(users), *await _comes_back(app, scope, kind, name)]
    return DeletedShape(kind=kind, name=name, digest=digest, warnings=warnings)


def _still_used(users: Sequence[tuple[str, str]]) -> list[str]:
    """By kind, the first few by name: a warning is read, a list is not."""
    if not users:
        return []
    by_kind: dict[str, list[str]] = {}
    for kind, name in users:
        by_kind.setdefault(kind, []).append(name)
    said = "; ".join(f"{kind} {_few(names)}" for kind, names in by_kind.items())
    return [f"Still named by {said}. What names it does not work as before."]


def _few(names: Sequence[str]) -> str:
    more = len(names) - _MOST_USERS
    return ", ".join(names[:_MOST_USERS]) + (f" and {more} more" if more > 0 else "")


async def _comes_back(app: Gatehouse, scope: Scope, kind: str, name: str) -> list[str]:
    """The operator's files are about one tenant, and nobody else's business."""
    if app.config is None or scope.tenant != DEFAULT_TENANT:
        return []
    file = await app.config.declaring(kind, name)
    return [f"{file} declares it: it comes back when a file changes. Take it out there as well."] if file else []


@router.get("/resources/{kind}/{name}/versions")
async def versions(
    kind: str, name: str, scope: Caller, app: Server, cursor: paging.Cursor = "", limit: paging.Limit = 50
) -> shapes.Page[shapes.ResourceShape]:
    """Every version, newest first."""
    require(scope, "read")
    after = paging.decode(cursor, int)
    before = int(after[0]) if after else None

    def read(conn: Any) -> shapes.Page[shapes.ResourceShape]:
        found = app.registry.versions(conn, scope, kind, name, before=before, limit=limit + 1)
        more = paging.encode(found[limit - 1].version) if len(found) > limit else None
        return shapes.Page(items=[views.resource(one) for one in found[:limit]], next=more)

    return await app.db.read(read)


@router.get("/resources/{kind}/{name}/diff")
async def compare(
    kind: str,
    name: str,
    scope: Caller,
    app: Server,
    from_: Annotated[str, Query(alias="from", max_length=71)],
    to: Digest = "",
) -> DiffShape:
    """Two versions, line by line; `to` defaults to the current one."""
    require(scope, "read")

    def read(conn: Any) -> tuple[Resource, Resource]:
        return app.registry.get(conn, scope, kind, name, from_), app.registry.get(conn, scope, kind, name, to)

    one, other = await app.db.read(read)
    lines = [
        shapes.DiffLine.model_validate({"op": op, "text": text})
        for op, text in await asyncio.to_thread(diff, views.shown(one), views.shown(other))
    ]
    return DiffShape.model_validate({"from": one.digest, "to": other.digest, "lines": lines})
