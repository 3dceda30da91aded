"""What a run is told in secret, and its agents repeat: whoever only reads is not shown it, wherever it may stand."""

import json

import pytest

from tests.doors.http.conftest import Served
from tests.doors.http.helpers import decide, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
CANARY = "hunter2-canary"
TELLS = """
apiVersion: swarmstead.dev/v1alpha1
kind: Model
metadata: {name: tells}
spec:
  provider: scripted
  script:
    tells-first:
      - calls: [{tool: delegate, arguments: {agent: tells-second, task: "{{ task }}", why: "{{ task }}"}}]
      - say: "{{ last[0].text }}"
    tells-second:
      - calls: [{tool: report__write, arguments: {path: "{{ task }}.md", content: "It is {{ task }}."}}]
      - say: "{{ task }} {{ last[0].nothing.there }}"
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: tells-first}
spec: {instructions: Tell it., model: tells}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: tells-second}
spec: {instructions: Tell it., model: tells}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: tells-second}
spec: {agent: tells-second, server: report, tools: [write]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata: {name: tells}
spec:
  pattern: delegate
  coordinator: tells-first
  members: [tells-second]
  inputs: {repo: {type: repository, required: true}, token: {type: text, required: true}}
  task: "{token}"
"""


async def test_it_is_in_nothing_that_a_reader_is_shown(served: Served) -> None:
    viewer, approver = await served.new_key("viewer"), await served.new_key("approver")
    async with served.client() as client:
        await client.post("/api/v1/apply", content=TELLS, headers={"content-type": "application/yaml"})
        body = {"swarm": "tells", "input": {"repo": str(served.repository), "token": CANARY}}
        run = (await client.post("/api/v1/runs", json=body)).json()["id"]
        await until(client, run, "waiting")
        shown = [(await _all_that_is_shown(served, viewer, run))]
        reason = f"{CANARY}, for now"
        await client.post(f"/api/v1/runs/{run}/commands", json={"kind": "pause", "reason": reason})
        await client.post(f"/api/v1/runs/{run}/commands", json={"kind": "resume", "reason": reason})
    async with served.client(approver) as client:
        waits = (await client.get("/api/v1/approvals", params={"run": run})).json()["items"][0]
        assert waits["payload"]["arguments"]["content"] == f"It is {CANARY}."
        assert not waits["concealed"]
        assert (await decide(client, waits, "deny", f"not with {CANARY}")).status_code == 200
        await until(client, run, "succeeded", "failed")
        shown += [await _all_that_is_shown(served, viewer, run), (await client.get("/api/v1/audit")).text]
        shown.append((await client.get("/api/v1/audit:export")).text)
    assert [found.count(CANARY) for found in shown] == [0, 0, 0, 0]
    assert "for now" in shown[1]
    assert "not with [redacted]" in shown[2]


async def _all_that_is_shown(served: Served, key: str, run: str) -> str:
    """Every answer about the run, as one text."""
    async with served.client(key) as client:
        waits = (await client.get("/api/v1/approvals", params={"run": run})).json()["items"][0]
        assert waits["concealed"]
        assert waits["payload"]["step"] == waits["step"]
        paths = [f"runs/{run}", f"runs/{run}/steps", f"runs/{run}/events", "runs", "overview", "events?limit=500"]
        paths += [f"approvals?run={run}", f"approvals/{waits['id']}", "approvals?order=newest&limit=500"]
        found = [await client.get(f"/api/v1/{path}") for path in paths]
        found += [await client.get(f"/api/v1/runs/{run}/steps/{one['key']}") for one in found[1].json()["items"]]
        said = [one.text for one in found]
        newest = found[2].json()["items"][-1]["seq"]
        stream = client.stream("GET", f"/api/v1/runs/{run}/events", headers={"accept": "text/event-stream"})
        async with stream as answer:
            async for line in answer.aiter_lines():
                said.append(line)
                if line == f"id: {newest}":
                    break
    assert {one.status_code for one in found} == {200}
    assert "agent.delegated" in json.dumps(said)
    return "\n".join(said)
