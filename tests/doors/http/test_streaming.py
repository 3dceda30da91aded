"""Events: stored first, streamed second; a reader that comes back misses nothing and sees nothing twice."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.doors.http.conftest import Served
from tests.doors.http.helpers import decide, launch, until, waiting_run

pytestmark = pytest.mark.asyncio(loop_scope="session")
STREAM = {"accept": "text/event-stream"}


async def read(
    client: httpx.AsyncClient, path: str, count: int | None = None, last: int | None = None
) -> list[tuple[str, Any]]:
    """(kind, data) of a stream's events: `count` of them, or all until it ends."""
    headers = STREAM | ({"last-event-id": str(last)} if last is not None else {})
    found: list[tuple[str, Any]] = []
    kind = ""
    async with asyncio.timeout(30), client.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((kind, json.loads(line.removeprefix("data: "))))
                if count is not None and len(found) > count:
                    break
    return found


async def test_a_runs_stream_tells_its_whole_story_and_ends(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        watching = asyncio.create_task(read(client, f"/api/v1/runs/{run['id']}/events"))
        await decide(client, approval, "deny", "enough")
        found = await watching
        stored = (await client.get(f"/api/v1/runs/{run['id']}/events", params={"limit": 500})).json()["items"]
    kinds = [kind for kind, _ in found]
    assert kinds[0] == "hello"
    assert kinds[-2:] == ["run.finished", "end"]
    assert [data for kind, data in found if kind not in ("hello", "end")] == stored
    seqs = [event["seq"] for event in stored]
    assert seqs == sorted(set(seqs))
    assert {"run.started", "agent.delegated", "model.called", "tool.called", "approval.asked"} <= set(kinds)
    assert {event["trace_id"] for event in stored} == {run["trace_id"]}


async def test_a_reader_goes_on_where_it_stopped(served: Served) -> None:
    async with served.client() as client:
        run, approval = await waiting_run(client, served)
        await decide(client, approval, "deny", "enough")
        await until(client, run["id"], "succeeded")
        path = f"/api/v1/runs/{run['id']}/events"
        whole = [data["seq"] for kind, data in await read(client, path) if kind not in ("hello", "end")]
        first = [data["seq"] for kind, data in await read(client, path, count=7) if kind not in ("hello", "end")]
        rest = [data["seq"] for kind, data in await read(client, path, last=first[-1]) if kind not in ("hello", "end")]
        as_bytes = [(name.encode(), value.encode()) for name, value in STREAM.items()]
        bad = [await client.get(path, headers=[*as_bytes, (b"last-event-id", one)]) for one in (b"x", b"\xb2")]
    assert first + rest == whole
    assert [answer.status_code for answer in bad] == [422, 422]


async def test_a_new_tenant_stream_starts_at_the_newest_event(served: Served) -> None:
    async with served.client() as client:
        newest = (await client.get("/api/v1/overview")).status_code
        assert newest == 200
        before = (await client.get("/api/v1/events", params={"limit": 500})).json()["items"]
        reading = asyncio.create_task(read(client, "/api/v1/events", count=1))
        await asyncio.sleep(0)
        while not reading.done():
            run = await launch(client, served)
            await asyncio.wait({reading}, timeout=1)
            await client.post(f"/api/v1/runs/{run['id']}/commands", json={"kind": "cancel"})
        (_, hello), (_, event) = await reading
    assert hello["seq"] >= len(before)
    assert event["seq"] == hello["seq"] + 1


async def test_another_tenant_hears_nothing_of_ours(served: Served) -> None:
    async with served.client() as mine, served.client(served.other_key) as theirs:
        run, approval = await waiting_run(mine, served)
        await decide(mine, approval, "deny", "quiet")
        heard = (await theirs.get("/api/v1/events", params={"limit": 500})).json()["items"]
    assert run["id"] not in json.dumps(heard)
