"""`stead gateway`: start to ready, and memory before and after its first call, first scrape and first REST request.

`python -m bench.gateway_alone [TIMES]` prints one JSON object. First starts have an empty folder, second starts find
the schema. Memory is RSS in MiB, of the process and its children, at the last start of either sort.
"""

import asyncio
import http.client
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.server import KEY, Server, running
from bench.upstream import ToolServer

_REST_S = 3
CONFIG = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: eyes}
spec: {transport: http, url: "http://127.0.0.1:%d/mcp"}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: outside}
spec: {agent: "*", server: eyes, tools: [look]}
"""


def measure(folder: Path, port: int, times: int) -> dict[str, Any]:
    """Seconds and megabytes of first and second starts."""
    config = folder / "config.yaml"
    config.write_text(CONFIG % port)
    found: dict[str, Any] = {"first": {"ready_s": []}, "second": {"ready_s": []}}
    for number in range(times):
        for sort in ("first", "second"):
            last = number == times - 1
            with running(folder / str(number), verb="gateway", options=["--config", str(config)]) as server:
                found[sort]["ready_s"].append(round(server.ready_s, 3))
                if last:
                    found[sort] |= _memory(server)
    return found


def _memory(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = {"cpu_s": round(server.cpu_s(), 3)}
    for name, does in (
        ("idle", lambda: None),
        ("called", lambda: _call(server)),
        ("scraped", lambda: _get(server, "/metrics")),
        ("managed", lambda: _get(server, "/api/v1/resources?kind=Binding")),
    ):
        does()
        time.sleep(_REST_S)
        found[f"{name}_mib"] = round(server.memory_mb()["rss"] * 1e6 / 2**20, 1)
    return found


def _call(server: Server) -> None:
    params: dict[str, Any] = {"name": "eyes__look", "arguments": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = server.call("POST", "/mcp", body)
    assert not answer["result"].get("isError"), answer


def _get(server: Server, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
    answer = connection.getresponse()
    assert answer.status == http.HTTPStatus.OK, (path, answer.read())
    connection.close()


async def _main() -> None:
    upstream = ToolServer()
    await upstream.start()
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    try:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(await asyncio.to_thread(measure, Path(folder), upstream.port, times)))
    finally:
        await upstream.stop()


if __name__ == "__main__":
    asyncio.run(_main())
