"""In the era without sessions, who closes the connection calls off what was asked on it."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.doors.mcp.door import Door
from tests.doors.mcp.test_eras import CALL, HEADERS, META, request
from tests.doors.mcp.test_parking import ADA, CAN, Asking, post
from tests.doors.mcp.test_streams import opened
from tests.fakes.upstream import Called


async def sent(door: Door, message: Any, **headers: str) -> asyncio.StreamWriter:
    """A connection on which a message was sent, and nothing is read."""
    body, parts = json.dumps(message).encode(), urlsplit(door.address)
    told = {"authorization": f"Bearer {door.key}", "content-length": str(len(body)), "host": parts.netloc} | headers
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    writer.write(f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    await writer.drain()
    return writer


async def test_who_closes_the_connection_waits_for_nothing_any_more(door: Door) -> None:
    hold = door.house.upstream.hold("read")
    writer = await sent(door, request("tools/call", **CALL, _meta=META), **HEADERS)
    async with asyncio.timeout(20):
        await hold.reached.wait()
        writer.close()
        await hold.cut.wait()


@pytest.mark.parametrize("state", ["first", "again"])
async def test_so_does_who_has_said_that_it_can_be_asked(door: Door, state: str) -> None:
    begun, cut = asyncio.Event(), asyncio.Event()
    server = Asking(door, "elicitation/create")
    ask = door.house.upstream.during
    assert ask is not None

    async def then_wait(call: Called) -> None:
        if state == "again":
            await ask(call)
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.set()
            raise

    door.house.upstream.during = then_wait
    message = request("tools/call", **CALL, _meta=CAN)
    if state == "again":
        asked = await post(door)
        answers = {"requestState": asked["requestState"], "inputResponses": {"elicitation-1": ADA}}
        message["params"] |= answers
    writer = await sent(door, message, **HEADERS)
    async with asyncio.timeout(20):
        await begun.wait()
        writer.close()
        await cut.wait()
    assert server.heard == ([ADA] if state == "again" else [])


async def test_in_a_session_the_call_goes_on(door: Door) -> None:
    """A connection that breaks calls nothing off there: so has it MCP 2025-11-25."""
    begun, goes_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait(_call: Called) -> None:
        begun.set()
        await goes_on.wait()
        ended.set()

    door.house.upstream.during = wait
    writer = await sent(door, request("tools/call", **CALL), mcp_session_id=await opened(door))
    async with asyncio.timeout(20):
        await begun.wait()
        writer.close()
        await writer.wait_closed()
        for _ in range(5):  # time goes by
            await door.post(request("ping"))
        goes_on.set()
        await ended.wait()


async def test_a_connection_that_was_watched_serves_the_next_request(door: Door) -> None:
    hold = door.house.upstream.hold("read")
    headers = {name.replace("_", "-"): value for name, value in HEADERS.items()}
    async with httpx2.AsyncClient(timeout=30, headers={"authorization": f"Bearer {door.key}", **headers}) as http:
        message = request("tools/call", **CALL, _meta=META)
        first = asyncio.create_task(http.post(door.address, json=message))
        async with asyncio.timeout(20):
            await hold.reached.wait()
            for _ in range(5):  # time goes by
                await door.post(request("ping"))
        hold.release()
        answers = [await first, await http.post(door.address, json=message)]
    assert [one.json()["result"]["isError"] for one in answers] == [False, False]
