"""How runs end: by their coordinator's own ending, or because the engine has given a loop up."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.scope import Scope, system_scope
from swarmstead.runs import records
from swarmstead.runs.contract import ACTIVE
from swarmstead.runs.model import ending_words
from swarmstead.runs.steps.context import Hands
from swarmstead.runs.tables import agent_runs, runs
from swarmstead.runs.traces import tell_agent
from swarmstead.storage.database import Tx


def end_run(
    tx: Tx, scope: Scope, hands: Hands, run: str, status: str, result: str | None, error: Mapping[str, Any] | None
) -> None:
    """The run is over, and so is what it still asked people. Ending twice changes nothing."""
    if records.finish_run(tx, scope, hands.clock, run, status, result, error):
        hands.inbox.expire_of_run(tx, scope.tenant, hands.clock, run, f"the run {ending_words(status)}")


def end_agent(
    tx: Tx, scope: Scope, hands: Hands, agent_run: str, status: str, outcome: str, error: Mapping[str, Any] | None
) -> None:
    """An agent's loop is over. Ending twice changes nothing, and is told once."""
    if records.finish_agent(tx, scope, hands.clock, agent_run, status, outcome, error):
        tell_agent(tx, hands, agent_run)


def give_up(tx: Tx, hands: Hands, ids: Sequence[str]) -> int:
    """Fail agent runs that the engine will not start again; how many had not ended yet.

    A member's failure is an answer for its coordinator. A coordinator's stops the rest of the run, which
    `end_headless` ends once nobody works in it any more.
    """
    open_ = agent_runs.c.id.in_(ids) & agent_runs.c.finished_at.is_(None)
    error = {
        "code": "given_up",
        "message": "The server ended again and again while this agent was at work, so it was given up.",
        "way_out": "Look in the server's log for what ended it, then launch the run again.",
    }
    rows = tx.conn.execute(sa.select(agent_runs).where(open_)).all()
    for row in rows:
        end_agent(tx, system_scope(row.tenant), hands, row.id, "failed", "", error)
        if row.parent is None:
            records.stop_others(tx, row.run)
    return len(rows)


def end_strangers(tx: Tx, hands: Hands, ids: Sequence[str]) -> None:
    """End agent runs that were cancelled and that no process can carry: they are of an unknown loop version.

    What they had in flight when their process ended stays as it is, and their run is ended by `end_headless`.
    """
    open_ = agent_runs.c.id.in_(ids) & agent_runs.c.finished_at.is_(None)
    for row in tx.conn.execute(sa.select(agent_runs).where(open_)).all():
        said = "Cancelled; its loop version is not carried here."
        end_agent(tx, system_scope(row.tenant), hands, row.id, "cancelled", said, None)


def headless(conn: sa.Connection) -> list[dict[str, Any]]:
    """Runs that have not ended although everybody in them has: id and tenant, status and error of the coordinator."""
    root, other = agent_runs.alias("root"), agent_runs.alias("other")
    working = sa.exists().where(other.c.run == runs.c.id, other.c.finished_at.is_(None))
    query = (
        sa.select(runs.c.id, runs.c.tenant, root.c.status, root.c.error)
        .join(root, (root.c.run == runs.c.id) & root.c.parent.is_(None))
        .where(runs.c.status.in_(ACTIVE), ~working)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def end_headless(tx: Tx, hands: Hands, tenant: str) -> None:
    """End the runs of a tenant that nobody is left to end."""
    scope = system_scope(tenant)
    for left in (one for one in headless(tx.conn) if one["tenant"] == tenant):
        end_run(tx, scope, hands, left["id"], left["status"], None, left["error"])
