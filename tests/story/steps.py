"""What stories do before they look: runs that wait, decided or not, made through the API."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.doors.cli.helpers import Server


@contextmanager
def api(server: Server, key: str = "") -> Generator[httpx.Client]:
    """A client with the admin's key."""
    headers = {"authorization": f"Bearer {key or server.key}"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=30) as client:
        yield client


def waiting_run(client: httpx.Client, server: Server, environment: str = "dev") -> dict[str, Any]:
    """The question of a new run of the sample swarm, which waits for a person."""
    body = {"swarm": "repo-review", "input": {"repo": str(server.home)}, "environment": environment}
    run = client.post("/api/v1/runs", json=body).raise_for_status().json()["id"]
    until(client, run, "waiting")
    query = {"run": run, "status": "pending"}
    return client.get("/api/v1/approvals", params=query).json()["items"][0]


def until(client: httpx.Client, run: str, *statuses: str) -> dict[str, Any]:
    """Follow the run's events until it is in one of these states; the run as it is then."""
    after = 0
    while True:
        found = client.get(f"/api/v1/runs/{run}").json()
        if found["status"] in statuses:
            return found
        stream = {"accept": "text/event-stream"}
        with client.stream("GET", f"/api/v1/runs/{run}/events", params={"after": after}, headers=stream) as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    after = int(line.removeprefix("id: "))
                    break


def decide(client: httpx.Client, approval: dict[str, Any], decision: str, reason: str = "") -> None:
    """Decide about exactly what is asked, and wait for the run's end."""
    body = {"decision": decision, "reason": reason, "hash": approval["hash"]}
    client.post(f"/api/v1/approvals/{approval['id']}:decide", json=body).raise_for_status()
    until(client, approval["run"], "succeeded", "failed", "cancelled")


def deny_all(client: httpx.Client) -> None:
    """Nothing waits any more."""
    for approval in client.get("/api/v1/approvals", params={"status": "pending", "limit": 500}).json()["items"]:
        decide(client, approval, "deny", "The story is over.")
