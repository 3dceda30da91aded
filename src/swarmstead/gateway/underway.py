"""Side effects of outside clients while they are under way, so that one that a crash cuts gets its last audit row.

A run has a journal for that. Here the row that would say "unknown" is kept beside `intent` and `attempt`, and struck
off by the row that says how the call ended. What is left of a process that is gone goes to the trail.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.gateway.tables import calls_underway
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.storage.database import Tx
from swarmstead.storage.sql import SharedNow, insert_or_ignore

LONGEST_MS = 86_400_000
"""No call lasts a day: what is older is of a process that is gone, on whichever machine it was."""
_MOST = 500


def begin(tx: Tx, clock: Clock, lost: Entry) -> None:
    """A side effect is about to start; `lost` is its last row, should nobody come to write another one."""
    actor = lost.scope.actor
    entry = {"actor": {"id": actor.id, "kind": actor.kind, "name": actor.name}, "action": lost.action}
    entry |= {"target": lost.target, "trace_id": lost.trace_id, "data": dict(lost.data)}
    row = {"tenant": lost.scope.tenant, "key": lost.step, "since": SharedNow(clock.now_ms()), "entry": entry}
    insert_or_ignore(tx.conn, calls_underway, row)


def end(tx: Tx, tenant: str, key: str) -> None:
    """It has ended, and its row says how."""
    mine = (calls_underway.c.tenant == tenant) & (calls_underway.c.key == key)
    tx.conn.execute(calls_underway.delete().where(mine))


def among(conn: sa.Connection, scope: Scope, keys: Collection[str]) -> set[str]:
    """Which of these calls are under way."""
    query = sa.select(calls_underway.c.key).where(
        calls_underway.c.tenant == scope.tenant, calls_underway.c.key.in_(keys)
    )
    return set(conn.execute(query).scalars()) if keys else set()


def tenants(conn: sa.Connection) -> list[str]:
    """Whose calls are under way, or were cut."""
    return list(conn.execute(sa.select(calls_underway.c.tenant).distinct().order_by(calls_underway.c.tenant)).scalars())


def close_lost(tx: Tx, clock: Clock, tenant: str, older_ms: int) -> int:
    """Write the last rows of calls that began so long ago and have not ended; how many. Twice changes nothing.

    Rows that another process closes at the same moment are left to it.
    """
    mine = calls_underway.c.tenant == tenant
    lost = sa.select(calls_underway).where(mine, calls_underway.c.since <= SharedNow(clock.now_ms()) - older_ms)
    order = lost.order_by(calls_underway.c.since, calls_underway.c.key).limit(_MOST)
    rows = tx.conn.execute(order.with_for_update(skip_locked=True)).all()
    for row in rows:
        end(tx, row.tenant, row.key)
        record(tx, _entry(row.tenant, row.key, row.entry))
    return len(rows)


def _entry(tenant: str, key: str, kept: dict[str, Any]) -> Entry:
    scope = Scope(tenant, Actor(**kept["actor"]))
    return Entry(scope, kept["action"], kept["target"], "effect", "", key, kept["trace_id"], kept["data"])
