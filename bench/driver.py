"""A closed-loop HTTP client: each of `concurrency` connections sends the next request when the last was answered.

Plain HTTP/1.1 on asyncio's streams with keep-alive, so that the client's own work stays small beside the server's.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.server import KEY


@dataclass
class Load:
    """What one load has shown: seconds per answered request, and how many went wrong (not 2xx, or cut)."""

    seconds: float
    took: list[float] = field(default_factory=list[float])
    errors: int = 0

    def as_json(self) -> dict[str, Any]:
        """Requests a second, percentiles in milliseconds, and errors."""
        cuts = statistics.quantiles(self.took, n=100) if len(self.took) > 1 else [float("nan")] * 99
        return {
            "requests": len(self.took),
            "per_s": len(self.took) / self.seconds,
            "p50_ms": cuts[49] * 1000,
            "p95_ms": cuts[94] * 1000,
            "p99_ms": cuts[98] * 1000,
            "errors": self.errors,
        }


def request(method: str, path: str, body: str = "") -> bytes:
    """The bytes of one request, to be sent as often as wanted."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
    return f"{head}\r\n{body}".encode()


async def drive(port: int, what: bytes, concurrency: int, seconds: float) -> Load:
    """Send `what` over and over for `seconds`; a tenth of that is spent before, to warm up, and not counted."""
    await _drive(port, what, concurrency, seconds / 10)
    return await _drive(port, what, concurrency, seconds)


async def _drive(port: int, what: bytes, concurrency: int, seconds: float) -> Load:
    load = Load(seconds)
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while (started := time.perf_counter()) < until:
                writer.write(what)
                if (await _read(reader))[0] >= 300:
                    load.errors += 1
                load.took.append(time.perf_counter() - started)
        except (OSError, asyncio.IncompleteReadError):
            load.errors += 1
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(concurrency)))
    return load


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def send(port: int, what: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own; status and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(what)
        return await _read(reader)
    finally:
        writer.close()


async def post(port: int, path: str, body: Mapping[str, Any]) -> Any:
    """One POST; the JSON of the answer. Fails: AssertionError when it is not a 2xx."""
    status, content = await send(port, request("POST", path, json.dumps(body)))
    assert status < 300, (path, status, content[:500])
    return json.loads(content)
