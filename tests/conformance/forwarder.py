"""A way into the gateway for clients that know of no credentials: it adds one, and passes everything else on.

It listens on loopback, for one test. The only bytes that differ from the client's are the added header; what comes back
is passed on as it comes, so streams stay streams. Host and Origin are the client's own: they are for the gateway's
guards to judge.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_END = b"\r\n\r\n"
_CHUNK = 65_536


@asynccontextmanager
async def forwarding(target: str, key: str) -> AsyncGenerator[str]:
    """The address that stands for `target`, for a client without a key."""
    parts = urlsplit(target)
    header = f"\r\nAuthorization: Bearer {key}\r\n".encode()

    served: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(carry(reader, writer))
        served.add(task)
        task.add_done_callback(served.discard)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        ways = [asyncio.create_task(_requests(reader, back, header)), asyncio.create_task(_bytes(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (back, writer):
                end.close()
            await asyncio.gather(*ways, *(end.wait_closed() for end in (back, writer)), return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{parts.path}"
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


async def _requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, header: bytes) -> None:
    """Requests of one connection, each with the header after its first line."""
    with suppress(asyncio.IncompleteReadError, OSError):
        while True:
            line, rest = (await reader.readuntil(_END)).split(b"\r\n", 1)
            writer.write(line + header + rest)
            for _ in range(_length(rest) // _CHUNK):
                writer.write(await reader.readexactly(_CHUNK))
                await writer.drain()
            writer.write(await reader.readexactly(_length(rest) % _CHUNK))
            await writer.drain()


def _length(head: bytes) -> int:
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
    assert all(name != b"transfer-encoding" for name, _, _ in lines), "a client that sends bodies in chunks"
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)


async def _bytes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
