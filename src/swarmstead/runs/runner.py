"""The body of a durable agent loop: set it up, let it work, write how it ended.

Started again after every interruption.
"""

import asyncio
import logging
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from swarmstead.kernel.scope import Scope
from swarmstead.runs import ports, records
from swarmstead.runs.contract import ENDED, agent_topic
from swarmstead.runs.control import RunControl
from swarmstead.runs.endings import end_agent, end_run
from swarmstead.runs.errors import JournalMoved
from swarmstead.runs.loop import AgentLoop, Ending
from swarmstead.runs.steps.context import AWAY, Hands, agent_scope, load
from swarmstead.runs.tables import agent_runs, runs
from swarmstead.storage.database import Tx
from swarmstead.storage.prepared import Prepared

log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
# What a loop meets when somebody else has written the step that it was about to write.
_MOVED = (JournalMoved, IntegrityError)
_MOST_MOVED = 5
_WHICH = (
    sa.select(agent_runs, runs.c.trace_id)
    .join(runs, runs.c.id == agent_runs.c.run)
    .where(agent_runs.c.id == sa.bindparam("of"))
)
_OTHERS = Prepared(
    sa.select(agent_runs.c.id).where(
        agent_runs.c.run == sa.bindparam("of"),
        agent_runs.c.id != sa.bindparam("but"),
        agent_runs.c.finished_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class _Facts:
    scope: Scope
    run: str
    agent_run: str
    is_root: bool
    trace_id: str


class Runner:
    """Carries agent runs to their end."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    async def carry(self, agent_run: str, engine: ports.Engine) -> None:
        """Work until the agent run has ended. While the database is away it waits and begins again from the journal.

        Invariants: whoever finds that another process carries the agent run lets go and writes nothing.
        """
        pause, moved = _FIRST_PAUSE_S, 0
        while True:
            try:
                return await self._carry_once(agent_run, engine, patient=moved < _MOST_MOVED)
            except AWAY as error:
                log.warning("agent run %s waits for the database: %s", agent_run, error.message)
            except _MOVED as error:
                await self._let_go_unless_mine(agent_run, engine)
                moved += 1
                log.warning("agent run %s goes on from what was written meanwhile: %s", agent_run, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _carry_once(self, agent_run: str, engine: ports.Engine, *, patient: bool) -> None:
        hands = self._hands
        facts = await hands.db.read(lambda conn: _facts(conn, agent_run))
        if facts is None:
            return
        control = await hands.controls.hold(facts.run)
        try:
            ending = await self._work(facts, engine, control, patient=patient)
            if ending is None:
                return
            while not await hands.db.write(lambda tx: self._finish(tx, facts, ending)):
                await self._others_have_ended(facts, ending)
        finally:
            hands.controls.release(control)

    async def _work(self, facts: _Facts, engine: ports.Engine, control: RunControl, *, patient: bool) -> Ending | None:
        """How the agent's work ended; None when somebody has ended it before it began."""
        hands = self._hands
        try:
            alive = await hands.db.write(
                lambda tx: records.start_agent(tx, facts.scope, hands.clock, facts.run, facts.agent_run)
            )
            if not alive:
                return None
            context = await hands.db.read(lambda conn: load(conn, hands, engine, control, facts.agent_run))
            await hands.controls.refresh(facts.run)
            return await AgentLoop(context).work()
        except AWAY:
            raise
        except Exception as error:
            if isinstance(error, _MOVED) and patient:
                raise
            await self._let_go_unless_mine(facts.agent_run, engine)
            log.exception("agent run %s failed unexpectedly (trace %s)", facts.agent_run, facts.trace_id)
            message = f"Something in Swarmstead failed; the server's log tells more under trace {facts.trace_id}."
            return Ending(
                "failed", "", {"code": "internal", "message": message, "way_out": "Report it with the trace id."}
            )

    async def _let_go_unless_mine(self, agent_run: str, engine: ports.Engine) -> None:
        if not await engine.carries(agent_run):
            log.warning("agent run %s is carried by another worker now; letting go", agent_run)
            raise asyncio.CancelledError

    async def _others_have_ended(self, facts: _Facts, ending: Ending) -> None:
        """The tree ends from its leaves: a run is not over while one of its agents still works.

        Without its coordinator their work leads nowhere, so when that has failed they are told to stop. Its failure is
        written with that, because to whoever goes on after a crash a run that stops looks like one that was cancelled.
        """
        hands = self._hands
        left = await hands.db.read(lambda conn: _others(conn, facts))
        if left and ending.status == "failed":
            await hands.db.write(lambda tx: self._fail_and_stop(tx, facts, ending))
        for child in left:
            state = sa.select(agent_runs.c.finished_at).where(agent_runs.c.id == child)
            await hands.signals.until(
                agent_topic(child), lambda state=state: hands.db.read(lambda conn: conn.execute(state).scalar_one())
            )

    def _fail_and_stop(self, tx: Tx, facts: _Facts, ending: Ending) -> None:
        """From here on the run ends as failed, by us or by the sweeper (`endings.end_headless`)."""
        hands, agent_run = self._hands, facts.agent_run
        end_agent(tx, facts.scope, hands, agent_run, ending.status, ending.outcome, ending.error)
        records.stop_others(tx, facts.run)

    def _finish(self, tx: Tx, facts: _Facts, ending: Ending) -> bool:
        """Write the ending; False, and nothing is written, while a coordinator's run has others at work."""
        hands = self._hands
        if facts.is_root and _others(tx.conn, facts):
            return False
        end_agent(tx, facts.scope, hands, facts.agent_run, ending.status, ending.outcome, ending.error)
        if facts.is_root:
            result = ending.outcome if ending.status == "succeeded" else None
            end_run(tx, facts.scope, hands, facts.run, ending.status, result, ending.error)
        return True


def _others(conn: sa.Connection, facts: _Facts) -> list[str]:
    """Agent runs of the same run that have not ended."""
    return [row[0] for row in _OTHERS.rows(conn, {"of": facts.run, "but": facts.agent_run})]


def _facts(conn: sa.Connection, agent_run: str) -> _Facts | None:
    """What never changes about an agent run; None when it has ended. Fails: NoResultFound when there is none."""
    row = conn.execute(_WHICH, {"of": agent_run}).one()
    if row.status in ENDED:
        return None
    scope = agent_scope(row.tenant, agent_run, row.agent)
    return _Facts(scope, row.run, agent_run, row.parent is None, row.trace_id)
