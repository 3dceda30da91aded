"""Who gives way when there are as many sessions with tool servers as there may be."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from swarmstead.gateway.adapters.mcp_messages import SessionLost
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.adapters.upstream_line import Line
from swarmstead.gateway.adapters.upstream_room import giving_way
from swarmstead.gateway.adapters.upstreams import Upstreams
from swarmstead.gateway.contract import ServerRef, ToolServerSpec
from swarmstead.gateway.errors import NoSession, UpstreamFailed
from tests.fakes.everything import serving
from tests.fakes.mcp_upstreams import HERE, Clock, call, fake, structured
from tests.fakes.relays import FakeRelay

LIMITS = UpstreamLimits(max_sessions=6, max_sessions_per_tenant=4, max_sessions_per_identity=3)


class Held:
    """Stands for a session: all that is looked at is that there is one."""

    usable = True

    async def aclose(self) -> None:
        """Nothing to close."""


def line(tenant: str, identity: str = "key:1", *, calls: int = 0, listens: bool = False, used: float = 0.0) -> Line:
    """A line with a session."""
    spec = ToolServerSpec("http", url="http://127.0.0.1/mcp")
    made = Line(ServerRef("web", spec, lane=f"{identity}/1", identity=identity, tenant=tenant))
    made.session, made.calls, made.last_used = Held(), calls, used  # pyright: ignore[reportAttributeAccessIssue]
    if listens:
        made.listeners.append(FakeRelay())
    return made


def wanting(tenant: str, identity: str = "key:1", *, calls: int = 1) -> Line:
    """A line without one, for a call or, without calls, for one who listens."""
    made = Line(ServerRef("web", ToolServerSpec("http"), identity=identity, tenant=tenant))
    made.calls = calls
    return made


def test_while_there_is_room_nobody_gives_way() -> None:
    assert giving_way(wanting("a"), [line("a"), line("a", listens=True)], LIMITS) is None


def test_an_identity_at_its_share_gives_up_its_own_and_not_its_neighbours() -> None:
    own = [line("a", calls=1), line("a", listens=True, used=1), line("a", listens=True, used=2)]
    assert giving_way(wanting("a"), [line("a", "key:2"), *own], LIMITS) is own[1]
    for one in own:
        one.calls = 1
    with pytest.raises(NoSession) as refused:
        giving_way(wanting("a"), [line("a", "key:2"), *own], LIMITS)
    assert "STEAD_SERVER_SESSIONS_PER_IDENTITY" in refused.value.way_out
    assert (refused.value.status, refused.value.extra) == (429, {"retry_after_s": 5.0})


def test_a_tenant_at_its_share_takes_nothing_of_another_tenant() -> None:
    busy = [line("a", f"key:{n}", calls=1) for n in range(4)]
    with pytest.raises(NoSession, match="This tenant has 4 sessions") as refused:
        giving_way(wanting("a", "key:9"), [*busy, line("b"), line("c")], LIMITS)
    assert "STEAD_SERVER_SESSIONS_PER_TENANT" in refused.value.way_out


def test_what_is_idle_gives_way_before_what_listens_and_that_of_the_largest_first() -> None:
    of_two = [line("a", "key:2", used=5), line("a", "key:2", used=4)]
    held = [line("a", "key:3", used=1), line("a", "key:4", listens=True), *of_two]
    assert giving_way(wanting("a"), held, LIMITS) is of_two[1]


def test_who_has_many_that_listen_makes_room_for_who_has_few() -> None:
    many = [line("a", listens=True, used=n) for n in range(3)]
    lone = line("a", "key:2", listens=True)
    assert giving_way(wanting("a", "key:3"), [lone, *many], LIMITS) is many[0]
    with pytest.raises(NoSession):  # one that only listens pushes out nobody who listens
        giving_way(wanting("a", "key:3", calls=0), [lone, *many], LIMITS)


def test_where_the_process_is_full_its_own_tenant_gives_way_first_then_a_larger_one() -> None:
    of_a = [line("a", f"key:{n}", listens=True, used=n) for n in range(4)]
    own = line("b", listens=True, used=9)
    assert giving_way(wanting("b"), [*of_a, own, line("c", calls=1)], LIMITS) is own
    own.calls = 1
    assert giving_way(wanting("b"), [*of_a, own, line("c", calls=1)], LIMITS) is of_a[0]
    for one in of_a:
        one.calls = 1
    with pytest.raises(NoSession, match="All 6 sessions"):
        giving_way(wanting("b"), [*of_a, own, line("c", listens=True)], LIMITS)


@asynccontextmanager
async def opened(limits: UpstreamLimits, clock: Clock | None = None) -> AsyncGenerator[Upstreams]:
    upstreams = Upstreams(limits, egress=HERE, clock=clock or Clock())
    async with asyncio.timeout(60):
        yield upstreams
        await upstreams.aclose()


def of(server: ServerRef, tenant: str, identity: str = "key:1", lane: str = "1") -> ServerRef:
    return replace(server, tenant=tenant, identity=identity, lane=f"{identity}/{lane}", version=f"{tenant}/1")


async def test_one_tenants_calls_leave_another_tenants_sessions_alone() -> None:
    async with opened(UpstreamLimits(max_sessions=4, max_sessions_per_tenant=1)) as upstreams:
        theirs = await structured(upstreams, of(fake(), "b"), "echo")
        hanging = asyncio.create_task(call(upstreams, of(fake(), "a"), "hang"))
        await call(upstreams, of(fake(), "a"), "echo")
        with pytest.raises(NoSession):
            await call(upstreams, of(fake(), "a", lane="2"), "echo")
        assert (await structured(upstreams, of(fake(), "b"), "echo"))["pid"] == theirs["pid"]
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


class Listener:
    """A client that listens until it is stopped."""

    def __init__(self, upstreams: Upstreams, server: ServerRef) -> None:
        self.relay, self.ready = FakeRelay(), asyncio.Event()
        wanted: Mapping[str, Any] = {"toolsListChanged": True}
        self.task = asyncio.create_task(upstreams.listen(server, wanted, self.relay, self.ready.set))

    async def stop(self) -> None:
        """Go away."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.mark.parametrize("modern", [False, True])
async def test_who_only_listens_makes_room_for_a_call_and_is_heard_again_when_there_is_room(*, modern: bool) -> None:
    limits = UpstreamLimits(max_sessions=2, backoff_base_s=0.01, backoff_max_s=0.01)
    clock = Clock()
    async with serving() as url, opened(limits, clock) as upstreams:
        server = ServerRef("everything", ToolServerSpec("http", url=url), modern=modern)
        listeners = [Listener(upstreams, of(server, "a", lane=lane)) for lane in ("1", "2")]
        for one in listeners:
            await one.ready.wait()
            one.ready.clear()
        await call(upstreams, of(server, "b"), "test_simple_text")
        assert not any(one.task.done() for one in listeners)
        held = [state for tenant in "ab" for state in upstreams.sessions(tenant) if state.up]
        assert len(held) == 2
        clock.now += limits.idle_s
        assert await upstreams.reap_idle() == 1
        returned = [asyncio.create_task(one.ready.wait()) for one in listeners]
        done, _ = await asyncio.wait(returned, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        for task in returned:
            task.cancel()
        for one in listeners:
            await one.stop()


async def test_that_we_have_no_place_is_no_trouble_of_the_server() -> None:
    async with opened(UpstreamLimits(max_sessions=1)) as upstreams:
        hanging = asyncio.create_task(call(upstreams, of(fake(), "a"), "hang"))
        await call(upstreams, of(fake(), "a"), "echo")
        with pytest.raises(UpstreamFailed) as refused:
            await upstreams.list_tools(of(fake(), "b"))
        assert refused.type is NoSession
        assert [one.trouble for one in upstreams.sessions("b")] == [""]
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
    assert not issubclass(NoSession, SessionLost)
