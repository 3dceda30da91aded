"""What tools answer is stored without credentials; what they are told and answer is in no trail and no event."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.audit.tables import audit_rows
from swarmstead.runs.tables import events
from swarmstead.storage.tables import metadata
from swarmstead.telemetry.contract import REDACTED
from tests.fakes.upstream import Called, text
from tests.rooms.gateway.desk import Desk
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import call, delegate

CANARIES = {
    "GitHub": f"ghp_{'A1b2' * 9}",
    "GitLab": f"glpat-{'x1Y2' * 5}",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "OpenAI": f"sk-proj-{'a1B2' * 6}",
    "Slack": "xoxb-1234567890-abcdefghij",
    "Google": f"AIza{'S' * 35}",
    "ours": f"stead_{'k' * 43}",
    "JWT": "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0NTY.SflKxwRJSMeKKF2QT4",
    "a private key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
    "a URL": "postgres://user:hunter2hunter2@db.internal/x",
}
PLAIN = "plain-canary-41c7"


class Client:
    """A client that keeps what it is told and asked."""

    capabilities: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """As the port says."""
        self.heard.append([method, params])

    def hang_up(self) -> None:
        """As the port says."""

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """As the port says."""
        self.heard.append([method, params])
        return {"action": "decline"}


async def test_what_a_server_tells_and_asks_meanwhile_loses_its_credentials_too(desk: Desk) -> None:
    client, canary = Client(), CANARIES["GitHub"]
    form = {"type": "object", "properties": {"password": {"type": "string"}}}

    async def talk(_call: Called) -> None:
        relay = desk.upstream.relay
        assert relay is not None
        relay.notify("notifications/message", {"level": "info", "data": f"cloned with {canary}"})
        relay.notify("notifications/progress", {"progressToken": "t-1", "progress": 1})
        await relay.ask("elicitation/create", {"message": f"Is {canary} still good?", "requestedSchema": form})

    desk.upstream.during = talk
    assert (await desk.call("read", {"name": "x"}, relay=client)).verdict == "ok"
    assert canary not in json.dumps(client.heard)
    assert [params.get("progressToken") for _, params in client.heard] == [None, "t-1", None]
    assert client.heard[2][1] == {"message": f"Is {REDACTED} still good?", "requestedSchema": form}


@pytest.mark.parametrize("canary", CANARIES.values(), ids=list(CANARIES))
async def test_a_credential_in_an_answer_is_taken_out(desk: Desk, canary: str) -> None:
    found = {"note": f"use {canary} here", "deep": [{"more": canary}], "password": "hunter2", "count": 3}
    desk.upstream.answers["read"] = text(f"before {canary} after", structured=found)
    outcome = await desk.call("read", {"name": "x"})
    assert outcome.result is not None
    shown = json.dumps([outcome.result.text, outcome.result.structured])
    secret = "hunter2hunter2" if "hunter2hunter2" in canary else json.dumps(canary)[1:-1]
    assert secret not in shown
    assert outcome.result.text.startswith("before ")
    assert REDACTED in outcome.result.text
    assert outcome.result.structured is not None
    assert (outcome.result.structured["password"], outcome.result.structured["count"]) == (REDACTED, 3)


async def test_a_credential_in_an_error_is_taken_out(desk: Desk) -> None:
    desk.upstream.down = f"it said: bad key {CANARIES['OpenAI']}"
    outcome = await desk.call("read", {"name": "x"})
    assert outcome.reason == f"it said: bad key {REDACTED}"


async def test_a_credential_in_a_preview_is_taken_out_before_it_is_stored(desk: Desk) -> None:
    before = f"token = {CANARIES['GitHub']}\n"
    desk.upstream.answers["look"] = text("", structured={"path": "notes", "before": before, "after": "one\n"})
    asked = await desk.plan(desk.request("append", {"line": "one"}))
    assert asked.effect["before"] == f"token = {REDACTED}\n"
    (stored,) = await desk.asked()
    assert CANARIES["GitHub"] not in json.dumps(dict(stored.effect))


async def test_neither_arguments_nor_answers_are_in_the_trail(desk: Desk) -> None:
    desk.upstream.answers["read"] = text(PLAIN)
    desk.upstream.answers["append"] = text(PLAIN)
    await desk.call("read", {"name": PLAIN})
    await desk.call("read", {"wrong": PLAIN})
    request = desk.request("append", {"line": PLAIN})
    asked = await desk.approved(request)
    await desk.call("append", {"line": PLAIN}, key=request.key, plan_id=asked.id)
    rows = await desk.db.read(lambda conn: [dict(row) for row in conn.execute(sa.select(audit_rows)).mappings()])
    assert len(rows) > 7
    assert PLAIN not in json.dumps(rows)


async def test_of_a_whole_run_what_tools_were_told_and_said_is_in_no_event_and_no_trail(house: House) -> None:
    """A run with a member, a read, a side effect and a refusal, in which everything carries the canary."""
    house.upstream.answers = {name: text(PLAIN) for name in ("read", "append")}
    script = {
        "boss": [delegate("ann", PLAIN), f"{{{{ last[0].text }}}} {PLAIN}"],
        "ann": [[call("read", name=PLAIN), call("append", line=PLAIN), call("read", wrong=PLAIN)], PLAIN],
    }
    run = await house.launch(script)
    await house.decide(await house.question(run))
    row = await house.status(run, "succeeded", "failed")
    assert row["result"] == f"{PLAIN} {PLAIN}"
    for table in (events, audit_rows):
        rows = await house.read(
            lambda conn, table=table: [dict(row) for row in conn.execute(sa.select(table)).mappings()]
        )
        assert rows
        assert PLAIN not in json.dumps(rows)


async def test_a_credential_that_a_tool_gives_away_is_in_no_table(house: House) -> None:
    house.upstream.answers["read"] = text(f"{PLAIN} {CANARIES['GitHub']}")
    run = await house.launch({"boss": [call("read", name="x"), "{{ last[0].text }}"]})
    row = await house.status(run, "succeeded", "failed")
    assert row["result"] == f"{PLAIN} {REDACTED}"
    assert await tables_with(house, PLAIN) >= {"steps", "runs"}
    assert await tables_with(house, CANARIES["GitHub"]) == set()


async def tables_with(house: House, words: str) -> set[str]:
    """The tables that hold these words."""
    found: set[str] = set()
    for name, table in metadata.tables.items():
        rows: list[Any] = await house.read(
            lambda conn, table=table: [dict(row) for row in conn.execute(sa.select(table)).mappings()]
        )
        if words in json.dumps(rows):
            found.add(name)
    return found
