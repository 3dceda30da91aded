"""Every change of a run's, an agent run's and a step's row, with the event that tells of it. All join the caller's Tx.

Invariants:
- A step whose `output` is set is done; nothing here changes it again.
- `runs.pending` is the number of its steps that wait for a person; `runs.status` follows from it and from the wish.
- Time at rest (waiting for a person, paused) moves the deadline by as much, and so does time that a crash has cost.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.hashing import canonical_json, digest
from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import Approval
from swarmstead.runs.contract import ACTIVE, Desired, RunStatus, agent_topic, run_topic
from swarmstead.runs.events import emit
from swarmstead.runs.model import resting_status
from swarmstead.runs.tables import agent_runs, artifacts, events, runs, steps
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared
from swarmstead.storage.signals import wake
from swarmstead.storage.sql import insert_or_ignore
from swarmstead.telemetry.contract import run_finished


class _Run(NamedTuple):
    """What of a run's row the changes below look at."""

    id: str
    trace_id: str
    status: RunStatus
    desired: Desired
    pending: int
    rested_since: int | None
    deadline_at: int | None
    wall_clock_s: int


_LARGE = 64 * 1024
_NOTICED_MS = 10_000
_STARTED = frozenset(ACTIVE) - {"queued"}
_SAYS: Mapping[str, str] = {"waiting": "run.waiting", "paused": "run.paused", "running": "run.resumed"}
_INSERT_STEP = Prepared(steps.insert())
_CHANGE_STEP = steps.update().where(steps.c.key == sa.bindparam("of"), steps.c.output.is_(None))
_RUN = runs.c.id == sa.bindparam("of")
_LOCK_RUN = Prepared(sa.select(*(runs.c[name] for name in _Run._fields)).where(_RUN).with_for_update())
_UNPARK = Prepared(
    steps.update()
    .where(steps.c.run == sa.bindparam("of"), steps.c.approval == sa.bindparam("asked"), steps.c.status == "waiting")
    .returning(steps.c.key),
    ["status", "waited_to"],
)
_MINE = (steps.c.key == sa.bindparam("of")) & steps.c.output.is_(None)
_BEGIN = steps.update().values(status="running", attempts=steps.c.attempts + 1)
_BEGIN_FIRST = Prepared(_BEGIN.where(_MINE, steps.c.attempted_at.is_(None)), ["attempted_at"])
_BEGIN_AGAIN = Prepared(_BEGIN.where(_MINE), ["attempted_at"])
_END_RUN = Prepared(
    runs.update().where(_RUN, runs.c.finished_at.is_(None)).returning(runs.c.trace_id),
    ["status", "finished_at", "result", "error", "pending", "rested_since"],
)
_AGENT_RUN = agent_runs.c.id == sa.bindparam("of")
_START_AGENT = Prepared(
    agent_runs.update().where(_AGENT_RUN, agent_runs.c.status == "queued").returning(agent_runs.c.agent),
    ["status", "started_at"],
)
_END_AGENT = Prepared(
    agent_runs.update()
    .where(_AGENT_RUN, agent_runs.c.finished_at.is_(None))
    .returning(agent_runs.c.run, agent_runs.c.agent),
    ["status", "outcome", "error", "finished_at"],
)
_OPEN_STEPS = (steps.c.agent_run == sa.bindparam("of")) & steps.c.output.is_(None)
_COUNT_WAITING = Prepared(sa.select(sa.func.count()).where(_OPEN_STEPS, steps.c.status == "waiting"))
_END_STEPS = Prepared(
    steps.update()
    .where(_OPEN_STEPS, sa.or_(*(steps.c.status == one for one in ("queued", "running", "waiting", "unknown"))))
    .values(
        # A side effect that was attempted and never settled stays what it is: unknown.
        status=sa.case((steps.c.attempted_at.is_not(None), "unknown"), else_="cancelled"),
        finished_at=sa.bindparam("now"),
    )
)
_EMPTY_STEP: dict[str, Any] = {
    "risk": "",
    "summary": "",
    "input": None,
    "output": None,
    "error": None,
    "approval": None,
    "attempts": 0,
    "attempted_at": None,
    "spent_micros": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "waited_from": None,
    "waited_to": None,
    "finished_at": None,
}


def open_steps(tx: Tx, rows: list[dict[str, Any]]) -> None:
    """Insert step rows; fields left out have nothing in them yet."""
    _INSERT_STEP.run_all(tx.conn, [_EMPTY_STEP | row for row in rows])


def change_step(tx: Tx, key: str, values: Mapping[str, Any]) -> bool:
    """Change a step that is not done; False when it is done already (or is not there)."""
    return _change_step(tuple(values)).run(tx.conn, {"of": key, **values}) > 0


@cache
def _change_step(columns: tuple[str, ...]) -> Prepared:
    return Prepared(_CHANGE_STEP, columns)


def begin_read(tx: Tx, key: str) -> None:
    """A read that had to wait is in flight now. One that is done, or waits for a person, is left as it is."""
    mine = (steps.c.key == key) & steps.c.output.is_(None) & (steps.c.status == "queued") & steps.c.approval.is_(None)
    tx.conn.execute(steps.update().where(mine).values(status="running"))


def begin_step(tx: Tx, clock: Clock, key: str, *, again: bool) -> bool:
    """Mark a side effect as about to be tried; False when it is done or, unless `again`, was tried before."""
    statement = _BEGIN_AGAIN if again else _BEGIN_FIRST
    return statement.run(tx.conn, {"of": key, "attempted_at": clock.now_ms()}) > 0


def lose_attempt(tx: Tx, key: str) -> bool:
    """A side effect was in flight when its process ended: it is unknown from now on. False when it was already."""
    in_flight = (steps.c.status == "running") & steps.c.attempted_at.is_not(None)
    mine = (steps.c.key == key) & steps.c.output.is_(None) & in_flight
    return tx.conn.execute(steps.update().where(mine).values(status="unknown")).rowcount > 0


def attempts_of(tx: Tx, key: str) -> int:
    """How often a step's side effect was tried."""
    return tx.conn.execute(sa.select(steps.c.attempts).where(steps.c.key == key)).scalar_one()


def stored(tx: Tx, tenant: str, clock: Clock, value: Any) -> Any:
    """`value`, or a reference to it when it is larger than 64 KB, or would read like a reference itself."""
    if len(canonical_json(value)) <= _LARGE and not _is_reference(value):
        return value
    name = digest(value)
    insert_or_ignore(
        tx.conn, artifacts, {"tenant": tenant, "hash": name, "content": value, "created_at": clock.now_ms()}
    )
    return {"$artifact": name}


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "$artifact" in value


def loaded(conn: sa.Connection, tenant: str, value: Any) -> Any:
    """The value that `stored` was given."""
    if not _is_reference(value):
        return value
    of = (artifacts.c.tenant == tenant) & (artifacts.c.hash == str(value["$artifact"]))
    return conn.execute(sa.select(artifacts.c.content).where(of)).scalar_one()


def park(tx: Tx, scope: Scope, clock: Clock, run: str, step: str, approval: str) -> None:
    """A step begins to wait for a person. Parking a parked step changes nothing."""
    changed = tx.conn.execute(
        steps.update()
        .where(steps.c.key == step, steps.c.output.is_(None), steps.c.status != "waiting")
        .values(status="waiting", approval=approval, waited_from=clock.now_ms(), waited_to=None)
    )
    if changed.rowcount == 0:
        return
    row = _locked(tx, run)
    emit(tx, "approval.asked", scope, run=run, step=step, trace_id=row.trace_id, data={"approval": approval})
    _restate(tx, scope, clock, row, row.pending + 1)


def unpark(tx: Tx, scope: Scope, clock: Clock, answered: Approval) -> None:
    """A question is answered or has expired: the step that it was about goes on. Doing it twice changes nothing."""
    answer = {"of": answered.run, "asked": answered.id, "status": "queued", "waited_to": clock.now_ms()}
    if not (found := _UNPARK.rows(tx.conn, answer)):
        return
    step: str = found[0][0]
    row = _locked(tx, answered.run)
    data = {"approval": answered.id, "status": answered.status, "reason": answered.reason, "by": answered.decided_by}
    kind = "approval.expired" if answered.status == "expired" else "approval.decided"
    emit(tx, kind, scope, run=row.id, step=step, trace_id=row.trace_id, data=data)
    _restate(tx, scope, clock, row, row.pending - 1)


def settle_status(tx: Tx, scope: Scope, clock: Clock, run: str, resting: str = "") -> None:
    """Show `paused` once the wish is to pause and nothing is in flight, `running` once it is to go on.

    `resting` is the step whose loop stands at a safe point: whatever its row says since a crash, it is not in flight.
    """
    if resting:
        idle = (steps.c.key == resting) & (steps.c.status == "running") & steps.c.output.is_(None)
        tx.conn.execute(steps.update().where(idle).values(status="queued"))
    row = _locked(tx, run)
    _restate(tx, scope, clock, row, row.pending)


def _locked(tx: Tx, run: str) -> _Run:
    return _Run(*_LOCK_RUN.rows(tx.conn, {"of": run})[0])


def _change_run(tx: Tx, run: str, values: Mapping[str, Any]) -> None:
    _changing_run(tuple(values)).run(tx.conn, {"of": run, **values})


@cache
def _changing_run(columns: tuple[str, ...]) -> Prepared:
    return Prepared(runs.update().where(_RUN), columns)


def _restate(tx: Tx, scope: Scope, clock: Clock, row: _Run, pending: int) -> None:
    """Write the run's count of open questions and what follows from it; say so when the status changes."""
    values: dict[str, Any] = {} if pending == row.pending else {"pending": pending}
    if row.status in _STARTED:
        status = resting_status(row.desired, pending, busy=row.desired == "paused" and _busy(tx, row.id))
        if status != row.status:
            values |= {"status": status} | (_woken if status == "running" else _rested)(row, clock.now_ms())
            emit(tx, _SAYS[status], scope, run=row.id, trace_id=row.trace_id)
            wake(tx, run_topic(row.id))
    if values:
        _change_run(tx, row.id, values)


def _busy(tx: Tx, run: str) -> bool:
    flying = (steps.c.run == run) & (steps.c.status == "running") & (steps.c.kind != "delegate")
    return tx.conn.execute(sa.select(sa.literal(1)).where(flying).limit(1)).scalar() is not None


def _rested(row: _Run, now: int) -> dict[str, Any]:
    return {} if row.rested_since is not None else {"rested_since": now}


def _woken(row: _Run, now: int) -> dict[str, Any]:
    if row.rested_since is None:
        return {}
    lost = now - row.rested_since
    return {"rested_since": None, "deadline_at": None if row.deadline_at is None else row.deadline_at + lost}


def start_agent(tx: Tx, scope: Scope, clock: Clock, run: str, agent_run: str) -> bool:
    """An agent's loop begins, or goes on after a crash, which changes nothing; False when it has ended meanwhile."""
    now, row = clock.now_ms(), _locked(tx, run)
    started = _START_AGENT.rows(tx.conn, {"of": agent_run, "status": "running", "started_at": now})
    if not started:
        ended = sa.select(agent_runs.c.finished_at).where(agent_runs.c.id == agent_run)
        alive = tx.conn.execute(ended).scalar_one() is None
        if alive:
            _taken_up(tx, scope, row, now)
        return alive
    if row.status == "queued":
        values = {"status": "running", "started_at": now, "deadline_at": now + row.wall_clock_s * 1000}
        _change_run(tx, run, values)
        emit(tx, "run.started", scope, run=run, trace_id=row.trace_id)
        wake(tx, run_topic(run))
    data = {"agent_run": agent_run, "agent": started[0][0]}
    emit(tx, "agent.started", scope, run=run, trace_id=row.trace_id, data=data)
    return True


def _taken_up(tx: Tx, scope: Scope, row: _Run, now: int) -> None:
    """A loop goes on after a crash: the time since the run's last sign of life does not count against its deadline.

    The event is a sign of life, so what several loops of one run missed together is given back once.
    """
    if row.status != "running" or row.rested_since is not None or row.deadline_at is None:
        return
    last = tx.conn.execute(sa.select(sa.func.max(events.c.at)).where(events.c.run == row.id)).scalar() or now
    if now - last < _NOTICED_MS:
        return
    _change_run(tx, row.id, {"deadline_at": row.deadline_at + now - last})
    emit(tx, "run.recovered", scope, run=row.id, trace_id=row.trace_id, data={"after_ms": now - last})
    wake(tx, run_topic(row.id))


def finish_agent(
    tx: Tx, scope: Scope, clock: Clock, agent_run: str, status: str, outcome: str, error: Mapping[str, Any] | None
) -> bool:
    """An agent's loop has ended; False when it had before, and nothing changes. Wakes the parent.

    What it still asked is not waited for any more, so the run may rest or go on for want of it.
    """
    now = clock.now_ms()
    values = {"status": status, "outcome": outcome, "error": error and dict(error), "finished_at": now}
    ended = _END_AGENT.rows(tx.conn, {"of": agent_run, **values})
    if not ended:
        return False
    run, agent = ended[0]
    ((waiting,),) = _COUNT_WAITING.rows(tx.conn, {"of": agent_run})
    _END_STEPS.run(tx.conn, {"of": agent_run, "now": now})
    row = _locked(tx, run)
    _restate(tx, scope, clock, row, row.pending - waiting)
    data: dict[str, Any] = {"agent_run": agent_run, "agent": agent, "status": status}
    if error:
        data["error"] = dict(error)
    emit(tx, "agent.finished", scope, run=run, trace_id=row.trace_id, data=data)
    wake(tx, agent_topic(agent_run))
    return True


def stop_others(tx: Tx, run: str) -> None:
    """The run's coordinator is done for: whoever still works in it stops at the next safe point."""
    tx.conn.execute(runs.update().where(runs.c.id == run, runs.c.finished_at.is_(None)).values(desired="cancelled"))
    wake(tx, run_topic(run))


def finish_run(
    tx: Tx, scope: Scope, clock: Clock, run: str, status: str, result: str | None, error: Mapping[str, Any] | None
) -> bool:
    """The run has ended; False when it had before."""
    values = {"status": status, "finished_at": clock.now_ms(), "result": result, "pending": 0, "rested_since": None}
    ended = _END_RUN.rows(tx.conn, {"of": run, **values, "error": None if error is None else dict(error)})
    if not ended:
        return False
    trace_id: str = ended[0][0]
    data: dict[str, Any] = {"status": status} | ({"error": dict(error)} if error else {})
    emit(tx, "run.finished", scope, run=run, trace_id=trace_id, data=data)
    told = {"status": status}
    record(tx, Entry(scope, "run.finish", f"run/{run}", run=run, trace_id=trace_id, data=told))
    wake(tx, run_topic(run))
    tx.after_commit(lambda: run_finished(status))
    return True
