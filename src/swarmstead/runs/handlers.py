"""Commands of the runs room: launch and command, one transaction each."""

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import Conflict
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.ids import new_id
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require, require_environment
from swarmstead.runs import records
from swarmstead.runs.contract import Command, Launch, Plan, run_topic
from swarmstead.runs.errors import CommandRefused, InputRefused, PlanChanged, PlanIncomplete, RunUnknown
from swarmstead.runs.events import emit, last_of_run
from swarmstead.runs.model import after_command
from swarmstead.runs.plans import save_plan
from swarmstead.runs.steps.delegation import new_agent_run
from swarmstead.runs.tables import agent_runs, runs, visible
from swarmstead.runs.told import shown_to_readers
from swarmstead.storage.database import Tx
from swarmstead.storage.signals import wake
from swarmstead.telemetry.contract import trace_id_of


def launch(tx: Tx, scope: Scope, clock: Clock, wish: Launch, plan: Plan, engine_version: str) -> tuple[str, str, bool]:
    """Store a run of `plan`, queued. Answers (run, coordinator's agent run, whether it is new).

    The same idempotency key gives the same run; with another wish behind it, it is refused.
    Fails: NotPermitted, InputRefused, PlanIncomplete, PlanChanged, Conflict.
    """
    require(scope, "run.launch")
    require_environment(scope, wish.environment)
    if wish.idempotency_key:
        earlier = earlier_launch(tx.conn, scope, wish)
        if earlier is not None:
            return *earlier, False
    _check_whole(plan)
    if wish.plan_hash and wish.plan_hash != plan.hash:
        raise PlanChanged(
            "What would run now is not what was previewed.",
            way_out="Read the new plan, and launch with its hash.",
            extra={"plan_hash": plan.hash},
        )
    save_plan(tx, scope.tenant, clock, plan)
    now = clock.now_ms()
    run, root = new_id("r", now), new_id("a", now)
    tx.conn.execute(runs.insert().values(_run_row(scope, wish, plan, run, now, engine_version)))
    coordinator = next(agent for agent in plan.agents if agent.role == "coordinator")
    facts: dict[str, Any] = {
        "id": root,
        "tenant": scope.tenant,
        "run": run,
        "parent": None,
        "parent_step": "",
        "depth": 0,
    }
    facts |= {"task": plan.task, "why": ""} | new_agent_run(coordinator, now)
    tx.conn.execute(agent_runs.insert().values(facts))
    data = {"swarm": plan.swarm, "plan_hash": plan.hash, "environment": plan.environment}
    record(tx, Entry(scope, "run.launch", f"run/{run}", run=run, trace_id=trace_id_of(run), data=data))
    emit(tx, "run.queued", scope, run=run, trace_id=trace_id_of(run), data=data)
    return run, root, True


def _check_whole(plan: Plan) -> None:
    if plan.missing:
        first, others = plan.missing[0], len(plan.missing) - 1
        more = "" if others == 0 else " One more thing is missing." if others == 1 else f" {others} more are missing."
        raise PlanIncomplete(f"This run cannot start. {first.what}{more}", way_out=first.way_out)


def _run_row(scope: Scope, wish: Launch, plan: Plan, run: str, now: int, engine_version: str) -> dict[str, Any]:
    return {
        "id": run,
        "tenant": scope.tenant,
        "swarm": plan.swarm,
        "swarm_digest": plan.swarm_digest,
        "environment": plan.environment,
        "status": "queued",
        "desired": "running",
        "pending": 0,
        "rested_since": None,
        "input": dict(plan.input),
        "plan_hash": plan.hash,
        "model_kinds": sorted({agent.model_kind for agent in plan.agents}),
        "budget_micros": plan.budget_micros,
        "wall_clock_s": plan.wall_clock_s,
        "launched_by": scope.actor.id,
        "idempotency_key": wish.idempotency_key or None,
        "wish_hash": _wish_hash(wish) if wish.idempotency_key else None,
        "engine_version": engine_version,
        "created_at": now,
        "trace_id": trace_id_of(run),
    }


def earlier_launch(conn: sa.Connection, scope: Scope, wish: Launch) -> tuple[str, str] | None:
    """The run that was launched under this key, and its coordinator's agent run; None when there is none yet.

    Wishes are compared as they were said and not by what they come to: swarms, agents and folders may have changed
    since, and a repeat is still a repeat. Fails: InputRefused, Conflict for another wish under the same key.
    """
    wished = _wish_hash(wish)
    same = (runs.c.tenant == scope.tenant) & (runs.c.idempotency_key == wish.idempotency_key)
    row = conn.execute(sa.select(runs).where(same)).first()
    if row is None:
        return None
    known = wished if row.wish_hash is None else row.wish_hash  # launched before wishes were kept
    what = (wish.swarm, wish.environment, wish.plan_hash or row.plan_hash, wished)
    if what != (row.swarm, row.environment, row.plan_hash, known):
        raise Conflict(
            "This Idempotency-Key was used for another launch.",
            code="idempotency_key_reused",
            way_out="Use a new key for a new launch.",
        )
    root = sa.select(agent_runs.c.id).where(agent_runs.c.run == row.id, agent_runs.c.parent.is_(None))
    return row.id, conn.execute(root).scalar_one()


def _wish_hash(wish: Launch) -> str:
    try:
        return digest([wish.swarm, wish.environment, dict(wish.input), asdict(wish.overrides)])
    except (ValueError, RecursionError) as error:
        raise InputRefused(
            "The input holds what cannot be kept: half a surrogate pair, a number that JSON does not have, or values "
            "nested too deep.",
            field="input",
            way_out="Leave that out.",
        ) from error


def command(tx: Tx, scope: Scope, clock: Clock, said: Command) -> str:
    """Note what a person wants of a run; the run acts on it at its next safe point. Answers the effect in words.

    Fails: NotPermitted, RunUnknown, CommandRefused.
    """
    require(scope, "run.command")
    row = tx.conn.execute(sa.select(runs).where(visible(scope), runs.c.id == said.run).with_for_update()).first()
    if row is None:
        raise RunUnknown(f"There is no run {said.run}.", way_out="List them with `stead run list`.")
    if said.expected_seq is not None and (seq := last_of_run(tx.conn, said.run)) != said.expected_seq:
        raise CommandRefused(
            f"The run has moved on: its last event is {seq}, not {said.expected_seq}.",
            way_out="Look at it again, then decide.",
            extra={"seq": seq},
        )
    wish, effect = after_command(said.kind, row.status, row.desired)
    tx.conn.execute(runs.update().where(runs.c.id == said.run).values(desired=wish))
    data = {"command": said.kind, "reason": shown_to_readers(row.input)(said.reason)}
    record(tx, Entry(scope, f"run.{said.kind}", f"run/{said.run}", run=said.run, trace_id=row.trace_id, data=data))
    emit(tx, "command.accepted", scope, run=said.run, trace_id=row.trace_id, data=data)
    if said.kind == "cancel" and row.status == "queued":
        _end_unstarted(tx, scope, clock, said.run)
        return "Cancelled before it began."
    records.settle_status(tx, scope, clock, said.run)
    wake(tx, run_topic(said.run))
    return effect


def _end_unstarted(tx: Tx, scope: Scope, clock: Clock, run: str) -> None:
    root = tx.conn.execute(sa.select(agent_runs.c.id).where(agent_runs.c.run == run)).scalar_one()
    records.finish_agent(tx, scope, clock, root, "cancelled", "Cancelled by a person.", None)
    records.finish_run(tx, scope, clock, run, "cancelled", None, None)
