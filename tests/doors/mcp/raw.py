"""Requests byte by byte, as no well-bred client would send them."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_PATIENCE_S = 20
_CHUNK = 65_536


@dataclass(frozen=True)
class Answer:
    """An answer; of a stream that does not end by itself, what came at once."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def streams(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def exchange(address: str, method: str, headers: Mapping[str, str | bytes], body: bytes) -> Answer:
    """Send one request on a connection of its own, and hang up after the answer, or after the head of a stream."""
    parts = urlsplit(address)
    async with asyncio.timeout(_PATIENCE_S):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            lines = [f"{method} {parts.path} HTTP/1.1".encode(), f"host: {parts.netloc}".encode()]
            lines += [name.encode() + b": " + _bytes(value) for name, value in headers.items()]
            lines.append(b"content-length: %d" % len(body))
            with suppress(ConnectionError):  # it may have been refused before it was read
                writer.write(b"\r\n".join([*lines, b"", b""]) + body)
                await writer.drain()
            return await _answer(reader)
        finally:
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in head[1:] if line]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    status = int(head[0].split(" ")[1])
    if headers.get("content-type", "").startswith("text/event-stream"):
        return Answer(status, headers, b"")
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(int(headers["content-length"])))
    return Answer(status, headers, b"")


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
