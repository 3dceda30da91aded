"""What tracing costs: CPU of a gateway alone per 1,000 calls, and its memory, without a collector and with one.

`python -m bench.traces [SECONDS] [ROUNDS]` prints one JSON object. All kinds take turns in each round, so that what
else the machine does falls on all of them; the median of the rounds is told.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.driver import drive, request
from bench.gateway_alone import CONFIG
from bench.server import Server, running
from bench.upstream import ToolServer

_CALLERS = 16
_OPEN = {"STEAD_RATE_PER_IDENTITY": "0", "STEAD_RATE_PER_TENANT": "0", "STEAD_TENANT_CONCURRENCY": "1000"}
_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_NOWHERE = 9  # the port of `discard`, where nobody listens


@dataclass
class _Found:
    cpu_s: list[float] = field(default_factory=list[float])
    idle_mib: list[float] = field(default_factory=list[float])
    calls: int = 0
    spans: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        return {
            "cpu_s_per_1000_calls": round(statistics.median(self.cpu_s), 4),
            "idle_mib": round(statistics.median(self.idle_mib), 1),
            "calls": self.calls,
            "spans": self.spans,
        }


async def _collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take whatever comes."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _kinds(port: int) -> Mapping[str, Mapping[str, str]]:
    there = {"STEAD_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    return {
        "no collector": {},
        "a hundredth of calls": there | {"STEAD_TRACE_CALLS": "0.01"},
        "all clients say sampled": there | {"STEAD_TRACE_CALLS": "0.01", "PARENT": _PARENT},
        "a tenth of calls": there | {"STEAD_TRACE_CALLS": "0.1"},
        "all calls": there | {"STEAD_TRACE_CALLS": "1"},
        "all calls, collector down": {
            "STEAD_OTLP_ENDPOINT": f"http://127.0.0.1:{_NOWHERE}",
            "STEAD_TRACE_CALLS": "1",
        },
    }


def _body(parent: str) -> bytes:
    params: dict[str, Any] = {"name": "eyes__look", "arguments": {}}
    if parent:
        params["_meta"] = {"traceparent": parent}
    return request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))


async def _measure(server: Server, parent: str, seconds: float, found: _Found) -> None:
    found.idle_mib.append(server.memory_mb()["rss"] * 1e6 / 2**20)
    what = _body(parent)
    await drive(server.port, what, _CALLERS, 1)
    before = server.cpu_s()
    load = await drive(server.port, what, _CALLERS, seconds)
    calls = round(len(load.took) * 1.1)  # with those that `drive` does not count
    assert not load.errors, load.errors
    found.cpu_s.append((server.cpu_s() - before) / calls * 1000)
    found.calls += len(load.took)
    text = await asyncio.to_thread(server.text, "/metrics")
    found.spans = [line for line in text.splitlines() if line.startswith("stead_spans_")]


async def _main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    upstream = ToolServer()
    await upstream.start()
    collector = await asyncio.start_server(_collect, "127.0.0.1", 0)
    kinds = _kinds(collector.sockets[0].getsockname()[1])
    found = {name: _Found() for name in kinds}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG % upstream.port)
        for number in range(rounds):
            for place, (name, more) in enumerate(kinds.items()):
                environment = {**_OPEN, **more}
                parent = environment.pop("PARENT", "")
                data = Path(folder) / f"{number}-{place}"
                with running(data, environment, "gateway", ["--config", str(config)]) as server:
                    await _measure(server, parent, seconds, found[name])
    collector.close()
    await upstream.stop()
    told = {name: one.as_json() for name, one in found.items()}
    print(json.dumps({"load": [round(one, 1) for one in os.getloadavg()], "seconds": seconds, "found": told}, indent=1))


if __name__ == "__main__":
    asyncio.run(_main())
