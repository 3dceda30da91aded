"""The API under a closed-loop load, and again while a tool server that runs use hangs or refuses.

`python -m bench.api FOLDER` prints one JSON object.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from bench import manifests
from bench.driver import drive, post, request, send
from bench.server import Server, running
from bench.upstream import ToolServer

CONCURRENCIES = (1, 8, 32)
_SECONDS = 3.0
_FINISHED_RUNS = 60
_LAUNCH_EVERY_S = 0.25
_CALL_TIMEOUT_S = "5"


async def measure(server: Server, repository: Path) -> dict[str, Any]:
    """Latencies per request and concurrency; then at 8 connections with a tool server that hangs, and that refuses."""
    upstream = ToolServer()
    await upstream.start()
    spec = {"transport": "http", "url": f"http://127.0.0.1:{upstream.port}/mcp"}
    documents = [manifests.document("ToolServer", "bench", spec)]
    documents += manifests.scripted("quick", "", 0) + manifests.scripted("looks", "bench__look", 3)
    await asyncio.to_thread(server.apply, manifests.dump(documents))
    runs = [await post(server.port, "/api/v1/runs", {"swarm": "quick"}) for _ in range(_FINISHED_RUNS)]
    await post(server.port, "/api/v1/runs", {"swarm": "looks"})
    wish = json.dumps({"swarm": "repo-review", "input": {"repo": str(repository)}})
    asked = {
        "GET runs": request("GET", "/api/v1/runs"),
        "GET runs/{id}": request("GET", f"/api/v1/runs/{runs[0]['id']}"),
        "POST runs:preview": request("POST", "/api/v1/runs:preview", wish),
    }
    launch = {"POST runs": request("POST", "/api/v1/runs", json.dumps({"swarm": "quick"}))}
    found: dict[str, Any] = {"quiet": {}}
    for name, content in (asked | launch).items():
        loads = {c: (await drive(server.port, content, c, _SECONDS)).as_json() for c in CONCURRENCIES}
        found["quiet"][name] = loads
    found["upstream answers"] = await _beside_runs(server, asked)
    upstream.hangs = True
    found["upstream hangs"] = await _beside_runs(server, asked)
    await upstream.stop()
    found["upstream refuses"] = await _beside_runs(server, asked)
    return found


async def _beside_runs(server: Server, asked: dict[str, bytes]) -> dict[str, Any]:
    """The same requests at 8 connections while four runs a second are launched that use the tool server.

    Once the server knows that the tool server is gone, it refuses such a launch: that is counted, not a fault.
    """
    launched, refused = 0, 0

    async def launch() -> None:
        nonlocal launched, refused
        while True:
            status, _ = await send(server.port, request("POST", "/api/v1/runs", json.dumps({"swarm": "looks"})))
            launched, refused = launched + (status == 201), refused + (status == 422)
            await asyncio.sleep(_LAUNCH_EVERY_S)

    async def load() -> dict[str, Any]:
        return {name: (await drive(server.port, what, 8, _SECONDS)).as_json() for name, what in asked.items()}

    loads = await _beside(launch, load)
    return {"loads": loads, "launched": launched, "refused": refused}


async def _beside(work: Callable[[], Coroutine[Any, Any, None]], load: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    task = asyncio.create_task(work())
    try:
        return await load()
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def make_repository(folder: Path) -> Path:
    """A small git repository to preview a review of."""
    folder.mkdir()
    for number in range(20):
        (folder / f"part_{number}.py").write_text(f"def part_{number}():\n    return {number}\n")
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "All parts"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def main() -> None:
    """Measure under the folder named on the command line."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as name:
        folder = Path(name)
        repository = make_repository(folder / "repository")
        environment = {"STEAD_CALL_TIMEOUT_S": _CALL_TIMEOUT_S, "STEAD_ALLOWED_PATHS": name}
        with running(folder / "data", environment) as server:
            print(json.dumps(asyncio.run(measure(server, repository))))


if __name__ == "__main__":
    main()
