"""So many calls wait for their clients and no more, in both eras, however they race and however they end."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from mcp import ClientSession, types

from swarmstead.doors.mcp import parking
from swarmstead.doors.mcp.parking import HeldRelay, Parking
from swarmstead.doors.mcp.places import Place, Places
from swarmstead.doors.mcp.relays import ClientRelay
from swarmstead.gateway.errors import RelayRefused
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.kernel.scope import Actor, Scope
from tests.doors.mcp.door import Door, words
from tests.doors.mcp.test_parking import ADA, FORM, Asking
from tests.fakes.upstream import Called
from tests.rooms.gateway.traffic.stand import until

REFUSED = "Too many calls wait for their clients."


def caller(name: str = "k_1", tenant: str = "acme") -> Scope:
    return Scope(tenant, Actor(f"key:{name}", "user", name))


async def nowhere(message: Any) -> None:
    raise AssertionError(message)


def front() -> ClientRelay:
    return ClientRelay(nowhere, capabilities={"elicitation": {}})


def answered(asked: Mapping[str, Any]) -> dict[str, Any]:
    """How a client comes back."""
    return {"requestState": asked["requestState"], "inputResponses": {"elicitation-1": ADA}}


async def asks(relay: HeldRelay) -> Mapping[str, Any]:
    """A call that asks once, and answers with what it was told."""
    try:
        return {"heard": await relay.ask("elicitation/create", FORM)}
    except RelayRefused as error:
        return {"heard": error.message}


def test_there_are_places_for_a_caller_a_tenant_and_all() -> None:
    places = Places(2, 3, 4)
    taken = [Place(places, caller(*who)) for who in (("a",), ("a",), ("b",), ("a", "evil"))]
    for one in taken:
        one.take()
        one.take()
    for one in (caller("a"), caller("c"), caller("a", "evil")):
        with pytest.raises(RelayRefused, match=REFUSED):
            Place(places, one).take()
    for one in taken:
        one.close()
        one.close()
    assert len(places) == 0
    with pytest.raises(RelayRefused, match="The call is over"):
        taken[0].take()


async def test_calls_that_race_are_no_more_than_there_are_places() -> None:
    places = Places(3)
    yard = Parking(places)

    async def one(number: int) -> Any:
        relay = yard.relay(caller(), front())
        return await yard.begin(caller(), "tools/call", {"name": str(number)}, relay, asks(relay))

    found = await asyncio.gather(*(one(number) for number in range(10)))
    waiting = [one for one in found if "requestState" in one]
    assert (len(waiting), len(places)) == (3, 3)
    assert [one for one in found if one not in waiting] == [{"heard": REFUSED}] * 7
    for number, asked in enumerate(found):
        if asked in waiting:
            params = {"name": str(number)} | answered(asked)
            assert await yard.go_on(caller(), "tools/call", params, front()) == {"heard": ADA}
    assert len(places) == 0


async def test_a_place_comes_back_however_the_call_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places()
    yard = Parking(places)

    async def fails(relay: HeldRelay) -> Mapping[str, Any]:
        await asks(relay)
        raise ValueError("broken")

    relay = yard.relay(caller(), front())
    asked = await yard.begin(caller(), "tools/call", {}, relay, fails(relay))
    with pytest.raises(ValueError, match="broken"):
        await yard.go_on(caller(), "tools/call", answered(asked), front())
    assert len(places) == 0

    async def asks_twice(relay: HeldRelay) -> Mapping[str, Any]:
        await asyncio.gather(asks(relay), asyncio.Event().wait())
        return {}

    relay = yard.relay(caller(), front())
    asked = await yard.begin(caller(), "tools/call", {}, relay, asks_twice(relay))
    back = asyncio.create_task(yard.go_on(caller(), "tools/call", answered(asked), front()))
    await asyncio.sleep(0)
    assert len(places) == 1
    back.cancel()  # its client has gone away
    await asyncio.gather(back, return_exceptions=True)
    assert len(places) == 0

    monkeypatch.setattr(parking, "PATIENCE_S", 0.01)
    monkeypatch.setattr(parking, "_LINGER_S", 0.0)
    relay = yard.relay(caller(), front())
    await yard.begin(caller(), "tools/call", {}, relay, asks(relay))
    assert len(places) == 1
    await until(lambda: len(places) == 0)  # nobody came for it


async def test_calls_of_sessions_have_places_too_and_hold_no_slot(door: Door) -> None:
    """More of them wait than a tool has slots, and the tool goes on."""
    door.house.gateway.traffic.limits = TrafficLimits(identity=Rate(0, 1), tool_concurrency=3)
    server, asked, may_answer = Asking(door, "elicitation/create"), [0], asyncio.Event()

    async def answer(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert (context is not None, params.message) == (True, "Who?")
        asked[0] += 1
        await may_answer.wait()
        return types.ElicitResult(action="accept", content={"n": "Ada"})

    async with door.session(elicitation_callback=answer) as client:
        waiting = list[asyncio.Task[types.CallToolResult]]()
        for number in range(1, 17):
            waiting.append(asyncio.create_task(client.call_tool("kit__read", {"name": "x"})))
            await until(lambda number=number: asked[0] == number)
        assert words(await client.call_tool("kit__read", {"name": "y"})) == "read y"
        assert server.heard == [REFUSED]
        assert door.house.gateway.traffic.totals().in_flight == 0
        may_answer.set()
        assert {words(await one) for one in waiting} == {"read x"}
        assert len(server.heard) == 17
        assert words(await client.call_tool("kit__read", {"name": "z"})) == "read z"
        assert server.heard[-1]["content"] == {"n": "Ada"}  # its place is free again


async def test_a_waiting_call_is_called_off_by_its_session(door: Door) -> None:
    door.house.gateway.traffic.limits = TrafficLimits(identity=Rate(0, 1), tool_concurrency=1)
    reached = asyncio.Event()

    async def ask(call: Called) -> None:
        relay = door.house.upstream.relay
        assert relay is not None
        await relay.ask("elicitation/create", FORM)
        assert call.tool == "read"

    door.house.upstream.during = ask

    async def answer(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert (context is not None, params.message) == (True, "Who?")
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with door.session(elicitation_callback=answer) as client:
        waiting = asyncio.create_task(client.call_tool("kit__read", {"name": "x"}))
        await reached.wait()
        await _call_off(client, waiting)
        door.house.upstream.during = None
        assert words(await client.call_tool("kit__read", {"name": "y"})) == "read y"
    assert door.house.gateway.traffic.totals().in_flight == 0


async def _call_off(client: ClientSession, waiting: "asyncio.Task[types.CallToolResult]") -> None:
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await client.send_ping()
