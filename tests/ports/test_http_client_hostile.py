"""Servers that break HTTP on purpose: each gets a clear error, nothing hangs, nothing grows, nobody else is hurt."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.connection import Connection
from swarmstead.gateway.adapters.http.errors import Broken, HttpFailed, TooLong
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.adapters.http.request import RequestHead, request_head
from swarmstead.gateway.egress import LOOPBACK, Egress
from swarmstead.gateway.targets import parse_target
from tests.fakes.raw_server import RawServer, Turn, ok, serving

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def server() -> AsyncGenerator[RawServer]:
    async with asyncio.timeout(60), serving() as made:
        yield made


@pytest.fixture
async def client() -> AsyncGenerator[HttpClient]:
    made = HttpClient(Egress(LOOPBACK))
    yield made
    await made.aclose()


def head_to(server: RawServer) -> RequestHead:
    return request_head(parse_target(f"http://127.0.0.1:{server.port}/"), "POST", {})


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello", id="two lengths"),
        pytest.param(OK + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello", id="the same length twice"),
        pytest.param(OK + b"content-length: 5, 5\r\n\r\nhello", id="a list of lengths"),
        pytest.param(OK + b"content-length: +5\r\n\r\nhello", id="a signed length"),
        pytest.param(OK + b"content-length: -5\r\n\r\nhello", id="a negative length"),
        pytest.param(OK + b"content-length: 0x5\r\n\r\nhello", id="a hexadecimal length"),
        pytest.param(OK + b"content-length: 99999999999999999999\r\n\r\nhello", id="a length beyond 64 bits"),
        pytest.param(OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", id="chunks and length"),
        pytest.param(OK + b"transfer-encoding: gzip\r\n\r\nhello", id="another encoding"),
        pytest.param(OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="two encodings"),
        pytest.param(OK + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunked, but not last"),
        pytest.param(OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", id="almost chunked"),
        pytest.param(
            OK + b"transfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunked twice"
        ),
        pytest.param(OK + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n", id="a space before the colon"),
        pytest.param(b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="chunks in HTTP/1.0"),
        pytest.param(OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello", id="compressed"),
        pytest.param(OK + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n", id="a folded header"),
        pytest.param(b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", id="bare line feeds"),
        pytest.param(OK + b"x: a\rb\r\ncontent-length: 0\r\n\r\n", id="a bare carriage return"),
        pytest.param(OK + b"x: a\x00b\r\ncontent-length: 0\r\n\r\n", id="a zero byte"),
        pytest.param(OK + b"x(y): a\r\ncontent-length: 0\r\n\r\n", id="a bad header name"),
        pytest.param(OK + b": a\r\ncontent-length: 0\r\n\r\n", id="no header name"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", id="101"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="101 without upgrade"),
        pytest.param(b"HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n", id="status 099"),
        pytest.param(b"HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n", id="status 600"),
        pytest.param(b"HTTP/1.1 2000 Odd\r\ncontent-length: 0\r\n\r\n", id="status 2000"),
        pytest.param(b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n", id="HTTP/2.0"),
        pytest.param(b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n", id="HTTP/0.9"),
        pytest.param(b"hello", id="no HTTP at all"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="SSH"),
        pytest.param(ok(b"one").answer + ok(b"two").answer, id="two answers"),
        pytest.param(ok(b"one").answer + b"more", id="more than its length"),
        pytest.param(OK + b"connection: close\r\ncontent-length: 1\r\n\r\nab", id="more than its length, then close"),
        pytest.param(b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello", id="204 with a body"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello", id="304 with a body"),
        pytest.param(CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", id="a negative chunk"),
        pytest.param(CHUNKED + b"5\nhello\n0\n\n", id="chunks with bare line feeds"),
        pytest.param(CHUNKED + b"3\r\nhello\r\n0\r\n\r\n", id="a chunk longer than it says"),
        pytest.param(CHUNKED + b"fffffffffffffffff\r\nx", id="a chunk beyond 64 bits"),
        pytest.param(CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", id="a prefixed chunk length"),
    ],
)
async def test_a_shape_that_can_be_read_two_ways_is_refused(
    server: RawServer, client: HttpClient, answer: bytes
) -> None:
    server.plan(Turn(answer))
    with pytest.raises(Broken) as broken:
        await (await client.send(head_to(server))).read(1000)
    assert "127.0.0.1" not in str(broken.value)
    assert (await client.send(head_to(server))).whole() == b"hello"
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"content-length: 10\r\n\r\nhello", id="shorter than its length"),
        pytest.param(OK + b"content-length: 10000000\r\n\r\nhello", id="much shorter than its length"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n", id="chunks without an end"),
        pytest.param(CHUNKED + b"a\r\nhello", id="half a chunk"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n0\r\nx: ", id="half a trailer"),
        pytest.param(OK + b"content-", id="half a head"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="only an interim answer"),
    ],
)
async def test_an_answer_that_breaks_off_is_not_taken_for_whole(
    server: RawServer, client: HttpClient, answer: bytes
) -> None:
    server.plan(Turn(answer, "close"), Turn(answer, "reset"))
    for _ in range(2):
        with pytest.raises(Broken, match=r"broke off|closed the connection"):
            await (await client.send(head_to(server))).read(1000)


async def test_an_answer_without_length_that_is_reset_is_not_whole(server: RawServer, client: HttpClient) -> None:
    server.plan(Turn(OK + b"\r\npart", "reset"))
    with pytest.raises(Broken, match=r"broke off|closed the connection"):
        await (await client.send(head_to(server))).read(1000)


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (Turn(OK, flood=b"x: y\r\n"), "100 headers"),
        (Turn(OK + b"x: ", flood=b"a" * 1000), "32768 bytes"),
        (Turn(OK, flood=b"a" * 1000), "32768 bytes"),
        (Turn(b"HTTP/1.1 200 ", flood=b"a" * 1000), "32768 bytes"),
        (Turn(OK + b"x: " + b"a" * 300_000 + b"\r\n"), "32768 bytes"),
        (Turn(b"", flood=b"HTTP/1.1 100 Continue\r\n\r\n"), "8 interim answers"),
        (Turn(b"HTTP/1.1 103 Early Hints\r\n", flood=b"link: a\r\n"), "32768 bytes|interim|100 headers"),
        (Turn(b"", flood=b"\r\n"), "32768 bytes|not valid"),
        (Turn(CHUNKED + b"5;", flood=b"a" * 1000), "hardly any content"),
        (Turn(CHUNKED, flood=b"1;%b\r\nx\r\n" % (b"a" * 500)), "hardly any content"),
        (Turn(CHUNKED + b"0\r\n", flood=b"x: y\r\n"), "hardly any content"),
        (Turn(CHUNKED + b"0\r\nx: ", flood=b"a" * 1000), "hardly any content"),
    ],
)
async def test_framing_without_end_is_cut_short(server: RawServer, client: HttpClient, turn: Turn, words: str) -> None:
    server.plan(turn)
    with pytest.raises((TooLong, Broken), match=words):
        await (await client.send(head_to(server))).read(10_000_000)
    await server.left.wait()
    assert (await client.send(head_to(server))).whole() == b"hello"


async def test_many_different_headers_are_too_many(server: RawServer, client: HttpClient) -> None:
    server.plan(
        ok(b"", b"".join(b"x%d: y\r\n" % n for n in range(99))),
        ok(b"", b"".join(b"x%d: y\r\n" % n for n in range(100))),
    )
    assert (await client.send(head_to(server))).whole() == b""
    with pytest.raises(TooLong, match="more than 100 headers"):
        await client.send(head_to(server))


async def test_interim_answers_are_read_past(server: RawServer, client: HttpClient) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    server.plan(Turn(interim + ok(b"real").answer))
    response = await client.send(head_to(server))
    assert (response.status, response.whole(), response.header("link")) == (200, b"real", "")


async def test_204_and_304_are_over_with_their_head(server: RawServer, client: HttpClient) -> None:
    server.plan(Turn(b"HTTP/1.1 204 No Content\r\n\r\n"), Turn(b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n"))
    assert [(await client.send(head_to(server))).status for _ in range(3)] == [204, 304, 200]
    assert server.connections == 1
    server.plan(Turn(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"))
    await client.send(head_to(server))  # where a body was promised, one may yet come
    await client.send(head_to(server))
    assert server.connections == 2


@pytest.mark.parametrize("heard", [True, False])
async def test_what_is_said_unasked_on_a_kept_connection_answers_nobody(
    server: RawServer, client: HttpClient, heard: bool
) -> None:
    """A server that slips in a second answer after the first was read must not answer the next request with it."""
    server.plan(Turn(ok(b"first").answer, "talk", later=ok(b"poison").answer), ok(b"second"))
    assert (await client.send(head_to(server))).whole() == b"first"
    server.release.set()
    await server.said.wait()  # our event loop may not have seen it yet
    if heard:
        await server.left.wait()
    assert (await client.send(head_to(server))).whole() == b"second"
    assert server.connections == 2


async def test_after_all_of_it_every_place_is_free_again(server: RawServer) -> None:
    client = HttpClient(Egress(LOOPBACK), HttpLimits(max_per_host=3))
    turns = [
        ok(),
        Turn(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"),
        Turn(OK + b"content-length: 500\r\n\r\nabc", "close"),
        Turn(b"junk"),
        Turn(b"", "reset"),
        Turn(OK + b"\r\n", flood=b"x" * 1000, times=100, then="close"),
        Turn(OK + b"content-length: 300000\r\n\r\n", "close"),
    ]

    async def one(number: int) -> None:
        with suppress(HttpFailed, TimeoutError):
            async with asyncio.timeout(0.001 if number % 4 == 0 else 10):
                response = await client.send(head_to(server), b"y" * (number % 3 * 50_000))
                try:
                    await response.read(100 if number % 5 == 0 else 1_000_000)
                finally:
                    response.close()

    for start in range(0, 200, 20):
        server.plan(*(turns[number % len(turns)] for number in range(start, start + 20)))
        await asyncio.gather(*(one(number) for number in range(start, start + 20)))
    server.forget()
    answers = await asyncio.gather(*(client.send(head_to(server)) for _ in range(12)))
    assert [answer.whole() for answer in answers] == [b"hello"] * 12
    await client.aclose()


# Any bytes at all ----------------------------------------------------------------------------------------------------


class _Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: object) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


async def _outcome(pieces: list[bytes]) -> tuple[int, bytes] | HttpFailed:
    """What a request comes to that gets these bytes in these pieces, and then the end of the connection."""
    connection = Connection(HttpLimits(), lambda _connection: None)
    connection.connection_made(_Wire())
    answer = connection.send(b"", None)
    for piece in pieces:
        if not connection.closed:
            connection.data_received(piece)
    connection.connection_lost(None)
    try:
        response = await answer
        return response.status, await response.read(1_000_000)
    except HttpFailed as error:
        return error


_PARTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"content-length: 5\r\n", b"content-length: 0\r\n",
        b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"\r\n", b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n",
        b"x: y\r\n", b" ", b"\n", b"\x00", b"\xff", b"HTTP/1.1 204 No Content\r\n\r\n",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(_PARTS, st.binary(max_size=20)), max_size=12))
def test_any_bytes_come_to_an_answer_or_an_error(pieces: list[bytes]) -> None:
    outcome = asyncio.run(_outcome(pieces))
    assert isinstance(outcome, HttpFailed) or 200 <= outcome[0] <= 599


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            ok(b"hello", b"x: y\r\n").answer,
            CHUNKED + b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nt: 1\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"x" * 300).answer,
            OK + b"\r\nuntil the end",
            b"HTTP/1.1 204 No Content\r\n\r\n",
        ]
    ),
    st.lists(st.integers(0, 400), max_size=20),
)
def test_it_does_not_matter_how_the_network_cuts_an_answer(answer: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut % (len(answer) + 1) for cut in cuts), len(answer)]
    pieces = [answer[start:end] for start, end in pairwise(edges)]
    assert asyncio.run(_outcome([piece for piece in pieces if piece])) == asyncio.run(_outcome([answer]))
