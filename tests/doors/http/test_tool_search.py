"""`GET /api/v1/tools:search` over a real server."""

import pytest

from tests.doors.http.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_tools_of_an_agent_are_found_by_what_they_do(served: Served) -> None:
    async with served.client() as mine:
        answer = await mine.get("/api/v1/tools:search", params={"q": "write the report", "agent": "reviewer"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["next"] is None
        nobody = await mine.get("/api/v1/tools:search", params={"q": "write the report", "agent": "no-such-agent"})
        assert nobody.json()["items"] == []


@pytest.mark.parametrize(
    "params",
    [{}, {"q": ""}, {"q": "x" * 2001}, {"q": "x", "limit": "0"}, {"q": "x", "limit": "21"}, {"q": "x", "limit": "one"}],
)
async def test_a_wrong_question_is_refused(served: Served, params: dict[str, str]) -> None:
    async with served.client() as mine:
        answer = await mine.get("/api/v1/tools:search", params=params)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_tenant_finds_its_own_bindings_only(served: Served) -> None:
    server = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: own-files}
spec: {transport: stdio, command: ["builtin:report"]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: own-files}
spec: {agent: own-agent, server: own-files, tools: [REPORT]}
"""
    async with served.client() as mine:
        tools = (await mine.post("/api/v1/apply", content=server.replace("REPORT", "write"))).status_code
        assert tools == 200
        listed = (await mine.get("/api/v1/tool-servers")).json()["items"]
        own = next(one for one in listed if one["name"] == "own-files")
        name, description = own["tools"][0]["name"], own["tools"][0]["description"]
        assert (await mine.post("/api/v1/apply", content=server.replace("REPORT", name))).status_code == 200
        found = await mine.get("/api/v1/tools:search", params={"q": description, "agent": "own-agent"})
        assert [one["name"] for one in found.json()["items"]] == [f"own-files__{name}"]
    async with served.client(served.other_key) as theirs:
        found = await theirs.get("/api/v1/tools:search", params={"q": description, "agent": "own-agent"})
        assert found.json()["items"] == []
