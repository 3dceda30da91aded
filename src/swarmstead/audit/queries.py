"""Reading the trail: pages, a whole chain as a stream, and its verification."""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from swarmstead.audit.contract import Checkpoint, Problem, Row, Verification
from swarmstead.audit.model import checkpoint_message, verify
from swarmstead.audit.ports import Checker, Signer
from swarmstead.audit.tables import audit_heads, audit_keys, audit_rows
from swarmstead.kernel.scope import Scope
from swarmstead.storage.sql import fields

_BATCH = 1000


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
    query = sa.select(audit_rows).where(audit_rows.c.tenant == scope.tenant)
    if before is not None:
        query = query.where(audit_rows.c.seq < before)
    for column, value in ((audit_rows.c.run, run), (audit_rows.c.actor, actor), (audit_rows.c.action, action)):
        if value:
            query = query.where(column == value)
    return [_row(found) for found in conn.execute(query.order_by(audit_rows.c.seq.desc()).limit(limit))]


def of_calls(conn: sa.Connection, scope: Scope, limit: int) -> Iterator[Row]:
    """How calls ended and what people were asked, newest first, at most `limit` rows."""
    wanted = (audit_rows.c.action == "tool.call") & (audit_rows.c.phase == "effect")
    wanted |= audit_rows.c.action == "approval.ask"
    query = sa.select(audit_rows).where(audit_rows.c.tenant == scope.tenant, wanted)
    for found in conn.execute(query.order_by(audit_rows.c.seq.desc()).limit(limit)):
        yield _row(found)


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
    query = sa.select(audit_rows).where(audit_rows.c.tenant == scope.tenant, audit_rows.c.seq > last)
    return [_row(found) for found in conn.execute(query.order_by(audit_rows.c.seq).limit(limit))]


def head_of(conn: sa.Connection, scope: Scope) -> int:
    """The number of the tenant's newest row; 0 when there is none."""
    return conn.execute(sa.select(audit_heads.c.seq).where(audit_heads.c.tenant == scope.tenant)).scalar() or 0


def verify_stored(
    conn: sa.Connection, scope: Scope, signer: Signer, checkpoint: Checkpoint | None = None
) -> Verification:
    """Verify the tenant's stored chain, against a checkpoint when one is given: this host's, or another's."""
    found = check(chain(conn, scope), _checker(conn, signer, checkpoint), checkpoint)
    head = conn.execute(sa.select(audit_heads).where(audit_heads.c.tenant == scope.tenant)).first()
    at_head = (head.seq, head.hash) if head else (0, found.head_hash)
    if at_head != (found.head_seq, found.head_hash):
        problem = Problem(
            found.head_seq + 1, f"chain cut off: it ends at row {found.head_seq}, its head is row {at_head[0]}"
        )
        return Verification(False, found.checked, found.head_seq, found.head_hash, (*found.problems, problem))
    return found


def _checker(conn: sa.Connection, signer: Signer, checkpoint: Checkpoint | None) -> Checker:
    """Who can check the checkpoint's signature: this host's own key without looking anywhere, or one that is known."""
    if checkpoint is None or checkpoint.key_id == signer.key_id:
        return signer
    query = sa.select(audit_keys.c.public_key).where(audit_keys.c.key_id == checkpoint.key_id)
    known = conn.execute(query).scalar()
    return signer if known is None else signer.checker_of(known)


def check(rows: Iterable[Row], checker: Checker, checkpoint: Checkpoint | None) -> Verification:
    """Verify rows from anywhere (the database, an export) and, with a checkpoint, its signature too."""
    found = verify(rows, checkpoint)
    if checkpoint is None:
        return found
    message = checkpoint_message(checkpoint.tenant, checkpoint.seq, checkpoint.hash, checkpoint.at, checkpoint.key_id)
    if checkpoint.key_id == checker.key_id and checker.check(message, checkpoint.signature):
        return found
    problem = Problem(checkpoint.seq, "the checkpoint's signature is by no key that is known here")
    return Verification(False, found.checked, found.head_seq, found.head_hash, (*found.problems, problem))


def _row(found: sa.Row[Any]) -> Row:
    return Row(**fields(found))
