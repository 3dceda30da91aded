"""What a client sends is bounded where it is repeated or kept; what is too much is refused with a reason."""

import asyncio
import json
from typing import Any

import pytest

from swarmstead.doors.mcp.relays import ClientRelay
from swarmstead.doors.mcp.sessions import Session
from swarmstead.doors.mcp.sse import Outbox
from swarmstead.gateway.errors import RelayRefused
from tests.doors.mcp.door import Door
from tests.doors.mcp.test_eras import CALL, HEADERS, META, request
from tests.doors.mcp.test_streams import opened, stream

MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}
LISTEN = {"mcp_protocol_version": "2026-07-28", "mcp_method": "subscriptions/listen"}


@pytest.mark.parametrize(
    ("kind", "coding"),
    [
        ("text/plain", "identity"),
        ("application/x-www-form-urlencoded", "identity"),
        ("application/jsonx", "identity"),
        ("application/json; charset=utf-16", "identity"),
        ("application/json", "gzip"),
    ],
)
async def test_a_body_of_another_kind_is_refused_before_it_is_read(door: Door, kind: str, coding: str) -> None:
    answer = await door.post(request("ping"), content_type=kind, content_encoding=coding)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, -32600)
    assert "application/json" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf8"']
)
async def test_json_may_be_called_by_all_of_its_names(door: Door, kind: str) -> None:
    assert (await door.post(request("ping"), content_type=kind)).json()["result"] == {}


async def test_an_id_that_is_longer_than_any_use_for_it_is_refused(door: Door) -> None:
    message = request("ping") | {"id": "x" * 257}
    answer = await door.post(message)
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["id"]) == (400, -32600, None)
    assert (await door.post(message | {"id": "x" * 256})).json()["id"] == "x" * 256


@pytest.mark.parametrize("token", ["x" * 257, 1.5, True, [], {}])
async def test_what_is_repeated_with_all_progress_is_short(door: Door, token: Any) -> None:
    modern = request("tools/call", **CALL, _meta=META | {"progressToken": token})
    legacy = request("tools/call", **CALL, _meta={"progressToken": token})
    for answer in (await door.post(modern, **HEADERS), await door.post(legacy)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)
        assert "progressToken" in answer.json()["error"]["message"]
    assert door.house.upstream.calls == []


@pytest.mark.parametrize(
    "wanted",
    [7, {"resourceSubscriptions": 7}, {"resourceSubscriptions": [7]}, {"resourceSubscriptions": ["x" * 8193]},
     {"resourceSubscriptions": ["notes://open/1"] * 1001}],
)  # fmt: skip
async def test_a_subscription_says_what_it_is_to(door: Door, wanted: Any) -> None:
    answer = await door.post(request("subscriptions/listen", notifications=wanted, _meta=META), **LISTEN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize("method", ["resources/read", "resources/subscribe"])
async def test_the_address_of_a_resource_is_no_novel(door: Door, method: str) -> None:
    answer = await door.post(request(method, uri="notes://open/" + "x" * 8192))
    assert answer.json()["error"]["code"] == -32602


@pytest.mark.parametrize("crowd", ["[],", '{"a":0},', "0,"])
async def test_a_body_that_is_all_brackets_and_commas_is_not_read(door: Door, crowd: str) -> None:
    """Four megabytes of them would be four hundred once they are read."""
    most = 4_000_000 // len(crowd)
    body = json.dumps(request("tools/call", **CALL, more="@")).replace('"@"', f"[{crowd * most}0]")
    answer = await door.post(body.encode())
    assert (answer.status_code, answer.json()["error"]["message"]) == (413, "The body holds too many values.")


# What servers tell, and clients do not read ---------------------------------------------------------------------------


class Slow:
    """A client whose connection takes nothing until `reads` is set."""

    def __init__(self) -> None:
        self.bytes = 0
        self.reads = asyncio.Event()

    async def __call__(self, message: Any) -> None:
        await self.reads.wait()
        self.bytes += len(message.get("body", b""))


async def test_a_client_that_reads_nothing_does_not_fill_our_memory() -> None:
    client = Slow()
    relay = ClientRelay(client, capabilities={}, token="t", log_level="debug")
    for _ in range(100):
        relay.notify("notifications/progress", {"message": "x" * 100_000})
    client.reads.set()
    await relay.answer(200, b"{}")
    assert 900_000 < client.bytes < 1_100_000


def test_what_waits_for_a_client_is_bounded_in_number_and_in_size() -> None:
    outbox = Outbox()
    assert [outbox.put(b"x" * 400_000) for _ in range(4)] == [True, True, False, False]
    assert (outbox.take(), outbox.put(b"y" * 500_000)) == (b"x" * 400_000, True)
    outbox = Outbox()
    assert sum(outbox.put(b"") for _ in range(2000)) == 1000


async def test_a_question_that_finds_no_room_is_refused_at_once() -> None:
    session = Session("id", "lane", "2025-11-25", {"roots": {}})
    relay = ClientRelay(Slow(), capabilities=session.capabilities, session=session, log_level="debug")
    for _ in range(20):
        relay.notify("notifications/message", {"level": "error", "data": "x" * 60_000})
    with pytest.raises(RelayRefused, match="does not read"):
        await relay.ask("roots/list", {"x": "y" * 60_000})


# Streams that stay open -----------------------------------------------------------------------------------------------


async def test_a_caller_holds_only_so_many_streams_open(door: Door) -> None:
    """`STEAD_STREAMS_PER_IDENTITY` is 3 here; sessions, subscriptions and events count together."""
    session = await opened(door)
    wanted = request("subscriptions/listen", notifications={}, _meta=META)
    async with stream(door, mcp_session_id=session), stream(door, wanted, **MODERN), stream(door, wanted, **MODERN):
        refused = [
            await door.post(wanted, **LISTEN),
            await door.get(mcp_session_id=session),
            await door.get("/api/v1/events", accept="text/event-stream"),
        ]
        for one in refused:
            assert (one.status_code, one.json()["code"], one.headers["retry-after"]) == (429, "too_many_streams", "30")
            assert "STEAD_STREAMS_PER_IDENTITY" in one.json()["way_out"]
        assert (await door.post(request("ping"))).status_code == 200
        other = await door.new_key("operator")
        async with stream(door, wanted, key=other, **MODERN) as events:
            assert (await events.told())["method"] == "notifications/subscriptions/acknowledged"
    async with stream(door, wanted, **MODERN) as events:
        assert (await events.told())["method"] == "notifications/subscriptions/acknowledged"
