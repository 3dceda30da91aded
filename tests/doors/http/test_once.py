"""A keyed request whose server ends or is taken for dead half-way: it is done once and its repeat answered alike."""

from dataclasses import replace
from typing import Any

import pytest

from swarmstead.kernel.errors import Conflict
from swarmstead.people import handlers as people
from swarmstead.storage import requests
from swarmstead.storage.database import Tx
from swarmstead.storage.errors import DatabaseUnavailable
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import waiting_run
from tests.doors.http.test_careful import NOTE, keyed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_server_that_ends_after_the_work_has_left_its_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served.client() as client:
        run, asked = await waiting_run(client, served)
        decision = {"decision": "deny", "reason": "no", "hash": asked["hash"]}
        for address, body in (
            (f"/api/v1/runs/{run['id']}/commands", {"kind": "pause"}),
            (f"/api/v1/approvals/{asked['id']}:decide", decision),
        ):
            with monkeypatch.context() as killed:
                ends_after_its_work(served, killed)
                assert (await client.post(address, json=body, headers=keyed("cut"))).status_code == 503
            two = await client.post(address, json=body, headers=keyed("cut"))
            assert two.status_code in {200, 202}, two.text
            assert two.headers["idempotent-replayed"] == "true"
        assert (await client.get(f"/api/v1/approvals/{asked['id']}")).json()["status"] == "denied"
        await client.post(f"/api/v1/runs/{run['id']}/commands", json={"kind": "cancel"})
        text = NOTE.format(name="cut-off", text="One")
        with monkeypatch.context() as killed:
            ends_after_its_work(served, killed)
            assert (await client.post("/api/v1/apply", content=text, headers=keyed("cut"))).status_code == 503
        again = await client.post("/api/v1/apply", content=text, headers=keyed("cut"))
    assert again.json()["items"][0]["action"] == "created"


async def test_who_was_taken_over_writes_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    address, body = "/api/v1/keys", {"name": "made by another", "roles": ["viewer"]}
    create = people.create_key

    def overtaken(tx: Tx, *wish: Any) -> Any:
        aged = requests.requests.update().where(requests.requests.c.status.is_(None))
        tx.conn.execute(aged.values(created_at=requests.requests.c.created_at + 1))  # as the other server's claim does
        return create(tx, *wish)

    async with served.client() as client:
        monkeypatch.setattr(people, "create_key", overtaken)
        answer = await client.post(address, json=body, headers=keyed("slow"))
        listed = [one["name"] for one in (await client.get(address)).json()["items"]]
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")
    assert body["name"] not in listed


async def test_who_was_taken_over_meets_no_work_of_the_other(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other server's decision looks like somebody else's: a refusal of one's own doing would be a lie."""
    hold = requests.hold

    def overtaken(tx: Tx, claimed: requests.Claim) -> None:
        hold(tx, replace(claimed, created_at=claimed.created_at - 1))

    def decided_already(*_: Any) -> Any:
        raise Conflict("It is decided.")

    monkeypatch.setattr(requests, "hold", overtaken)
    monkeypatch.setattr(people, "create_key", decided_already)
    async with served.client() as client:
        body = {"name": "late", "roles": ["viewer"]}
        answer = await client.post("/api/v1/keys", json=body, headers=keyed("late"))
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")


def ends_after_its_work(served: Served, killed: pytest.MonkeyPatch) -> None:
    """From the second commit of a request on, which is its work, nothing more is written or told."""
    write, commits = served.app.db.write, 0

    async def cut(do: Any) -> Any:
        nonlocal commits
        name = do.__qualname__
        if "under_key" not in name and "once" not in name and commits == 0:
            return await write(do)  # the server's own
        commits += 1
        last = commits == 2  # the server's own work may come while it is under way
        if commits > 2:
            raise DatabaseUnavailable("gone")
        done = await write(do)
        if last:
            raise DatabaseUnavailable("gone")
        return done

    killed.setattr(served.app.db, "write", cut)
