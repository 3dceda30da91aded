"""Runs through the API, from the preview to the report."""

import asyncio
from typing import Any

import pytest

from tests.doors.http.conftest import NOTE, Served
from tests.doors.http.helpers import decide, launch, until, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")


def wish(served: Served, **more: Any) -> dict[str, Any]:
    """The body that previews or launches the sample swarm."""
    return {"swarm": "repo-review", "input": {"repo": str(served.repository)}} | more


async def test_from_preview_to_an_approved_report(served: Served) -> None:
    async with served.client() as client:
        plan = (await client.post("/api/v1/runs:preview", json=wish(served))).json()
        assert plan["missing"] == []
        assert [one["tool"] for one in plan["expected_approvals"]] == ["report/write"]
        assert {agent["model_kind"] for agent in plan["agents"]} == {"scripted"}
        run = await launch(client, served, plan_hash=plan["hash"])
        assert run["plan_hash"] == plan["hash"]
        await until(client, run["id"], "waiting")
        found = (await client.get("/api/v1/approvals", params={"run": run["id"]})).json()["items"]
        assert len(found) == 1
        approval = found[0]
        report = served.repository / "REVIEW.md"
        assert not report.exists()
        assert approval["payload"]["arguments"]["path"] == "REVIEW.md"
        assert approval["effect"]["after"] == approval["payload"]["arguments"]["content"]
        decided = (await decide(client, approval, "approve")).json()
        assert decided["status"] == "approved"
        done = await until(client, run["id"], "succeeded", "failed")
        assert done["status"] == "succeeded", done["error"]
        assert report.read_text() == approval["payload"]["arguments"]["content"]
        assert NOTE in report.read_text()
        report.unlink()
        names = [(agent["agent"], agent["delegated_by"]) for agent in done["agents"]]
        assert ("reviewer", "coordinator") in names
        trail = (await client.get("/api/v1/audit", params={"run": run["id"]})).json()["items"]
        actions = [row["action"] for row in trail]
        # Rows of reads come a moment later.
        ended = [one for one in actions if one not in ("tool.call", "tool.preview")]
        assert ended[0] == "run.finish"
        assert "approval.approve" in actions
        verified = (await client.post("/api/v1/audit:verify")).json()
    assert verified["ok"], verified["problems"]


async def test_a_denial_with_its_reason_reaches_the_agent(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        silent = await decide(client, approval, "deny")
        assert silent.status_code == 422
        assert silent.json()["field"] == "reason"
        await decide(client, approval, "deny", "wrong folder")
        done = await until(client, run["id"], "succeeded", "failed")
    assert "wrong folder" in done["result"]
    assert not (served.repository / "REVIEW.md").exists()


async def test_a_decision_about_another_payload_is_refused(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        answer = await decide(client, approval | {"hash": "sha256:0"}, "approve")
        assert answer.status_code == 409
        assert answer.json()["code"] == "hash_changed"
        await decide(client, approval, "deny", "no")
        late = await decide(client, approval, "approve")
        assert late.json()["code"] == "already_decided"
        await until(client, run["id"], "succeeded")


async def test_what_runs_is_what_was_previewed(served: Served) -> None:
    async with served.client() as client:
        plan = (await client.post("/api/v1/runs:preview", json=wish(served))).json()
        agent = (await client.get("/api/v1/agents/reviewer")).json()
        changed = agent["manifest"].replace("You get the findings", "You receive the findings")
        assert (await client.post("/api/v1/apply", content=changed)).json()["items"][0]["action"] == "updated"
        try:
            answer = await client.post("/api/v1/runs", json=wish(served, plan_hash=plan["hash"]))
            assert answer.status_code == 409
            problem = answer.json()
            assert problem["code"] == "plan_changed"
            assert problem["plan"]["hash"] != plan["hash"]
        finally:
            await client.post("/api/v1/apply", content=agent["manifest"])
        versions = (await client.get("/api/v1/agents/reviewer/versions")).json()["items"]
        query = {"from": versions[-1]["digest"], "to": versions[0]["digest"]}
        lines = (await client.get("/api/v1/agents/reviewer/diff", params=query)).json()["lines"]
    assert [line["op"] for line in lines if "findings of several" in line["text"]] == ["-", "+"]


async def test_an_idempotency_key_launches_once(served: Served) -> None:
    key = {"idempotency-key": "nightly-1"}
    async with served.client() as client:
        one, two = await asyncio.gather(
            client.post("/api/v1/runs", json=wish(served), headers=key),
            client.post("/api/v1/runs", json=wish(served), headers=key),
        )
        assert one.json()["id"] == two.json()["id"]
        other = await client.post("/api/v1/runs", json=wish(served, plan_hash="sha256:0"), headers=key)
        assert other.json()["code"] == "idempotency_key_reused"
        await client.post(f"/api/v1/runs/{one.json()['id']}/commands", json={"kind": "cancel"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"swarm": "repo-review", "input": {"repo": "/etc"}}, "input.repo"),
        ({"swarm": "repo-review", "input": {"repo": "{room}/nowhere"}}, "input.repo"),
        ({"swarm": "repo-review", "input": {"repo": "{room}"}}, "input.repo"),
        ({"swarm": "repo-review", "input": {"repo": 7}}, "input.repo"),
        ({"swarm": "repo-review", "input": {"rep": "x"}}, "input.rep"),
        (
            {"swarm": "repo-review", "input": {"repo": "{repo}"}, "overrides": {"models": {"nobody": "x"}}},
            "overrides.models.nobody",
        ),
        (
            {"swarm": "repo-review", "input": {"repo": "{repo}"}, "overrides": {"budget_usd": "lots"}},
            "overrides.budget_usd",
        ),
        ({"swarm": "repo-review", "inputs": {}}, "inputs"),
        ({"swarm": ""}, "swarm"),
    ],
    ids=[
        "not allowed",
        "not there",
        "not a repository",
        "a number",
        "unknown input",
        "unknown agent",
        "not money",
        "unknown field",
        "empty",
    ],
)
async def test_bad_input_names_the_field_and_the_way_out(served: Served, body: dict[str, Any], field: str) -> None:
    room = str(served.repository.parent)
    places = {"{repo}": str(served.repository), "{room}": room, "{room}/nowhere": f"{room}/nowhere"}
    given = {name: places.get(str(value), value) for name, value in body.get("input", {}).items()}
    async with served.client() as client:
        before = (await client.get("/api/v1/runs")).json()["items"]
        answer = await client.post("/api/v1/runs", json=body | ({"input": given} if given else {}))
        after = (await client.get("/api/v1/runs")).json()["items"]
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["field"] == field
    assert problem["way_out"]
    assert [run["id"] for run in before] == [run["id"] for run in after]


async def test_an_unknown_swarm_is_not_found(served: Served) -> None:
    async with served.client() as client:
        answer = await client.post("/api/v1/runs", json={"swarm": "nothing"})
    assert answer.status_code == 404
    assert "nothing" in answer.json()["detail"]


async def test_a_run_that_lacks_something_says_what(served: Served) -> None:
    manifest = """
apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata: {name: lacking}
spec: {pattern: delegate, coordinator: nobody-yet, task: Do it.}
"""
    async with served.client() as client:
        await client.post("/api/v1/apply", content=manifest)
        plan = (await client.post("/api/v1/runs:preview", json={"swarm": "lacking"})).json()
        assert "nobody-yet" in plan["missing"][0]["what"]
        answer = await client.post("/api/v1/runs", json={"swarm": "lacking"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "plan_incomplete"
    assert "stead apply" in answer.json()["way_out"]


async def test_commands_are_refused_when_they_make_no_sense(served: Served) -> None:
    async with served.client() as client:
        run, _ = await waiting_run(client, served)
        path = f"/api/v1/runs/{run['id']}/commands"
        stale = await client.post(path, json={"kind": "cancel", "expected_seq": 1})
        assert stale.json()["code"] == "command_refused"
        assert (await client.post(path, json={"kind": "resume"})).status_code == 409
        paused = await client.post(path, json={"kind": "pause", "reason": "lunch"})
        assert paused.status_code == 202
        assert "safe point" in paused.json()["effect"]
        assert (await client.post(path, json={"kind": "pause"})).status_code == 409
        now = (await client.get(f"/api/v1/runs/{run['id']}")).json()
        assert now["status_reason"] == "paused as well (lunch): a decision is kept until it is resumed"
        cancel = {"kind": "cancel", "expected_seq": now["seq"], "reason": "wrong repository"}
        assert (await client.post(path, json=cancel)).status_code == 202
        done = await until(client, run["id"], "cancelled")
        assert done["status_reason"] == "cancelled by a person: wrong repository"
        assert done["pending_approvals"] == 0
        assert [one["status"] for one in done["approvals"]] == ["expired"]
        assert (await client.post(path, json={"kind": "cancel"})).status_code == 409


async def test_lists_page_without_loss(served: Served) -> None:
    async with served.client() as client:
        whole = [run["id"] for run in (await client.get("/api/v1/runs", params={"limit": 500})).json()["items"]]
        assert len(whole) > 3
        paged: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = (await client.get("/api/v1/runs", params={"limit": 2, "cursor": cursor})).json()
            paged += [run["id"] for run in page["items"]]
            cursor = page["next"]
        assert paged == whole
        wrong = await client.get("/api/v1/runs", params={"cursor": "abc"})
    assert wrong.status_code == 422
    assert wrong.json()["field"] == "cursor"


async def test_steps_show_what_went_in_and_came_out(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        steps = (await client.get(f"/api/v1/runs/{run['id']}/steps")).json()["items"]
        log = next(step for step in steps if step["tool"] == "log")
        assert (log["server"], log["risk"], log["status"]) == ("git", "read", "succeeded")
        detail = (await client.get(f"/api/v1/runs/{run['id']}/steps/{log['key']}")).json()
        assert detail["input"] == {"limit": 200}
        assert "commits" in detail["output"]["text"]
        assert len(detail["span_id"]) == 16
        overview = (await client.get("/api/v1/overview")).json()
        assert approval["id"] in [one["id"] for one in overview["waiting"]]
        await decide(client, approval, "deny", "done looking")


@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/approvals"])
async def test_a_status_that_there_is_not_is_refused_with_those_that_there_are(served: Served, path: str) -> None:
    async with served.client() as client:
        answer = await client.get(
            path, params={"status": "pending,bogus"} if "approvals" in path else {"status": "bogus"}
        )
        known = await client.get(
            path, params={"status": "approved,denied"} if "approvals" in path else {"status": "failed"}
        )
    assert (answer.status_code, answer.json()["field"]) == (422, "status")
    assert "'bogus'" in answer.json()["detail"]
    assert ("pending" if "approvals" in path else "cancelled") in answer.json()["way_out"]
    assert known.status_code == 200


async def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get("/api/v1/resources", params={"kind": "Agnet"})
    assert answer.status_code == 404
    assert "Agent" in answer.json()["way_out"]


@pytest.mark.parametrize(("body", "where"), [('{"swarm": ', "character 10"), ("swarm=x", "character 0")])
async def test_a_body_that_is_no_json_is_said_to_be_none(served: Served, body: str, where: str) -> None:
    async with served.client() as client:
        headers = {"content-type": "application/json"}
        answer = await client.post("/api/v1/runs:preview", content=body, headers=headers)
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["code"] == "bad_input"
    assert f"The body is not JSON: at {where}" in problem["detail"]
    assert "field" not in problem
    assert problem["way_out"]


async def test_what_waits_stands_in_one_order_everywhere(served: Served) -> None:
    """Production first, then what waits longest: in the list of runs, on the overview and in the inbox."""
    async with served.client() as client:
        early, _ = await waiting_run(client, served)
        late, _ = await waiting_run(client, served)
        prod = await launch(client, served, environment="prod")
        await until(client, prod["id"], "waiting")
        wanted = [prod["id"], early["id"], late["id"]]
        listed, cursor = list[str](), ""
        while cursor is not None:
            query = {"status": "waiting", "order": "urgent", "limit": 1, "cursor": cursor}
            page = (await client.get("/api/v1/runs", params=query)).json()
            listed += [run["id"] for run in page["items"]]
            cursor = page["next"]
        overview = (await client.get("/api/v1/overview")).json()
        inbox = (await client.get("/api/v1/approvals", params={"status": "pending"})).json()["items"]
        newest = (await client.get("/api/v1/runs")).json()["items"]
        strange = await client.get("/api/v1/runs", params={"order": "urgent", "cursor": "WzFd"})
    for shown in (
        listed,
        [run["id"] for run in overview["active"]],
        [one["run"] for one in overview["waiting"]],
        [one["run"] for one in inbox],
    ):
        assert [run for run in shown if run in wanted] == wanted
    assert [run["id"] for run in newest if run["id"] in wanted] == [prod["id"], late["id"], early["id"]]
    assert (strange.status_code, strange.json()["field"]) == (422, "cursor")
