"""What stories do before they look: runs that wait, decided or not, made through the API."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.doors.cli.helpers import Server
from tests.fakes import mcp_drifting_server

DRIFTING = Path(mcp_drifting_server.__file__ or "")


class Api:
    """The API with one key; an answer that is no success fails the story."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON of an answer."""
        return self._client.get(path, params=query).raise_for_status().json()

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """The same of something that is sent; text goes as it is. `_` in names of headers stands for `-`."""
        content = body if isinstance(body, str) else json.dumps(body)
        named = {"content-type": "application/json"} | {n.replace("_", "-"): value for n, value in headers.items()}
        return self._client.post(path, headers=named, content=content).raise_for_status().json()

    def next_event(self, run: str, after: int) -> int:
        """Wait for the run's next event; its number."""
        stream = {"accept": "text/event-stream"}
        where = f"/api/v1/runs/{run}/events"
        with self._client.stream("GET", where, params={"after": after}, headers=stream) as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    return int(line.removeprefix("id: "))
        return after


@contextmanager
def api(server: Server, key: str = "") -> Generator[Api]:
    """With the admin's key, or another one."""
    headers = {"authorization": f"Bearer {key or server.key}"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=30) as client:
        yield Api(client)


def waiting_run(client: Api, server: Server, environment: str = "dev") -> dict[str, Any]:
    """The question of a new run of the sample swarm, which waits for a person."""
    body = {"swarm": "repo-review", "input": {"repo": str(server.home)}, "environment": environment}
    run = client.post("/api/v1/runs", body)["id"]
    until(client, run, "waiting")
    return client.get("/api/v1/approvals", run=run, status="pending")["items"][0]


def until(client: Api, run: str, *statuses: str) -> dict[str, Any]:
    """Follow the run's events until it is in one of these states; the run as it is then."""
    after = 0
    while True:
        found = client.get(f"/api/v1/runs/{run}")
        if found["status"] in statuses:
            return found
        after = client.next_event(run, after)


def answer(client: Api, approval: dict[str, Any], decision: str, reason: str = "") -> None:
    """Decide about exactly what is asked."""
    body = {"decision": decision, "reason": reason, "hash": approval["hash"]}
    client.post(f"/api/v1/approvals/{approval['id']}:decide", body)


def decide(client: Api, approval: dict[str, Any], decision: str, reason: str = "") -> None:
    """The same, and wait for the run's end."""
    answer(client, approval, decision, reason)
    until(client, approval["run"], "succeeded", "failed", "cancelled")


def deny_all(client: Api) -> None:
    """Nothing waits any more."""
    for approval in client.get("/api/v1/approvals", status="pending", limit=500)["items"]:
        if approval["run"]:
            decide(client, approval, "deny", "The story is over.")
        else:
            answer(client, approval, "deny", "The story is over.")


def tool(name: str, description: str = "To look.") -> dict[str, Any]:
    """The definition of a read tool."""
    schema = {"type": "object", "properties": {"query": {"type": "string", "maxLength": 100}}, "required": ["query"]}
    return {
        "name": name,
        "description": description,
        "inputSchema": schema,
        "annotations": {"readOnlyHint": True},
    }


def declare(client: Api, kind: str, name: str, spec: dict[str, Any]) -> None:
    """Apply one resource."""
    head = f"apiVersion: swarmstead.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
    client.post("/api/v1/apply", f"{head}spec: {json.dumps(spec)}\n", content_type="application/yaml")


def offer(client: Api, file: Path, name: str, *tools: dict[str, Any]) -> None:
    """A server gives these tools from now on; a new declaration has it asked anew."""
    file.write_text(json.dumps(tools))
    command = [sys.executable, str(DRIFTING), str(file)]
    spec = {"transport": "stdio", "command": command, "sessions": "tenant", "idempotent": [f"n{len(str(tools))}"]}
    declare(client, "ToolServer", name, spec)
    client.get("/api/v1/tool-servers")


def planned(client: Api, tool: str, arguments: dict[str, Any]) -> str:
    """The question that a call by an outside client has become."""
    called: dict[str, Any] = {"name": tool, "arguments": arguments}
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": called}
    accept = "application/json, text/event-stream"
    answer = client.post("/mcp", message, accept=accept, mcp_protocol_version="2025-06-18")
    return answer["result"]["_meta"]["swarmstead.dev/plan"]["plan_id"]
