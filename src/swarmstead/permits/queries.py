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
    first: Sequence[str] = (),
    after: tuple[int, int, str] | None = None,
    limit: int = 50,
) -> list[Approval]:
    """Questions of the environments `first` (production) before all others, then the oldest deadline.

    `after` is the place (`place_of`) of the last one seen.
    """
    query = sa.select(approvals).where(visible(scope))
    if statuses:
        query = query.where(approvals.c.status.in_(statuses))
    if run:
        query = query.where(approvals.c.run == run)
    rank = sa.case((approvals.c.environment.in_(first), 0), else_=1) if first else sa.literal(1)
    if after is not None:
        place = sa.tuple_(*map(sa.literal, after))
        query = query.where(sa.tuple_(rank, approvals.c.expires_at, approvals.c.id) > place)
    order = (*((rank,) if first else ()), approvals.c.expires_at, approvals.c.id)
    return [Approval(**fields(row)) for row in conn.execute(query.order_by(*order).limit(limit))]


def place_of(found: Approval, first: Sequence[str]) -> tuple[int, int, str]:
    """Where a question stands in the order of `find`."""
    return (0 if found.environment in first else 1, found.expires_at, found.id)


def decided(
    conn: sa.Connection,
    scope: Scope,
    *,
    statuses: Sequence[str],
    run: str = "",
    before: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[Approval]:
    """Questions that are closed, the one closed last first; `before` is (decided_at, id) of the last one seen."""
    query = sa.select(approvals).where(visible(scope), approvals.c.status.in_(statuses))
    if run:
        query = query.where(approvals.c.run == run)
    place = sa.tuple_(approvals.c.decided_at, approvals.c.id)
    if before is not None:
        query = query.where(place < sa.tuple_(*map(sa.literal, before)))
    query = query.order_by(approvals.c.decided_at.desc(), approvals.c.id.desc()).limit(limit)
    return [Approval(**fields(row)) for row in conn.execute(query)]


def of_run(conn: sa.Connection, scope: Scope, run: str, *, most: int) -> list[Approval]:
    """Questions of a run: those that wait, oldest deadline first, then what was closed last, in the order it was."""
    pending = find(conn, scope, statuses=("pending",), run=run, limit=most)
    closed = decided(
        conn, scope, statuses=("approved", "denied", "expired"), run=run, limit=max(most - len(pending), 0)
    )
    return [*pending, *reversed(closed)]


def count_pending(conn: sa.Connection, scope: Scope) -> int:
    """How many questions wait in this tenant."""
    query = sa.select(sa.func.count()).where(visible(scope), approvals.c.status == "pending")
    return conn.execute(query).scalar_one()


def count_all_pending(conn: sa.Connection) -> int:
    """How many questions wait in all tenants: for metrics."""
    return conn.execute(sa.select(sa.func.count()).where(approvals.c.status == "pending")).scalar_one()
