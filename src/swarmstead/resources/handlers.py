"""`apply`: documents become versions, all of them or none."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import ChangedMeanwhile
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require
from swarmstead.resources.contract import Applied, Document, files_owner, resources_topic
from swarmstead.resources.errors import DeclaredElsewhere, ResourceUnknown
from swarmstead.resources.tables import DELETED, resource_versions, resources
from swarmstead.storage.database import Tx
from swarmstead.storage.signals import wake
from swarmstead.storage.sql import fields, insert_or_ignore


def apply(
    tx: Tx, scope: Scope, clock: Clock, documents: Sequence[Document], seen: frozenset[str] = frozenset()
) -> list[Applied]:
    """Make each document the current version of its resource. The same content again changes nothing.

    `seen`: digests of which one has to be current now (`*`: there is one at all); empty asks for nothing.

    Invariants: a version is never altered or removed; applying an old content makes that very version current again.
    Fails: NotPermitted, ChangedMeanwhile.
    """
    require(scope, "resource.apply")
    now = clock.now_ms()
    names = [(document.kind, document.metadata.name) for document in documents]
    done: dict[int, Applied] = {}
    for index in sorted(range(len(documents)), key=names.__getitem__):  # one order of locks for all workers
        done[index] = _apply(tx, scope, now, documents[index], seen)
    return [done[index] for index in range(len(documents))]


def apply_missing(tx: Tx, scope: Scope, clock: Clock, documents: Sequence[Document]) -> list[Applied]:
    """Apply only what was never declared under its kind and name. For what the product ships. Fails: NotPermitted."""
    known = {
        (row.kind, row.name) for row in tx.conn.execute(sa.select(resources).where(resources.c.tenant == scope.tenant))
    }
    return apply(tx, scope, clock, [one for one in documents if (one.kind, one.metadata.name) not in known])


def declare(tx: Tx, scope: Scope, clock: Clock, documents: Sequence[Document], kinds: Collection[str]) -> list[Applied]:
    """Apply the documents, and take back what this actor has declared before and now no longer does.

    All that the documents name is this actor's from now on, also what was there in the same words. What somebody else
    has declared, or has declared otherwise since, is never taken back; nor is what is of none of these `kinds`: whoever
    cannot declare a kind does not look after it. Fails: NotPermitted, DeclaredElsewhere.
    """
    require(scope, "resource.apply")
    done = apply(tx, scope, clock, documents)
    kept = {(one.kind, one.name) for one in done}
    own = scope.actor.id
    for kind, name in kept:
        is_it = (resources.c.tenant == scope.tenant) & (resources.c.kind == kind) & (resources.c.name == name)
        tx.conn.execute(resources.update().where(is_it, resources.c.declared_by != own).values(declared_by=own))
    is_own = (resources.c.declared_by == own) & (resources.c.digest != DELETED) & resources.c.kind.in_(kinds)
    # Locked as it is read: what somebody else declares anew at this moment is theirs, and stays.
    query = sa.select(resources).where(resources.c.tenant == scope.tenant, is_own).with_for_update()
    for row in tx.conn.execute(query.order_by(resources.c.kind, resources.c.name)).all():
        if (row.kind, row.name) not in kept:
            delete(tx, scope, clock, row.kind, row.name)
            done.append(Applied(row.kind, row.name, row.digest, "deleted"))
    return done


def delete(tx: Tx, scope: Scope, clock: Clock, kind: str, name: str, seen: frozenset[str] = frozenset()) -> str:
    """Take a resource back: it is current no more. Its versions stay, and applying it again revives it.

    The answer is the digest of the version that was current. `seen`: as for `apply`.
    Fails: NotPermitted, ResourceUnknown, ChangedMeanwhile.
    """
    require(scope, "resource.apply")
    is_mine = (resources.c.tenant == scope.tenant) & (resources.c.kind == kind) & (resources.c.name == name)
    current = tx.conn.execute(sa.select(resources.c.digest).where(is_mine).with_for_update()).scalar()
    if not current or current == DELETED:
        raise ResourceUnknown(
            f"There is no {kind} called {name!r}.", way_out=f"List them with `stead get {kind.lower()}`."
        )
    if seen and not seen & {current, "*"}:
        raise _changed(kind, name, current)
    tx.conn.execute(resources.update().where(is_mine).values(digest=DELETED, updated_at=clock.now_ms()))
    wake(tx, resources_topic(scope.tenant))
    record(tx, Entry(scope, "resource.delete", f"{kind}/{name}", data={"before": current}))
    return current


def _apply(tx: Tx, scope: Scope, now: int, document: Document, seen: frozenset[str]) -> Applied:
    meta = document.metadata
    key = {"tenant": scope.tenant, "kind": document.kind, "name": meta.name}
    is_mine = sa.and_(*(resources.c[column] == value for column, value in key.items()))
    facts = {"digest": document.digest, "labels": dict(meta.labels), "owner": meta.owner}
    # Whoever inserts the name first holds it until the commit: workers that apply it at once take turns.
    is_new = insert_or_ignore(tx.conn, resources, {**key, **facts, "versions": 0, "updated_at": now})
    current = tx.conn.execute(sa.select(resources).where(is_mine).with_for_update()).one()
    is_gone = is_new or current.digest == DELETED
    if not is_gone:
        _refuse_foreign(scope, document, current.declared_by)
    if seen and (is_gone or not seen & {current.digest, "*"}):
        raise _changed(document.kind, meta.name, "" if is_gone else current.digest)
    if not is_new and facts == {name: fields(current)[name] for name in facts}:
        return Applied(document.kind, meta.name, document.digest, "unchanged")
    versions: int = current.versions
    is_version = sa.and_(*(resource_versions.c[column] == value for column, value in key.items()))
    stored = tx.conn.execute(
        sa.select(resource_versions.c.version).where(is_version, resource_versions.c.digest == document.digest)
    ).scalar()
    if stored is None:
        versions += 1
        values = {"digest": document.digest, "version": versions, "content": dict(document.content), "created_at": now}
        tx.conn.execute(resource_versions.insert().values(**key, **values, created_by=scope.actor.id))
    whose = {"declared_by": scope.actor.id, "updated_at": now}
    tx.conn.execute(resources.update().where(is_mine).values(**facts, **whose, versions=versions))
    action, before = ("created", "") if is_gone else ("updated", current.digest)
    target = f"{document.kind}/{meta.name}"
    wake(tx, resources_topic(scope.tenant))
    record(
        tx, Entry(scope, "resource.apply", target, data={"digest": document.digest, "before": before, "action": action})
    )
    return Applied(document.kind, meta.name, document.digest, action)


def _refuse_foreign(scope: Scope, document: Document, declared_by: str) -> None:
    """Files of two owners would take it from each other at every start. What a person has declared, files may have."""
    ours, theirs = files_owner(scope.actor.id), files_owner(declared_by)
    if ours and theirs and ours != theirs:
        raise DeclaredElsewhere(document.kind, document.metadata.name, theirs, ours)


def _changed(kind: str, name: str, current: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"{kind} {name} is not what it was when you read it. Nothing was changed.",
        way_out="Read it again and look at what has changed; its new ETag goes into If-Match.",
        extra={"digest": current},
    )
