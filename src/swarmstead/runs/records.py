"""Every change of a run's, an agent run's and a step's row, with the event that tells of it. All join the caller's Tx.

Invariants:
- A step whose `output` is set is done; nothing here changes it again.
- `runs.pending` is the number of its steps that wait for a person; `runs.status` follows from it and from the wish.
- Time at rest (waiting for a person, paused) moves the deadline by as much.
"""

from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.hashing import canonical_json, digest
from swarmstead.kernel.scope import Scope
from swarmstead.permits.contract import Approval
from swarmstead.runs.contract import ENDED, agent_topic, run_topic
from swarmstead.runs.events import emit
from swarmstead.runs.model import resting_status
from swarmstead.runs.tables import agent_runs, artifacts, runs, steps
from swarmstead.storage.database import Tx
from swarmstead.storage.signals import wake
from swarmstead.storage.sql import insert_or_ignore
from swarmstead.telemetry.contract import run_finished

_LARGE = 64 * 1024
_STEP = steps.c.key == sa.bindparam("step_key")
_INSERT_STEP = steps.insert()
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
    tx.conn.execute(_INSERT_STEP, [_EMPTY_STEP | row for row in rows])


def change_step(tx: Tx, key: str, values: Mapping[str, Any]) -> None:
    """Change a step that is not done."""
    tx.conn.execute(steps.update().where(steps.c.key == key, steps.c.output.is_(None)).values(dict(values)))


def stored(tx: Tx, tenant: str, clock: Clock, value: Any) -> Any:
    """`value`, or a reference to it when it is larger than 64 KB."""
    if len(canonical_json(value)) <= _LARGE:
        return value
    name = digest(value)
    insert_or_ignore(
        tx.conn, artifacts, {"tenant": tenant, "hash": name, "content": value, "created_at": clock.now_ms()}
    )
    return {"$artifact": name}


def loaded(conn: sa.Connection, tenant: str, value: Any) -> Any:
    """The value that `stored` was given."""
    if not isinstance(value, dict) or "$artifact" not in value:
        return cast("Any", value)
    of = (artifacts.c.tenant == tenant) & (artifacts.c.hash == str(cast("dict[str, Any]", value)["$artifact"]))
    return conn.execute(sa.select(artifacts.c.content).where(of)).scalar_one()


def park(tx: Tx, scope: Scope, clock: Clock, run: str, step: str, approval: str) -> None:
    """A step begins to wait for a person. Parking a parked step changes nothing."""
    now = clock.now_ms()
    changed = tx.conn.execute(
        steps.update()
        .where(steps.c.key == step, steps.c.output.is_(None), steps.c.status != "waiting")
        .values(status="waiting", approval=approval, waited_from=now, waited_to=None)
    )
    if changed.rowcount == 0:
        return
    row = tx.conn.execute(sa.select(runs).where(runs.c.id == run).with_for_update()).one()
    values: dict[str, Any] = {"pending": row.pending + 1}
    if row.status not in ENDED:
        values |= {"status": "waiting", "rested_since": row.rested_since or now}
    tx.conn.execute(runs.update().where(runs.c.id == run).values(values))
    emit(tx, "approval.asked", scope, run=run, step=step, trace_id=row.trace_id, data={"approval": approval})
    if row.status != "waiting":
        emit(tx, "run.waiting", scope, run=run, trace_id=row.trace_id)


def unpark(tx: Tx, scope: Scope, clock: Clock, answered: Approval) -> None:
    """A question is answered or has expired: the step goes on, the deadline moves by the time that was lost."""
    now, run, step = clock.now_ms(), answered.run, answered.step
    changed = tx.conn.execute(
        steps.update().where(steps.c.key == step, steps.c.status == "waiting").values(status="running", waited_to=now)
    )
    if changed.rowcount == 0:
        return
    row = tx.conn.execute(sa.select(runs).where(runs.c.id == run).with_for_update()).one()
    values: dict[str, Any] = {"pending": row.pending - 1}
    if row.status not in ENDED:
        rest = resting_status(row.desired, row.pending - 1, busy=False)
        values["status"] = rest
        if rest == "running":
            values |= _woken(row, now)
    tx.conn.execute(runs.update().where(runs.c.id == run).values(values))
    data = {"approval": answered.id, "status": answered.status, "reason": answered.reason, "by": answered.decided_by}
    kind = "approval.expired" if answered.status == "expired" else "approval.decided"
    emit(tx, kind, scope, run=run, step=step, trace_id=row.trace_id, data=data)
    wake(tx, run_topic(run))


def settle_status(tx: Tx, scope: Scope, clock: Clock, run: str) -> None:
    """Show `paused` once the wish is to pause and nothing is in flight, `running` once it is to go on."""
    row = tx.conn.execute(sa.select(runs).where(runs.c.id == run).with_for_update()).one()
    if row.status in ENDED or row.status == "queued":
        return
    flying = sa.select(sa.func.count()).where(
        steps.c.run == run, steps.c.status == "running", steps.c.kind != "delegate"
    )
    busy = tx.conn.execute(flying).scalar_one() > 0
    status, now = resting_status(row.desired, row.pending, busy=busy), clock.now_ms()
    if status == row.status:
        return
    values: dict[str, Any] = {"status": status}
    values |= _woken(row, now) if status == "running" else {"rested_since": row.rested_since or now}
    tx.conn.execute(runs.update().where(runs.c.id == run).values(values))
    emit(tx, "run.paused" if status == "paused" else "run.resumed", scope, run=run, trace_id=row.trace_id)


def _woken(row: sa.Row[Any], now: int) -> dict[str, Any]:
    if row.rested_since is None:
        return {}
    lost = now - row.rested_since
    return {"rested_since": None, "deadline_at": None if row.deadline_at is None else row.deadline_at + lost}


def start_agent(tx: Tx, scope: Scope, clock: Clock, agent_run: str) -> None:
    """An agent's loop begins (or goes on after a crash, which changes nothing)."""
    now = clock.now_ms()
    started = tx.conn.execute(
        agent_runs.update()
        .where(agent_runs.c.id == agent_run, agent_runs.c.status == "queued")
        .values(status="running", started_at=now)
        .returning(agent_runs.c.run, agent_runs.c.agent)
    ).first()
    if started is None:
        return
    run = tx.conn.execute(sa.select(runs).where(runs.c.id == started.run).with_for_update()).one()
    if run.status == "queued":
        values = {"status": "running", "started_at": now, "deadline_at": now + run.wall_clock_s * 1000}
        tx.conn.execute(runs.update().where(runs.c.id == run.id).values(values))
        emit(tx, "run.started", scope, run=run.id, trace_id=run.trace_id)
    data = {"agent_run": agent_run, "agent": started.agent}
    emit(tx, "agent.started", scope, run=run.id, trace_id=run.trace_id, data=data)


def finish_agent(
    tx: Tx, scope: Scope, clock: Clock, agent_run: str, status: str, outcome: str, error: Mapping[str, Any] | None
) -> None:
    """An agent's loop has ended; finishing twice changes nothing. Wakes the parent."""
    now = clock.now_ms()
    row = tx.conn.execute(
        agent_runs.update()
        .where(agent_runs.c.id == agent_run, agent_runs.c.finished_at.is_(None))
        .values(status=status, outcome=outcome, error=None if error is None else dict(error), finished_at=now)
        .returning(agent_runs.c.run, agent_runs.c.agent)
    ).first()
    if row is None:
        return
    open_ = (steps.c.agent_run == agent_run) & steps.c.output.is_(None)
    waiting = tx.conn.execute(sa.select(sa.func.count()).where(open_, steps.c.status == "waiting")).scalar_one()
    if waiting:
        tx.conn.execute(runs.update().where(runs.c.id == row.run).values(pending=runs.c.pending - waiting))
    left = steps.c.status.in_(("queued", "running", "waiting"))
    tx.conn.execute(steps.update().where(open_, left).values(status="cancelled", finished_at=now))
    trace = tx.conn.execute(sa.select(runs.c.trace_id).where(runs.c.id == row.run)).scalar_one()
    data: dict[str, Any] = {"agent_run": agent_run, "agent": row.agent, "status": status}
    if error:
        data["error"] = dict(error)
    emit(tx, "agent.finished", scope, run=row.run, trace_id=trace, data=data)
    wake(tx, agent_topic(agent_run))


def finish_run(
    tx: Tx, scope: Scope, clock: Clock, run: str, status: str, result: str | None, error: Mapping[str, Any] | None
) -> bool:
    """The run has ended; False when it had before."""
    values = {"status": status, "finished_at": clock.now_ms(), "result": result, "pending": 0, "rested_since": None}
    row = tx.conn.execute(
        runs.update()
        .where(runs.c.id == run, runs.c.finished_at.is_(None))
        .values(**values, error=None if error is None else dict(error))
        .returning(runs.c.trace_id)
    ).first()
    if row is None:
        return False
    data: dict[str, Any] = {"status": status} | ({"error": dict(error)} if error else {})
    emit(tx, "run.finished", scope, run=run, trace_id=row.trace_id, data=data)
    wake(tx, run_topic(run))
    tx.after_commit(lambda: run_finished(status))
    return True
