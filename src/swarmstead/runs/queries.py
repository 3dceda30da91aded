"""Reads of the runs room, straight from the rows to what doors show."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import Asker
from swarmstead.runs import records
from swarmstead.runs.contract import Plan
from swarmstead.runs.errors import RunUnknown
from swarmstead.runs.plans import load_plan
from swarmstead.runs.tables import DENIED, UNKNOWN, agent_runs, events, runs, steps, visible, workers
from swarmstead.runs.told import shown_to_readers
from swarmstead.storage.sql import DatabaseNow, SharedNow, fields

_everybody = agent_runs.alias("everybody")


def _total(name: str) -> sa.ColumnElement[int]:
    summed = sa.select(sa.func.coalesce(sa.func.sum(_everybody.c[name]), 0)).where(_everybody.c.run == runs.c.id)
    return summed.scalar_subquery().label(name)


def _counted(name: str, *which: sa.ColumnElement[bool] | sa.TextClause) -> sa.Label[int]:
    return sa.select(sa.func.count()).where(steps.c.run == runs.c.id, *which).scalar_subquery().label(name)


_STOPPED = sa.or_(
    runs.c.status.in_(("cancelled", "paused")), sa.and_(runs.c.status == "waiting", runs.c.desired == "paused")
)
# Looked for only where a person has the last word, from the newest event back: it is close.
_LAST_COMMAND = (
    sa.select(events.c.data)
    .where(events.c.run == runs.c.id, events.c.kind == "command.accepted")
    .order_by(events.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)

# Per row of the page, by index: joined with all sums of all runs, a page would cost more with every run there ever was.
_WITH_TOTALS = sa.select(
    runs,
    _total("spent_micros"),
    _total("input_tokens"),
    _total("output_tokens"),
    sa.select(sa.func.coalesce(sa.func.max(events.c.seq), 0))
    .where(events.c.run == runs.c.id)
    .scalar_subquery()
    .label("seq"),
    _counted("denied", sa.text(f"steps.{DENIED}")),
    # A read is never marked as attempted: that it was not answered leaves nothing in doubt.
    _counted("unknown", sa.text(f"steps.{UNKNOWN}"), steps.c.attempted_at.is_not(None)),
    sa.case((_STOPPED, _LAST_COMMAND), else_=None).label("command"),
)


_TOTALS = ("spent_micros", "input_tokens", "output_tokens", "seq", "denied", "unknown")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with its totals. `row` has the columns of the table `runs`; `denied` counts calls that were refused.

    `unknown` counts side effects of which nobody knows whether they happened. `said` is the reason that a person
    gave for pausing or cancelling it; empty without one, and in other states.
    """

    row: Mapping[str, Any]
    spent_micros: int
    input_tokens: int
    output_tokens: int
    seq: int
    denied: int
    unknown: int
    said: str


def get(conn: sa.Connection, scope: Scope, run: str) -> RunRow:
    """One run. Fails: RunUnknown, also for another tenant's, and for one outside of the scope's environment."""
    found = conn.execute(_WITH_TOTALS.where(visible(scope), runs.c.id == run)).first()
    if found is None:
        raise RunUnknown(f"There is no run {run}.", way_out="List them with `stead run list`.")
    return _run(found)


def askers(conn: sa.Connection, scope: Scope, agent_run_ids: Sequence[str]) -> dict[str, Asker]:
    """By id of the agent run; those that are no agent run of this tenant (outside clients) are left out."""
    query = (
        sa.select(agent_runs.c.id, agent_runs.c.model_kind, runs.c.budget_micros, runs.c.input, _total("spent_micros"))
        .join(runs, runs.c.id == agent_runs.c.run)
        .where(agent_runs.c.tenant == scope.tenant, agent_runs.c.id.in_(set(agent_run_ids)))
    )
    rows = conn.execute(query) if agent_run_ids else ()
    return {
        row.id: Asker(row.model_kind, int(row.spent_micros), row.budget_micros, shown_to_readers(row.input))
        for row in rows
    }


def statuses_of_steps(conn: sa.Connection, scope: Scope, keys: Collection[str]) -> dict[str, str]:
    """By key; those that are no step of this tenant are left out."""
    query = sa.select(steps.c.key, steps.c.status).join(runs, runs.c.id == steps.c.run)
    rows = conn.execute(query.where(runs.c.tenant == scope.tenant, steps.c.key.in_(set(keys)))) if keys else ()
    return {row.key: row.status for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs: those in one of `statuses`, of `swarm`, in `environment`; what is empty holds for all."""

    statuses: Sequence[str] = ()
    swarm: str = ""
    environment: str = ""

    def of(self, scope: Scope) -> sa.Select[Any]:
        """The rows, as far as `scope` sees them."""
        query = _WITH_TOTALS.where(visible(scope))
        if self.statuses:
            query = query.where(runs.c.status.in_(self.statuses))
        if self.swarm:
            query = query.where(runs.c.swarm == self.swarm)
        if self.environment:
            query = query.where(runs.c.environment == self.environment)
        return query


def find(conn: sa.Connection, scope: Scope, wanted: Wanted, *, before: str = "", limit: int = 50) -> list[RunRow]:
    """Newest first; `before` is the id of the last one seen."""
    query = wanted.of(scope)
    if before:
        query = query.where(runs.c.id < before)
    return [_run(row) for row in conn.execute(query.order_by(runs.c.id.desc()).limit(limit))]


_STILL_SINCE = sa.func.coalesce(runs.c.rested_since, runs.c.created_at)


def urgent(
    conn: sa.Connection,
    scope: Scope,
    wanted: Wanted,
    *,
    first: Sequence[str],
    after: tuple[int, int, str] | None = None,
    limit: int = 50,
) -> list[RunRow]:
    """Runs of the environments `first` (production) before all others, then the one that has stood still longest.

    It is the order of the inbox, run by run. `after` is the place (`place_of`) of the last one seen.
    """
    query = wanted.of(scope)
    rank = sa.case((runs.c.environment.in_(first), 0), else_=1) if first else sa.literal(1)
    if after is not None:
        query = query.where(sa.tuple_(rank, _STILL_SINCE, runs.c.id) > sa.tuple_(*map(sa.literal, after)))
    order = (*((rank,) if first else ()), _STILL_SINCE, runs.c.id)
    return [_run(row) for row in conn.execute(query.order_by(*order).limit(limit))]


def place_of(found: RunRow, first: Sequence[str]) -> tuple[int, int, str]:
    """Where a run stands in the order of `urgent`."""
    since = found.row["rested_since"]
    rank = 0 if found.row["environment"] in first else 1
    return rank, found.row["created_at"] if since is None else since, found.row["id"]


def counts(conn: sa.Connection, scope: Scope, since: int) -> dict[str, int]:
    """How many runs are in each open state now, and how many ended since a time (milliseconds)."""
    query = (
        sa.select(runs.c.status, sa.func.count())
        .where(visible(scope), sa.or_(runs.c.finished_at.is_(None), runs.c.finished_at >= since))
        .group_by(runs.c.status)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def plan_of(conn: sa.Connection, scope: Scope, run: RunRow) -> Plan:
    """What the run runs."""
    return load_plan(conn, scope.tenant, run.row["plan_hash"])


def agents_of(conn: sa.Connection, scope: Scope, run: str) -> list[Mapping[str, Any]]:
    """The run's agent runs, parents before children. One with a step that waits for a person is `waiting`."""
    waits = sa.exists().where(steps.c.agent_run == agent_runs.c.id, steps.c.status == "waiting")
    status = sa.case((agent_runs.c.status == "running", sa.case((waits, "waiting"), else_="running")))
    query = sa.select(agent_runs, status.label("now")).where(
        agent_runs.c.tenant == scope.tenant, agent_runs.c.run == run
    )
    rows = conn.execute(query.order_by(agent_runs.c.depth, agent_runs.c.created_at, agent_runs.c.id))
    return [facts | {"status": facts["now"] or facts["status"]} for facts in map(fields, rows)]


def steps_of(
    conn: sa.Connection, scope: Scope, run: str, *, after: tuple[int, str] | None = None, limit: int = 500
) -> list[Mapping[str, Any]]:
    """The run's steps in the order they were opened; `after` is (started_at, key) of the last one seen."""
    columns = [column for column in steps.c if column.name not in ("input", "output")]
    query = sa.select(*columns).where(steps.c.tenant == scope.tenant, steps.c.run == run)
    if after is not None:
        query = query.where(
            sa.tuple_(steps.c.started_at, steps.c.key) > sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
        )
    return [fields(row) for row in conn.execute(query.order_by(steps.c.started_at, steps.c.key).limit(limit))]


def step(conn: sa.Connection, scope: Scope, run: str, key: str) -> Mapping[str, Any]:
    """One step with its input and output. Fails: RunUnknown."""
    query = sa.select(steps).where(steps.c.tenant == scope.tenant, steps.c.run == run, steps.c.key == key)
    row = conn.execute(query).first()
    if row is None:
        raise RunUnknown(f"The run {run} has no step {key}.", way_out="List its steps with `stead run show RUN`.")
    whole = fields(row)
    return whole | {name: records.loaded(conn, scope.tenant, whole[name]) for name in ("input", "output")}


def unstarted(conn: sa.Connection, now: int, older_ms: int) -> list[str]:
    """Agent runs of every tenant that were stored so long ago and never begun: a crash between the two.

    `now` by the caller's clock; where workers share the database it is not asked.
    """
    older_than = SharedNow(now) - older_ms
    query = (
        sa.select(agent_runs.c.id)
        .join(runs, runs.c.id == agent_runs.c.run)
        .where(agent_runs.c.status == "queued", agent_runs.c.created_at < older_than, runs.c.finished_at.is_(None))
    )
    return list(conn.execute(query.limit(500)).scalars())


def count_strangers(conn: sa.Connection, version: str) -> int:
    """How many open runs of all tenants are of another loop version."""
    query = sa.select(sa.func.count()).where(runs.c.finished_at.is_(None), runs.c.engine_version != version)
    return conn.execute(query).scalar_one()


def cancelled_strangers(conn: sa.Connection, version: str) -> list[str]:
    """Agent runs of every tenant that a person has cancelled, of a loop version that no process alive carries.

    Who is alive is a question of the database's time, by which leases are written (`adapters/leases.py`).
    """
    alive = sa.select(workers.c.version).where(workers.c.lease_until >= DatabaseNow())
    query = (
        sa.select(agent_runs.c.id)
        .join(runs, runs.c.id == agent_runs.c.run)
        .where(runs.c.finished_at.is_(None), runs.c.desired == "cancelled", agent_runs.c.finished_at.is_(None))
        .where(runs.c.engine_version != version, runs.c.engine_version.not_in(alive))
    )
    return list(conn.execute(query.limit(500)).scalars())


def open_among(conn: sa.Connection, ids: Sequence[str]) -> list[str]:
    """Those of these agent runs, of every tenant, that have not ended."""
    query = sa.select(agent_runs.c.id).where(agent_runs.c.id.in_(ids), agent_runs.c.finished_at.is_(None))
    return list(conn.execute(query).scalars()) if ids else []


def _run(row: sa.Row[Any]) -> RunRow:
    facts = fields(row)
    totals = [int(facts.pop(name)) for name in _TOTALS]
    command: dict[str, Any] = facts.pop("command") or {}
    return RunRow(facts, *totals, said=str(command.get("reason", "")))


def count_all(conn: sa.Connection) -> dict[str, int]:
    """How many runs of all tenants are in each open state: for metrics."""
    query = sa.select(runs.c.status, sa.func.count()).where(runs.c.finished_at.is_(None)).group_by(runs.c.status)
    return {row[0]: row[1] for row in conn.execute(query)}
