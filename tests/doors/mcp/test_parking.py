"""A client without a session in front of a tool server that asks in the middle of a call."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from mcp import types

from swarmstead.audit.tables import audit_rows
from swarmstead.doors.mcp import parking
from swarmstead.gateway.errors import RelayRefused
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from tests.doors.mcp.door import Door, words
from tests.doors.mcp.test_eras import CALL, HEADERS, META, request
from tests.fakes.upstream import Called, text

FIELDS = {"type": "object", "properties": {"n": {"type": "string"}}}
FORM = {"mode": "form", "message": "Who?", "requestedSchema": FIELDS}
CAN: dict[str, Any] = META | {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}, "roots": {}}}
ADA: Mapping[str, Any] = {"action": "accept", "content": {"n": "Ada"}}


class Asking:
    """A tool server of the older era: `read` asks its client this many questions, at once or in turn."""

    def __init__(self, door: Door, *methods: str, together: bool = False) -> None:
        self._door = door
        self._methods = methods
        self._together = together
        self.heard: list[Any] = []
        self.over = asyncio.Event()
        door.house.upstream.during = self._ask

    async def _ask(self, call: Called) -> None:
        relay = self._door.house.upstream.relay
        assert relay is not None
        if self._together:
            self.heard += await asyncio.gather(*(self._one(relay, method) for method in self._methods))
            return
        for method in self._methods:
            self.heard.append(await self._one(relay, method))
        self.over.set()

    async def _one(self, relay: Relay, method: str) -> Any:
        try:
            return await relay.ask(method, FORM)
        except RelayRefused as error:
            return error.message


async def post(door: Door, *, by: str = "", **params: Any) -> Any:
    answer = await door.post(request("tools/call", **CALL | {"_meta": CAN} | params), key=by, **HEADERS)
    return answer.json().get("result") or answer.json()["error"]


async def test_the_sdks_client_is_asked_and_the_call_goes_on(door: Door) -> None:
    door.house.upstream.answers["read"] = text("found")
    server = Asking(door, "elicitation/create", "elicitation/create")

    async def answer(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert context is not None
        assert params.message == "Who?"
        return types.ElicitResult(action="accept", content={"n": "Ada"})

    async with door.modern(elicitation_callback=answer) as client:
        assert words(await client.call_tool("kit__read", {"name": "x"})) == "found"
    assert [one["content"] for one in server.heard] == [{"n": "Ada"}] * 2
    assert door.house.upstream.called("read") == 1  # one call, whatever the rounds
    await door.house.gateway.written()
    rows = sa.select(sa.func.count()).where(audit_rows.c.action == "tool.call")
    assert await door.house.read(lambda conn: conn.execute(rows).scalar_one()) == 1


async def test_questions_that_come_together_are_told_together_and_what_is_left_out_again(door: Door) -> None:
    server = Asking(door, "elicitation/create", "roots/list", together=True)
    first = await post(door)
    assert (first["resultType"], set(first["inputRequests"])) == ("input_required", {"elicitation-1", "roots-2"})
    assert first["inputRequests"]["elicitation-1"] == {"method": "elicitation/create", "params": FORM}
    again = await post(door, requestState=first["requestState"], inputResponses={"roots-2": {"roots": []}, "other": {}})
    assert set(again["inputRequests"]) == {"elicitation-1"}
    assert again["requestState"] != first["requestState"]
    last = await post(door, requestState=again["requestState"], inputResponses={"elicitation-1": ADA})
    assert last["resultType"] == "complete"
    assert server.heard == [ADA, {"roots": []}]


async def test_a_state_is_for_its_caller_its_request_and_once(door: Door) -> None:
    Asking(door, "elicitation/create")
    state = (await post(door))["requestState"]
    given: dict[str, Any] = {"requestState": state, "inputResponses": {"elicitation-1": ADA}}
    other = await door.new_key("operator")
    refused = [
        await post(door, by=other, **given),
        await post(door, **given, arguments={"name": "another"}),
        await post(door, **given | {"requestState": state + "x"}),
    ]
    assert (await post(door, **given))["resultType"] == "complete"
    refused.append(await post(door, **given))
    assert [one["code"] for one in refused] == [-32602] * 4


async def test_a_client_that_comes_back_without_saying_what_it_can_makes_no_second_call(door: Door) -> None:
    Asking(door, "elicitation/create")
    asked = await post(door)
    back: dict[str, Any] = {
        "requestState": asked["requestState"],
        "inputResponses": dict.fromkeys(asked["inputRequests"], ADA),
    }
    await post(door, **back, _meta=META)
    assert door.house.upstream.called("read") == 1


async def test_what_is_told_while_nobody_waits_is_told_to_nobody(door: Door) -> None:
    Asking(door, "elicitation/create")
    meta = CAN | {"progressToken": 1}
    state = (await post(door, _meta=meta))["requestState"]
    relay = door.house.upstream.relay
    assert relay is not None
    relay.notify("notifications/progress", {"progress": 1})
    last = await post(door, _meta=meta, requestState=state, inputResponses={"elicitation-1": ADA})
    assert last["resultType"] == "complete"  # in JSON: nothing had made a stream of it


async def test_a_client_that_cannot_be_asked_is_not(door: Door) -> None:
    server = Asking(door, "elicitation/create", "sampling/createMessage")
    assert (await post(door, _meta=META))["resultType"] == "complete"
    assert len(server.heard) == 2
    assert all("cannot be asked" in one for one in server.heard)


async def test_so_many_calls_of_one_caller_wait_and_no_more(door: Door) -> None:
    door.house.gateway.traffic.limits = TrafficLimits(identity=Rate(0, 1))
    server = Asking(door, "elicitation/create")
    states = [(await post(door))["requestState"] for _ in range(16)]
    assert (await post(door))["resultType"] == "complete"
    assert server.heard == ["Too many calls wait for their clients."]
    given: dict[str, Any] = {"requestState": states[0], "inputResponses": {"elicitation-1": ADA}}
    assert (await post(door, **given))["resultType"] == "complete"
    assert (await post(door))["resultType"] == "input_required"  # its place is free again


async def test_a_client_that_does_not_come_back_is_not_waited_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "PATIENCE_S", 0.01)
    server = Asking(door, "elicitation/create")
    state = (await post(door))["requestState"]
    async with asyncio.timeout(20):
        await server.over.wait()
    assert server.heard == ["The client did not answer in time."]
    last = await post(door, requestState=state, inputResponses={"elicitation-1": ADA})
    assert last["resultType"] == "complete"  # what it has come to meanwhile is kept for a while


async def test_a_tool_servers_own_state_is_passed_through(door: Door) -> None:
    await post(door, requestState="theirs", inputResponses={})
    assert door.house.upstream.called("read") == 1
