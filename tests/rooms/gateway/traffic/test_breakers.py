"""What keeps failing is left alone: the tool that hangs, the server that is gone; and it comes back by itself."""

import asyncio
from typing import Any

import pytest

from swarmstead.gateway.errors import NoSession
from swarmstead.gateway.traffic.breaker import BreakerRules, State
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from tests.fakes.upstream import Called, text
from tests.rooms.gateway.traffic.stand import Opened, Stand

WIDE = Rate(0, 1)
LINE = {"line": "one"}


def limits(**more: Any) -> TrafficLimits:
    rules = BreakerRules(ratio=0.5, calls=4, window_s=30, rest_s=10, rest_max_s=120)
    return TrafficLimits(identity=WIDE, tenant=WIDE, attempts=1, breaker=rules, **more)


async def fail(stand: Stand, tool: str, times: int = 4) -> None:
    """So many calls that fail."""
    assert {(await stand.outside(tool)).verdict for _ in range(times)} <= {"failed", "unknown"}


def states(stand: Stand) -> tuple[State, dict[str, State]]:
    """Of the server, and of its tools."""
    shown = stand.traffic.of("acme")["kit"]
    return shown.breaker, {name: tool.breaker for name, tool in shown.tools.items()}


async def test_a_server_that_is_gone_rests_as_a_whole(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.refusing.add("read")
    await fail(stand, "read")
    sent = len(stand.upstream.calls)
    for tool in ("read", "look"):
        refused = await stand.outside(tool)
        assert (refused.verdict, refused.code, refused.retry_after_s) == ("denied", "upstream_resting", 10.0)
        assert "nothing was sent" in refused.reason
    assert (len(stand.upstream.calls), states(stand)[0]) == (sent, State.OPEN)
    assert stand.traffic.of("acme")["kit"].refused == {"upstream_resting": 2}


async def test_a_tool_that_gives_no_answer_rests_alone(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.losing["read"] = 99
    await fail(stand, "read")
    assert (await stand.outside("read")).code == "upstream_resting"
    assert [(await stand.outside("look")).verdict for _ in range(10)] == ["ok"] * 10
    assert states(stand) == (State.OPEN, {"read": State.OPEN, "look": State.CLOSED})


async def test_one_probe_closes_it_when_the_server_is_back(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.refusing.add("read")
    await fail(stand, "read")
    stand.ticks.advance(10)
    await fail(stand, "read", times=1)
    assert (await stand.outside("read")).retry_after_s == 20.0
    stand.ticks.advance(20)
    stand.upstream.refusing.clear()
    assert [(await stand.outside("read")).verdict for _ in range(5)] == ["ok"] * 5
    assert states(stand) == (State.CLOSED, {"read": State.CLOSED})


async def test_while_one_call_probes_others_are_refused(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.losing["read"] = 4
    await fail(stand, "read")
    stand.ticks.advance(10)
    held = stand.holding("read")
    probe = asyncio.create_task(stand.outside("read"))
    await held.came(1)
    assert {(await stand.outside("read")).code for _ in range(3)} == {"upstream_resting"}
    assert states(stand)[1] == {"read": State.PROBING}
    held.release()
    assert ((await probe).verdict, (await stand.outside("read")).verdict) == ("ok", "ok")


async def test_a_probe_whose_caller_goes_away_makes_room_for_another(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.losing["read"] = 4
    await fail(stand, "read")
    stand.ticks.advance(10)
    held = stand.holding("read")
    probe = asyncio.create_task(stand.outside("read"))
    await held.came(1)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    held.release()
    assert ((await stand.outside("read")).verdict, stand.is_idle()) == ("ok", True)


async def test_errors_of_a_tool_and_of_its_caller_are_no_failures(opened: Opened) -> None:
    """Else a client could switch a tool off for everybody, by calling it wrongly."""
    stand = await opened(limits())
    stand.upstream.answers["look"] = text("no such line", is_error=True)
    stand.upstream.rejecting.add("read")
    verdicts = {(await stand.outside(tool)).verdict for tool in ["look", "read"] * 20}
    assert (verdicts, states(stand)) == (
        {"tool_error", "failed"},
        (State.CLOSED, {"look": State.CLOSED, "read": State.CLOSED}),
    )


async def test_another_tenants_server_of_the_same_name_goes_on(opened: Opened) -> None:
    stand = await opened(limits())
    await stand.declare(tenant="evil")
    stand.upstream.losing["read"] = 4
    for _ in range(4):
        await stand.outside("read", tenant="evil")
    assert (await stand.outside("read", tenant="evil")).code == "upstream_resting"
    assert ((await stand.outside("read")).verdict, list(stand.traffic.of("acme"))) == ("ok", ["kit"])
    assert stand.traffic.of("acme")["kit"].refused == {}


async def test_a_refusal_spends_neither_a_plan_nor_a_row_of_intent(opened: Opened) -> None:
    stand = await opened(limits())
    request = stand.desk.request("append", LINE)
    asked = await stand.desk.approved(request)
    stand.upstream.refusing.add("read")
    await fail(stand, "read")
    again: dict[str, Any] = {"key": request.key, "plan_id": asked.id}
    assert (await stand.desk.call("append", LINE, **again)).code == "upstream_resting"
    assert "intent" not in [phase for phase, *_ in await stand.desk.trail()]
    stand.ticks.advance(10)
    assert (await stand.desk.call("append", LINE, **again)).verdict == "ok"
    assert stand.upstream.lines == ["one"]


@pytest.mark.parametrize("run", ["", "r_1"])
async def test_a_hanging_tool_is_cut_off_for_runs_and_for_outside_clients_alike(opened: Opened, run: str) -> None:
    stand = await opened(limits())
    stand.upstream.losing["read"] = 99
    call = stand.inside if run else stand.outside
    verdicts = [(await call("read")).code for _ in range(6)]
    assert verdicts == ["outcome_unknown"] * 4 + ["upstream_resting"] * 2


async def test_that_we_have_no_place_for_a_session_is_nothing_against_the_server(opened: Opened) -> None:
    stand = await opened(limits())

    async def full(called: Called) -> None:
        assert called.tool == "read"
        raise NoSession("No place.", way_out="Wait.", extra={"retry_after_s": 5.0})

    stand.upstream.during = full
    outcomes = [await stand.outside("read") for _ in range(8)]
    assert {(one.verdict, one.code, one.retry_after_s) for one in outcomes} == {("denied", "too_many_sessions", 5.0)}
    assert states(stand) == (State.CLOSED, {"read": State.CLOSED})
    assert len(stand.upstream.calls) == 8  # and none was sent twice
