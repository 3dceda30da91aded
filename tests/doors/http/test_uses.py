"""What came of an approval is told with it: nobody has to read a trail to know whether the approved call happened."""

from dataclasses import replace
from typing import Any

import pytest

from swarmstead.audit.contract import Entry, record
from swarmstead.gateway import underway
from swarmstead.permits import handlers as permits
from swarmstead.permits.contract import Ask
from swarmstead.storage.database import Tx
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import decide, until, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_run_tells_what_came_of_its_questions(served: Served) -> None:
    async with served.client() as client:
        run, asked = await waiting_run(client, served)
        assert asked["outcome"] is None
        decided = (await decide(client, asked, "approve")).json()
        assert (decided["status"], decided["outcome"]) == ("approved", "not_used")
        await until(client, run["id"], "succeeded")
        seen = (await client.get(f"/api/v1/approvals/{asked['id']}")).json()
        assert seen["outcome"] == "done"
        listed = (await client.get("/api/v1/approvals", params={"run": run["id"], "order": "newest"})).json()["items"]
        assert [one["outcome"] for one in listed] == ["done"]
        assert (await client.get(f"/api/v1/runs/{run['id']}")).json()["approvals"][0]["outcome"] == "done"


async def test_a_denial_has_no_outcome(served: Served) -> None:
    async with served.client() as client:
        run, asked = await waiting_run(client, served)
        assert (await decide(client, asked, "deny", "Not now.")).json()["outcome"] is None
        await until(client, run["id"], "succeeded")


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [("ok", "done"), ("tool_error", "failed"), ("failed", "failed"), ("unknown", "unknown"), ("", "under_way")],
)
async def test_of_an_outside_client_the_trail_knows(served: Served, verdict: str, outcome: str) -> None:
    scope, clock, step = served.scope(), served.app.clock, f"mcp/uses-{verdict}"
    payload: dict[str, Any] = {"server": "kit", "tool": "put", "arguments": {}, "step": step}
    parts = dict.fromkeys(("run", "agent_run", "agent", "swarm"), "")
    question = Ask(
        "plan", step=step, environment="dev", server="kit", tool="put", risk="write", sentence="Call put on kit",
        rule="r", payload=payload, effect={}, expires_in_ms=60_000, **parts,
    )  # fmt: skip
    lost = Entry(scope, "tool.call", "kit/put", "effect", step=step, data={"verdict": "unknown"})

    def use(tx: Tx) -> str:
        one = permits.ask(tx, scope, clock, question)
        permits.decide(tx, scope, clock, one.id, "approve", "", one.hash)
        permits.use(tx, scope, clock, one.id, one.hash)
        underway.begin(tx, clock, lost)
        record(tx, replace(lost, phase="attempt", data={}))
        return one.id

    def end(tx: Tx) -> None:
        if verdict:
            underway.end(tx, scope.tenant, step)
            record(tx, replace(lost, data={"verdict": verdict}))

    def come_again(tx: Tx) -> None:
        """With a plan that is spent: a refusal, which says nothing about the call that was made."""
        record(tx, replace(lost, data={"verdict": "denied"}))

    async with served.client() as client:
        address = f"/api/v1/approvals/{await served.app.db.write(use)}"
        assert (await client.get(address)).json()["outcome"] == "under_way"
        await served.app.db.write(end)
        assert (await client.get(address)).json()["outcome"] == outcome
        await served.app.db.write(come_again)
        assert (await client.get(address)).json()["outcome"] == outcome
