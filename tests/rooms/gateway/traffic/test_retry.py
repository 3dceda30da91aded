"""Once more, where that is safe; never where something may happen twice, and never so often that it does harm."""

from typing import Any

import pytest

from swarmstead.gateway.traffic.breaker import BreakerRules
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from tests.rooms.gateway.traffic.stand import Opened, Stand

WIDE = Rate(0, 1)
LINE = {"line": "one"}


def limits(**more: Any) -> TrafficLimits:
    never = BreakerRules(calls=10_000)
    return TrafficLimits(identity=WIDE, tenant=WIDE, breaker=never, **more)


async def approved(stand: Stand, tool: str, arguments: dict[str, str]) -> Any:
    """The outcome of a call inside a run that a person has approved."""
    request = stand.desk.request(tool, arguments)
    asked = await stand.desk.approved(request)
    return await stand.desk.call(tool, arguments, key=request.key, plan_id=asked.id)


async def test_what_did_not_start_is_sent_again_under_the_same_key(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.flaky["read"] = 2
    assert (await stand.outside("read")).verdict == "ok"
    assert (len(stand.upstream.calls), len({call.key for call in stand.upstream.calls})) == (3, 1)
    assert [phase for phase, *_ in await stand.desk.trail()] == ["effect"]


async def test_a_side_effect_that_did_not_start_is_sent_again(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.flaky["append"] = 2
    outcome = await approved(stand, "append", LINE)
    assert (outcome.verdict, stand.upstream.lines) == ("ok", ["one"])
    assert [phase for phase, *_ in await stand.desk.trail()] == ["intent", "attempt", "effect"]


async def test_a_side_effect_that_may_have_happened_never_is(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.losing["append"] = 1
    outcome = await approved(stand, "append", LINE)
    assert (outcome.verdict, stand.upstream.lines, stand.upstream.called("append")) == ("unknown", ["one"], 1)


@pytest.mark.parametrize(("where", "verdict", "calls"), [("outside", "ok", 2), ("inside", "unknown", 1)])
async def test_an_unknown_outcome_of_a_read_is_tried_again_outside_of_runs(
    opened: Opened, where: str, verdict: str, calls: int
) -> None:
    """Inside, the run does it, and counts: two that try again would try nine times."""
    stand = await opened(limits())
    stand.upstream.losing["read"] = 1
    outcome = await getattr(stand, where)("read")
    assert (outcome.verdict, stand.upstream.called("read")) == (verdict, calls)


async def test_what_died_of_a_call_is_not_said_not_to_have_taken_it(opened: Opened) -> None:
    """The last try found the server resting; the first one reached it."""
    stand = await opened(limits())
    stand.upstream.losing["read"] = 1

    async def resting(_: Any) -> None:
        if stand.upstream.losing["read"] == 0:
            stand.upstream.refusing.add("read")

    stand.upstream.during = resting
    outcome = await stand.outside("read")
    assert (outcome.verdict, stand.upstream.called("read")) == ("unknown", 3)
    assert "no usable answer came" in outcome.reason


@pytest.mark.parametrize(
    ("tool", "arguments", "way_out"),
    [
        ("read", {"name": "x"}, "Simply try again: it only reads."),
        ("put", {"name": "x"}, "Simply try again: twice is the same as once."),
        ("append", LINE, "Check."),
    ],
)
async def test_who_hears_of_an_unknown_outcome_is_told_what_to_do_about_it(
    opened: Opened, tool: str, arguments: dict[str, Any], way_out: str
) -> None:
    stand = await opened(limits(attempts=1))
    stand.upstream.losing[tool] = 1
    outcome = await (stand.outside(tool) if tool == "read" else approved(stand, tool, arguments))
    assert (outcome.verdict, outcome.way_out) == ("unknown", way_out)


async def test_what_the_server_does_not_take_is_not_offered_again(opened: Opened) -> None:
    stand = await opened(limits())
    stand.upstream.rejecting.add("read")
    outcome = await stand.outside("read")
    assert (outcome.verdict, outcome.code, stand.upstream.called("read")) == ("failed", "upstream_failed", 1)


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_attempts_are_bounded(opened: Opened, attempts: int) -> None:
    stand = await opened(limits(attempts=attempts))
    stand.upstream.refusing.add("read")
    assert (await stand.outside("read")).verdict == "failed"
    assert stand.upstream.called("read") == attempts


async def test_all_attempts_share_the_time_of_one_call(opened: Opened) -> None:
    stand = await opened(limits(attempts=5))
    stand.upstream.refusing.add("read")

    async def slow(_: Any) -> None:
        stand.ticks.advance(2)

    stand.upstream.during = slow
    assert (await stand.outside("read")).verdict == "failed"
    assert [call.timeout_s for call in stand.upstream.calls] == [5, 3, 1]


async def test_the_time_of_a_call_is_the_servers_where_its_spec_says_so(opened: Opened) -> None:
    stand = await opened(limits())
    await stand.declare("timeout_s: 77")
    await stand.outside("read")
    assert [call.timeout_s for call in stand.upstream.calls] == [77]


async def test_a_storm_of_failures_is_not_multiplied(opened: Opened) -> None:
    stand = await opened(limits(attempts=5, retry_share=0.1))
    stand.upstream.refusing.add("read")
    for _ in range(200):
        await stand.outside("read")
    retries = stand.upstream.called("read") - 200
    assert 20 <= retries <= 10 + 20
