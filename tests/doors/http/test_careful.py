"""Requests that are sent twice are done once, and nobody overwrites what they have not seen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from swarmstead.doors.http.app import make_api
from swarmstead.doors.http.careful import REPEATABLE, CarefulRoute, mark
from swarmstead.people import handlers as people
from swarmstead.storage import requests
from swarmstead.storage.errors import DatabaseUnavailable
from tests.doors.http.conftest import Served
from tests.doors.http.helpers import launch, until, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")
NOTE = """
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {{name: {name}}}
spec: {{instructions: {text}, model: default}}
"""


def keyed(key: str) -> dict[str, str]:
    """The header that names a request."""
    return {"idempotency-key": key}


async def test_every_post_is_done_once_or_listed_as_repeatable() -> None:
    paths = make_api().openapi()["paths"]
    posts = {path: methods["post"] for path, methods in paths.items() if "post" in methods}
    assert posts.keys() >= REPEATABLE
    for path, post in posts.items():
        named = [one["name"] for one in post.get("parameters", ())]
        assert named.count("Idempotency-Key") == (path not in REPEATABLE), path


async def test_a_command_sent_twice_is_given_once_and_answered_alike(served: Served) -> None:
    async with served.client() as client:
        run, _ = await waiting_run(client, served)
        address = f"/api/v1/runs/{run['id']}/commands"
        one = await client.post(address, json={"kind": "pause"}, headers=keyed("pause-1"))
        two = await client.post(address, json={"kind": "pause"}, headers=keyed("pause-1"))
        without = await client.post(address, json={"kind": "pause"})
        assert (one.status_code, two.status_code, without.status_code) == (202, 202, 409)
        assert two.json() == one.json()
        assert two.headers["idempotent-replayed"] == "true"
        other = await client.post(address, json={"kind": "cancel"}, headers=keyed("pause-1"))
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
        assert other.json()["way_out"]
        await client.post(address, json={"kind": "cancel"}, headers=keyed("cancel-1"))
        events = (await client.get(f"/api/v1/runs/{run['id']}/events")).json()["items"]
    assert [one["data"]["command"] for one in events if one["kind"] == "command.accepted"] == ["pause", "cancel"]


async def test_a_decision_sent_twice_is_made_once_and_answered_alike(served: Served) -> None:
    async with served.client() as client:
        _, asked = await waiting_run(client, served)
        body = {"decision": "deny", "reason": "no", "hash": asked["hash"]}
        address = f"/api/v1/approvals/{asked['id']}:decide"
        answers = await asyncio.gather(*(client.post(address, json=body, headers=keyed("d")) for _ in range(4)))
    assert [one.status_code for one in answers] == [200] * 4
    assert len({one.text for one in answers}) == 1
    assert [one.headers.get("idempotent-replayed") for one in answers].count(None) == 1


async def test_an_apply_sent_twice_says_the_same_thing_twice(served: Served) -> None:
    text = NOTE.format(name="twice", text="One")
    async with served.client() as client:
        one = await client.post("/api/v1/apply", content=text, headers=keyed("a"))
        two = await client.post("/api/v1/apply", content=text, headers=keyed("a"))
        dry = await client.post("/api/v1/apply?dry_run=true", content=text, headers=keyed("a"))
    assert one.json()["items"][0]["action"] == two.json()["items"][0]["action"] == "created"
    assert dry.json()["code"] == "idempotency_key_reused"


async def test_a_key_is_made_once_and_its_secret_is_kept_nowhere(served: Served) -> None:
    body = {"name": "made once", "roles": ["viewer"]}
    async with served.client() as client:
        made = await client.post("/api/v1/keys", json=body, headers=keyed("k"))
        again = await client.post("/api/v1/keys", json=body, headers=keyed("k"))
        listed = [one for one in (await client.get("/api/v1/keys")).json()["items"] if one["name"] == "made once"]
    assert made.status_code == 201
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_answer_not_kept")
    assert "new key" in again.json()["way_out"]
    assert len(listed) == 1
    kept = served.app.db.read_sync(lambda conn: [str(row) for row in conn.execute(requests.requests.select())])
    assert not [row for row in kept if made.json()["key"] in row]


async def test_what_was_refused_may_be_sent_again_under_its_key(served: Served) -> None:
    async with served.client() as client:
        body: dict[str, Any] = {"swarm": "later", "input": {}}
        refused = await client.post("/api/v1/runs", json=body, headers=keyed("later-1"))
        assert refused.status_code == 404
        text = NOTE.format(name="later", text="Do it").replace("kind: Agent", "kind: Swarm")
        spec = "spec: {pattern: delegate, coordinator: twice, task: Do it.}"
        text = text.replace("spec: {instructions: Do it, model: default}", spec)
        await client.post("/api/v1/apply", content=NOTE.format(name="twice", text="One"))
        assert (await client.post("/api/v1/apply", content=text)).status_code == 200
        launched = await client.post("/api/v1/runs", json=body, headers=keyed("later-1"))
    assert launched.status_code == 201


async def test_a_body_that_was_refused_unread_gives_its_key_back_too(served: Served) -> None:
    async with served.client() as client:
        wrong = await client.post("/api/v1/keys", json={"name": 7}, headers=keyed("typed"))
        right = await client.post("/api/v1/keys", json={"name": "typed", "roles": ["viewer"]}, headers=keyed("typed"))
    assert (wrong.status_code, right.status_code) == (422, 201), right.text


async def test_keys_belong_to_one_caller_and_one_address(served: Served) -> None:
    async with served.client() as mine, served.client(served.other_key) as theirs:
        text = NOTE.format(name="ours", text="One")
        await mine.post("/api/v1/apply", content=text, headers=keyed("shared"))
        other = await theirs.post("/api/v1/apply", content=text, headers=keyed("shared"))
        elsewhere = await mine.post("/api/v1/keys", json={"name": "x", "roles": ["viewer"]}, headers=keyed("shared"))
    assert (other.status_code, other.json()["items"][0]["action"]) == (200, "created")
    assert elsewhere.status_code == 201


async def test_a_launch_whose_answer_was_lost_starts_nothing_twice(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    async with served.client() as client:
        with monkeypatch.context() as broken:
            broken.setattr(requests, "answer", away)  # as when the process ends before the answer is written
            one = await launch_under(client, served, "lost")
        two = await launch_under(client, served, "lost")
        await client.post(f"/api/v1/runs/{one['id']}/commands", json={"kind": "cancel"})
    assert one["id"] == two["id"]


async def test_a_key_is_forgotten_after_a_day(served: Served) -> None:
    async with served.client() as client:
        one = await launch_under(client, served, "nightly")
        aged = requests.requests.update().values(created_at=requests.requests.c.created_at - requests.LIFE_MS)
        await served.app.db.write(lambda tx: tx.conn.execute(aged))
        two = await launch_under(client, served, "nightly")
        for run in (one, two):
            await client.post(f"/api/v1/runs/{run['id']}/commands", json={"kind": "cancel"})
        assert one["id"] != two["id"]
        await served.app.db.write(lambda tx: tx.conn.execute(aged))
        await served.app.db.write(lambda tx: requests.forget_old(tx, served.app.clock))
    left = served.app.db.read_sync(lambda conn: conn.execute(requests.requests.select()).all())
    assert left == []


@pytest.mark.parametrize("key", ["", "a b", "k" * 201, "ü"])
async def test_a_key_that_is_none_is_refused_by_name(served: Served, key: str) -> None:
    async with served.client() as client:
        headers = {"idempotency-key": key.encode("utf-8")}
        answer = await client.post("/api/v1/apply", content="x", headers=headers)  # pyright: ignore[reportArgumentType] - raw bytes are what is tested
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


async def test_without_a_credential_no_key_is_taken(served: Served) -> None:
    async with served.client("") as client:
        answer = await client.post("/api/v1/apply", content="x", headers=keyed("nobody"))
    assert answer.status_code == 401


async def launch_under(client: httpx.AsyncClient, served: Served, key: str) -> dict[str, Any]:
    """Launch the sample swarm under a key."""
    body = {"swarm": "repo-review", "input": {"repo": str(served.repository)}}
    answer = await client.post("/api/v1/runs", json=body, headers=keyed(key))
    assert answer.status_code == 201, answer.text
    return answer.json()


# ETags ----------------------------------------------------------------------------------------------------------------


async def test_what_has_not_changed_is_not_sent_again(served: Served) -> None:
    async with served.client() as client:
        run, asked = await waiting_run(client, served)
        for path in (
            f"/api/v1/runs/{run['id']}",
            f"/api/v1/approvals/{asked['id']}",
            "/api/v1/agents/reviewer",
            "/api/v1/resources/Agent/reviewer",
        ):
            first = await client.get(path)
            assert first.headers["cache-control"] == "private, no-cache"
            again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b""), path
            other = await client.get(path, headers={"if-none-match": '"else-where"'})
            assert (other.status_code, other.json()) == (200, first.json())
        lists = await client.get("/api/v1/runs")
        assert "etag" not in lists.headers
        before = (await client.get(f"/api/v1/runs/{run['id']}")).headers["etag"]
        await client.post(f"/api/v1/runs/{run['id']}/commands", json={"kind": "cancel"})
        changed = await client.get(f"/api/v1/runs/{run['id']}", headers={"if-none-match": before})
    assert changed.status_code == 200


async def test_nobody_overwrites_a_version_that_they_have_not_seen(served: Served) -> None:
    async with served.client() as client:
        await client.post("/api/v1/apply", content=NOTE.format(name="shared", text="One"))
        seen = (await client.get("/api/v1/resources/Agent/shared")).headers["etag"]
        await client.post("/api/v1/apply", content=NOTE.format(name="shared", text="Two"))
        mine = NOTE.format(name="shared", text="Mine")
        late = await client.post("/api/v1/apply", content=mine, headers={"if-match": seen})
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
        assert "Read it again" in late.json()["way_out"]
        assert (await client.get("/api/v1/agents/shared")).json()["spec"]["instructions"] == "Two"
        now = (await client.get("/api/v1/agents/shared")).headers["etag"]
        assert (await client.post("/api/v1/apply", content=mine, headers={"if-match": now})).status_code == 200
        gone = NOTE.format(name="never", text="One")
        for header in ("*", seen):
            answer = await client.post("/api/v1/apply", content=gone, headers={"if-match": header})
            assert answer.status_code == 412
        assert (await client.get("/api/v1/agents/never")).status_code == 404
        both = await client.post("/api/v1/apply", content=f"{mine}---{gone}", headers={"if-match": now})
        assert (both.status_code, both.json()["field"]) == (422, "If-Match")


async def test_nobody_takes_back_a_version_that_they_have_not_seen(served: Served) -> None:
    address = "/api/v1/resources/Agent/taken-back"
    async with served.client() as client:
        await client.post("/api/v1/apply", content=NOTE.format(name="taken-back", text="One"))
        seen = (await client.get(address)).headers["etag"]
        await client.post("/api/v1/apply", content=NOTE.format(name="taken-back", text="Two"))
        late = await client.delete(address, headers={"if-match": seen})
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
        now = (await client.get(address)).headers["etag"]
        assert (await client.delete(address, headers={"if-match": now})).status_code == 200
        assert (await client.get(address)).status_code == 404


@pytest.mark.parametrize("header", ["", "sha256:0123", "W/"], ids=["empty", "without quotes", "half"])
async def test_an_if_match_that_names_nothing_changes_nothing(served: Served, header: str) -> None:
    async with served.client() as client:
        await client.post("/api/v1/apply", content=NOTE.format(name="meant", text="One"))
        for answer in (
            await client.post(
                "/api/v1/apply", content=NOTE.format(name="meant", text="Two"), headers={"if-match": header}
            ),
            await client.delete("/api/v1/resources/Agent/meant", headers={"if-match": header}),
        ):
            assert (answer.status_code, answer.json()["field"]) == (422, "If-Match")
            assert answer.json()["way_out"]
        assert (await client.get("/api/v1/agents/meant")).json()["spec"]["instructions"] == "One"


@pytest.mark.parametrize("tag", ["*", '"abc"', '"-abc"'])
async def test_what_somebody_has_taken_back_is_not_revived_unseen(served: Served, tag: str) -> None:
    name = f"revoked-{sum(tag.encode())}"
    async with served.client() as client:
        manifest = NOTE.format(name=name, text="Do little.")
        assert (await client.post("/api/v1/apply", content=manifest)).status_code == 200
        digest = (await client.get(f"/api/v1/resources/Agent/{name}")).json()["digest"]
        gone = await client.delete(f"/api/v1/resources/Agent/{name}")
        assert gone.json() == {"kind": "Agent", "name": name, "digest": digest, "action": "deleted", "warnings": []}
        answer = await client.post("/api/v1/apply", content=manifest, headers={"if-match": tag})
        gone = await client.get(f"/api/v1/resources/Agent/{name}")
    assert (answer.status_code, gone.status_code) == (412, 404), answer.text


async def test_versions_are_read_page_by_page(served: Served) -> None:
    address = "/api/v1/resources/Agent/often"
    async with served.client() as client:
        for number in range(5):
            await client.post("/api/v1/apply", content=NOTE.format(name="often", text=f"Text {number}"))
        found: list[int] = []
        cursor = ""
        while cursor is not None:
            page = (await client.get(f"{address}/versions", params={"limit": 2, "cursor": cursor})).json()
            assert len(page["items"]) <= 2
            found += [one["version"] for one in page["items"]]
            cursor = page["next"]
        assert found == [5, 4, 3, 2, 1]
        of_agent = (await client.get("/api/v1/agents/often/versions", params={"limit": 2})).json()
        assert [one["version"] for one in of_agent["items"]] == [5, 4]


async def test_what_is_streamed_is_neither_held_back_nor_marked() -> None:
    api = make_api()
    sent = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await sent.wait()
        yield b"last"

    async def streamed(request: Request) -> StreamingResponse:
        mark(request, "v1")
        return StreamingResponse(parts())

    router = APIRouter(route_class=CarefulRoute)
    router.add_api_route("/streamed", streamed)
    api.include_router(router)
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)
        if message.get("body") == b"first":
            sent.set()  # only a reader who has the first part lets the last one come

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/streamed",
        "headers": [],
        "query_string": b"",
        "asgi": {},
    }
    async with asyncio.timeout(30):
        await api(scope, receive, send)
    assert [one["body"] for one in said[1:] if one["body"]] == [b"first", b"last"]
    assert not {name for name, _ in said[0]["headers"]} & {b"etag", b"cache-control"}


async def test_a_command_is_bound_to_the_run_that_was_seen(served: Served) -> None:
    async with served.client() as client:
        run = await launch(client, served)
        early = (await client.get(f"/api/v1/runs/{run['id']}")).headers["etag"]
        await until(client, run["id"], "waiting")
        address = f"/api/v1/runs/{run['id']}/commands"
        late = await client.post(address, json={"kind": "cancel"}, headers={"if-match": early})
        assert late.status_code == 412
        assert (await client.get(f"/api/v1/runs/{run['id']}")).json()["status"] == "waiting"
        seen = (await client.get(f"/api/v1/runs/{run['id']}")).headers["etag"]
        done = await client.post(address, json={"kind": "cancel"}, headers={"if-match": seen})
    assert done.status_code == 202


async def test_a_decision_is_bound_to_the_question_that_was_seen(served: Served) -> None:
    async with served.client() as client:
        _, asked = await waiting_run(client, served)
        address = f"/api/v1/approvals/{asked['id']}"
        seen = (await client.get(address)).headers["etag"]
        body = {"decision": "deny", "reason": "no", "hash": asked["hash"]}
        other = await client.post(f"{address}:decide", json=body, headers={"if-match": '"approved-x-y"'})
        assert other.status_code == 412
        assert (await client.get(address)).json()["status"] == "pending"
        assert (await client.post(f"{address}:decide", json=body, headers={"if-match": seen})).status_code == 200
        late = await client.post(f"{address}:decide", json=body, headers={"if-match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")


async def test_a_revocation_sent_twice_is_answered_alike(served: Served) -> None:
    scope = served.scope()
    made = await served.app.db.write(lambda tx: people.create_key(tx, scope, served.app.clock, "brief", ["viewer"]))
    async with served.client() as client:
        address = f"/api/v1/keys/{made.view.id}:revoke"
        answers = [await client.post(address, headers=keyed("r")) for _ in range(2)]
    assert [one.status_code for one in answers] == [204, 204]
