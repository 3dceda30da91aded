"""How many at a time: what hangs keeps its own slots and nobody else's, and a slot comes back however a call ends."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.chain import Call
from swarmstead.gateway.contract import CallOutcome
from swarmstead.gateway.errors import Overloaded
from swarmstead.gateway.links.load import Load
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.state import Traffic
from tests.fakes.upstream import text
from tests.rooms.gateway.traffic.stand import PATIENCE_S, Opened, Stand, bare_call, until

WIDE = Rate(0, 1)


def limits(**more: Any) -> TrafficLimits:
    return TrafficLimits(identity=WIDE, tenant=WIDE, attempts=1, **more)


def queued(stand: Stand, count: int) -> bool:
    return stand.traffic.totals().queued == count


async def test_at_the_cap_an_outside_call_fails_at_once(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=2))
    held = stand.holding("read")
    calls = [asyncio.create_task(stand.outside()) for _ in range(2)]
    await held.came(2)
    refused = await stand.outside()
    assert (refused.verdict, refused.code, refused.retry_after_s) == ("denied", "overloaded", 1.0)
    assert "2 calls of 'read' are under way" in refused.reason
    assert (await stand.outside("look")).verdict == "ok"
    held.release()
    assert [one.verdict for one in await asyncio.gather(*calls)] == ["ok", "ok"]
    assert ((await stand.outside()).verdict, stand.is_idle()) == ("ok", True)


async def test_the_spec_of_a_server_wins(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=9))
    await stand.declare("concurrency: 1")
    held = stand.holding("read")
    call = asyncio.create_task(stand.outside())
    await held.came(1)
    assert (await stand.outside()).code == "overloaded"
    held.release()
    await call


async def test_with_a_queue_a_call_waits_for_room(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1, overload="queue", queue=2))
    held = stand.holding("read")
    calls = [asyncio.create_task(stand.outside()) for _ in range(3)]
    await held.came(1)
    await until(lambda: queued(stand, 2))
    shown = stand.traffic.of("acme")["kit"]
    assert (shown.in_flight, shown.queued, shown.tools["read"].queued) == (1, 2, 2)
    full = await stand.outside()
    assert (full.code, "2 more wait" in full.reason) == ("overloaded", True)
    held.release()
    assert ([one.verdict for one in await asyncio.gather(*calls)], stand.is_idle()) == (["ok"] * 3, True)


async def test_a_wait_has_an_end(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1, overload="queue", queue_wait_s=0.01))
    held = stand.holding("read")
    call = asyncio.create_task(stand.outside())
    await held.came(1)
    refused = await stand.outside()
    assert (refused.code, "none ended within 0.01 s" in refused.reason) == ("overloaded", True)
    assert stand.traffic.totals().queued == 0
    held.release()
    assert ((await call).verdict, stand.is_idle()) == ("ok", True)


async def test_inside_a_run_a_call_waits_whatever_the_policy(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1, overload="fail-fast"))
    held = stand.holding("read")
    calls = [asyncio.create_task(stand.inside(who=f"a_{number}")) for number in range(12)]
    await held.came(1)
    await until(lambda: queued(stand, 11))
    held.release()
    assert ({one.verdict for one in await asyncio.gather(*calls)}, stand.is_idle()) == ({"ok"}, True)


async def test_a_tool_that_hangs_does_not_keep_others_from_being_called(opened: Opened) -> None:
    """Its calls fill its own gate; what waits before that holds none of the tenant's slots."""
    stand = await opened(limits(tool_concurrency=3, tenant_concurrency=4))
    await stand.declare(tenant="evil")
    held = stand.holding("read")
    hanging = [asyncio.create_task(stand.inside(who=f"a_{number}")) for number in range(30)]
    await held.came(3)
    await until(lambda: queued(stand, 27))
    assert [(await stand.outside("look")).verdict for _ in range(5)] == ["ok"] * 5
    assert (await stand.outside("look", tenant="evil")).verdict == "ok"
    held.release()
    await asyncio.gather(*hanging)
    assert stand.is_idle()


async def test_a_tenant_that_is_full_does_not_touch_another(opened: Opened) -> None:
    stand = await opened(limits(tenant_concurrency=2))
    await stand.declare(tenant="evil")
    held = stand.holding("read")
    calls = [asyncio.create_task(stand.outside(tenant="evil")) for _ in range(2)]
    await held.came(2)
    refused = await stand.outside("look", tenant="evil")
    assert (refused.code, "2 calls of this tenant" in refused.reason) == ("overloaded", True)
    assert (await stand.outside("look")).verdict == "ok"
    held.release()
    await asyncio.gather(*calls)
    assert stand.is_idle()


async def test_slots_go_round_between_identities(opened: Opened) -> None:
    stand = await opened(limits(tool_concurrency=1))
    held = stand.holding("read")
    order: list[str] = []

    async def call(who: str) -> None:
        await stand.inside(who=who)
        order.append(who)

    tasks = [asyncio.create_task(call("first"))]
    await held.came(1)
    for who in ["greedy"] * 4 + ["modest"]:
        tasks.append(asyncio.create_task(call(who)))
        waiting = len(tasks) - 1
        await until(lambda waiting=waiting: queued(stand, waiting))
    held.release()
    await asyncio.gather(*tasks)
    assert order.index("modest") == 2


async def test_shedding_refuses_the_heavy_first(opened: Opened) -> None:
    stand = await opened(limits(tenant_concurrency=8, overload="shed"))
    await stand.declare("cost: {read: 1, look: 60}")
    held = stand.holding("read")
    calls: list[asyncio.Task[CallOutcome]] = []

    async def fill(count: int) -> None:
        calls.extend(asyncio.create_task(stand.outside()) for _ in range(count - len(calls)))
        await held.came(count)

    await fill(4)
    assert (await stand.outside("look")).verdict == "ok"
    await fill(6)  # half of what is left over half: 50 is the heaviest now
    refused = await stand.outside("look")
    assert (refused.code, "a heavy call (60)" in refused.reason, refused.retry_after_s) == ("shed", True, 1.0)
    await fill(8)
    light = asyncio.create_task(stand.outside())
    await until(lambda: queued(stand, 1))
    held.release()
    assert {one.verdict for one in await asyncio.gather(light, *calls)} == {"ok"}
    assert stand.is_idle()


@pytest.mark.parametrize("where", ["queue", "upstream"])
async def test_who_goes_away_gives_up_his_slot(opened: Opened, where: str) -> None:
    stand = await opened(limits(tool_concurrency=1, overload="queue", queue_wait_s=60))
    held = stand.holding("read")
    first = asyncio.create_task(stand.outside())
    await held.came(1)
    tasks = asyncio.all_tasks()
    second = asyncio.create_task(stand.outside())
    await until(lambda: queued(stand, 1))
    gone, stays = (second, first) if where == "queue" else (first, second)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert stand.traffic.totals().queued == 0
    held.release()
    assert (await stays).verdict == "ok"
    await stand.desk.gateway.written()
    assert (asyncio.all_tasks() - {second} <= tasks, stand.is_idle()) == (True, True)


@pytest.mark.parametrize("ending", ["refusing", "losing", "rejecting", "tool error"])
async def test_a_slot_comes_back_however_the_call_ends(opened: Opened, ending: str) -> None:
    stand = await opened(limits(tool_concurrency=1, tenant_concurrency=1))
    match ending:
        case "losing":
            stand.upstream.losing["read"] = 1
        case "tool error":
            stand.upstream.answers["read"] = text("no such name", is_error=True)
        case _:
            getattr(stand.upstream, ending).add("read")
    assert (await stand.outside()).verdict != "ok"
    assert (stand.is_idle(), (await stand.outside("look")).verdict) == (True, "ok")


class Storm:
    """The link alone, before calls that each wait to be released."""

    def __init__(self, cap: int) -> None:
        self.traffic = Traffic(limits(tool_concurrency=cap, tenant_concurrency=cap + 1))
        self.load = Load(self.traffic, PATIENCE_S)
        self.released = [asyncio.Event() for _ in range(12)]
        self.inside = 0

    async def call(self, number: int) -> None:
        """One call."""

        async def proceed(_: Call) -> CallOutcome:
            self.inside += 1
            try:
                await self.released[number].wait()
            finally:
                self.inside -= 1
            return CallOutcome("ok")

        await self.load(bare_call(f"who{number % 3}", run="r_1"), proceed)


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=30))
def test_no_slot_is_lost_whoever_is_cut_off_when(cap: int, steps: list[tuple[int, bool]]) -> None:
    async def run() -> None:
        storm = Storm(cap)
        tasks = [asyncio.create_task(storm.call(number)) for number in range(12)]
        for number, cut in steps:
            await asyncio.sleep(0)
            assert storm.inside <= cap
            if cut:
                tasks[number].cancel()
            else:
                storm.released[number].set()
        for event in storm.released:
            event.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        totals = storm.traffic.totals()
        assert (storm.inside, totals.in_flight, totals.queued) == (0, 0, 0)
        slots = [await storm.load.enter(bare_call("who")) for _ in range(cap)]
        with pytest.raises(Overloaded):
            await storm.load.enter(bare_call("who"))
        for pair in slots:
            storm.load.leave(pair)

    asyncio.run(run())
