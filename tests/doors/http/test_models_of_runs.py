"""Which kind of model answers is one line of a declaration, and every view of a run says which kind it was."""

import json
from typing import Any

import pytest

from swarmstead.models.adapters.local import LocalModel
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import decide, launch, until
from tests.fakes.model_server import KEY, Answer, Call, Turn
from tests.fakes.openai import OpenAIServer

pytestmark = pytest.mark.asyncio(loop_scope="session")
LOCAL_SWARM = """
apiVersion: swarmstead.dev/v1alpha1
kind: Model
metadata: {name: in-house}
spec: {provider: local, max_output_tokens: 8}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: greeter}
spec: {instructions: You are brief., model: in-house}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata: {name: greeting}
spec: {pattern: delegate, coordinator: greeter, task: Say hello.}
"""


class Reviewers(OpenAIServer):
    """A hosted model that plays every part of the sample swarm, by what each agent is told and has heard."""

    def unplanned(self, body: Any) -> Turn:
        system, heard = (
            body["messages"][0]["content"],
            [one["content"] for one in body["messages"][2:] if one["content"]],
        )
        offered = {tool["function"]["name"] for tool in body.get("tools", ())}
        if "delegate" in offered:
            return self._coordinate(heard)
        if "report__write" in offered:
            return Answer("Written.") if heard else self._write(body["messages"][1]["content"])
        reads = sorted(name for name in offered if name in ("git__log", "files__list", "files__tree"))
        if heard or not reads:
            return Answer(f"## Found\n- **Finding:** {system[:20]} saw {len(heard)} answers.")
        return Answer("", (Call("c1", reads[0], {}),))

    def _coordinate(self, heard: list[str]) -> Answer:
        if not heard:
            names = ("history-analyst", "code-analyst", "docs-analyst")
            return Answer("", tuple(self._delegate(f"c{n}", name, "Look.") for n, name in enumerate(names)))
        if len(heard) == 3:
            return Answer("", (self._delegate("c9", "reviewer", "FINDINGS\n" + "\n".join(heard)),))
        return Answer("The report is written.")

    def _delegate(self, call: str, agent: str, task: str) -> Call:
        return Call(call, "delegate", {"agent": agent, "task": task, "why": "It is theirs."})

    def _write(self, task: str) -> Answer:
        return Answer("", (Call("w1", "report__write", {"path": "HOSTED.md", "content": f"# Review\n\n{task}\n"}),))


async def test_the_sample_swarm_runs_on_a_real_model_when_one_line_is_changed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    async with Reviewers() as server, served.client() as client:
        before = (await client.get("/api/v1/resources/Model/default")).json()["manifest"]
        spec = {
            "provider": "openai",
            "model": "gpt-4.1-mini",
            "base_url": server.base_url,
            "api_key": "env:FAKE_MODEL_KEY",
            "price": {"input_per_million_usd": "0.40", "output_per_million_usd": "1.60"},
        }
        document = {"apiVersion": "swarmstead.dev/v1alpha1", "kind": "Model", "metadata": {"name": "default"}}
        assert (await client.post("/api/v1/apply", content=json.dumps(document | {"spec": spec}))).status_code == 200
        try:
            run = await launch(client, served)
            found = await until(client, run["id"], "waiting", "failed")
            assert found["status"] == "waiting", found["error"]
            assert found["model_kinds"] == ["hosted"]
            assert {agent["model_kind"] for agent in found["agents"]} == {"hosted"}
            (asked,) = found["approvals"]
            assert asked["model_kind"] == "hosted"
            await decide(client, asked, "approve")
            done = await until(client, run["id"], "succeeded", "failed")
        finally:
            await client.post("/api/v1/apply", content=before)
    assert done["status"] == "succeeded", done["error"]
    assert done["result"] == "The report is written."
    assert done["spent_micros"] > 0
    report = served.repository / "HOSTED.md"
    assert report.read_text() == asked["payload"]["arguments"]["content"]
    assert report.read_text().count("**Finding:**") == 3
    report.unlink()


async def test_a_run_on_the_local_model_ends_and_is_labelled_local(served: Served) -> None:
    async with served.client() as client:
        assert (await client.post("/api/v1/apply", content=LOCAL_SWARM)).status_code == 200
        models = {one["name"]: one for one in (await client.get("/api/v1/models")).json()["items"]}
        assert (models["in-house"]["kind"], models["in-house"]["missing"]) == ("local", None)
        run = (await client.post("/api/v1/runs", json={"swarm": "greeting"})).json()
        done = await until(client, run["id"], "succeeded", "failed")
        agents = {one["name"]: one for one in (await client.get("/api/v1/agents")).json()["items"]}
    assert done["status"] == "succeeded", done["error"]
    assert done["model_kinds"] == ["local"]
    assert [agent["model_kind"] for agent in done["agents"]] == ["local"]
    assert (done["spent_micros"], done["output_tokens"] > 0) == (0, True)
    assert agents["greeter"]["model_kind"] == "local"


async def test_what_the_local_model_lacks_is_shown_before_anything_runs(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalModel, "missing", lambda _self, _spec: ("It is not installed.", "Install it."))
    async with served.client() as client:
        await client.post("/api/v1/apply", content=LOCAL_SWARM)
        plan = (await client.post("/api/v1/runs:preview", json={"swarm": "greeting"})).json()
        refused = await client.post("/api/v1/runs", json={"swarm": "greeting"})
    assert [one["way_out"] for one in plan["missing"]] == ["Install it."]
    assert (refused.status_code, refused.json()["code"]) == (422, "plan_incomplete")
