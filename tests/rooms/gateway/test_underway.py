"""Side effects of outside clients whose process ends before they do: the trail says that nobody knows."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from swarmstead.audit.contract import Entry
from swarmstead.audit.tables import audit_rows
from swarmstead.gatehouse import open_gatehouse
from swarmstead.gateway import underway
from swarmstead.gateway.contract import CallRequest
from swarmstead.gateway.tables import calls_underway
from swarmstead.settings import load
from swarmstead.storage.database import Database, Tx
from tests.fakes.upstream import Called
from tests.rooms.gateway.desk import ADA, Desk, outside


class Died(BaseException):
    """The process is gone: nothing after this is written."""


async def _approved(desk: Desk) -> CallRequest:
    request = desk.request("append", {"line": "one"}, caller=outside())
    return replace(request, plan_id=(await desk.approved(request)).id)


async def _left(db: Database) -> int:
    return await db.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(calls_underway)).scalar_one())


async def test_a_call_that_was_cut_is_closed_as_unknown_once(any_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    request, write = await _approved(any_desk), any_desk.db.write

    async def die(_call: Called) -> None:
        async def gone(_handler: Callable[[Tx], object]) -> object:
            raise Died

        monkeypatch.setattr(any_desk.db, "write", gone)
        raise Died

    any_desk.upstream.during = die
    with pytest.raises(Died):
        await any_desk.gateway.call(request)
    monkeypatch.setattr(any_desk.db, "write", write)
    assert [row.phase for row in await any_desk.rows("tool.call")] == ["intent", "attempt"]

    def close(older_ms: int) -> Callable[[Tx], int]:
        return lambda tx: underway.close_lost(tx, any_desk.clock, ADA.tenant, older_ms)

    assert await any_desk.db.write(close(underway.LONGEST_MS)) == 0  # it may be under way at another replica
    closed = [await any_desk.db.write(close(0)) for _ in range(2)]
    intent, _, effect = await any_desk.rows("tool.call")
    assert (closed, await _left(any_desk.db)) == ([1, 0], 0)
    assert (effect.phase, effect.data["verdict"], effect.data["code"]) == ("effect", "unknown", "process_ended")
    same = ("tenant", "actor", "actor_kind", "target", "step", "trace_id")
    assert [getattr(effect, name) for name in same] == [getattr(intent, name) for name in same]
    assert effect.data["arguments"] == intent.data["arguments"]


async def test_a_call_that_ends_leaves_nothing_to_close(any_desk: Desk) -> None:
    request, begun, go_on = await _approved(any_desk), asyncio.Event(), asyncio.Event()

    async def hold(_call: Called) -> None:
        begun.set()
        await go_on.wait()

    any_desk.upstream.during = hold
    call = asyncio.create_task(any_desk.gateway.call(request))
    await begun.wait()
    assert await _left(any_desk.db) == 1
    go_on.set()
    await call
    assert await _left(any_desk.db) == 0
    assert [(phase, verdict) for phase, _, verdict in await any_desk.trail()][-1] == ("effect", "ok")


async def test_a_start_closes_what_the_last_process_has_left(tmp_path: Path) -> None:
    settings = load({}, data=tmp_path)
    lost = Entry(outside().scope, "tool.call", "kit/append", "effect", step="k", data={"verdict": "unknown"})
    calls = sa.select(audit_rows.c.step, audit_rows.c.phase).where(audit_rows.c.action == "tool.call")
    app = await open_gatehouse(settings)
    await app.db.write(lambda tx: underway.begin(tx, app.clock, lost))
    await app.close()
    later = await open_gatehouse(settings)
    try:
        assert await later.db.read(lambda conn: conn.execute(calls).all()) == [("k", "effect")]
    finally:
        await later.close()


async def test_a_call_of_a_run_has_its_journal_and_needs_no_more(any_desk: Desk) -> None:
    request, seen = any_desk.request("append", {"line": "one"}), list[int]()

    async def look(_call: Called) -> None:
        seen.append(await _left(any_desk.db))

    any_desk.upstream.during = look
    await any_desk.gateway.call(replace(request, plan_id=(await any_desk.approved(request)).id))
    assert set(seen) == {0}
