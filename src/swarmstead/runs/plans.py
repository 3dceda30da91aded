"""Plans as rows: what will run, named by the hash of everything that matters to it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.hashing import digest
from swarmstead.runs.contract import Plan, PlannedAgent, PlannedTool
from swarmstead.runs.tables import plans
from swarmstead.storage.database import Tx
from swarmstead.storage.sql import insert_or_ignore

# Estimates and the moment of planning may differ between two previews of the very same work.
_ESTIMATES = {"cost_low_micros", "cost_high_micros", "time_low_s", "time_high_s"}
_NOT_HASHED = {"hash", "created_at", "missing", "notes"} | _ESTIMATES


def with_hash(plan: Plan) -> Plan:
    """The plan, named by its content."""
    content = {name: value for name, value in asdict(plan).items() if name not in _NOT_HASHED}
    return replace(plan, hash=digest(content))


def save_plan(tx: Tx, tenant: str, clock: Clock, plan: Plan) -> None:
    """Keep the plan; the same plan is kept once, without what was said at one preview of it.

    `missing` and `notes` are of that moment and of who asked (what is left of a user's day, say): a run of the same
    plan, by somebody else and later, must not show them.
    """
    content = asdict(replace(plan, missing=(), notes=()))
    values = {"tenant": tenant, "hash": plan.hash, "content": content, "created_at": clock.now_ms()}
    insert_or_ignore(tx.conn, plans, values)


def load_plan(conn: sa.Connection, tenant: str, hash_: str) -> Plan:
    """A stored plan; it lacks nothing and has no notes. Fails: sqlalchemy's NoResultFound when there is none."""
    of = (plans.c.tenant == tenant) & (plans.c.hash == hash_)
    return _plan(conn.execute(sa.select(plans.c.content).where(of)).scalar_one())


def _plan(content: Mapping[str, Any]) -> Plan:
    values: dict[str, Any] = dict(content)
    values["agents"] = tuple(_agent(agent) for agent in content["agents"])
    values["missing"] = values["notes"] = ()  # earlier versions stored what the first preview said
    return Plan(**values)


def _agent(content: Mapping[str, Any]) -> PlannedAgent:
    values: dict[str, Any] = dict(content)
    values["tools"] = tuple(_tool(tool) for tool in content["tools"])
    return PlannedAgent(**values)


def _tool(content: Mapping[str, Any]) -> PlannedTool:
    values: dict[str, Any] = dict(content)
    for name in ("rules", "conditional"):
        values[name] = tuple(content.get(name, ()))
    return PlannedTool(**values)
