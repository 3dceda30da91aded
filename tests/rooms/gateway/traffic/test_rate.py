"""How often: who comes from outside is told when to come back, who is inside a run waits, and nobody else notices."""

import asyncio

import pytest

from swarmstead.gateway.contract import CallOutcome
from swarmstead.gateway.traffic.limits import Rate, TrafficLimits
from swarmstead.gateway.traffic.refusal import in_words
from tests.rooms.gateway.traffic.stand import PATIENCE_S, Opened

WIDE = Rate(0, 1)


async def test_an_outside_client_gets_its_burst_and_then_its_rate(opened: Opened) -> None:
    stand = await opened(TrafficLimits())
    outcomes = [await stand.outside() for _ in range(12)]
    assert [one.verdict for one in outcomes] == ["ok"] * 10 + ["denied"] * 2
    refused = outcomes[-1]
    assert (refused.code, refused.retry_after_s) == ("rate_exceeded", 0.2)
    assert refused.reason.endswith("Allowed are 5/s for this caller, 10 at once.")
    assert "Try again in 0.2 s" in refused.way_out
    assert "STEAD_RATE_PER_IDENTITY" in refused.way_out
    assert "STEAD_RATE_PER_TENANT" not in refused.way_out
    stand.ticks.advance(0.2)
    assert (await stand.outside()).verdict == "ok"
    assert (await stand.desk.trail())[-2:] == [("effect", "kit/read", "denied"), ("effect", "kit/read", "ok")]
    assert stand.traffic.of("acme")["kit"].refused == {"rate_exceeded": 2}


async def test_identities_have_their_own_bucket_and_share_their_tenants(opened: Opened) -> None:
    stand = await opened(TrafficLimits(identity=Rate(1, 2), tenant=Rate(1, 5)))
    verdicts = [(await stand.outside(who=who)).verdict for who in ("ann", "ann", "ann", "bob", "bob", "cid", "dan")]
    assert verdicts == ["ok", "ok", "denied", "ok", "ok", "ok", "denied"]


async def test_another_tenant_is_not_slowed_down(opened: Opened) -> None:
    stand = await opened(TrafficLimits(tenant=Rate(1, 3)))
    await stand.declare(tenant="evil")
    assert [(await stand.outside(tenant="evil")).verdict for _ in range(5)] == ["ok"] * 3 + ["denied"] * 2
    assert (await stand.outside()).verdict == "ok"


async def test_invented_identities_cannot_pass_the_tenants_rate(opened: Opened) -> None:
    stand = await opened(TrafficLimits())
    outcomes = [await stand.outside(who=f"invented{number}") for number in range(130)]
    assert sum(one.verdict == "ok" for one in outcomes) == 100
    refused = outcomes[-1]
    assert refused.reason.endswith("Allowed are 50/s for this tenant, 100 at once.")
    assert "STEAD_RATE_PER_TENANT" in refused.way_out
    assert "STEAD_RATE_PER_IDENTITY" not in refused.way_out


async def test_where_both_are_empty_both_are_named(opened: Opened) -> None:
    stand = await opened(TrafficLimits(identity=Rate(1, 2), tenant=Rate(3, 2)))
    refused = [await stand.outside() for _ in range(3)][-1]
    assert refused.reason.endswith("3/s for this tenant, 2 at once, and 1/s for this caller, 2 at once.")


@pytest.mark.parametrize(
    ("rates", "calls"),
    [({}, 2), ({"role:operator": Rate(1, 4)}, 4), ({"role:admin": Rate(1, 4)}, 2), ({"tenant:acme": Rate(1, 1)}, 1)],
)
async def test_roles_and_tenants_may_have_rates_of_their_own(
    opened: Opened, rates: dict[str, Rate], calls: int
) -> None:
    stand = await opened(TrafficLimits(identity=Rate(1, 2), rates=rates))
    assert sum([(await stand.outside()).verdict == "ok" for _ in range(6)]) == calls


async def test_of_several_roles_the_best_rate_holds() -> None:
    limits = TrafficLimits(rates={"role:a": Rate(1, 1), "role:b": Rate(7, 7), "role:free": WIDE})
    assert limits.of_identity(frozenset({"a", "b"})) == Rate(7, 7)
    assert limits.of_identity(frozenset({"a", "free"})).per_s == 0
    assert limits.of_identity(frozenset()) == Rate(5, 10)


async def test_zero_means_no_limit(opened: Opened) -> None:
    stand = await opened(TrafficLimits(identity=WIDE, tenant=WIDE))
    assert {(await stand.outside()).verdict for _ in range(50)} == {"ok"}


async def test_a_tool_may_have_a_rate_for_everybody_together(opened: Opened) -> None:
    stand = await opened(TrafficLimits())
    await stand.declare("rate_per_s: 1, burst: 3")
    assert [(await stand.outside(who=f"k{n}")).verdict for n in range(4)] == ["ok"] * 3 + ["denied"]
    refused = await stand.outside(who="another")
    assert refused.reason.endswith("Allowed are 1/s for this tool, 3 at once.")
    assert "spec.limits.rate_per_s and burst of its ToolServer" in refused.way_out
    assert "STEAD_RATE" not in refused.way_out
    assert (await stand.outside("look", who="another")).verdict == "ok"


async def test_inside_a_run_calls_wait_for_their_turn(opened: Opened) -> None:
    stand = await opened(TrafficLimits(identity=Rate(1, 1)))
    calls = [asyncio.create_task(stand.inside()) for _ in range(4)]
    async with asyncio.timeout(PATIENCE_S):
        for done in range(1, 4):
            await stand.ticks.asleep(1)
            assert stand.upstream.called("read") <= done
            stand.ticks.advance(1)
        assert [one.verdict for one in await asyncio.gather(*calls)] == ["ok"] * 4


async def test_a_run_is_not_kept_waiting_for_longer_than_a_call_may_take(opened: Opened) -> None:
    stand = await opened(TrafficLimits(identity=Rate(0.1, 1)))
    assert (await stand.inside()).verdict == "ok"
    refused = await stand.inside()
    assert (refused.code, refused.retry_after_s, stand.ticks.slept) == ("rate_exceeded", 10.0, [])


async def test_agents_of_a_run_do_not_wait_for_each_other(opened: Opened) -> None:
    """Twelve agents that come at once, as in the bench: nobody is refused, nobody waits."""
    stand = await opened(TrafficLimits())
    calls = [stand.inside(who=f"a_{number % 12}") for number in range(60)]
    outcomes: list[CallOutcome] = await asyncio.gather(*calls)
    assert ({one.verdict for one in outcomes}, stand.ticks.slept) == ({"ok"}, [])


async def test_who_stops_waiting_takes_no_token_and_leaves_nothing_behind(opened: Opened) -> None:
    stand = await opened(TrafficLimits(identity=Rate(1, 1)))
    assert (await stand.inside()).verdict == "ok"
    tasks = asyncio.all_tasks()
    waiting = [asyncio.create_task(stand.inside()) for _ in range(5)]
    async with asyncio.timeout(PATIENCE_S):
        await stand.ticks.asleep(1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert asyncio.all_tasks() == tasks
    stand.ticks.advance(1)
    assert ((await stand.inside()).verdict, stand.is_idle()) == ("ok", True)


async def test_questions_count_as_calls(opened: Opened) -> None:
    """Whoever may ask could fill the inbox otherwise, and with each question the tool's dry run is called."""
    stand = await opened(TrafficLimits(identity=Rate(1, 3)))
    answers = [await stand.answer("append") for _ in range(20)]
    refused = [one for one in answers if isinstance(one, CallOutcome)]
    assert (len(refused), {one.code for one in refused}) == (17, {"rate_exceeded"})
    assert (len(await stand.desk.asked()), stand.upstream.called("look")) == (3, 3)


@pytest.mark.parametrize(("wait", "words"), [(0.0, "0.1 s"), (0.04, "0.1 s"), (0.11, "0.2 s"), (2.0, "2.0 s")])
def test_whoever_waits_as_long_as_is_said_does_not_come_too_early(wait: float, words: str) -> None:
    assert in_words(wait) == words
