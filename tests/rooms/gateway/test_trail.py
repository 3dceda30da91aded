"""Rows of reads share commits, in order, and none is lost while the process lives."""

import asyncio
from typing import Any

import pytest

from swarmstead.audit.contract import Entry
from swarmstead.gateway.errors import TrailFull
from swarmstead.gateway.trail import Trail
from swarmstead.kernel.scope import system_scope
from swarmstead.storage.errors import DatabaseUnavailable
from tests.rooms.gateway.desk import Desk

SCOPE = system_scope("acme")


def noted(target: str) -> Entry:
    return Entry(SCOPE, "tool.call", target, "effect", data={"verdict": "ok"})


async def test_rows_come_in_the_order_in_which_calls_ended_and_share_commits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail, commits, write = Trail(desk.db), [0], desk.db.write

    async def counted(handler: Any) -> Any:
        commits[0] += 1
        return await write(handler)

    monkeypatch.setattr(desk.db, "write", counted)
    for number in range(1200):
        await trail.note(lambda number=number: noted(f"kit/{number}"))
    await trail.written()
    assert [target for _, target, _ in await desk.trail()] == [f"kit/{number}" for number in range(1200)]
    assert commits[0] == 3


async def test_a_database_that_comes_back_gets_every_row(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmstead.gateway.trail._PAUSE_S", 0)
    trail, fails, write = Trail(desk.db), [3], desk.db.write

    async def away(handler: Any) -> Any:
        if fails[0]:
            fails[0] -= 1
            raise DatabaseUnavailable("The database does not answer.")
        return await write(handler)

    monkeypatch.setattr(desk.db, "write", away)
    await trail.note(lambda: noted("kit/one"))
    await trail.written()
    assert (fails, [target for _, target, _ in await desk.trail()]) == ([0], ["kit/one"])


async def test_a_row_that_can_never_be_written_keeps_no_other_from_it(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Entry:
        raise ValueError("There is no such row.")

    trail = Trail(desk.db)
    await trail.note(lambda: noted("kit/one"))
    await trail.note(broken)
    await trail.note(lambda: noted("kit/two"))
    await trail.written()
    await trail.note(lambda: noted("kit/three"))
    await trail.written()
    assert [target for _, target, _ in await desk.trail()] == ["kit/one", "kit/two", "kit/three"]
    assert "left out" in caplog.text


async def test_a_database_that_is_locked_for_a_moment_costs_no_row_beside_a_broken_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swarmstead.gateway.trail._PAUSE_S", 0.001)
    write, away = desk.db.write, iter([False, True, False, True])  # together, then one by one

    async def now_and_then(handler: Any) -> Any:
        if next(away, False):
            raise DatabaseUnavailable("The database is locked.")
        return await write(handler)

    def broken() -> Entry:
        raise ValueError("There is no such row.")

    monkeypatch.setattr(desk.db, "write", now_and_then)
    trail = Trail(desk.db)
    for one in (lambda: noted("kit/one"), broken, lambda: noted("kit/two")):
        await trail.note(one)
    await trail.written()
    assert [target for _, target, _ in await desk.trail()] == ["kit/one", "kit/two"]


@pytest.mark.parametrize("name", ["re\0ad", "re\ud800ad"])
async def test_a_name_that_no_database_keeps_is_refused_and_recorded(any_desk: Desk, name: str) -> None:
    outcome = await any_desk.call(name)
    assert outcome.code == "tool_unknown"
    assert [target for _, target, _ in await any_desk.trail()] == ["kit/re\ufffdad"]
    assert (await any_desk.call("read", {"name": "a"})).verdict == "ok"


async def test_a_read_that_is_called_off_is_recorded(desk: Desk) -> None:
    hold = desk.upstream.hold("read")
    calling = asyncio.create_task(desk.call("read", {"name": "a"}))
    await hold.reached.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert await desk.trail() == [("effect", "kit/read", "unknown")]


async def test_while_it_cannot_write_it_takes_no_more_than_it_may_hold(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swarmstead.gateway.trail._PATIENCE_S", 0.05)
    trail = Trail(desk.db, most=2)

    async def away(_handler: Any) -> Any:
        raise DatabaseUnavailable("The database does not answer.")

    monkeypatch.setattr(desk.db, "write", away)
    await trail.note(lambda: noted("kit/one"))
    await trail.note(lambda: noted("kit/two"))
    with pytest.raises(TrailFull, match="cannot be written"):
        await trail.note(lambda: noted("kit/three"))
    monkeypatch.undo()
    await trail.written()
    assert [target for _, target, _ in await desk.trail()] == ["kit/one", "kit/two"]


async def test_closing_writes_what_waits(desk: Desk) -> None:
    trail = Trail(desk.db, every_s=0.01)
    await trail.note(lambda: noted("kit/last"))
    await trail.aclose()
    assert [target for _, target, _ in await desk.trail()] == ["kit/last"]


async def test_closing_does_not_wait_for_a_database_that_is_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trail = Trail(desk.db)

    async def away(_handler: Any) -> Any:
        raise DatabaseUnavailable("The database does not answer.")

    monkeypatch.setattr(desk.db, "write", away)
    await trail.note(lambda: noted("kit/lost"))
    async with asyncio.timeout(10):
        await trail.aclose()
    assert "are lost" in caplog.text
