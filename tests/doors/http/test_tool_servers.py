"""How tool servers do, who may call what, and trying a tool: over the API."""

import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.doors.http.conftest import Served
from tests.fakes import mcp_drifting_server

pytestmark = pytest.mark.asyncio(loop_scope="session")
FAKE = Path(mcp_drifting_server.__file__ or "")
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"q": {"type": "string", "maxLength": 20}}}
READ: dict[str, Any] = {"name": "look", "inputSchema": SCHEMA, "annotations": {"readOnlyHint": True}}
WIPE: dict[str, Any] = {"name": "wipe", "inputSchema": SCHEMA, "annotations": {"readOnlyHint": False}}
SERVER = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {{name: {name}}}
spec: {spec}
"""
BINDING = """
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {{name: {name}}}
spec: {spec}
"""


async def apply(client: httpx.AsyncClient, form: str, name: str, spec: dict[str, Any]) -> None:
    """Declare one resource."""
    answer = await client.post("/api/v1/apply", content=form.format(name=name, spec=json.dumps(spec)))
    assert answer.status_code == 200, answer.text


async def server_of(client: httpx.AsyncClient, name: str, **query: Any) -> dict[str, Any]:
    """One of the list of tool servers."""
    found = (await client.get("/api/v1/tool-servers", params=query)).json()["items"]
    return next(one for one in found if one["name"] == name)


@pytest_asyncio.fixture(loop_scope="session")
async def bench(served: Served, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A server `bench` with a read and a dangerous tool, bound to operators in dev."""
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([READ, WIPE]))
    async with served.client() as admin:
        spec = {"transport": "stdio", "command": [sys.executable, str(FAKE), str(file)]}
        await apply(admin, SERVER, "bench", spec)
        bound = {"agent": "*", "server": "bench", "tools": ["look", "wipe"], "roles": ["operator"]}
        await apply(admin, BINDING, "bench", bound | {"environments": ["dev"]})
        yield admin
        await admin.delete("/api/v1/resources/Binding/bench")
        await admin.delete("/api/v1/resources/ToolServer/bench")


async def test_a_server_is_up_with_its_version_once_it_was_asked(bench: httpx.AsyncClient) -> None:
    found = await server_of(bench, "bench")
    assert [(tool["name"], tool["risk"]) for tool in found["tools"]] == [("look", "read"), ("wipe", "danger")]
    assert (found["health"]["state"], found["health"]["protocols"]) == ("up", ["2025-11-25"])
    assert found["health"]["since"] is not None
    assert (found["seen"], found["quarantined"]) == (2, 0)
    plain = await server_of(bench, "bench", tools=False)
    assert (plain["tools"], plain["health"]["state"], plain["seen"]) == ([], "up", 2)


async def test_an_agent_s_tools_have_the_class_that_their_server_gives_them(bench: httpx.AsyncClient) -> None:
    """The screen says the worst that an agent can do: what nobody declared must not be left out."""
    await apply(bench, BINDING, "hands", {"agent": "reviewer", "server": "bench", "tools": ["look", "wipe", "later"]})
    await server_of(bench, "bench")
    found = (await bench.get("/api/v1/agents/reviewer")).json()["tools"]
    listed = (await bench.get("/api/v1/agents")).json()["items"]
    await bench.delete("/api/v1/resources/Binding/hands")
    risks = {tool["name"]: tool["risk"] for tool in found if tool["server"] == "bench"}
    assert risks == {"look": "read", "wipe": "danger", "later": None}
    assert next(one["tools"] for one in listed if one["name"] == "reviewer") == found


async def test_a_server_that_fails_says_why_and_then_rests(served: Served) -> None:
    async with served.client() as admin:
        await apply(admin, SERVER, "broken", {"transport": "stdio", "command": ["/no/such/program"]})
        assert (await server_of(admin, "broken", tools=False))["health"]["state"] == "idle"
        first = (await server_of(admin, "broken"))["health"]
        assert first["state"] == "problem"
        assert re.match(r"it has no session now; \d+ s ago: .* was not found", first["problem"])
        second = (await server_of(admin, "broken"))["health"]
        assert (second["state"], second["failing"], second["resting_s"] > 0) == ("resting", 1, True)
        await admin.delete("/api/v1/resources/ToolServer/broken")


async def test_what_is_declared_of_tools_that_the_server_does_not_have_is_warned_of(
    bench: httpx.AsyncClient, tmp_path: Path
) -> None:
    assert (await server_of(bench, "bench"))["warnings"] == []
    file = tmp_path / "tools.json"
    spec = {
        "transport": "stdio",
        "command": [sys.executable, str(FAKE), str(file)],
        "risk": {"wpie": "danger"},
        "idempotent": ["look", "lok"],
        "preview": {"wipe": "peek"},
        "limits": {"expensive": ["wippe"]},
    }
    await apply(bench, SERVER, "bench", spec)
    told = (await server_of(bench, "bench"))["warnings"]
    assert [(one.split()[0], one.split()[2]) for one in told] == [
        ("spec.risk", "'wpie',"),
        ("spec.idempotent", "'lok',"),
        ("spec.preview", "'peek',"),
        ("spec.limits.expensive", "'wippe',"),
    ]
    assert (await server_of(bench, "bench", tools=False))["warnings"] == []


async def test_a_server_that_hangs_keeps_nobody_waiting(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmstead.doors.http.routes.tool_servers._PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as held:  # takes connections, and never says a word
        url = f"http://127.0.0.1:{held.getsockname()[1]}/mcp"
        async with served.client() as admin:
            await apply(admin, SERVER, "silent", {"transport": "http", "url": url})
            found = await server_of(admin, "silent")
            await admin.delete("/api/v1/resources/ToolServer/silent")
    assert found["tools"] == []
    assert "has not answered" in found["problem"]


async def test_grants_are_listed_tool_by_tool_with_their_conditions(bench: httpx.AsyncClient) -> None:
    await apply(bench, BINDING, "bench-agent", {"agent": "reviewer", "server": "bench", "tools": ["look"]})
    page = (await bench.get("/api/v1/grants", params={"server": "bench", "limit": 1})).json()
    (look,) = page["items"]
    assert (look["tool"], look["total"]) == ("look", 2)
    assert look["grantees"] == [
        {"agent": "*", "version": "", "environments": ["dev"], "roles": ["operator"], "binding": "bench"},
        {"agent": "reviewer", "version": "", "environments": [], "roles": [], "binding": "bench-agent"},
    ]
    rest = (await bench.get("/api/v1/grants", params={"server": "bench", "cursor": page["next"]})).json()
    assert ([one["tool"] for one in rest["items"]], rest["next"]) == (["wipe"], None)
    mine = (await bench.get("/api/v1/grants", params={"agent": "reviewer", "server": "bench"})).json()["items"]
    assert [(one["tool"], len(one["grantees"])) for one in mine] == [("look", 1)]
    await bench.delete("/api/v1/resources/Binding/bench-agent")


async def _rows(served: Served, admin: httpx.AsyncClient, key: str) -> list[tuple[str, str, dict[str, Any]]]:
    await served.app.gateway.written()
    rows = (await admin.get("/api/v1/audit", params={"limit": 200})).json()["items"]
    return [(row["action"], row["phase"], row["data"]) for row in rows if row["data"].get("key") == key]


async def test_a_read_is_tried_as_the_person_and_counted(served: Served, bench: httpx.AsyncClient) -> None:
    body = {"arguments": {"q": "x"}, "environment": "dev"}
    async with served.client(await served.new_key("operator")) as operator:
        tried = (await operator.post("/api/v1/tools/bench/look:try", json=body)).json()
        traffic = (await operator.get("/api/v1/traffic")).json()["items"]
        wrong = (await operator.post("/api/v1/tools/bench/look:try", json=body | {"arguments": {"q": 1}})).json()
    assert (tried["answered"]["verdict"], tried["foreseen"]) == ("ok", None)
    assert tried["answered"]["content"] == [{"type": "text", "text": "done"}]
    (row,) = await _rows(served, bench, tried["key"])
    assert (row[0], row[1], row[2]["verdict"], row[2]["dry_run"]) == ("tool.call", "effect", "ok", True)
    assert (wrong["answered"]["verdict"], wrong["answered"]["code"]) == ("denied", "arguments_refused")
    (mine,) = [one for one in traffic if one["name"] == "bench"]
    (look,) = [one["calls"] for one in mine["tools"] if one["name"] == "look"]
    assert (look["calls"], look["failures"]) == (1, 0)
    assert look["p50_ms"] > 0
    assert look["last_called"] >= mine["since"]


async def test_a_danger_is_foreseen_and_neither_asked_nor_done(served: Served, bench: httpx.AsyncClient) -> None:
    before = len((await bench.get("/api/v1/approvals", params={"status": "pending", "limit": 500})).json()["items"])
    body = {"arguments": {"q": "all"}, "environment": "dev"}
    async with served.client(await served.new_key("operator")) as operator:
        tried = (await operator.post("/api/v1/tools/bench/wipe:try", json=body)).json()
    assert tried["answered"] is None
    assert (tried["foreseen"]["verdict"], tried["foreseen"]["risk"]) == ("ask", "danger")
    assert tried["foreseen"]["effect"] == {"kind": "none"}
    after = len((await bench.get("/api/v1/approvals", params={"status": "pending", "limit": 500})).json()["items"])
    assert after == before
    (row,) = await _rows(served, bench, tried["key"])
    assert (row[1], row[2]["verdict"]) == ("note", "foreseen")
    assert "wipe" not in str(served.app.gateway.traffic.of("default")["bench"].tools.get("wipe"))


async def test_nobody_tries_what_is_not_theirs(served: Served, bench: httpx.AsyncClient) -> None:
    dev: dict[str, Any] = {"arguments": {}, "environment": "dev"}
    async with served.client(await served.new_key("viewer")) as viewer:
        assert (await viewer.post("/api/v1/tools/bench/look:try", json=dev)).status_code == 403
    refused = await bench.post("/api/v1/tools/bench/look:try", json=dev)  # an admin, and it is bound to operators
    assert (refused.status_code, refused.json()["code"]) == (404, "tool_unknown")
    assert "stead mcp bind '*' bench look --role operator" in refused.json()["way_out"]
    async with served.client(await served.new_key("operator")) as operator:
        elsewhere = await operator.post("/api/v1/tools/bench/look:try", json=dev | {"environment": "prod"})
        assert elsewhere.status_code == 404
        held = await bench.post("/api/v1/tools/bench/look:quarantine", json={"reason": "So."})
        assert held.status_code == 200
        tried = (await operator.post("/api/v1/tools/bench/look:try", json=dev)).json()
        assert (tried["answered"]["verdict"], tried["answered"]["code"]) == ("denied", "tool_quarantined")
        await bench.post("/api/v1/tools/bench/look:release")
