"""Another tenant's ids open nothing: every route of the API is tried with them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from swarmstead.doors.http.app import make_api
from swarmstead.resources.contract import Document
from swarmstead.resources.files import DeclaredFiles
from swarmstead.resources.following import Following
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
    ("GET", "/api/v1/drain"): NO_ID,
    ("POST", "/api/v1/drain"): NO_ID,
    ("GET", "/api/v1/resources"): NO_ID,
    ("GET", "/api/v1/agents"): NO_ID,
    ("GET", "/api/v1/models"): NO_ID,
    ("GET", "/api/v1/tool-servers"): NO_ID,
    ("GET", "/api/v1/tools"): NO_ID,
    ("GET", "/api/v1/tools/{server}/{tool}"): None,
    ("POST", "/api/v1/tools/{server}/{tool}:accept"): {"hash": "{hash}"},
    ("POST", "/api/v1/tools/{server}/{tool}:quarantine"): {"reason": "not mine"},
    ("POST", "/api/v1/tools/{server}/{tool}:release"): None,
    ("POST", "/api/v1/tools/{server}/{tool}:try"): {"arguments": {}},
    ("GET", "/api/v1/grants"): NO_ID,
    ("GET", "/api/v1/traffic"): NO_ID,
    ("GET", "/api/v1/tools:search"): NO_ID,
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
    ("GET", "/api/v1/approvals/{approval}/effect"): None,
    ("POST", "/api/v1/approvals/{approval}:decide"): {"decision": "approve", "hash": "{hash}"},
    ("GET", "/api/v1/resources/{kind}/{name}"): None,
    ("DELETE", "/api/v1/resources/{kind}/{name}"): None,
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
PRIVATE_TOOLS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: private-tools}
spec: {transport: stdio, command: ["builtin:report"]}
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
        assert (await mine.post("/api/v1/apply", content=PRIVATE_TOOLS)).status_code == 200
        await mine.get("/api/v1/tool-servers")
        tools = (await mine.get("/api/v1/tools", params={"limit": 200})).json()["items"]
        pinned = next(one for one in tools if one["server"] == "private-tools")
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
            answer = await theirs.get(path, params=_asked(path))
            assert answer.status_code == 200, (path, answer.text)
            assert not [secret for secret in secrets if secret in answer.text], path


async def test_filters_by_anothers_ids_and_cursors_find_nothing(served: Served) -> None:
    async with served.client() as mine:
        run, approval = await waiting_run(mine, served)
        await waiting_run(mine, served)
        actor = (await mine.get("/api/v1/session")).json()["actor"]["id"]
        cursors = {
            path: (await mine.get(path, params={"limit": 1, **more})).json()["next"]
            for path, more in {
                "/api/v1/runs": {},
                "/api/v1/approvals": {},
                "/api/v1/audit": {},
                "/api/v1/agents": {},
                "/api/v1/resources": {"kind": "Agent"},
                f"/api/v1/runs/{run['id']}/steps": {},
            }.items()
        }
        newest = (await mine.get("/api/v1/events", params={"limit": 500})).json()["items"][-1]["seq"]
    assert all(cursors.values())
    secrets = {run["id"], approval["id"], actor}
    async with served.client(served.other_key) as theirs:
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/api/v1/approvals", {"run": run["id"]}),
            ("/api/v1/audit", {"run": run["id"]}),
            ("/api/v1/audit", {"actor": actor}),
            ("/api/v1/runs", {"swarm": "private-swarm"}),
            ("/api/v1/events", {"after": newest - 1}),
            ("/api/v1/runs", {"cursor": cursors["/api/v1/runs"]}),
            ("/api/v1/approvals", {"cursor": cursors["/api/v1/approvals"]}),
            ("/api/v1/audit", {"cursor": cursors["/api/v1/audit"]}),
            ("/api/v1/agents", {"cursor": cursors["/api/v1/agents"]}),
            ("/api/v1/resources", {"kind": "Agent", "cursor": cursors["/api/v1/resources"]}),
        ]
        for path, params in asked:
            answer = await theirs.get(path, params=params)
            assert answer.status_code == 200, (path, params)
            assert not [secret for secret in secrets if secret in answer.text], (path, params)
            if params.keys() & {"run", "actor", "swarm"}:
                assert answer.json()["items"] == [], (path, params)
        steps = await theirs.get(
            f"/api/v1/runs/{run['id']}/steps", params={"cursor": cursors[f"/api/v1/runs/{run['id']}/steps"]}
        )
        assert steps.status_code == 404


async def test_what_is_posted_without_an_id_stays_in_the_callers_tenant(served: Served) -> None:
    async with served.client() as mine, served.client(served.other_key) as theirs:
        await mine.post("/api/v1/apply", content=PRIVATE_SWARM)
        before = (await mine.get("/api/v1/resources/Agent/private-agent")).json()
        changed = PRIVATE_SWARM.replace("Do little.", "Do theirs.")
        assert (await theirs.post("/api/v1/apply", content=changed)).status_code == 200
        assert (await mine.get("/api/v1/resources/Agent/private-agent")).json() == before
        assert (await theirs.get("/api/v1/resources/Agent/private-agent")).json()["version"] == 1
        dry = await theirs.post("/api/v1/apply?dry_run=true", content=PRIVATE_SWARM)
        assert dry.json()["items"][0]["digest"] == before["digest"]
        made = (await theirs.post("/api/v1/keys", json={"name": "theirs", "roles": ["viewer"]})).json()
        assert made["id"] not in (await mine.get("/api/v1/keys")).text
        link = (await theirs.post("/api/v1/session:link")).json()["path"].partition("token=")[2]
        async with served.client("") as browser:
            signed = await browser.post("/api/v1/session:redeem", json={"token": link})
        assert signed.json()["tenant"] == "other"
        refused = await theirs.post("/api/v1/drain", json={"on": True})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
        assert (await mine.get("/api/v1/drain")).json()["draining"] is False


async def test_the_operators_files_are_nothing_to_another_tenant(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def applied(_documents: Sequence[Document]) -> list[str]:
        return []

    file = tmp_path / "operators.yaml"
    manifest = PRIVATE_SWARM.replace("private-", "operators-")
    file.write_text(manifest)
    files = DeclaredFiles([file], served.app.registry.kinds)
    monkeypatch.setattr(served.app, "config", Following(files, applied, served.app.clock))
    told: list[list[str]] = []
    for key in (served.key, served.other_key):
        async with served.client(key) as client:
            await client.post("/api/v1/apply", content=manifest)
            told.append((await client.delete("/api/v1/resources/Agent/operators-agent")).json()["warnings"])
    assert [str(file) in " ".join(warnings) for warnings in told] == [True, False]
    assert ".yaml" not in " ".join(told[1])


async def test_checkpoints_and_verification_are_about_the_callers_own_chain(served: Served) -> None:
    async with served.client() as mine, served.client(served.other_key) as theirs:
        own = (await mine.post("/api/v1/audit:checkpoint")).json()
        other = (await theirs.post("/api/v1/audit:checkpoint")).json()
        assert (own["tenant"], other["tenant"]) == ("default", "other")
        checkpoint = {name: value for name, value in own.items() if name != "public_key"}
        answer = (await theirs.post("/api/v1/audit:verify", json={"checkpoint": checkpoint})).json()
        assert answer["ok"] is False  # it is signed by this very server, and yet about another chain
        assert own["hash"] not in json.dumps(answer["head"])
        exported = (await theirs.get("/api/v1/audit:export")).text
        assert {json.loads(line)["tenant"] for line in exported.splitlines()} == {"other"}


async def test_no_route_answers_without_a_credential(served: Served) -> None:
    async with served.client("") as nobody:
        for (method, path), body in ROUTES.items():
            if body == OPEN:
                continue
            answer = await nobody.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code in (401, 422), (method, path, answer.status_code)
            if answer.status_code == 422:  # the body is looked at beside the credential; nothing was done
                assert "items" not in answer.json()


def _asked(path: str) -> dict[str, str]:
    if path.endswith("/resources"):
        return {"kind": "Agent"}
    return {"q": "private agent", "agent": "private-agent"} if path.endswith(":search") else {}


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text
