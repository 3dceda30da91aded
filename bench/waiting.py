"""Runs that wait for a person: what they cost meanwhile, and how soon they go on. `python -m bench.waiting FOLDER`.

A tool server of ours notes when a call arrives, so "goes on" is the moment in which the approved call is made.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import manifests
from bench.driver import post
from bench.server import Server, running
from bench.upstream import ToolServer

RUNS, ONE_BY_ONE, AT_ONCE = 300, 100, 64
_REST_S = 10.0
_DEADLINE_S = 120


async def measure(server: Server) -> dict[str, Any]:
    """Share of a core at rest without and with waiting runs, and milliseconds from decisions to calls."""
    upstream = ToolServer()
    await upstream.start()
    spec = {"transport": "http", "url": f"http://127.0.0.1:{upstream.port}/mcp", "risk": {"look": "write"}}
    documents = [manifests.document("ToolServer", "bench", spec), *manifests.scripted("asks", "bench__look", 1)]
    await asyncio.to_thread(server.apply, manifests.dump(documents))
    found: dict[str, Any] = {"runs": RUNS, "idle_core_percent": await _core_percent(server)}
    for _ in range(RUNS // 10):
        await asyncio.gather(*(post(server.port, "/api/v1/runs", {"swarm": "asks"}) for _ in range(10)))
    waiting = await _waiting(server)
    found["waiting_core_percent"] = await _core_percent(server)
    found["memory_mb"] = server.memory_mb()
    took = [await _decide(server, upstream, waiting.pop()) for _ in range(ONE_BY_ONE)]
    found["one_by_one"] = _percentiles(took)
    together = [_decide(server, upstream, waiting.pop()) for _ in range(AT_ONCE)]
    found["at_once"] = _percentiles(await asyncio.gather(*together))
    await upstream.stop()
    return found


async def _core_percent(server: Server) -> float:
    await asyncio.sleep(1)
    cpu, wall = server.cpu_s(), time.perf_counter()
    await asyncio.sleep(_REST_S)
    return (server.cpu_s() - cpu) * 100 / (time.perf_counter() - wall)


async def _waiting(server: Server) -> list[dict[str, Any]]:
    deadline = time.perf_counter() + _DEADLINE_S
    while time.perf_counter() < deadline:
        asked = await asyncio.to_thread(server.call, "GET", "/api/v1/approvals?status=pending&limit=500")
        if len(asked["items"]) == RUNS:
            return asked["items"]
        await asyncio.sleep(0.2)
    raise AssertionError("not all runs came to ask")


async def _decide(server: Server, upstream: ToolServer, approval: dict[str, Any]) -> float:
    arrived = upstream.arrival(approval["step"])
    started = time.perf_counter()
    await post(
        server.port, f"/api/v1/approvals/{approval['id']}:decide", {"decision": "approve", "hash": approval["hash"]}
    )
    async with asyncio.timeout(_DEADLINE_S):
        return (await arrived - started) * 1000


def _percentiles(took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=20)
    return {"p50_ms": cuts[9], "p95_ms": cuts[18], "max_ms": max(took)}


def main() -> None:
    """Measure under the folder named on the command line."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder, running(Path(folder)) as server:
        print(json.dumps(asyncio.run(measure(server))))


if __name__ == "__main__":
    main()
