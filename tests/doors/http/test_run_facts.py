"""What a list of runs and the inbox say beside a status: what was denied, how long a run may still work, who asks."""

import json
from typing import Any

import pytest

from swarmstead.doors.http import run_views
from swarmstead.runs.told import shown_to_readers
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import decide, until, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_run_that_succeeded_after_a_denial_says_so(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        before = (await client.get(f"/api/v1/runs/{run['id']}")).json()
        await decide(client, approval, "deny", "not today")
        done = await until(client, run["id"], "succeeded", "failed")
        listed = (await client.get("/api/v1/runs")).json()["items"]
    assert (before["denied"], done["status"], done["denied"]) == (0, "succeeded", 1)
    assert [one["denied"] for one in listed if one["id"] == run["id"]] == [1]


async def test_the_time_a_run_may_work_stands_still_while_it_waits(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        first = (await client.get(f"/api/v1/runs/{run['id']}")).json()
        again = (await client.get(f"/api/v1/runs/{run['id']}")).json()
        assert first["deadline_at"] is None
        assert 0 < first["work_left_ms"] == again["work_left_ms"] <= 1000 * first["plan"]["time"]["cap_s"]
        await decide(client, approval, "deny", "enough")
        done = await until(client, run["id"], "succeeded", "failed")
    assert done["work_left_ms"] is None
    assert done["deadline_at"] is not None


async def test_a_question_names_the_agent_that_asks(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        assert (approval["asked_by_name"], approval["asked_by"].partition("@")[0]) == ("reviewer", "agent:reviewer")
        await decide(client, approval, "deny", "enough")
        await until(client, run["id"], "succeeded")


async def test_a_run_that_was_paused_while_it_waits_says_so(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        await client.post(f"/api/v1/runs/{run['id']}/commands", json={"kind": "pause"})
        paused = (await client.get(f"/api/v1/runs/{run['id']}")).json()
        assert (paused["status"], paused["held"]) == ("waiting", True)
        assert "paused" in paused["status_reason"]
        await client.post(f"/api/v1/runs/{run['id']}/commands", json={"kind": "resume"})
        assert not (await client.get(f"/api/v1/runs/{run['id']}")).json()["held"]
        await decide(client, approval, "deny", "enough")
        await until(client, run["id"], "succeeded")


async def test_pages_of_the_inbox_go_on_where_the_last_one_ended(served: Served) -> None:
    async with served.client() as client:
        runs = [await waiting_run(client, served) for _ in range(3)]
        wanted = sorted(approval["expires_at"] for _, approval in runs)
        seen: list[str] = []
        query: dict[str, Any] = {"status": "pending", "limit": "1", "cursor": ""}
        while query["cursor"] is not None:  # whatever other tests have left waiting is in between
            page = (await client.get("/api/v1/approvals", params=query)).json()
            seen += [one["expires_at"] for one in page["items"] if one["run"] in {run["id"] for run, _ in runs}]
            query["cursor"] = page["next"]
        assert seen == wanted
        for run, approval in runs:
            await decide(client, approval, "deny", "enough")
            await until(client, run["id"], "succeeded")
        last = (await client.get("/api/v1/approvals", params={"order": "newest", "limit": 2})).json()
        rest = {"order": "newest", "limit": "1", "cursor": last["next"]}
        assert [one["id"] for one in last["items"]] == [runs[2][1]["id"], runs[1][1]["id"]]
        assert (await client.get("/api/v1/approvals", params=rest)).json()["items"][0]["id"] == runs[0][1]["id"]


TOLD = """
apiVersion: swarmstead.dev/v1alpha1
kind: Model
metadata: {name: repeats}
spec: {provider: scripted, script: {"*": [{say: "I was told {{ task }}"}]}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {name: repeats}
spec: {instructions: Repeat it., model: repeats}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata: {name: repeats}
spec:
  pattern: delegate
  coordinator: repeats
  members: []
  inputs: {token: {type: text, required: true}, note: {type: text}}
  task: "Log in with {token}. {note}"
"""


async def test_an_input_that_is_named_like_a_secret_is_shown_nowhere(served: Served) -> None:
    canary, form = "hunter2-canary", "ghp_" + "A" * 36
    viewer = await served.new_key("viewer")
    async with served.client() as client:
        await client.post("/api/v1/apply", content=TOLD, headers={"content-type": "application/yaml"})
        body = {"swarm": "repeats", "input": {"token": canary, "note": f"and {form}"}}
        planned = (await client.post("/api/v1/runs:preview", json=body)).text
        launched = await client.post("/api/v1/runs", json=body)
        run = launched.json()["id"]
        done = await until(client, run, "succeeded", "failed")
    async with served.client(viewer) as client:
        found = [await client.get(f"/api/v1/runs/{run}{more}") for more in ("", "/steps", "/events")]
        found += [await client.get(f"/api/v1/{listed}") for listed in ("runs", "overview")]
        steps = [one["key"] for one in found[1].json()["items"]]
        found += [await client.get(f"/api/v1/runs/{run}/steps/{key}") for key in steps]
    assert "I was told Log in with" in done["result"]
    assert steps
    for said in [planned, launched.text, json.dumps(done), *(one.text for one in found)]:
        assert canary not in said
        assert form not in said


@pytest.mark.parametrize("secret", ["1", "e", "succeeded", "repeats"])
async def test_an_ordinary_word_for_a_secret_leaves_ids_and_states_as_they_are(served: Served, secret: str) -> None:
    async with served.client() as client:
        await client.post("/api/v1/apply", content=TOLD, headers={"content-type": "application/yaml"})
        body = {"swarm": "repeats", "input": {"token": secret, "note": "It is short."}}
        planned = (await client.post("/api/v1/runs:preview", json=body)).json()
        launched = await client.post("/api/v1/runs", json=body | {"plan_hash": planned["hash"]})
        assert launched.status_code == 201, launched.text
        done = await until(client, launched.json()["id"], "succeeded", "failed")
    assert (done["status"], done["swarm"], done["plan_hash"]) == ("succeeded", "repeats", planned["hash"])


@pytest.mark.parametrize("told", [{"db": {"password": "canary"}}, {"token": ["canary"]}, {"api_key": 12345678}])
async def test_what_is_told_in_secret_may_lie_deep_and_be_a_number(told: dict[str, Any]) -> None:
    show = shown_to_readers(told)
    assert show({"a": ["it is canary, or 12345678"]}) != {"a": ["it is canary, or 12345678"]}


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ('gr"een\\horse', json.dumps({"cmd": 'login gr"een\\horse'})),
        ("grün-horse", json.dumps({"cmd": "login grün-horse"})),
        ("grün-horse", json.dumps({"cmd": "login grün-horse"}, ensure_ascii=False)),
    ],
)
async def test_what_is_told_in_secret_is_found_as_json_writes_it(secret: str, text: str) -> None:
    assert shown_to_readers({"password": secret})(text) == json.dumps({"cmd": "login [redacted]"})


async def test_a_short_number_and_the_code_of_an_error_stay() -> None:
    assert shown_to_readers({"max_tokens": 1000})("In 1000 years") == "In 1000 years"
    assert shown_to_readers({"token": 123_456})({"n": 123_456, "ok": True}) == {"n": "[redacted]", "ok": True}
    stored = {"code": "model_failed", "message": "The model said model.", "way_out": ""}
    shown = run_views.error(stored, shown_to_readers({"password": "model"}))
    assert shown is not None
    assert (shown.code, shown.message) == ("model_failed", "The [redacted] said [redacted].")


async def test_a_plan_hides_it_wherever_it_is_repeated(served: Served) -> None:
    async with served.client() as client:
        await client.post("/api/v1/apply", content=TOLD, headers={"content-type": "application/yaml"})
        told = {"token": "hunter22-horse", "note": "log in with hunter22-horse"}
        planned = (await client.post("/api/v1/runs:preview", json={"swarm": "repeats", "input": told})).json()
    assert planned["input"] == {"token": "[redacted]", "note": "log in with [redacted]"}
    assert "hunter22" not in json.dumps(planned)
