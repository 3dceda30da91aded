"""Clients that send too slowly, read nothing, or stay without asking: each is let go of, and nobody else notices."""

import asyncio
import itertools
import select
import socket
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.exceptions import HTTPException

from swarmstead.doors.http.guards import Guards
from swarmstead.doors.worker.protocol import bounded
from swarmstead.doors.worker.serve import bind

_DEADLINE_S = 30
_LARGE = 32 * 1024 * 1024


class App:
    """Sends a large body, or reads one; `ended` has, by path, what is set when a request has come to its end."""

    def __init__(self) -> None:
        self.ended = defaultdict[str, asyncio.Event](asyncio.Event)

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        try:
            if scope["method"] == "POST":
                while (await receive()).get("more_body"):
                    pass
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if scope["path"] == "/large":
                for _ in range(_LARGE // 65_536):
                    await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            body = b"y" * _LARGE if scope["path"] == "/at-once" else b"small"
            await send({"type": "http.response.body", "body": body})
        finally:
            self.ended[scope["path"]].set()


@asynccontextmanager
async def served(
    app: Any, write_s: float = 1, idle_s: int = 60, header_s: float = _DEADLINE_S, connections: int = 100
) -> AsyncGenerator[str]:
    """A server of one application, on a socket of this machine."""
    listener = bind("127.0.0.1", 0)
    http = bounded(header_s, write_s, connections)
    config = uvicorn.Config(app, http=http, lifespan="off", log_config=None, timeout_keep_alive=idle_s)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(_DEADLINE_S):
            await task


@contextmanager
def asked(address: str, path: str) -> Generator[socket.socket]:
    """A connection that has sent a request, and reads nothing."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect((host, int(port)))
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        yield one


async def dropped(one: socket.socket) -> bool:
    """Wait until the other side has dropped the connection, without reading from it."""
    poll = select.poll()
    poll.register(one, 0)  # errors and hang-ups are told unasked
    return bool(await asyncio.to_thread(poll.poll, _DEADLINE_S * 1000))


async def test_a_client_that_reads_nothing_is_dropped_and_its_request_ends() -> None:
    app = App()
    async with served(app) as address:
        with asked(address, "/large") as stuck:
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{address}/small")).text == "small"
            assert await dropped(stuck)
        async with asyncio.timeout(_DEADLINE_S):
            await app.ended["/large"].wait()


async def test_an_answer_that_was_handed_over_whole_is_not_kept_for_ever() -> None:
    """The application is done; what holds the memory is the connection."""
    app = App()
    async with served(app) as address:
        with asked(address, "/at-once") as stuck:
            async with asyncio.timeout(_DEADLINE_S):
                await app.ended["/at-once"].wait()
            assert await dropped(stuck)


async def test_a_client_that_reads_gets_everything() -> None:
    async with served(App()) as address, httpx.AsyncClient(timeout=_DEADLINE_S) as client:
        size = 0
        async with client.stream("GET", f"{address}/large") as answer:
            async for part in answer.aiter_bytes(8192):
                size += len(part)
    assert size == _LARGE + len("small")


async def test_an_idle_connection_is_closed() -> None:
    async with served(App(), idle_s=1) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(_DEADLINE_S):
            assert b"small" in await reader.read()
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("before", [b"", b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "later"])
@pytest.mark.parametrize("head", [b"G", b"GET /small HTTP/1.1\r\nHo"], ids=["line", "header"])
async def test_headers_that_do_not_end_close_the_connection(before: bytes, head: bytes) -> None:
    """Also on a connection that has served a request, and however often a byte of them comes."""
    async with served(App(), header_s=0.3) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(_DEADLINE_S):
            if before:
                writer.write(before)
                assert b"small" in await reader.readuntil(b"0\r\n\r\n")
            for byte in head:
                writer.write(bytes([byte]))
                await writer.drain()
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("pause", [0.0, 0.4])
async def test_a_body_that_trickles_is_refused_however_often_a_byte_comes(pause: float) -> None:
    """Silence is not what counts: each byte used to buy another thirty seconds."""
    turns = itertools.count()

    async def receive() -> Any:
        await asyncio.get_running_loop().run_in_executor(None, next, turns)
        return {"type": "http.request", "body": b"x", "more_body": True}

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    guards = Guards(App(), hosts=["*"], public_url="", max_body=1 << 20, read_timeout_s=0.2 + pause)
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": []}
    with pytest.raises(HTTPException) as refused:
        async with asyncio.timeout(_DEADLINE_S):
            await guards(scope, receive, send)
    assert (refused.value.status_code, said) == (408, [])


async def test_who_is_cut_off_while_a_body_is_awaited_leaves_nothing_waiting() -> None:
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def receive() -> Any:
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def send(message: Any) -> None:
        del message

    guards = Guards(App(), hosts=["*"], public_url="", max_body=1 << 20, read_timeout_s=30.0)
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": []}
    task = asyncio.ensure_future(guards(scope, receive, send))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


@pytest.mark.parametrize(
    "before", [b"", b"POST /kept HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n" + b"x" * 200_000]
)
async def test_headers_that_do_not_end_are_refused_before_they_fill_the_memory(before: bytes) -> None:
    """What came before them in the same piece is not counted as theirs."""
    async with served(App()) as address, asyncio.timeout(_DEADLINE_S):
        host, port = address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(before + b"GET / HTTP/1.1\r\nhost: a\r\nx: ")
        if before:
            assert b" 200 " in await reader.readline()
        for _ in range(64):
            writer.write(b"y" * 16_384)
            await asyncio.sleep(0)
        said = b""
        with suppress(ConnectionError):
            said = await reader.read()
        assert b" 431 " in said or not said  # a client that goes on sending may be reset before it has read it
        assert len(said) < 16_384
        writer.close()
