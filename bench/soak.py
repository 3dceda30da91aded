"""Full load for a while: `python -m bench.soak --minutes 10` ends with 0 when nothing has grown that must not.

A real `stead up`, sixteen clients in both eras of MCP that call as fast as they are answered: small and large answers,
echoes of 8 KB, errors of the tool, arguments that are refused, lists, searches, sessions that open and end.

Flat means, from the median of the second quarter of the samples to that of the last one: resident memory grew by less
than 5 % or 8 MB, threads by less than 5, descriptors by no more than the 20 connections that go to one tool server; a
thousand calls wrote at most a third more to disk; and every answer was the expected one. (The audit trail
grows with the calls: that is what it is for.)
"""

import argparse
import asyncio
import itertools
import json
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import soak_server
from bench.server import KEY, Server, running

_CLIENTS = 16
_EVERY_S = 5.0
_WARM_UP = 4
_MB = 1_000_000
_META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
_ENVIRONMENT = {"STEAD_RATE_PER_IDENTITY": "0", "STEAD_RATE_PER_TENANT": "0"}
_IN_FLIGHT = re.compile(r"^stead_tool_calls_in_flight\S* (\S+)$", re.MULTILINE)
_MANIFESTS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {{name: soak}}
spec: {{transport: http, url: "{url}"}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {{name: soak}}
spec: {{agent: "*", server: soak, tools: [small, large, echo, fails]}}
"""


def _call(tool: str, text: str = "hello") -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": tool, "arguments": {"text": text}}


_MIX: Sequence[tuple[str, tuple[str, dict[str, Any]], bytes]] = (
    *[("small", _call("soak__small"), b"seen")] * 8,
    ("large", _call("soak__large"), b"xxxxxxxx"),
    ("echo", _call("soak__echo", "y" * 8000), b"yyyyyyyy"),
    ("tool error", _call("soak__fails"), b'"isError":true'),
    ("refused", ("tools/call", {"name": "soak__small", "arguments": {"text": 7}}), b"arguments_refused"),
    ("unknown", _call("soak__none"), b"tool_unknown"),
    ("list", ("tools/list", {}), b"soak__large"),
    ("search", ("tools/call", {"name": "search_tools", "arguments": {"query": "small"}}), b"content"),
)
"""What is done, how often out of all, and what is in the answer."""


@dataclass(frozen=True)
class Sample:
    """The server at one moment."""

    at_s: float
    calls: int
    rss_mb: float
    fds: int
    threads: int
    database_mb: float
    in_flight: int


class Client:
    """One client on a connection of its own, which says `initialize` now and then, or never."""

    def __init__(self, port: int, seen: Counter[str], *, modern: bool) -> None:
        self._port = port
        self._seen = seen
        self._modern = modern
        self._session = ""

    async def run(self, until: float) -> None:
        """Call until then."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for number, (name, (method, params), expected) in enumerate(itertools.cycle(_MIX)):
            if time.monotonic() > until:
                break
            if not self._modern and number % 500 == 0:
                await self._open_anew(reader, writer)
            status, _, body = await self._post(reader, writer, method, params)
            good = status == 200 and expected in body
            self._seen[name if good else f"UNEXPECTED {name}: {status} {body[:120]!r}"] += 1
        writer.close()

    async def _open_anew(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._session:
            await self._exchange(reader, writer, "DELETE", b"", f"mcp-session-id: {self._session}\r\n")
        self._session = ""
        about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        _, head, _ = await self._post(reader, writer, "initialize", about)
        found = re.search(rb"(?i)mcp-session-id: (\S+)", head)
        assert found, head
        self._session = found[1].decode()

    async def _post(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, params: dict[str, Any]
    ) -> tuple[int, bytes, bytes]:
        more = "mcp-protocol-version: 2025-11-25\r\n" + (
            f"mcp-session-id: {self._session}\r\n" if self._session else ""
        )
        if self._modern:
            named = f"mcp-name: {params['name']}\r\n" if "name" in params else ""
            more = f"mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n{named}"
            params = {**params, "_meta": _META}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        return await self._exchange(reader, writer, "POST", body, more)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, verb: str, body: bytes, more: str
    ) -> tuple[int, bytes, bytes]:
        writer.write(
            f"{verb} /mcp HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\nauthorization: Bearer {KEY}\r\n"
            f"content-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return int(head[9:12]), head, await reader.readexactly(int(length[1]) if length else 0)


def _sample(server: Server, data: Path, began: float, seen: Counter[str]) -> Sample:
    process = server.process
    with process.oneshot():
        rss, threads = process.memory_info().rss / _MB, process.num_threads()
    size = sum(path.stat().st_size for path in data.glob("stead.db*")) / _MB
    return Sample(time.monotonic() - began, seen.total(), rss, process.num_fds(), threads, size, _in_flight(server))


def _in_flight(server: Server) -> int:
    """How many calls the server says are under way."""
    found = _IN_FLIGHT.search(server.text("/metrics"))
    return int(float(found[1])) if found else 0


async def soak(minutes: float) -> tuple[list[Sample], Counter[str]]:
    """Samples, and how often what came."""
    seen, samples = Counter[str](), list[Sample]()
    with tempfile.TemporaryDirectory() as folder:
        async with soak_server.serving() as url:
            with running(Path(folder), _ENVIRONMENT) as server:
                await asyncio.to_thread(server.apply, _MANIFESTS.format(url=url))
                began = time.monotonic()
                until = began + minutes * 60
                clients = [
                    asyncio.create_task(Client(server.port, seen, modern=number % 2 == 0).run(until))
                    for number in range(_CLIENTS)
                ]
                while time.monotonic() < until:
                    await asyncio.wait(clients, timeout=_EVERY_S)
                    samples.append(await asyncio.to_thread(_sample, server, Path(folder), began, seen))
                    _print(samples[-1])
                await asyncio.gather(*clients)
                samples.append(await asyncio.to_thread(_sample, server, Path(folder), began, seen))
    return samples, seen


def faults(samples: Sequence[Sample], seen: Counter[str]) -> list[str]:
    """What is not flat, and what was answered that should not be."""
    quarter = max(len(samples) // 4, 1)
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    found = [f"{count} times {what}" for what, count in seen.items() if what.startswith("UNEXPECTED")]
    before, after = (statistics.median(one.rss_mb for one in part) for part in (early, late))
    if after > before * 1.05 and after > before + 8:
        found.append(f"memory grew from {before:.1f} to {after:.1f} MB")
    for name, most in (("fds", 20), ("threads", 5)):
        first, last = (statistics.median(getattr(one, name) for one in part) for part in (early, late))
        if last > first + most:
            found.append(f"{name} grew from {first:.0f} to {last:.0f}")
    first, last = _written(early), _written(late)
    if last > first * 4 / 3 + 0.1:
        found.append(f"a thousand calls wrote {first:.2f} MB early and {last:.2f} MB late")
    if samples[-1].in_flight:
        found.append(f"{samples[-1].in_flight} calls are still counted as under way")
    return found


def _written(part: Sequence[Sample]) -> float:
    """MB of database for a thousand calls."""
    calls = part[-1].calls - part[0].calls
    return (part[-1].database_mb - part[0].database_mb) / calls * 1000 if calls else 0.0


def _print(one: Sample) -> None:
    print(
        f"{one.at_s:6.0f} s {one.calls:9,} calls  {one.rss_mb:7.1f} MB rss  {one.fds:4} fds  {one.threads:3} threads"
        f"  {one.database_mb:8.1f} MB database  {one.in_flight:3} in flight",
        flush=True,
    )


def main() -> int:
    """Run it, and say whether all was flat."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    samples, seen = asyncio.run(soak(parser.parse_args().minutes))
    for what, count in sorted(seen.items()):
        print(f"{count:10,}  {what}")
    found = faults(samples[_WARM_UP:], seen)
    print("flat" if not found else "NOT FLAT: " + "; ".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
