"""How many connections there are, how long one may rest, and who gives way: with real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from swarmstead.telemetry.meter import METER
from tests.doors.http.test_timeouts import App, served

_DEADLINE_S = 30
_GET = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
_EARLY = b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
_END = b"0\r\n\r\n"


class Holding(App):
    """Answers `/held` when a test says so, and `/early` without waiting for the body."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["path"] == "/held":
            self.reached.set()
            await self.go.wait()
        await super().__call__({**scope, "method": "GET"} if scope["path"] == "/early" else scope, receive, send)


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def get(self, request: bytes = _GET) -> bytes:
        """The answer to a request."""
        self.writer.write(request)
        return await self.reader.readuntil(_END)

    async def is_closed(self) -> bool:
        """Wait until the server has closed it without another word."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def connected(address: str) -> AsyncGenerator[Client]:
    """A connection, which the client keeps until the end."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(_DEADLINE_S):
            yield Client(reader, writer)
    finally:
        writer.close()


def let_go(why: str) -> float:
    return METER.counts().get(("stead_connections_let_go_total", (("why", why),)), 0)


@pytest.mark.parametrize("sent", [b"\n", b"\r\n", b"\r\n\r\n"], ids=["byte", "line", "lines"])
async def test_what_begins_no_request_does_not_keep_a_connection(sent: bytes) -> None:
    """One byte after an answer used to keep it for ever: no clock ran from there on."""
    async with served(App(), header_s=0.3) as address, connected(address) as client:
        assert b"small" in await client.get()
        client.writer.write(sent)
        assert await client.is_closed()


async def test_what_comes_after_that_buys_no_more_time() -> None:
    async with served(App(), header_s=0.3) as address, connected(address) as client:
        await client.get()
        closed = asyncio.create_task(client.is_closed())
        while not closed.done():
            client.writer.write(b"\n")
            await asyncio.wait([closed], timeout=0.1)
        assert await closed


async def test_a_request_after_line_ends_is_answered() -> None:
    async with served(App(), header_s=_DEADLINE_S) as address, connected(address) as client:
        await client.get()
        client.writer.write(b"\r\n")
        assert b"small" in await client.get()


async def test_a_body_that_goes_on_after_its_answer_does_not_keep_a_connection() -> None:
    async with served(Holding(), header_s=_DEADLINE_S, idle_s=1) as address, connected(address) as client:
        assert b"small" in await client.get(_EARLY)
        client.writer.write(b"x")
        assert await client.is_closed()


async def test_the_rest_of_such_a_body_is_taken_and_the_next_request_answered() -> None:
    async with served(Holding(), header_s=0.3) as address, connected(address) as client:
        assert b"small" in await client.get(_EARLY)
        client.writer.write(b"x" * 999)
        await asyncio.sleep(0)
        client.writer.write(b"x")
        assert b"small" in await client.get()


async def test_the_connection_that_was_idle_longest_gives_way() -> None:
    before = let_go("idle")
    async with served(App(), connections=2) as address, connected(address) as first, connected(address) as second:
        await first.get()
        await second.get()
        await first.get()
        async with connected(address) as third:
            assert b"small" in await third.get()
            assert await second.is_closed()
            assert b"small" in await first.get()
    assert let_go("idle") - before == 1


async def test_where_none_is_idle_the_new_one_is_closed() -> None:
    app, before = Holding(), let_go("refused")
    async with served(app, connections=1) as address, connected(address) as busy:
        held = asyncio.create_task(busy.get(_GET.replace(b"small", b"held")))
        await app.reached.wait()
        async with connected(address) as refused:
            assert await refused.is_closed()
        app.go.set()
        assert b"small" in await held
        async with connected(address) as later:
            assert b"small" in await later.get()
    assert let_go("refused") - before == 1


async def test_an_answer_that_is_still_being_read_does_not_give_way() -> None:
    async with served(App(), connections=1, write_s=_DEADLINE_S) as address, connected(address) as reading:
        reading.writer.write(_GET.replace(b"small", b"at-once"))
        await reading.reader.readuntil(b"yyyy")
        async with connected(address) as refused:
            assert await refused.is_closed()


async def test_who_has_left_takes_no_place() -> None:
    async with served(App(), connections=1) as address:
        for _ in range(5):
            async with connected(address) as client:
                assert b"small" in await client.get(_GET.replace(b"Host: x", b"Host: x\r\nConnection: close"))
                assert await client.is_closed()
