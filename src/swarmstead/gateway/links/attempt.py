"""Before a side effect: the trail says that it is about to start."""

import asyncio
from collections.abc import Callable

from swarmstead.audit.contract import record
from swarmstead.gateway import underway
from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.links.expensive import Expensive
from swarmstead.gateway.links.record import audit_entry, lost_entry
from swarmstead.gateway.model import plan_payload
from swarmstead.gateway.ports import Approvals
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.hashing import digest
from swarmstead.storage.database import Database, Tx


class Attempt:
    """Fails closed: no side effect starts before the trail says that it is about to.

    A call of an expensive tool in a run, a read too, takes its number in the same transaction.
    """

    def __init__(self, db: Database, clock: Clock, approvals: Approvals, expensive: Expensive) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals
        self._expensive = expensive

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        request, policy, is_expensive = call.request, call.progress.policy, self._expensive.counts(call)
        asked = request.by_plan or (policy is not None and policy.effect == "ask")
        if call.tool is None or (call.tool.risk == "read" and not asked):
            if is_expensive:
                await self._db.write(lambda tx: self._expensive.take_number(tx, call))
            return await proceed(call)
        tool = call.tool

        def write(tx: Tx) -> None:
            """All that must stand before the call leaves, or none of it: number, use of the plan, two rows of audit."""
            if is_expensive:
                self._expensive.take_number(tx, call)
            if request.hooks.begin is not None:
                request.hooks.begin(tx)
            if request.plan_id:
                version = call.progress.server_version or call.target[0].version
                payload_hash = digest(plan_payload(request, version, tool, call.progress.precondition))
                self._approvals.use(
                    tx, request.caller.scope, self._clock, request.plan_id, payload_hash, again=request.repeat
                )
            record(tx, audit_entry(request, "intent", {"risk": tool.risk, "plan": request.plan_id}))
            record(tx, audit_entry(request, "attempt", {"schema": tool.schema_hash}))
            if not request.caller.run:
                underway.begin(tx, self._clock, lost_entry(request, call.progress))

        await self._written(call, write)
        return await proceed(call)

    async def _written(self, call: Call, write: Callable[[Tx], None]) -> None:
        """Once it is written the call counts as begun, for whoever is cut off while it is being written too."""
        writing = asyncio.ensure_future(self._db.write(write))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            call.progress.attempted = not writing.cancelled() and writing.exception() is None
            raise
        call.progress.attempted = True
