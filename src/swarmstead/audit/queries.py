"""Reading the trail: pages, a whole chain as a stream, and its verification."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

import sqlalchemy as sa

from swarmstead.audit.contract import Checkpoint, Problem, Row, Verification
from swarmstead.audit.model import CHECKPOINT, ROW, checkpoint_message, odd_fields, verify
from swarmstead.audit.ports import Checker, Signer
from swarmstead.audit.stored import NUMBERED, rows_of
from swarmstead.audit.tables import audit_heads, audit_keys, audit_rows
from swarmstead.kernel.scope import Scope, system_scope

_BATCH = 1000
_NEAR = 10_000


def page(
    conn: sa.Connection,
    scope: Scope,
    *,
    before: int | None = None,
    limit: int = 50,
    run: str = "",
    actor: str = "",
    action: str = "",
) -> list[Row]:
    """Newest first, at most `limit` rows with `seq < before`."""
    query = sa.select(audit_rows).where(audit_rows.c.tenant == scope.tenant, NUMBERED)
    if before is not None:
        query = query.where(audit_rows.c.seq < before)
    for column, value in ((audit_rows.c.run, run), (audit_rows.c.actor, actor), (audit_rows.c.action, action)):
        if value:
            query = query.where(column == value)
    return rows_of(conn, scope, query.order_by(audit_rows.c.seq.desc()).limit(limit))


def of_calls(conn: sa.Connection, scope: Scope, limit: int) -> Iterator[Row]:
    """How calls ended and what people were asked, newest first, at most `limit` rows."""
    wanted = (audit_rows.c.action == "tool.call") & (audit_rows.c.phase == "effect")
    wanted |= audit_rows.c.action == "approval.ask"
    query = sa.select(audit_rows).where(audit_rows.c.tenant == scope.tenant, NUMBERED, wanted)
    query, found = query.order_by(audit_rows.c.seq.desc()), 0
    while found < limit:
        rows = rows_of(conn, scope, query.limit(min(_BATCH, limit - found)))
        yield from rows
        if not rows:
            return
        found, query = found + len(rows), query.where(audit_rows.c.seq < rows[-1].seq)


def ends_of_calls(conn: sa.Connection, scope: Scope, steps: Collection[str]) -> dict[str, str]:
    """How these calls of outside clients ended: step -> verdict. Cost: looks at the newest 10,000 rows at most.

    That is what the first row after the attempt says. Whoever comes again with a plan that is spent leaves rows of the
    same step, which tell of a refusal.
    """
    if not steps:
        return {}
    phases = audit_rows.c.phase.in_(("attempt", "effect"))
    of_call = (audit_rows.c.action == "tool.call") & phases & audit_rows.c.step.in_(steps)
    query = sa.select(audit_rows).where(audit_rows.c.tenant == scope.tenant, audit_rows.c.run == "", NUMBERED, of_call)
    near = query.where(audit_rows.c.seq > newest(conn, scope) - _NEAR)
    ends: dict[str, str] = {}
    begun: set[str] = set()
    for row in rows_of(conn, scope, near.order_by(audit_rows.c.seq)):
        if row.phase == "attempt":
            begun.add(row.step)
            ends.pop(row.step, None)
        elif row.step in begun:
            ends.setdefault(row.step, str(row.data.get("verdict", "")))
    return ends


def chain(conn: sa.Connection, scope: Scope) -> Iterator[Row]:
    """The tenant's whole chain, oldest first, read in batches."""
    last = 0
    while True:
        rows = rows_after(conn, scope, last, _BATCH)
        yield from rows
        if len(rows) < _BATCH:
            return
        last = rows[-1].seq


def rows_after(conn: sa.Connection, scope: Scope, last: int, limit: int) -> list[Row]:
    """The next rows of the tenant's chain after row `last`, oldest first."""
    query = sa.select(audit_rows).where(audit_rows.c.tenant == scope.tenant, NUMBERED, audit_rows.c.seq > last)
    return rows_of(conn, scope, query.order_by(audit_rows.c.seq).limit(limit))


def newest(conn: sa.Connection, scope: Scope) -> int:
    """The number of the tenant's newest row; 0 when there is none."""
    query = sa.select(audit_rows.c.seq).where(audit_rows.c.tenant == scope.tenant, NUMBERED)
    return conn.execute(query.order_by(audit_rows.c.seq.desc()).limit(1)).scalar() or 0


def loose_ends(conn: sa.Connection) -> dict[str, str]:
    """The tenants, of all, whose trail does not end where its head row says, and how. Cost: three lookups a tenant."""
    found: dict[str, str] = {}
    following = sa.select(sa.func.min(audit_rows.c.tenant)).where(audit_rows.c.tenant > sa.bindparam("last"))
    tenant = ""
    while tenant := conn.execute(following, {"last": tenant}).scalar() or "":
        head = conn.execute(sa.select(audit_heads.c.seq).where(audit_heads.c.tenant == tenant)).first()
        end = newest(conn, system_scope(tenant))
        if head is None:
            found[tenant] = "its head row, which tells where it ends, is missing"
        elif head.seq != end:
            found[tenant] = f"it ends at row {end}, its head is row {head.seq}"
    return found


def verify_stored(
    conn: sa.Connection, scope: Scope, signer: Signer, checkpoint: Checkpoint | None = None, first_key: str = ""
) -> Verification:
    """Verify the tenant's stored chain, against a checkpoint when one is given: this host's, or another's.

    `first_key` is the id of the tenant's oldest key; '' when it has none. A row tells when that was made.
    """
    found = check(chain(conn, scope), _checker(conn, signer, checkpoint), checkpoint)
    more = [*_of_head(conn, scope, found), *_without_number(conn, scope, found)]
    if first_key and not _tells_of(conn, scope, first_key):
        what = "what came before these rows was removed" if found.head_seq else "no row is there, all were removed"
        more.append(Problem(1, f"{what}: no row tells when this tenant's first key, {first_key}, was made"))
    return replace(found, ok=False, problems=(*found.problems, *more)) if more else found


def _of_head(conn: sa.Connection, scope: Scope, found: Verification) -> Iterator[Problem]:
    head = conn.execute(sa.select(audit_heads).where(audit_heads.c.tenant == scope.tenant)).first()
    if head is None and found.head_seq:
        yield Problem(found.head_seq, "the head row, which tells where the chain ends, is missing")
    elif head is not None and (head.seq, head.hash) != (found.head_seq, found.head_hash):
        detail = f"chain cut off: it ends at row {found.head_seq}, its head is row {head.seq}"
        yield Problem(found.head_seq + 1, detail)


def _tells_of(conn: sa.Connection, scope: Scope, key: str) -> bool:
    made = (audit_rows.c.action == "key.create") & (audit_rows.c.target == f"key/{key}")
    query = sa.select(audit_rows.c.seq).where(audit_rows.c.tenant == scope.tenant, made)
    return conn.execute(query.order_by(audit_rows.c.seq).limit(1)).first() is not None


def _without_number(conn: sa.Connection, scope: Scope, found: Verification) -> Iterator[Problem]:
    lost = sa.select(sa.func.count()).select_from(audit_rows).where(audit_rows.c.tenant == scope.tenant, ~NUMBERED)
    if count := conn.execute(lost).scalar_one():
        yield Problem(found.head_seq, f"{count} rows cannot be read: what stands for their numbers is none")


def _checker(conn: sa.Connection, signer: Signer, checkpoint: Checkpoint | None) -> Checker:
    """Who can check the checkpoint's signature: this host's own key without looking anywhere, or one that is known."""
    if checkpoint is None or checkpoint.key_id == signer.key_id:
        return signer
    query = sa.select(audit_keys.c.public_key).where(audit_keys.c.key_id == checkpoint.key_id)
    known = conn.execute(query).scalar()
    return signer if known is None else signer.checker_of(known)


def told_row(found: Mapping[str, Any]) -> Row | None:
    """The row with these fields, read from JSON; None when that is no row."""
    return Row(**found) if found.keys() == ROW.keys() and not odd_fields(found) else None


def told_checkpoint(found: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint with these fields among others, read from JSON; None when that is none."""
    fields = {name: found.get(name) for name in Checkpoint.__slots__}
    return None if odd_fields(fields, CHECKPOINT) else Checkpoint(**cast("Any", fields))


def check(rows: Iterable[Row], checker: Checker, checkpoint: Checkpoint | None) -> Verification:
    """Verify rows from anywhere (the database, an export) and, with a checkpoint, its signature too."""
    found = verify(rows, checkpoint)
    if checkpoint is None:
        return found
    message = checkpoint_message(checkpoint.tenant, checkpoint.seq, checkpoint.hash, checkpoint.at, checkpoint.key_id)
    if checkpoint.key_id == checker.key_id and checker.check(message, checkpoint.signature):
        return found
    problem = Problem(checkpoint.seq, "the checkpoint's signature is by no key that is known here")
    return replace(found, ok=False, problems=(*found.problems, problem))
