"""An expensive tool is called three times in a run, whatever dies in between; on SQLite and on Postgres."""

import asyncio
from pathlib import Path

import pytest_asyncio

from swarmstead.gateway.contract import CallOutcome
from swarmstead.gateway.traffic.limits import TrafficLimits
from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from tests.clocks import MovableClock
from tests.fakes.upstream import text
from tests.rooms.gateway.traffic.stand import Stand, make

LINE = {"line": "one"}


@pytest_asyncio.fixture
async def stand(database: Database, clock: MovableClock, signals: Signals, tmp_path: Path) -> Stand:
    """A stand whose `read` and `append` are expensive; on SQLite and on Postgres."""
    made = make(database, clock, signals, tmp_path, TrafficLimits())
    await made.declare("expensive: [read, append]")
    return made


async def test_the_fourth_call_is_refused_and_says_what_to_do(stand: Stand) -> None:
    outcomes = [await stand.inside("read") for _ in range(5)]
    assert [one.verdict for one in outcomes] == ["ok"] * 3 + ["denied"] * 2
    assert (outcomes[3].code, "called it 3 times" in outcomes[3].reason) == ("expensive_spent", True)
    assert "expensive_per_run" in outcomes[3].way_out
    assert stand.upstream.called("read") == 3
    assert stand.traffic.of("acme")["kit"].refused == {"expensive_spent": 2}


async def test_each_run_and_each_tool_has_a_count_of_its_own(stand: Stand) -> None:
    for run in ("r_1", "r_2"):
        assert [(await stand.inside("read", run=run)).verdict for _ in range(3)] == ["ok"] * 3
    assert [(await stand.outside("read")).verdict for _ in range(5)] == ["ok"] * 5


async def test_calls_that_end_badly_count(stand: Stand) -> None:
    stand.upstream.answers["read"] = text("too large", is_error=True)
    assert [(await stand.inside("read")).verdict for _ in range(4)] == ["tool_error"] * 3 + ["denied"]


async def test_a_repeat_after_a_crash_has_its_number_and_the_count_survives(
    stand: Stand, database: Database, clock: MovableClock, signals: Signals, tmp_path: Path
) -> None:
    for _ in range(3):
        assert (await stand.inside("read", key="a_1/1/0")).verdict == "ok"
    assert (await stand.inside("read", key="a_1/1/1")).verdict == "ok"
    reborn = make(database, clock, signals, tmp_path, TrafficLimits())
    assert (await reborn.inside("read", key="a_1/1/1", repeat=True)).verdict == "ok"
    assert (await reborn.inside("read", key="a_1/1/2")).verdict == "ok"
    assert (await reborn.inside("read", key="a_1/1/3")).code == "expensive_spent"
    assert (await reborn.inside("read", key="a_1/1/2", repeat=True)).verdict == "ok"


async def test_calls_that_race_do_not_pass_the_limit(stand: Stand) -> None:
    outcomes = await asyncio.gather(*(stand.inside("read", who=f"a_{number}") for number in range(20)))
    assert sorted(one.verdict for one in outcomes) == ["denied"] * 17 + ["ok"] * 3
    assert stand.upstream.called("read") == 3


async def test_nobody_is_asked_about_a_call_that_would_be_refused(stand: Stand) -> None:
    for _ in range(3):
        request = stand.desk.request("append", LINE)
        asked = await stand.desk.approved(request)
        assert (await stand.desk.call("append", LINE, key=request.key, plan_id=asked.id)).verdict == "ok"
    answer = await stand.desk.gateway.call(stand.desk.request("append", LINE))
    assert isinstance(answer, CallOutcome)
    assert (answer.code, len(await stand.desk.asked())) == ("expensive_spent", 3)


async def test_a_plan_that_was_approved_too_late_is_not_spent(stand: Stand) -> None:
    requests = [stand.desk.request("append", LINE) for _ in range(4)]
    plans = [await stand.desk.approved(request) for request in requests]
    verdicts = [
        (await stand.desk.call("append", LINE, key=request.key, plan_id=plan.id)).verdict
        for request, plan in zip(requests, plans, strict=True)
    ]
    assert (verdicts, stand.upstream.lines) == (["ok"] * 3 + ["denied"], ["one"] * 3)
    assert len([one for one in await stand.desk.trail() if one[0] == "intent"]) == 3


async def test_another_tenants_run_of_the_same_name_is_another_run(stand: Stand) -> None:
    await stand.declare("expensive: [read]", tenant="evil")
    for tenant in ("evil", "acme"):
        assert [(await stand.inside("read", tenant=tenant)).verdict for _ in range(4)] == ["ok"] * 3 + ["denied"]


async def test_a_limit_of_none_at_all(stand: Stand) -> None:
    await stand.declare("expensive: [read], expensive_per_run: 0")
    assert ((await stand.inside("read")).code, stand.upstream.called("read")) == ("expensive_spent", 0)
