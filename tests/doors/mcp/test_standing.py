"""A stream does not outlive the credential that it was opened with."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from swarmstead.doors.mcp import standing
from swarmstead.doors.mcp.standing import Standing
from swarmstead.kernel.errors import SteadError, Unavailable
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.people import handlers as people
from swarmstead.people.contract import NewKey
from swarmstead.storage.signals import Signals
from tests.doors.mcp.door import TENANT, Door
from tests.doors.mcp.test_streams import CALL, MODERN, Events, listen, request, stream
from tests.fakes.upstream import Called

Opened = AbstractAsyncContextManager[Events]
LET_GO = "notifications/tools/list_changed"


async def a_session(door: Door, key: NewKey) -> str:
    answer = await door.post(request("initialize", protocolVersion="2025-11-25", capabilities={}), key=key.secret)
    return answer.headers["mcp-session-id"]


async def of_a_session(door: Door, key: NewKey) -> Opened:
    return stream(door, key=key.secret, mcp_session_id=await a_session(door, key))


async def subscribed(door: Door, key: NewKey) -> Opened:
    wanted = listen(toolsListChanged=True)
    return stream(door, wanted, key=key.secret, **MODERN, mcp_method="subscriptions/listen")


WAYS: list[Callable[[Door, NewKey], Awaitable[Opened]]] = [of_a_session, subscribed]


async def listened_to(door: Door) -> Any:
    """The upstream's listener of the stream, once it is there. The end of the stream may take it away at any time."""
    async with asyncio.timeout(20):
        while not door.house.upstream.listeners:
            await door.post(request("ping"))
    return door.house.upstream.listeners[0][2]


async def rest(events: Events) -> list[dict[str, str]]:
    """What still comes, until the stream ends."""
    found: list[dict[str, str]] = []
    while one := await events.next():
        found.append(one)
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_a_stream_ends_with_the_key_that_is_revoked(
    door: Door, way: Callable[[Door, NewKey], Awaitable[Opened]]
) -> None:
    key = await door.made_key("operator")
    async with await way(door, key) as events:
        upstream = await listened_to(door)
        await door.house.write(lambda tx: people.revoke_key(tx, TENANT, door.house.clock, key.view.id))
        upstream.notify(LET_GO, {"secret": "news"})
        assert not any("news" in one["data"] for one in await rest(events))


@pytest.mark.parametrize("way", WAYS)
async def test_what_comes_after_a_key_has_expired_is_not_told(
    door: Door, way: Callable[[Door, NewKey], Awaitable[Opened]]
) -> None:
    key = await door.made_key("operator", life_s=86_400)
    async with await way(door, key) as events:
        upstream = await listened_to(door)
        door.house.clock.advance(seconds=2 * 86_400)
        upstream.notify(LET_GO, {"secret": "news"})
        assert not any("news" in one["data"] for one in await rest(events))


async def test_a_stream_that_is_told_nothing_has_its_key_looked_at(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "LOOK_S", 0.01)
    key = await door.made_key("operator", life_s=86_400)
    async with await of_a_session(door, key) as events:
        await listened_to(door)
        door.house.clock.advance(seconds=2 * 86_400)
        assert await events.next() == {}


async def test_an_answer_is_not_told_to_who_came_back_for_it_and_was_shut_out_meanwhile(door: Door) -> None:
    key = await door.made_key("operator")
    session = await a_session(door, key)
    upstream, let_go = door.house.upstream, asyncio.Event()

    async def hang_up(_call: Called) -> None:
        assert upstream.relay is not None
        upstream.relay.hang_up()
        await let_go.wait()

    upstream.during = hang_up
    async with stream(door, request("tools/call", **CALL), key=key.secret, mcp_session_id=session) as events:
        last = (await events.next())["id"]
        assert await events.next() == {}
    async with stream(door, key=key.secret, mcp_session_id=session, last_event_id=last) as events:
        await door.house.write(lambda tx: people.revoke_key(tx, TENANT, door.house.clock, key.view.id))
        let_go.set()
        assert await events.next() == {}


def scope(environment: str = "", *roles: str) -> Scope:
    return Scope("default", Actor("key:1", "user", "ada", frozenset(roles)), environment)


@pytest.mark.parametrize("now", [scope("dev"), scope("", "viewer"), Scope("other", scope().actor)])
async def test_one_that_is_good_for_something_else_now_does_not_hold(now: Scope, signals: Signals) -> None:
    found = scope()

    async def look() -> Scope:
        return found

    one = Standing(scope(), look, signals)
    assert await one.holds()
    found = now
    assert not await one.holds()
    async with asyncio.timeout(20):
        await one.lost()


@pytest.mark.parametrize("error", [SteadError("gone"), Unavailable("no database")])
async def test_what_cannot_be_known_does_not_hold(error: SteadError, signals: Signals) -> None:
    async def look() -> Scope:
        raise error

    assert not await Standing(scope(), look, signals).holds()
