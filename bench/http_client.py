"""What a request costs the HTTP client: `python -m bench.http_client [CALLS]` prints one JSON object.

CPU microseconds of this process per POST of 300 bytes that is answered with 300 bytes of JSON, over kept connections to
a server in a process of its own; one request at a time and sixteen, on asyncio's loop and on uvloop. `bare` is an
asyncio protocol that does nothing but feed httptools: the floor. `aiohttp` is measured beside us where it is installed.
"""

import asyncio
import importlib.util
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httptools
import uvloop

from swarmstead.gateway.adapters.http.client import HttpClient
from swarmstead.gateway.adapters.http.request import request_head
from swarmstead.gateway.egress import LOOPBACK, Egress
from swarmstead.gateway.targets import parse_target

Post = Callable[[bytes], Awaitable[bytes]]
_BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"text": "x" * 230}}).encode()
_ANSWER = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "y" * 220}]}}).encode()
_WIRE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_ANSWER), _ANSWER)
_HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
_ROUNDS = 5


class _Server(asyncio.Protocol):
    """Answers every request with the same bytes, reading no more of it than where it ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(_WIRE)


class _Bare(asyncio.Protocol):
    """The floor: write, parse, hand over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def post(self, message: bytes) -> "asyncio.Future[bytes]":
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body = body

    def on_message_complete(self) -> None:
        self._answer.set_result(self._body)


@asynccontextmanager
async def _ours(port: int) -> AsyncGenerator[Post]:
    client = HttpClient(Egress(LOOPBACK))
    head = request_head(parse_target(f"http://127.0.0.1:{port}/mcp"), "POST", _HEADERS)

    async def post(body: bytes) -> bytes:
        return (await client.send(head, body)).whole() or b""

    yield post
    await client.aclose()


@asynccontextmanager
async def _bare(port: int) -> AsyncGenerator[Post]:
    head = request_head(parse_target(f"http://127.0.0.1:{port}/mcp"), "POST", _HEADERS)
    free: list[_Bare] = []

    async def post(body: bytes) -> bytes:
        if not free:
            _, made = await asyncio.get_running_loop().create_connection(_Bare, "127.0.0.1", port)
            free.append(made)
        connection = free.pop()
        answer = await connection.post(head.message(body))
        free.append(connection)
        return answer

    yield post


@asynccontextmanager
async def _aiohttp(port: int) -> AsyncGenerator[Post]:
    aiohttp: Any = importlib.import_module("aiohttp")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(body: bytes) -> bytes:
            async with session.post(f"http://127.0.0.1:{port}/mcp", data=body, headers=_HEADERS) as response:
                return await response.read()

        yield post


_CLIENTS = {"ours": _ours, "bare": _bare, "aiohttp": _aiohttp}


async def _cost(name: str, port: int, calls: int, together: int) -> dict[str, float]:
    """CPU and wall microseconds per call."""
    async with _CLIENTS[name](port) as post:

        async def work(times: int) -> None:
            for _ in range(times):
                assert await post(_BODY) == _ANSWER

        await asyncio.gather(*(work(50) for _ in range(together)))
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(work(calls // together) for _ in range(together)))
        used, took = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_us": used / calls * 1e6, "wall_us": took / calls * 1e6}


def _measured(port: int, calls: int) -> dict[str, Any]:
    """Medians of rounds in which the clients take turns."""
    names = [name for name in _CLIENTS if name != "aiohttp" or importlib.util.find_spec("aiohttp")]
    found: dict[str, list[dict[str, float]]] = {}
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.new_event_loop,
        "uvloop": uvloop.new_event_loop,
    }
    for _ in range(_ROUNDS):
        for kind, factory in loops.items():
            for together in (1, 16):
                for name in names:
                    with asyncio.Runner(loop_factory=factory) as runner:
                        one = runner.run(_cost(name, port, calls, together))
                    found.setdefault(f"{name}, {kind}, c={together}", []).append(one)
    return {
        key: {unit: round(statistics.median(one[unit] for one in many), 1) for unit in ("cpu_us", "wall_us")}
        for key, many in found.items()
    }


async def _serve() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = await asyncio.get_running_loop().create_server(_Server, sock=listener)
        print(listener.getsockname()[1], flush=True)
        await server.serve_forever()


def main() -> None:
    """Start the server, measure, print."""
    if sys.argv[1:] == ["serve"]:
        uvloop.run(_serve())
        return
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 8_000
    command = [sys.executable, "-m", "bench.http_client", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as server:
        try:
            assert server.stdout is not None
            found = _measured(int(server.stdout.readline()), calls)
        finally:
            server.kill()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
