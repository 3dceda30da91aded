"""A caller that goes away while a known outcome is being written: it is written all the same, or the log says so."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from swarmstead.gateway.chain import Call, Progress
from swarmstead.gateway.contract import CallHooks, CallOutcome, CallResult
from swarmstead.gateway.links.record import Record
from swarmstead.gateway.trail import Trail
from swarmstead.storage.database import Database, Tx
from swarmstead.storage.errors import DatabaseUnavailable
from tests.rooms.gateway.desk import Desk

DONE = CallOutcome("ok", CallResult(({"type": "text", "text": "done"},)))


class Away:
    """A database that refuses the next so many writes; `refused` is set when it has refused one."""

    def __init__(self, db: Database, times: int) -> None:
        self._db = db
        self._times = times
        self.refused = asyncio.Event()

    async def write(self, handler: Callable[[Tx], Any]) -> Any:
        """As the real one, once it is back."""
        if self._times > 0:
            self._times -= 1
            self.refused.set()
            raise DatabaseUnavailable("The database does not answer.")
        return await self._db.write(handler)


async def cut_while_it_is_away(desk: Desk, times: int, pauses_s: Sequence[float], grace_s: float) -> list[str]:
    """Which outcomes are written of a side effect that has happened when its caller goes away."""
    away, settled = Away(desk.db, times), list[str]()
    hooks = CallHooks(settle=lambda tx, outcome: tx.after_commit(lambda: settled.append(outcome.verdict)))
    call = Call(desk.request("append", {"line": "one"}, hooks=hooks), progress=Progress(attempted=True))
    record = Record(away, Trail(desk.db), pauses_s, grace_s)  # pyright: ignore[reportArgumentType] - it only writes

    async def happened(_call: Call) -> CallOutcome:
        return DONE

    task = asyncio.create_task(record(call, happened))
    await away.refused.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return settled


async def test_a_known_outcome_is_written_when_the_database_is_back_in_time(any_desk: Desk) -> None:
    assert await cut_while_it_is_away(any_desk, times=2, pauses_s=(0.05, 0.05), grace_s=30) == ["ok"]


async def test_what_cannot_be_written_in_time_is_not_lost_silently(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    assert await cut_while_it_is_away(desk, times=9, pauses_s=(60,), grace_s=0.05) == []
    assert "how a_1/1/1 ended (ok) is not written, and unknown from now on" in caplog.text
