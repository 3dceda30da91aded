"""The head of an answer goes out along with its body, and does not wait for one that is late."""

import asyncio
from typing import Any, cast

import pytest

from swarmstead.doors.worker.corked import Turn, corked
from tests.doors.http.test_connections import connected
from tests.doors.http.test_timeouts import App, served

HEAD, BODY, MORE = b"head\r\n\r\n", b"body", b"more"


class Wire:
    """A transport that keeps what each system call would send."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = self.broken = False

    def write(self, data: bytes) -> None:
        self._send(data)

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self._send(b"".join(pieces))

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.sent))

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return name

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def _send(self, data: bytes) -> None:
        assert not self.closed
        if self.broken:
            raise RuntimeError("the handler is closed")
        self.sent.append(data)


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def transport(wire: Wire) -> asyncio.Transport:
    return corked(cast("asyncio.Transport", wire), Turn())


async def test_head_and_body_are_one_system_call(wire: Wire, transport: asyncio.Transport) -> None:
    transport.write(HEAD)
    assert wire.sent == []
    transport.write(BODY)
    assert wire.sent == [HEAD + BODY]
    await asyncio.sleep(0)
    assert wire.sent == [HEAD + BODY]


async def test_what_nothing_follows_goes_out_at_the_end_of_the_turn(wire: Wire, transport: asyncio.Transport) -> None:
    for n in range(1, 3):
        transport.write(HEAD)
        await asyncio.sleep(0)
        assert wire.sent == [HEAD] * n


async def test_bytes_keep_their_order(wire: Wire, transport: asyncio.Transport) -> None:
    for piece in (HEAD, BODY, b"", MORE, BODY, MORE):
        transport.write(piece)
    await asyncio.sleep(0)
    assert b"".join(wire.sent) == HEAD + BODY + MORE + BODY + MORE


async def test_what_is_held_goes_out_before_the_connection_is_closed(wire: Wire, transport: asyncio.Transport) -> None:
    transport.write(HEAD)
    transport.close()
    assert (wire.sent, transport.is_closing()) == ([HEAD], True)
    await asyncio.sleep(0)
    assert wire.sent == [HEAD]


async def test_what_is_held_counts_as_unsent(wire: Wire, transport: asyncio.Transport) -> None:
    transport.write(HEAD)
    assert transport.get_write_buffer_size() == len(HEAD)
    assert wire.sent == [HEAD]


async def test_connections_of_one_turn_are_let_go_together() -> None:
    turn, wires = Turn(), [Wire() for _ in range(3)]
    for one in wires:
        corked(cast("asyncio.Transport", one), turn).write(HEAD)
    await asyncio.sleep(0)
    assert [one.sent for one in wires] == [[HEAD]] * 3


async def test_a_connection_that_is_gone_holds_up_no_other() -> None:
    turn, wires = Turn(), [Wire() for _ in range(3)]
    for one in wires:
        corked(cast("asyncio.Transport", one), turn).write(HEAD)
    wires[0].broken = True
    await asyncio.sleep(0)
    assert [one.sent for one in wires] == [[], [HEAD], [HEAD]]


async def test_an_answer_comes_in_one_piece() -> None:
    async with served(App()) as address, connected(address) as client:
        for _ in range(50):
            client.writer.write(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.reader.read(65_536)).endswith(b"0\r\n\r\n")


async def test_the_head_of_a_stream_without_news_is_told_at_once() -> None:
    go = asyncio.Event()

    async def quiet(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await go.wait()
        await send({"type": "http.response.body", "body": BODY})

    async with served(quiet) as address, connected(address) as client:
        client.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await client.reader.readuntil(b"\r\n\r\n")
        go.set()
        assert BODY in await client.reader.readuntil(b"0\r\n\r\n")
