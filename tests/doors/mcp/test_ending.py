"""What ends with a session: its streams, its calls, and what was kept of them."""

import asyncio
from typing import Any

from tests.doors.mcp.door import Door
from tests.doors.mcp.test_parking import Asking
from tests.doors.mcp.test_streams import CALL, listen, opened, request, stream
from tests.fakes.upstream import Called

EVENTS = "text/event-stream, application/json"


async def test_its_open_stream_ends(door: Door) -> None:
    session, other = await opened(door), await opened(door)
    async with stream(door, mcp_session_id=session) as events, stream(door, mcp_session_id=other) as stays:
        async with asyncio.timeout(20):
            while len(door.house.upstream.listeners) != 2:
                await door.post(request("ping"))
        assert (await door.delete(session)).status_code == 204
        assert await events.next() == {}
        async with asyncio.timeout(20):
            while len(door.house.upstream.listeners) != 1:
                await door.post(request("ping"))
        door.house.upstream.listeners[0][2].notify("notifications/tools/list_changed", {})
        assert (await stays.told())["method"] == "notifications/tools/list_changed"


async def test_all_of_its_calls_are_called_off_those_of_one_id_too_and_no_others(door: Door) -> None:
    session, other = await opened(door), await opened(door)
    holds: list[Any] = []
    calls: list[Any] = []
    for of in (session, session, other):
        holds.append(door.house.upstream.hold("read"))
        calls.append(asyncio.create_task(door.post(request("tools/call", **CALL), mcp_session_id=of)))
        async with asyncio.timeout(20):
            await holds[-1].reached.wait()
    try:
        assert (await door.delete(session)).status_code == 204
        async with asyncio.timeout(20):
            assert [(await call).json()["error"]["code"] for call in calls[:2]] == [-32800, -32800]
            await asyncio.gather(holds[0].cut.wait(), holds[1].cut.wait())
    finally:
        door.house.upstream.release_all()
    assert (await calls[2]).json()["result"]["isError"] is False


async def test_a_call_whose_client_is_asked_is_called_off_and_its_question_is_over(door: Door) -> None:
    Asking(door, "elicitation/create")
    session = await opened(door, elicitation={})
    async with stream(door, request("tools/call", **CALL), mcp_session_id=session, accept=EVENTS) as events:
        await events.next()
        asked = await events.told()
        assert (await door.delete(session)).status_code == 204
        assert (await events.told())["error"]["code"] == -32800
    late = {"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}}
    assert (await door.post(late, mcp_session_id=session)).status_code == 404


async def test_who_came_back_to_a_stream_of_it_is_let_go_and_nobody_comes_back_any_more(door: Door) -> None:
    session, upstream = await opened(door), door.house.upstream
    let_go = asyncio.Event()

    async def hang_up(_call: Called) -> None:
        assert upstream.relay is not None
        upstream.relay.hang_up()
        await let_go.wait()

    upstream.during = hang_up
    async with stream(door, request("tools/call", **CALL), mcp_session_id=session) as events:
        last = (await events.next())["id"]
        assert await events.next() == {}
    try:
        async with stream(door, mcp_session_id=session, last_event_id=last) as events:
            assert events.response.status_code == 200
            assert (await door.delete(session)).status_code == 204
            assert await events.next() == {}
    finally:
        let_go.set()
    async with stream(door, mcp_session_id=session, last_event_id=last) as events:
        assert events.response.status_code == 404


async def test_a_stream_that_stands_alone_is_not_a_sessions(door: Door) -> None:
    session = await opened(door)
    alone = {"mcp_protocol_version": "2026-07-28", "mcp_method": "subscriptions/listen"}
    async with stream(door, listen(toolsListChanged=True), **alone) as events:
        await events.told()
        assert (await door.delete(session)).status_code == 204
        door.house.upstream.listeners[0][2].notify("notifications/tools/list_changed", {})
        assert (await events.told())["method"] == "notifications/tools/list_changed"
