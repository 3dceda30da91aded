"""Events: appended in the transaction that changes the state they tell of, numbered in commit order, then streamed."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.scope import Scope
from swarmstead.runs.contract import Event, StoredEvent, events_topic
from swarmstead.runs.tables import event_heads, events, runs, visible
from swarmstead.runs.told import Show, shown_to_readers
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared
from swarmstead.storage.signals import wake
from swarmstead.storage.sql import fields, insert_or_ignore
from swarmstead.telemetry.contract import redact

FLUSHER = "events"
SCHEMA = 1
_ADVANCE = Prepared(
    event_heads.update()
    .where(event_heads.c.tenant == sa.bindparam("t"))
    .values(seq=event_heads.c.seq + sa.bindparam("n"))
    .returning(event_heads.c.seq)
)
_APPEND = Prepared(events.insert())
_INPUT = Prepared(sa.select(runs.c.input).where(runs.c.id == sa.bindparam("run_")))
_WORDS = ("why", "reason", "error")


def emit(
    tx: Tx,
    kind: str,
    scope: Scope,
    *,
    run: str = "",
    step: str = "",
    trace_id: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Append an event in this transaction. `data` is redacted before it is stored.

    So is what the run was told in secret, where `data` says something in words: `why`, `reason`, `error`.
    """
    tx.stage(FLUSHER, Event(scope.tenant, kind, scope.actor.id, run, step, trace_id, data or {}))


def make_flusher(clock: Clock) -> Callable[[Tx, list[Any]], None]:
    """The flusher that numbers and writes staged events.

    Invariants: the head row is locked until the commit, so a reader that has seen `seq` n has seen everything up to n.
    Cost: one update and one bulk insert per tenant and transaction.
    """

    def flush(tx: Tx, staged: list[Event]) -> None:
        by_tenant: dict[str, list[Event]] = {}
        for event in staged:
            by_tenant.setdefault(event.tenant, []).append(event)
        now = clock.now_ms()
        for tenant in sorted(by_tenant):
            _append(tx.conn, tenant, by_tenant[tenant], now)
            wake(tx, events_topic(tenant))

    return flush


def _append(conn: sa.Connection, tenant: str, staged: list[Event], now: int) -> None:
    moved = _ADVANCE.rows(conn, {"t": tenant, "n": len(staged)})
    if not moved:
        insert_or_ignore(conn, event_heads, {"tenant": tenant, "seq": 0})
        moved = _ADVANCE.rows(conn, {"t": tenant, "n": len(staged)})
    first = moved[0][0] - len(staged) + 1
    told = _told(conn, staged)
    rows = [
        {
            "tenant": tenant,
            "seq": first + offset,
            "at": now,
            "run": event.run,
            "step": event.step,
            "kind": event.kind,
            "actor": event.actor,
            "trace_id": event.trace_id,
            "data": _shown(redact(event.data), told.get(event.run)),
            "schema": SCHEMA,
        }
        for offset, event in enumerate(staged)
    ]
    _APPEND.run_all(conn, rows)


def _told(conn: sa.Connection, staged: list[Event]) -> dict[str, Show]:
    """By run, for those of which an event says something in words: how that is shown. Others are not looked at."""
    speaking = {event.run for event in staged if event.run and any(event.data.get(name) for name in _WORDS)}
    return {run: shown_to_readers(row[0]) for run in sorted(speaking) for row in _INPUT.rows(conn, {"run_": run})}


def _shown(data: dict[str, Any], show: Show | None) -> dict[str, Any]:
    """Ids and states are never taken apart: a secret may look like a part of them."""
    return data if show is None else data | {name: show(data[name]) for name in _WORDS if name in data}


def after(conn: sa.Connection, scope: Scope, seq: int, *, run: str = "", limit: int = 500) -> list[StoredEvent]:
    """Events with a higher number than `seq`, oldest first."""
    query = sa.select(events).where(events.c.tenant == scope.tenant, events.c.seq > seq)
    if scope.environment:
        query = query.where(events.c.run.in_(sa.select(runs.c.id).where(visible(scope))))
    if run:
        query = query.where(events.c.run == run)
    return [StoredEvent(**fields(row)) for row in conn.execute(query.order_by(events.c.seq).limit(limit))]


def head(conn: sa.Connection, scope: Scope) -> int:
    """The number of the tenant's newest event, 0 when there is none."""
    query = sa.select(event_heads.c.seq).where(event_heads.c.tenant == scope.tenant)
    return conn.execute(query).scalar() or 0


def last_of_run(conn: sa.Connection, run: str) -> int:
    """The number of a run's newest event, 0 when there is none."""
    return conn.execute(sa.select(sa.func.max(events.c.seq)).where(events.c.run == run)).scalar() or 0
