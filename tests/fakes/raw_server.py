"""A server on a bare socket that answers with the very bytes a test gives it, HTTP or not."""

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Turn:
    """What follows one request: bytes, and then what becomes of the connection.

    `flood` is sent over and over, `times` times, as fast as the client takes it. `hold` waits for the server's
    `release` before it closes; `talk` then says `later` and listens on.
    """

    answer: bytes = b""
    then: Literal["keep", "close", "reset", "hold", "talk"] = "keep"
    flood: bytes = b""
    times: int = 1_000_000_000
    later: bytes = b""


def ok(body: bytes = b"hello", head: bytes = b"") -> Turn:
    """A sound answer."""
    return Turn(b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))


@dataclass
class RawServer:
    """Counts connections; `requests` is what came, `left` tells that a client has gone, `said` that `later` is out."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list[bytes])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    said: asyncio.Event = field(default_factory=asyncio.Event)
    server_names: list[str | None] = field(default_factory=list[str | None])
    _turns: deque[Turn] = field(default_factory=deque[Turn])

    def plan(self, *turns: Turn) -> None:
        """Answer the next requests with these, in order; a sound answer when there is none left."""
        self._turns.extend(turns)

    def forget(self) -> None:
        """Drop what is still planned."""
        self._turns.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._turn(reader, writer):
                    pass
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.left.set()
        finally:
            writer.transport.abort()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        self.requests.append(head + await reader.readexactly(sum(map(int, lengths))))
        self.arrived.set()
        turn = self._turns.popleft() if self._turns else ok()
        writer.write(turn.answer)
        if turn.flood:
            for _ in range(turn.times):
                writer.write(turn.flood)
                await writer.drain()
        await writer.drain()
        if turn.then in {"hold", "talk"}:
            await self.release.wait()
        if turn.then == "talk":
            writer.write(turn.later)
            await writer.drain()
            self.said.set()
        if turn.then == "reset":
            linger = struct.pack("ii", 1, 0)  # zero seconds: the other side sees a reset, not an end
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        return turn.then in {"keep", "talk"}


@asynccontextmanager
async def serving(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[RawServer]:
    """Serve on loopback."""
    fake = RawServer()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(fake.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: fake.server_names.append(name)
    server = await asyncio.start_server(accept, host, port, ssl=tls)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # sockets are closed in the loop's next turn
