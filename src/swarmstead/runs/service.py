"""The runs room as the doors use it: preview and launch; and the sweeper that mends what crashes leave behind."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from sqlalchemy.exc import IntegrityError

from swarmstead.audit.contract import Entry, record
from swarmstead.audit.errors import damage_told
from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import require, require_environment
from swarmstead.runs import endings, handlers, queries
from swarmstead.runs.contract import Launch, Plan
from swarmstead.runs.errors import Draining, PlanChanged
from swarmstead.runs.plans import save_plan
from swarmstead.runs.ports import Engine
from swarmstead.runs.preview import Preview
from swarmstead.runs.steps.context import Hands
from swarmstead.runs.steps.thinking import charge_abandoned
from swarmstead.storage.database import Tx

log = logging.getLogger(__name__)
_SETTLING_MS = 5_000


class Carrier(Engine, Protocol):
    """An engine that can also be asked what it left lying. Given by `adapters/dbos_engine.py`."""

    async def take_over(self) -> int:
        """Take up loops that nobody carries any more; returns how many."""
        ...

    async def rest(self, busy: Callable[[str], bool]) -> None:
        """Take nothing up from now on, and let go of every loop but the `busy`, which come to rest by themselves."""
        ...

    async def wake(self) -> None:
        """Take loops up again, first those that were let go."""
        ...

    @property
    def carrying(self) -> int:
        """How many loops are carried here now."""
        ...

    async def at_rest(self) -> None:
        """Wait until no loop is carried here."""
        ...

    async def poisoned(self) -> list[str]:
        """The loops that the engine will not start again."""
        ...


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

    async def warn_of_strangers(self) -> None:
        """Log how many runs are of a loop version that this process cannot carry: they wait for one that can."""
        version = self.loop_version
        count = await self._hands.db.read(lambda conn: queries.count_strangers(conn, version))
        if count:
            what = "1 run of another loop version waits" if count == 1 else f"{count} runs of other loop versions wait"
            log.warning("%s for a worker that carries it, or to be cancelled; this server carries %s", what, version)

    async def preview(self, scope: Scope, wish: Launch) -> Plan:
        """What would run now; kept, so that it can be launched by its hash.

        Fails: NotPermitted, InputRefused, ResourceUnknown.
        """
        require(scope, "run.launch")
        require_environment(scope, wish.environment)
        plan = await self._preview.plan(scope, wish)
        await self._hands.db.write(lambda tx: save_plan(tx, scope.tenant, self._hands.clock, plan))
        return plan

    async def launch(self, scope: Scope, wish: Launch) -> str:
        """Launch what would run now, if it is what was previewed; the run's id.

        A run that is stored is launched: when it cannot be started now, it is when the engine is back (`mend`).
        What was launched before under the same key is answered while the server is drained, too.
        Fails: NotPermitted, InputRefused, PlanIncomplete, PlanChanged (with the new plan, which is kept), Conflict,
        Draining.
        """
        require(scope, "run.launch")
        require_environment(scope, wish.environment)
        version, hands = self._engine.version, self._hands
        if wish.idempotency_key:
            earlier = await hands.db.read(lambda conn: handlers.earlier_launch(conn, scope, wish))
            if earlier is not None:
                return earlier[0]
        if self.draining:
            raise Draining(
                "This server takes no new runs: it is being drained before it stops.",
                way_out="Launch it on another server, or when this one is back; `stead drain --off` ends the draining.",
            )
        plan = await self._preview.plan(scope, wish)

        def store(tx: Tx) -> tuple[str, str, bool]:
            return handlers.launch(tx, scope, hands.clock, wish, plan, version)

        try:
            try:
                run, root, new = await hands.db.write(store)
            except IntegrityError:  # the same idempotency key, at the same moment, by way of another process
                run, root, new = await hands.db.write(store)
        except PlanChanged as error:
            await hands.db.write(lambda tx: save_plan(tx, scope.tenant, hands.clock, plan))
            error.plan = plan
            raise
        if new:
            try:
                await self._engine.start(root)
            except Exception:
                log.exception("run %s is stored and cannot be started yet", run)
        return run

    async def drain(self, scope: Scope, *, on: bool) -> None:
        """Take no new runs and bring loops to rest, or (not `on`) go on. Questions and commands are taken as ever.

        Fails: NotPermitted, for all but administrators of the installation's own tenant.
        """
        require(scope, "server.drain")
        hands = self._hands
        await hands.db.write(lambda tx: record(tx, Entry(scope, "server.drain", "server", data={"on": on})))
        await self.rest(on=on)

    async def rest(self, *, on: bool) -> None:
        """As `drain`, asked for by who runs the process."""
        drain = self._hands.drain
        if drain.on == on:
            return
        drain.on = on
        if on:
            await self._engine.rest(drain.is_busy)
        else:
            await self._engine.wake()

    async def at_rest(self) -> None:
        """Wait until this process carries no loop."""
        await self._engine.at_rest()

    @property
    def draining(self) -> bool:
        """Whether new runs are refused."""
        return self._hands.drain.on

    @property
    def carrying(self) -> int:
        """How many loops are carried by this process now; 0 while draining means that it may be stopped."""
        return self._engine.carrying

    async def mend(self, *, all_queued: bool = False) -> int:
        """Start loops that were stored and never begun, take over from workers that are gone; how many.

        What the engine will not start again is failed, so that nobody waits for it. Reservations that nobody has
        settled in time are charged.

        `all_queued` is for the start of the only process, when nobody else can be about to start them.
        """
        hands = self._hands
        now, settling = hands.clock.now_ms(), 0 if all_queued else _SETTLING_MS
        left = await hands.db.read(lambda conn: queries.unstarted(conn, now, settling))
        left = [] if self.draining else left
        await asyncio.gather(*(self._engine.start(agent_run) for agent_run in left))
        await hands.db.write(lambda tx: charge_abandoned(tx, hands))
        taken = await self._engine.take_over()
        poisoned = await self._engine.poisoned()
        if lost := await hands.db.read(lambda conn: queries.open_among(conn, poisoned)):
            await hands.db.write(lambda tx: endings.give_up(tx, hands, lost))
        if await hands.db.read(lambda conn: queries.cancelled_strangers(conn, self.loop_version)):
            await hands.db.write(self._end_strangers)
        for tenant in sorted({one["tenant"] for one in await hands.db.read(endings.headless)}):
            with damage_told():
                await hands.db.write(lambda tx, of=tenant: endings.end_headless(tx, hands, of))
        return len(left) + taken

    def _end_strangers(self, tx: Tx) -> None:
        """Looked up anew: a worker that carries them may have come since."""
        endings.end_strangers(tx, self._hands, queries.cancelled_strangers(tx.conn, self.loop_version))
