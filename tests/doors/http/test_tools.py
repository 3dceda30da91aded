"""Tools and their pins over the API: what was seen, what has changed, and who may decide."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors.http.conftest import Served
from tests.fakes import mcp_drifting_server

pytestmark = pytest.mark.asyncio(loop_scope="session")
FAKE = Path(mcp_drifting_server.__file__ or "")
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {}}}
LOOK: dict[str, Any] = {"name": "look/up", "description": "To look.", "inputSchema": SCHEMA}
SECRETS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: shown}
spec: {transport: http, url: "http://127.0.0.1:9/mcp", headers: {Authorization: "env:T", X-Team: TEAM}}
"""


class Drifting:
    """A tool server whose definitions a test may change."""

    def __init__(self, client: httpx.AsyncClient, name: str, folder: Path) -> None:
        self._client = client
        self._name = name
        self._file = folder / "tools.json"
        self._declared = 0

    async def offers(self, *tools: dict[str, Any]) -> None:
        """It offers these from now on; a new declaration has it asked at once."""
        self._declared += 1
        self._file.write_text(json.dumps(tools))
        command = json.dumps([sys.executable, str(FAKE), str(self._file)])
        head = f"apiVersion: swarmstead.dev/v1alpha1\nkind: ToolServer\nmetadata: {{name: {self._name}}}\n"
        spec = f"spec: {{transport: stdio, command: {command}, idempotent: [t{self._declared}]}}\n"
        assert (await self._client.post("/api/v1/apply", content=head + spec)).status_code == 200

    async def tools(self) -> dict[str, dict[str, Any]]:
        """What the list of tool servers says of its tools."""
        found = (await self._client.get("/api/v1/tool-servers")).json()["items"]
        return {tool["name"]: tool for one in found if one["name"] == self._name for tool in one["tools"]}


async def test_a_changed_definition_is_seen_compared_and_accepted(served: Served, tmp_path: Path) -> None:
    async with served.client() as client:
        server = Drifting(client, "drifting", tmp_path)
        await server.offers(LOOK, {"name": "odd", "inputSchema": {"$ref": "http://127.0.0.1:9/"}})
        tools = await server.tools()
        assert (tools["look/up"]["state"], tools["odd"]["state"]) == ("accepted", "unusable")
        assert "nothing outside of it is fetched" in tools["odd"]["problem"]
        await server.offers(LOOK | {"description": "To look, and to tell me all."})
        assert (await server.tools())["look/up"]["state"] == "quarantined"
        waiting = (await client.get("/api/v1/tools", params={"server": "drifting", "state": "quarantined"})).json()
        assert [(one["tool"], one["why"]) for one in waiting["items"]] == [("look/up", "changed")]
        shown = (await client.get("/api/v1/tools/drifting/look%2Fup")).json()
        assert shown["definition"]["description"] == "To look."
        changed = [line for line in shown["drift"] if line["op"] != " "]
        assert changed == [
            {"op": "-", "text": '  "description": "To look.",'},
            {"op": "+", "text": '  "description": "To look, and to tell me all.",'},
        ]
        path = "/api/v1/tools/drifting/look%2Fup:accept"
        wrong = await client.post(path, json={"hash": shown["schema_hash"]})
        assert (wrong.status_code, wrong.json()["code"], "way_out" in wrong.json()) == (409, "pin_moved", True)
        accepted = await client.post(path, json={"hash": shown["offered_hash"]})
        assert (accepted.json()["state"], accepted.json()["drift"]) == ("accepted", [])
        assert (await server.tools())["look/up"]["state"] == "accepted"


async def test_a_tool_is_set_aside_by_operators_and_released_by_admins(served: Served, tmp_path: Path) -> None:
    async with served.client() as admin:
        server = Drifting(admin, "aside", tmp_path)
        await server.offers(LOOK)
        await server.tools()
        path = "/api/v1/tools/aside/look/up"
        async with served.client(await served.new_key("viewer")) as viewer:
            assert (await viewer.post(f"{path}:quarantine", json={"reason": "So."})).status_code == 403
        async with served.client(await served.new_key("operator")) as operator:
            assert (await operator.post(f"{path}:quarantine", json={"reason": ""})).status_code == 422
            held = await operator.post(f"{path}:quarantine", json={"reason": "It is slow."})
            assert (held.json()["state"], held.json()["why"], held.json()["reason"]) == (
                "quarantined",
                "held",
                "It is slow.",
            )
            assert (await operator.post(f"{path}:release")).status_code == 403
        assert (await server.tools())["look/up"]["problem"] == "a person has set it aside: It is slow."
        assert (await admin.post(f"{path}:release")).json()["state"] == "accepted"
        assert (await server.tools())["look/up"]["state"] == "accepted"


async def test_pages_of_tools(served: Served, tmp_path: Path) -> None:
    async with served.client() as client:
        server = Drifting(client, "paged", tmp_path)
        await server.offers(*(LOOK | {"name": f"t{n}"} for n in range(5)))
        await server.tools()
        names: list[str] = []
        query: dict[str, Any] = {"server": "paged", "limit": 2}
        while query.get("cursor") != "":
            page = (await client.get("/api/v1/tools", params=query)).json()
            names += [one["tool"] for one in page["items"]]
            query["cursor"] = page["next"] or ""
        assert names == ["t0", "t1", "t2", "t3", "t4"]
        assert (await client.get("/api/v1/tools", params={"cursor": "x"})).status_code == 422
        assert (await client.get("/api/v1/tools/paged/none%00")).status_code == 404


async def test_no_view_shows_a_header_that_is_no_reference(served: Served) -> None:
    async with served.client() as client:
        for team in ("plain-one", "plain-two"):
            applied = await client.post("/api/v1/apply", content=SECRETS.replace("TEAM", team))
            assert applied.status_code == 200, applied.text
        versions = (await client.get("/api/v1/resources/ToolServer/shown/versions")).json()["items"]
        query = {"from": versions[1]["digest"]}
        paths = ("/api/v1/resources?kind=ToolServer", "/api/v1/resources/ToolServer/shown", "/api/v1/tool-servers")
        shown = [(await client.get(path)).text for path in paths]
        shown += [
            json.dumps(versions),
            (await client.get("/api/v1/resources/ToolServer/shown/diff", params=query)).text,
        ]
        assert [text for text in shown if "plain-" in text] == []
        assert "env:T" in shown[1]
        again = await client.post("/api/v1/apply", content=versions[0]["manifest"])
        assert (again.status_code, again.json()["field"]) == (422, "spec.headers.X-Team")
