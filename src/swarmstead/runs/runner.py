"""The body of a durable agent loop: set it up, let it work, write how it ended.

Started again after every interruption.
"""

import asyncio
import logging

import sqlalchemy as sa

from swarmstead.audit.contract import Entry, record
from swarmstead.runs import ports, records
from swarmstead.runs.contract import ENDED, agent_topic
from swarmstead.runs.loop import AgentLoop, Ending
from swarmstead.runs.steps.context import AgentContext, Hands, load
from swarmstead.runs.tables import agent_runs
from swarmstead.storage.database import Tx
from swarmstead.storage.errors import DatabaseLocked, DatabaseUnavailable, DiskFull

log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Runner:
    """Carries agent runs to their end."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    async def carry(self, agent_run: str, engine: ports.Engine) -> None:
        """Work until the agent run has ended. While the database is away it waits and begins again from the journal."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                await self._carry_once(agent_run, engine)
            except (DatabaseUnavailable, DatabaseLocked, DiskFull) as error:
                log.warning("agent run %s waits for the database: %s", agent_run, error.message)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                return

    async def _carry_once(self, agent_run: str, engine: ports.Engine) -> None:
        hands = self._hands
        query = sa.select(agent_runs.c.run, agent_runs.c.status).where(agent_runs.c.id == agent_run)
        row = await hands.db.read(lambda conn: conn.execute(query).one())
        if row.status in ENDED:
            return
        control = await hands.controls.hold(row.run)
        try:
            context = await hands.db.read(lambda conn: load(conn, hands, engine, control, agent_run))
            await hands.db.write(lambda tx: records.start_agent(tx, context.scope, hands.clock, agent_run))
            await hands.controls.refresh(row.run)
            ending = await self._work(context)
            if context.parent is None:
                await self._others_have_ended(context)
            await hands.db.write(lambda tx: self._finish(tx, context, ending))
        finally:
            hands.controls.release(control)

    async def _work(self, context: AgentContext) -> Ending:
        try:
            return await AgentLoop(context).work()
        except (DatabaseUnavailable, DatabaseLocked, DiskFull):
            raise
        except Exception:
            log.exception("agent run %s failed unexpectedly (trace %s)", context.agent_run, context.trace_id)
            message = f"Something in Swarmstead failed; the server's log tells more under trace {context.trace_id}."
            return Ending(
                "failed", "", {"code": "internal", "message": message, "way_out": "Report it with the trace id."}
            )

    async def _others_have_ended(self, context: AgentContext) -> None:
        """The tree ends from its leaves: a run is not over while one of its agents still works."""
        hands = self._hands
        query = sa.select(agent_runs.c.id).where(
            agent_runs.c.run == context.run, agent_runs.c.id != context.agent_run, agent_runs.c.finished_at.is_(None)
        )
        for child in await hands.db.read(lambda conn: conn.execute(query).scalars().all()):
            state = sa.select(agent_runs.c.finished_at).where(agent_runs.c.id == child)
            await hands.signals.until(
                agent_topic(child), lambda state=state: hands.db.read(lambda conn: conn.execute(state).scalar_one())
            )

    def _finish(self, tx: Tx, context: AgentContext, ending: Ending) -> None:
        hands = self._hands
        records.finish_agent(
            tx, context.scope, hands.clock, context.agent_run, ending.status, ending.outcome, ending.error
        )
        if context.parent is not None:
            return
        result = ending.outcome if ending.status == "succeeded" else None
        if records.finish_run(tx, context.scope, hands.clock, context.run, ending.status, result, ending.error):
            hands.inbox.expire_of_run(
                tx, context.scope.tenant, hands.clock, context.run, f"the run has {ending.status}"
            )
            data = {"status": ending.status}
            record(
                tx,
                Entry(
                    context.scope,
                    "run.finish",
                    f"run/{context.run}",
                    run=context.run,
                    trace_id=context.trace_id,
                    data=data,
                ),
            )
