"""What a call was judged by is what its session offers: looked at before it goes out, once for all who wait."""

import asyncio
from typing import Any

import pytest

from swarmstead.gateway.offers import Listing, Pace
from tests.fakes.upstream import TEXT, tool
from tests.rooms.gateway.desk import Desk

READ = {"readOnlyHint": True}
NAME = {"name": "x"}


def change(desk: Desk, name: str = "read", **fields: Any) -> None:
    desk.upstream.tools = [one | fields if one["name"] == name else one for one in desk.upstream.tools]


async def test_a_call_that_finds_a_new_session_with_another_definition_is_quarantined(any_desk: Desk) -> None:
    assert (await any_desk.call("read", NAME)).verdict == "ok"
    change(any_desk, description="Other.")
    any_desk.upstream.restart()
    outcome = await any_desk.call("read", NAME)
    assert (outcome.verdict, outcome.code, any_desk.upstream.called("read")) == ("denied", "tool_quarantined", 1)
    assert (await any_desk.pin("read")).why == "changed"


async def test_so_is_a_side_effect_and_its_trail_says_that_it_did_not_happen(desk: Desk) -> None:
    request = desk.request("put", NAME)
    plan = await desk.approved(request)
    change(desk, "put", description="Other.")
    desk.upstream.restart()
    outcome = await desk.call("put", NAME, plan_id=plan.id, key=request.key)
    assert (outcome.verdict, outcome.code, desk.upstream.called("put")) == ("denied", "tool_quarantined", 0)
    effect = (await desk.rows("tool.call"))[-1]
    assert (effect.phase, effect.data["verdict"], effect.data["code"]) == ("effect", "denied", "tool_quarantined")


async def test_a_preview_that_has_changed_shows_nothing(desk: Desk) -> None:
    await desk.call("read", NAME)
    change(desk, "look", description="Other.")
    desk.upstream.restart()
    asked = await desk.plan(desk.request("append", {"line": "x"}))
    assert "'look' of 'kit' is quarantined" in asked.effect["why"]
    assert desk.upstream.called("look") == 0


async def test_a_new_session_that_offers_the_same_is_looked_at_once(desk: Desk) -> None:
    for _ in range(3):
        for _ in range(4):
            assert (await desk.call("read", NAME)).verdict == "ok"
        desk.upstream.restart()
    assert desk.upstream.looks == 3


async def test_a_definition_that_a_person_accepts_meanwhile_is_not_the_one_that_was_judged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.call("read", NAME)
    change(desk, description="Other.")
    listed = desk.upstream.list_tools

    async def accepted(server: Any) -> Listing:
        found = await listed(server)
        if desk.upstream.looks == 2:
            await desk.gateway.inspect(desk.request("read").caller, "kit", "/elsewhere")
            await desk.accept("read")
        return found

    monkeypatch.setattr(desk.upstream, "list_tools", accepted)
    desk.upstream.restart()
    outcome = await desk.call("read", NAME)
    assert (outcome.code, desk.upstream.called("read")) == ("pin_moved", 1)
    assert (await desk.call("read", NAME)).verdict == "ok"


async def test_a_flood_of_changes_is_one_look_under_way_and_one_that_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.call("read", NAME)
    reached, go = asyncio.Event(), asyncio.Event()
    listed = desk.upstream.list_tools

    async def slow(server: Any) -> Listing:
        found = await listed(server)
        reached.set()
        await go.wait()
        return found

    monkeypatch.setattr(desk.upstream, "list_tools", slow)
    desk.upstream.tell_changed()
    calls = [asyncio.create_task(desk.call("read", NAME))]
    await reached.wait()
    for _ in range(20):
        desk.upstream.tell_changed()
        calls.append(asyncio.create_task(desk.call("read", NAME)))
        for _ in range(20):
            await asyncio.sleep(0)
    go.set()
    outcomes = await asyncio.gather(*calls)
    assert [one.verdict for one in outcomes] == ["ok"] * 21
    assert desk.upstream.looks <= 1 + 2 * 2  # of the list that is for all, and of the session that they go out in


async def test_what_is_told_while_a_look_is_under_way_is_looked_at_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.call("read", NAME)
    listed = desk.upstream.list_tools

    async def changing(server: Any) -> Listing:
        found = await listed(server)
        if desk.upstream.looks == 2:
            change(desk, description="Other.")
            desk.upstream.tell_changed()
        return found

    monkeypatch.setattr(desk.upstream, "list_tools", changing)
    desk.upstream.tell_changed()
    assert (await desk.call("read", NAME)).code == "tool_quarantined"


async def test_new_tools_are_there_as_soon_as_their_server_says_so(desk: Desk) -> None:
    caller = desk.request("read").caller
    await desk.gateway.tools(caller, desk.root)
    desk.upstream.tools = [*desk.upstream.tools, tool("missing", READ, name=TEXT)]
    assert "missing" not in [one.name for one in (await desk.gateway.tools(caller, desk.root))[-1].tools]
    desk.upstream.tell_changed()
    found = {one.server: one for one in await desk.gateway.tools(caller, desk.root)}
    assert "missing" in [one.name for one in found["kit"].tools]


def test_looks_that_a_server_asks_for_come_ever_later_and_a_quiet_while_forgives() -> None:
    pace, now, waits = Pace(), 100.0, list[float]()
    for _ in range(9):
        waits.append(pace.wait_s(now))
        now += waits[-1]
    assert waits == pytest.approx([0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
    assert pace.wait_s(now + 10) == 0
