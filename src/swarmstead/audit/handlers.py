"""Appending to the chain, and signing where it stands."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from swarmstead.audit.contract import Checkpoint, Entry, record
from swarmstead.audit.errors import TrailDamaged
from swarmstead.audit.model import GENESIS, checkpoint_message, row_hash
from swarmstead.audit.ports import Signer
from swarmstead.audit.tables import audit_heads, audit_keys, audit_rows
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import NotFound
from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared
from swarmstead.storage.sql import insert_or_ignore

_OF = audit_heads.c.tenant == sa.bindparam("t")
_LOCK_HEAD = Prepared(sa.select(audit_heads.c.seq, audit_heads.c.hash).where(_OF).with_for_update())
_MOVE_HEAD = Prepared(audit_heads.update().where(_OF), ["seq", "hash"])
_APPEND = Prepared(audit_rows.insert())
_NO_HEAD = "its head row, which tells where it ends, is missing"


def make_flusher(clock: Clock) -> Callable[[Tx, list[Any]], None]:
    """The flusher that writes staged entries at the end of a transaction, tenant by tenant in name order.

    Cost: two statements and one bulk insert per tenant, whatever the number of entries.
    """

    def flush(tx: Tx, entries: list[Entry]) -> None:
        by_tenant: dict[str, list[Entry]] = {}
        for entry in entries:
            by_tenant.setdefault(entry.scope.tenant, []).append(entry)
        for tenant in sorted(by_tenant):
            _append(tx.conn, tenant, by_tenant[tenant], clock.now_ms())

    return flush


def _append(conn: sa.Connection, tenant: str, entries: list[Entry], now: int) -> None:
    found = _LOCK_HEAD.rows(conn, {"t": tenant})
    if not found:
        _begin(conn, tenant)
        found = _LOCK_HEAD.rows(conn, {"t": tenant})
    seq, previous = found[0]
    if type(seq) is not int:
        raise _damaged(tenant, "its head row, which tells where it ends, cannot be read")
    rows: list[dict[str, Any]] = []
    for entry in entries:
        seq += 1
        fields: dict[str, Any] = {
            "tenant": tenant,
            "seq": seq,
            "at": now,
            "actor": entry.scope.actor.id,
            "actor_kind": entry.scope.actor.kind,
            "action": entry.action,
            "target": entry.target[:512],
            "phase": entry.phase,
            "run": entry.run,
            "step": entry.step,
            "trace_id": entry.trace_id,
            "data": dict(entry.data),
            "prev_hash": previous,
        }
        fields["hash"] = previous = row_hash(fields)
        rows.append(fields)
    try:
        _APPEND.run_all(conn, rows)
    except IntegrityError as error:
        raise _damaged(tenant, "its head row says that it ends before rows which are there") from error
    _MOVE_HEAD.run(conn, {"t": tenant, "seq": seq, "hash": previous})


def _begin(conn: sa.Connection, tenant: str) -> None:
    if _has_rows(conn, tenant):
        # Another process may have begun it a moment ago; then its head is there by now.
        if not _LOCK_HEAD.rows(conn, {"t": tenant}):
            raise _damaged(tenant, _NO_HEAD)
    else:
        insert_or_ignore(conn, audit_heads, {"tenant": tenant, "seq": 0, "hash": GENESIS})


def _has_rows(conn: sa.Connection, tenant: str) -> bool:
    return conn.execute(sa.select(audit_rows.c.seq).where(audit_rows.c.tenant == tenant).limit(1)).first() is not None


def _damaged(tenant: str, how: str) -> TrailDamaged:
    return TrailDamaged(
        f"The audit trail of the tenant {tenant} was damaged from outside: {how}. Nothing can be written or "
        "signed that does not follow its last row.",
        way_out="`stead audit verify` says what is wrong. Bring the database back from a backup.",
    )


def introduce(tx: Tx, tenant: str, clock: Clock, signer: Signer) -> list[str]:
    """Make this host's key known to the others; the chain of `tenant` tells when a key came. Twice changes nothing.

    The ids of the keys that were known before, when this one is new.
    """
    known = list(tx.conn.execute(sa.select(audit_keys.c.key_id).order_by(audit_keys.c.since)).scalars())
    values = {"key_id": signer.key_id, "public_key": signer.public_key, "since": clock.now_ms()}
    if not insert_or_ignore(tx.conn, audit_keys, values):
        return []
    data = {"public_key": signer.public_key}
    record(tx, Entry(system_scope(tenant), "audit.key", f"audit-key/{signer.key_id}", data=data))
    return known


def checkpoint(conn: sa.Connection, scope: Scope, clock: Clock, signer: Signer) -> Checkpoint:
    """Sign where the tenant's chain stands now. Reads only: the checkpoint is for keeping elsewhere.

    Fails: NotFound when the chain is empty, TrailDamaged when nothing says where it ends.
    """
    head = conn.execute(sa.select(audit_heads).where(audit_heads.c.tenant == scope.tenant)).first()
    if head is None:
        if _has_rows(conn, scope.tenant):
            raise _damaged(scope.tenant, _NO_HEAD)
        raise NotFound("There is nothing in this tenant's audit trail yet.")
    at, key_id = clock.now_ms(), signer.key_id
    signature = signer.sign(checkpoint_message(scope.tenant, head.seq, head.hash, at, key_id))
    return Checkpoint(scope.tenant, head.seq, head.hash, at, key_id, signature)
