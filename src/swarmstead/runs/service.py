"""The runs room as the doors use it: preview, launch, command; and the sweeper that mends what crashes leave behind."""

import asyncio
import logging
from typing import Protocol

from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require
from swarmstead.runs import handlers, queries
from swarmstead.runs.contract import Command, Launch, Plan
from swarmstead.runs.errors import PlanChanged
from swarmstead.runs.plans import save_plan
from swarmstead.runs.ports import Engine
from swarmstead.runs.preview import Preview
from swarmstead.runs.steps.context import Hands

log = logging.getLogger(__name__)
_SETTLING_MS = 5_000


class Carrier(Engine, Protocol):
    """An engine that can also take over from others. Given by `adapters/dbos_engine.py`."""

    async def take_over(self) -> int: ...


class Runs:
    """Commands of the runs room that need more than one transaction."""

    def __init__(self, hands: Hands, preview: Preview, engine: Carrier) -> None:
        self._hands = hands
        self._preview = preview
        self._engine = engine

    @property
    def loop_version(self) -> str:
        """The version of the agent loop that this process can carry on."""
        return self._engine.version

    async def preview(self, scope: Scope, wish: Launch) -> Plan:
        """What would run now; kept, so that it can be launched by its hash.

        Fails: NotPermitted, InputRefused, ResourceUnknown.
        """
        require(scope, "run.launch")
        plan = await self._preview.plan(scope, wish)
        await self._hands.db.write(lambda tx: save_plan(tx, scope.tenant, self._hands.clock, plan))
        return plan

    async def launch(self, scope: Scope, wish: Launch) -> str:
        """Launch what would run now, if it is what was previewed; the run's id.

        Fails: NotPermitted, InputRefused, PlanIncomplete, PlanChanged (with the new plan, which is kept).
        """
        require(scope, "run.launch")
        plan = await self._preview.plan(scope, wish)
        version, hands = self._engine.version, self._hands
        try:
            run, root, new = await hands.db.write(
                lambda tx: handlers.launch(tx, scope, hands.clock, wish, plan, version)
            )
        except PlanChanged as error:
            await hands.db.write(lambda tx: save_plan(tx, scope.tenant, hands.clock, plan))
            error.plan = plan
            raise
        if new:
            await self._engine.start(root)
        return run

    async def command(self, scope: Scope, said: Command) -> str:
        """Say something to a run; its effect in words. Fails: NotPermitted, RunUnknown, CommandRefused."""
        return await self._hands.db.write(lambda tx: handlers.command(tx, scope, self._hands.clock, said))

    async def mend(self, *, all_queued: bool = False) -> int:
        """Start loops that were stored and never begun, and take over from workers that are gone; how many.

        `all_queued` is for the start of the only process, when nobody else can be about to start them.
        """
        before = self._hands.clock.now_ms() - (0 if all_queued else _SETTLING_MS)
        left = await self._hands.db.read(lambda conn: queries.unstarted(conn, before))
        await asyncio.gather(*(self._engine.start(agent_run) for agent_run in left))
        return len(left) + await self._engine.take_over()
