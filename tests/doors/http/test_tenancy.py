"""Another tenant's ids open nothing: every route of the API is tried with them."""

import json
from typing import Any

import pytest

from swarmstead.doors.http.app import make_api
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Routes without an id in them answer with the caller's own things; what they show is checked below.
NO_ID = "no id"
OPEN = "answers without a credential"
# (method, path) -> body to send; every route must be named here.
ROUTES: dict[tuple[str, str], Any] = {
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/.well-known/oauth-protected-resource"): OPEN,
    ("GET", "/.well-known/oauth-protected-resource/mcp"): OPEN,
    ("GET", "/.well-known/oauth-protected-resource/mcp/{name}"): OPEN,
    ("POST", "/api/v1/session:redeem"): OPEN,
    ("POST", "/api/v1/session:sign-in"): OPEN,
    ("GET", "/api/v1/overview"): NO_ID,
    ("GET", "/api/v1/session"): NO_ID,
    ("POST", "/api/v1/session:sign-out"): NO_ID,
    ("POST", "/api/v1/session:link"): NO_ID,
    ("GET", "/api/v1/keys"): NO_ID,
    ("POST", "/api/v1/keys"): NO_ID,
    ("POST", "/api/v1/tokens"): NO_ID,
    ("GET", "/api/v1/runs"): NO_ID,
    ("GET", "/api/v1/events"): NO_ID,
    ("GET", "/api/v1/approvals"): NO_ID,
    ("GET", "/api/v1/schemas"): NO_ID,
    ("GET", "/api/v1/schemas/{kind}"): NO_ID,
    ("POST", "/api/v1/apply"): NO_ID,
    ("GET", "/api/v1/resources"): NO_ID,
    ("GET", "/api/v1/agents"): NO_ID,
    ("GET", "/api/v1/models"): NO_ID,
    ("GET", "/api/v1/tool-servers"): NO_ID,
    ("GET", "/api/v1/tools"): NO_ID,
    ("GET", "/api/v1/tools/{server}/{tool}"): None,
    ("POST", "/api/v1/tools/{server}/{tool}:accept"): {"hash": "{hash}"},
    ("POST", "/api/v1/tools/{server}/{tool}:quarantine"): {"reason": "not mine"},
    ("POST", "/api/v1/tools/{server}/{tool}:release"): None,
    ("GET", "/api/v1/traffic"): NO_ID,
    ("GET", "/api/v1/audit"): NO_ID,
    ("POST", "/api/v1/audit:verify"): NO_ID,
    ("POST", "/api/v1/audit:checkpoint"): NO_ID,
    ("GET", "/api/v1/audit:export"): NO_ID,
    ("POST", "/api/v1/runs:preview"): {"swarm": "{swarm}", "input": {"repo": "{repo}"}},
    ("POST", "/api/v1/runs"): {"swarm": "{swarm}", "input": {"repo": "{repo}"}},
    ("GET", "/api/v1/runs/{run}"): None,
    ("GET", "/api/v1/runs/{run}/events"): None,
    ("GET", "/api/v1/runs/{run}/steps"): None,
    ("GET", "/api/v1/runs/{run}/steps/{key}"): None,
    ("POST", "/api/v1/runs/{run}/commands"): {"kind": "cancel", "reason": "not mine"},
    ("GET", "/api/v1/approvals/{approval}"): None,
    ("POST", "/api/v1/approvals/{approval}:decide"): {"decision": "approve", "hash": "{hash}"},
    ("GET", "/api/v1/resources/{kind}/{name}"): None,
    ("GET", "/api/v1/resources/{kind}/{name}/versions"): None,
    ("GET", "/api/v1/resources/{kind}/{name}/diff"): None,
    ("GET", "/api/v1/agents/{name}"): None,
    ("GET", "/api/v1/agents/{name}/versions"): None,
    ("GET", "/api/v1/agents/{name}/diff"): None,
    ("POST", "/api/v1/keys/{key}:revoke"): None,
    ("GET", "/api/v1/policies"): NO_ID,
    ("GET", "/api/v1/policies/{name}"): None,
    ("POST", "/api/v1/policies:test"): NO_ID,
}
PRIVATE_SWARM = """
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: private-agent}
spec: {instructions: Do little., model: scripted}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata: {name: private-swarm}
spec: {pattern: delegate, coordinator: private-agent, task: Do it.}
"""


def api_routes() -> list[tuple[str, str]]:
    """Every (method, path) of the API."""
    paths: dict[str, Any] = make_api().openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


async def test_every_route_is_named_in_the_table() -> None:
    assert sorted(api_routes()) == sorted(ROUTES)


async def test_no_id_of_another_tenant_opens_anything(served: Served) -> None:
    async with served.client() as mine:
        run, approval = await waiting_run(mine, served)
        steps = (await mine.get(f"/api/v1/runs/{run['id']}/steps")).json()["items"]
        assert (await mine.post("/api/v1/apply", content=PRIVATE_SWARM)).status_code == 200
        keys = (await mine.get("/api/v1/keys")).json()["items"]
        pinned = (await mine.get("/api/v1/tools")).json()["items"][0]
    ids = {
        "run": run["id"],
        "approval": approval["id"],
        "hash": approval["hash"],
        "key": steps[0]["key"],
        "swarm": "private-swarm",
        "repo": str(served.repository),
        "kind": "Agent",
        "name": "private-agent",
        "server": pinned["server"],
        "tool": pinned["tool"],
    }
    async with served.client(served.other_key) as theirs:
        for (method, path), body in ROUTES.items():
            if body in (OPEN, NO_ID):
                continue
            names = ids | ({"key": keys[0]["id"]} if path.startswith("/api/v1/keys") else {})
            sent = None if body is None else json.loads(_filled(json.dumps(body), names))
            query = {"from": "sha256:0"} if path.endswith("/diff") else {}
            answer = await theirs.request(method, _filled(path, names), json=sent, params=query)
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    async with served.client() as mine:
        still = (await mine.get(f"/api/v1/approvals/{approval['id']}")).json()
        assert still["status"] == "pending"
        assert (await mine.get(f"/api/v1/runs/{run['id']}")).json()["status"] == "waiting"


async def test_lists_show_the_callers_own_things_only(served: Served) -> None:
    async with served.client() as mine:
        run, approval = await waiting_run(mine, served)
        await mine.post("/api/v1/apply", content=PRIVATE_SWARM)
    secrets = {run["id"], approval["id"], "private-agent", "private-swarm", "first admin"}
    async with served.client(served.other_key) as theirs:
        for method, path in [key for key, body in ROUTES.items() if body == NO_ID]:
            if method != "GET" or "{" in path:
                continue
            answer = await theirs.get(path, params={"kind": "Agent"} if path.endswith("/resources") else {})
            assert answer.status_code == 200, (path, answer.text)
            assert not [secret for secret in secrets if secret in answer.text], path


async def test_no_route_answers_without_a_credential(served: Served) -> None:
    async with served.client("") as nobody:
        for (method, path), body in ROUTES.items():
            if body == OPEN:
                continue
            answer = await nobody.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code in (401, 422), (method, path, answer.status_code)
            if answer.status_code == 422:  # the body is looked at beside the credential; nothing was done
                assert "items" not in answer.json()


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text
