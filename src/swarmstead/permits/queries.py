"""Reads of the permits room: the inbox."""

from collections.abc import Sequence

import sqlalchemy as sa

from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import Approval
from swarmstead.permits.errors import ApprovalUnknown
from swarmstead.permits.tables import approvals, visible
from swarmstead.storage.sql import fields


def get(conn: sa.Connection, scope: Scope, approval_id: str) -> Approval:
    """One approval. Fails: ApprovalUnknown."""
    query = sa.select(approvals).where(visible(scope), approvals.c.id == approval_id)
    row = conn.execute(query).first()
    if row is None:
        raise ApprovalUnknown(f"There is no approval {approval_id}.", way_out="Open the inbox: `stead inbox list`.")
    return Approval(**fields(row))


def find(
    conn: sa.Connection,
    scope: Scope,
    *,
    statuses: Sequence[str] = (),
    run: str = "",
    after: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[Approval]:
    """Oldest deadline first; `after` is (expires_at, id) of the last one seen."""
    query = sa.select(approvals).where(visible(scope))
    if statuses:
        query = query.where(approvals.c.status.in_(statuses))
    if run:
        query = query.where(approvals.c.run == run)
    if after is not None:
        query = query.where(
            sa.tuple_(approvals.c.expires_at, approvals.c.id) > sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
        )
    return [
        Approval(**fields(row))
        for row in conn.execute(query.order_by(approvals.c.expires_at, approvals.c.id).limit(limit))
    ]


def count_pending(conn: sa.Connection, scope: Scope) -> int:
    """How many questions wait in this tenant."""
    query = sa.select(sa.func.count()).where(visible(scope), approvals.c.status == "pending")
    return conn.execute(query).scalar_one()


def count_all_pending(conn: sa.Connection) -> int:
    """How many questions wait in all tenants: for metrics."""
    return conn.execute(sa.select(sa.func.count()).where(approvals.c.status == "pending")).scalar_one()
