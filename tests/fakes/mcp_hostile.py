"""A Streamable HTTP tool server that means harm: the tool's name says how it answers a call. `echo` is honest."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

_JSON, _EVENTS = b"application/json", b"text/event-stream"
_PIECE = b"x" * 65_536
_QUESTION: dict[str, Any] = {"jsonrpc": "2.0", "id": "q", "method": "roots/list", "params": {}}
_PROGRESS = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1, "message": "y" * 2000}}
MEGABYTES = 100


class Hostile:
    """`calls` says which tools were called. A test sets `over` to end what hangs."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[str] = []
        self.asides = 0
        self.over = asyncio.Event()
        self._ways: dict[str, Callable[[Any, asyncio.StreamWriter], Awaitable[None]]] = {
            "echo": self._echo,
            "silent": self._silent,
            "half_a_head": self._half_a_head,
            "half_a_body": self._half_a_body,
            "too_short": self._too_short,
            "huge": self._huge,
            "one_line": self._one_line,
            "crumbs": self._crumbs,
            "comments": self._comments,
            "brackets": self._brackets,
            "deep": self._deep,
            "questions": self._questions,
            "progress": self._progress,
            "wrong_id": self._wrong_id,
            "twice": self._twice,
            "again_and_again": self._again,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await self._serve(reader, writer)
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [
                    line.partition(b":")[2] for line in head.split(b"\r\n") if line.startswith(b"content-length")
                ]
                await self._answer(json.loads(await reader.readexactly(int(lengths[0]))) if lengths else {}, writer)
                await writer.drain()

    async def _answer(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        match message.get("method"):
            case "initialize":
                about: dict[str, Any] = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}}
                _whole(writer, _result(message, about))
            case "tools/list":
                tools = [{"name": name, "inputSchema": {"type": "object"}} for name in self._ways]
                _whole(writer, _result(message, {"tools": tools}))
            case "tools/call":
                self.calls.append(message["params"]["name"])
                await self._ways[self.calls[-1]](message, writer)
            case _:
                self.asides += 1
                writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

    async def _echo(self, message: Any, writer: asyncio.StreamWriter) -> None:
        _whole(writer, _fine(message))

    async def _silent(self, message: Any, writer: asyncio.StreamWriter) -> None:
        await self.over.wait()

    async def _half_a_head(self, message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: applic")
        await self.over.wait()

    async def _half_a_body(self, message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(_JSON, b"content-length: 5000") + b'{"jsonrpc":')
        await self.over.wait()

    async def _too_short(self, message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(_JSON, b"content-length: 5000") + b'{"jsonrpc":')
        writer.close()
        await writer.wait_closed()

    async def _huge(self, message: Any, writer: asyncio.StreamWriter) -> None:
        size = MEGABYTES * 1_000_000 // len(_PIECE) * len(_PIECE)
        writer.write(_head(_JSON, b"content-length: %d" % size))
        await self._flood(writer, _PIECE)

    async def _one_line(self, message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(_EVENTS) + b"data: ")
        await self._flood(writer, _PIECE)

    async def _crumbs(self, message: Any, writer: asyncio.StreamWriter) -> None:
        """Two megabytes of one line in chunks of 200 bytes, then the answer to it all."""
        writer.write(_head(_EVENTS, b"transfer-encoding: chunked") + b"6\r\ndata: \r\n")
        text = json.dumps(_fine(message, "x" * 2_000_000)).encode() + b"\n\n"
        for start in range(0, len(text), 200):
            piece = text[start : start + 200]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def _comments(self, message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(_EVENTS))
        await self._flood(writer, b": still here\n\n" * 4000)

    async def _brackets(self, message: Any, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(_fine(message, "@")).replace('"@"', f"[{'[],' * 1_300_000}0]").encode()
        writer.write(_head(_JSON, b"content-length: %d" % len(body)) + body)

    async def _deep(self, message: Any, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(_fine(message, "@")).replace('"@"', "[" * 90_000 + "]" * 90_000).encode()
        writer.write(_head(_JSON, b"content-length: %d" % len(body)) + body)

    async def _questions(self, message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(_EVENTS))
        await self._flood(writer, _event(_QUESTION) * 500)

    async def _progress(self, message: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(_EVENTS))
        await self._flood(writer, _event(_PROGRESS) * 20)

    async def _wrong_id(self, message: Any, writer: asyncio.StreamWriter) -> None:
        _whole(writer, {**_fine(message), "id": 999_999})

    async def _twice(self, message: Any, writer: asyncio.StreamWriter) -> None:
        _whole(writer, _fine(message, "first"))
        _whole(writer, _fine(message, "second"))

    async def _again(self, message: Any, writer: asyncio.StreamWriter) -> None:
        """A stream that says that it goes on elsewhere, and never does."""
        writer.write(_head(_EVENTS, b"content-length: 24") + b"id: 7\nretry: 0\ndata: \n\n ")

    async def _flood(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        for _ in range(MEGABYTES * 1_000_000 // len(piece)):
            writer.write(piece)
            await writer.drain()


def _head(kind: bytes, *more: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"content-type: " + kind, *more, b"", b""])


def _whole(writer: asyncio.StreamWriter, message: Any) -> None:
    body = json.dumps(message).encode()
    writer.write(_head(_JSON, b"content-length: %d" % len(body)) + body)


def _result(message: dict[str, Any], result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def _fine(message: dict[str, Any], words: str = "fine") -> dict[str, Any]:
    return _result(message, {"content": [{"type": "text", "text": "see"}], "structuredContent": {"words": words}})


def _event(message: Any) -> bytes:
    return b"data: " + json.dumps(message).encode() + b"\n\n"


@asynccontextmanager
async def serving() -> AsyncGenerator[Hostile]:
    """Serve on a free port of this machine."""
    fake = Hostile()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(fake.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    try:
        yield fake
    finally:
        fake.over.set()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # sockets are closed in the loop's next turn
