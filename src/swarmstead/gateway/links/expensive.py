"""Expensive tools: a run may call each of them only so often, however often its process dies.

Each call takes a number, 1 and up, in a row of its own, which is written in the transaction that says that the call is
about to start. The row names the call's key, so that a repeat after a crash has its number already. A crash after that
row and before the call was sent spends a number for nothing: the limit is never passed, and may be reached early.
"""

import sqlalchemy as sa

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.errors import ExpensiveSpent
from swarmstead.gateway.traffic.state import Traffic
from swarmstead.gateway.traffic.tables import expensive_calls
from swarmstead.kernel.clock import Clock
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.sql import insert_or_ignore

_rows = expensive_calls.c


class Expensive:
    """Refuses a call of an expensive tool that its run has called often enough: before a person is asked about it."""

    def __init__(self, db: Database, clock: Clock, traffic: Traffic) -> None:
        self._db = db
        self._clock = clock
        self._traffic = traffic

    def counts(self, call: Call) -> bool:
        """Whether this call is one of an expensive tool inside a run."""
        return call.request.tool in call.place.spec.limits.expensive and bool(call.request.caller.run)

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        if not self.counts(call):
            return await proceed(call)
        try:
            keys = await self._db.read(lambda conn: _keys(conn, call))
            if call.request.key not in keys and len(keys) >= self._most(call):
                raise self._spent(call)
            return await proceed(call)
        except ExpensiveSpent as error:
            self._traffic.refused(call.request.caller.scope.tenant, call.request.server, error.code)
            raise

    def take_number(self, tx: Tx, call: Call) -> None:
        """Write down that the call is about to start. Fails: ExpensiveSpent; the caller's transaction goes with it."""
        most = self._most(call)
        while True:
            keys = _keys(tx.conn, call)
            if call.request.key in keys:
                return
            if len(keys) >= most:
                raise self._spent(call)
            row = _place(call) | {"number": len(keys) + 1, "key": call.request.key, "at": self._clock.now_ms()}
            if insert_or_ignore(tx.conn, expensive_calls, row):
                return  # False: another call of the run has taken this number since we looked

    def _most(self, call: Call) -> int:
        declared = call.place.spec.limits.expensive_per_run
        return self._traffic.limits.expensive_per_run if declared is None else declared

    def _spent(self, call: Call) -> ExpensiveSpent:
        return ExpensiveSpent(
            f"Denied: {call.request.tool!r} is an expensive tool, and this run has called it {self._most(call)} times, "
            "which is as often as it may.",
            way_out="Go on with what it has answered, or have spec.limits.expensive_per_run of the ToolServer raised.",
        )


def _place(call: Call) -> dict[str, str]:
    request = call.request
    return {
        "tenant": request.caller.scope.tenant,
        "run": request.caller.run,
        "server": request.server,
        "tool": request.tool,
    }


def _keys(conn: sa.Connection, call: Call) -> set[str]:
    mine = [_rows[name] == value for name, value in _place(call).items()]
    return set(conn.execute(sa.select(_rows.key).where(*mine)).scalars())
