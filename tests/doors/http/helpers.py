"""Small steps that several tests of the HTTP door take."""

import asyncio
from typing import Any

import httpx

from tests.doors.http.conftest import Served


async def launch(client: httpx.AsyncClient, served: Served, **more: Any) -> dict[str, Any]:
    """Launch the sample swarm on the test repository."""
    body = {"swarm": "repo-review", "input": {"repo": str(served.repository)}} | more
    answer = await client.post("/api/v1/runs", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def until(client: httpx.AsyncClient, run: str, *statuses: str) -> dict[str, Any]:
    """Follow the run's events until it is in one of these states; the run as it is then."""
    async with asyncio.timeout(60):
        after = 0
        while True:
            found = (await client.get(f"/api/v1/runs/{run}")).json()
            if found["status"] in statuses:
                return found
            stream = client.stream(
                "GET", f"/api/v1/runs/{run}/events?after={after}", headers={"accept": "text/event-stream"}
            )
            async with stream as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("id: "):
                        after = int(line.removeprefix("id: "))
                        break


async def waiting_run(client: httpx.AsyncClient, served: Served) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run that waits for a person, and the question it asks."""
    run = await launch(client, served)
    await until(client, run["id"], "waiting")
    found = (await client.get("/api/v1/approvals", params={"run": run["id"], "status": "pending"})).json()
    return run, found["items"][0]


async def decide(
    client: httpx.AsyncClient, approval: dict[str, Any], decision: str, reason: str = ""
) -> httpx.Response:
    """Decide about exactly what was shown."""
    body = {"decision": decision, "reason": reason, "hash": approval["hash"]}
    return await client.post(f"/api/v1/approvals/{approval['id']}:decide", json=body)
