"""What a run may use: money, turns, agents. Each limit ends it with a code and a way out, and none is ever passed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.budgets import handlers as ledger
from swarmstead.budgets.contract import Account, Charged
from swarmstead.budgets.errors import BudgetReached
from swarmstead.budgets.tables import budget_accounts, budget_leases
from swarmstead.kernel.scope import system_scope
from swarmstead.models.contract import BeforeRetry, ModelReply, ToolCall, Usage
from swarmstead.models.errors import ModelFailed, told
from swarmstead.runs.errors import PlanIncomplete
from swarmstead.runs.traces import TurnSpans
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import agent, call, delegate, manifests, model, swarm

COSTLY = {"input_per_million_usd": "0", "output_per_million_usd": "1"}


async def accounts(house: House) -> dict[str, Any]:
    """All budget accounts, by what they bound."""
    rows = await house.db.read(lambda conn: conn.execute(sa.select(budget_accounts)).all())
    return {row.key.partition("/")[0]: row for row in rows}


async def spent_by_agents(house: House, run: str) -> int:
    return sum(row["spent_micros"] for row in (await house.agents(run)).values())


async def test_a_run_that_cannot_afford_its_first_question_fails_before_it_is_asked(house: House) -> None:
    script = {"boss": ["done"]}
    limits = {"budget_usd": "0.000999"}  # a reply of 1,000 tokens may cost a thousandth of a dollar
    await house.declare(manifests(script, swarm(limits=limits), model(script, price=COSTLY, max_output_tokens=1000)))
    row = await house.status(await house.launch(), "succeeded", "failed")
    assert (row["status"], row["error"]["code"], row["result"]) == ("failed", "budget_reached", None)
    assert row["error"]["way_out"]
    assert "run budget of" in row["error"]["message"]


async def test_money_that_is_spent_runs_out(house: House) -> None:
    script = {"boss": [call("read", name=f"{'x' * 200}{turn}") for turn in range(20)] + ["done"]}
    limits = {"budget_usd": "0.0013"}
    await house.declare(manifests(script, swarm(limits=limits), model(script, price=COSTLY, max_output_tokens=1000)))
    run = await house.launch()
    row = await house.status(run, "succeeded", "failed")
    account = (await accounts(house))["run"]
    assert (row["status"], row["error"]["code"]) == ("failed", "budget_reached")
    assert 300 < account.spent <= account.cap == 1300
    assert (account.reserved, account.spent) == (0, await spent_by_agents(house, run))


async def test_racing_members_never_pass_the_cap(any_house: House) -> None:
    """Twelve members ask at once, and there is room for the estimates of two; nobody fails for want of patience."""
    names = [f"m{number}" for number in range(12)]
    script = {"boss": [[delegate(name) for name in names], "done"]} | {name: ["done"] for name in names}
    limits = {"budget_usd": "0.0025", "wall_clock_s": 600}
    instead = [
        swarm(members=names, limits=limits),
        model(script, price=COSTLY, max_output_tokens=1000),
        *(agent(name) for name in names),
    ]
    await any_house.declare(manifests(script, *instead))
    run = await any_house.launch()
    row = await any_house.status(run, "succeeded", "failed")
    account = (await accounts(any_house))["run"]
    assert (row["status"], row["error"]) == ("succeeded", None)
    assert (account.reserved, account.spent <= account.cap) == (0, True)
    assert {agent["status"] for agent in (await any_house.agents(run)).values()} == {"succeeded"}


async def test_what_a_run_spends_is_booked_on_every_account(house: House) -> None:
    run = await house.launch({"boss": [delegate("ann"), "done"], "ann": ["a word"]})
    await house.status(run, "succeeded")
    found = await accounts(house)
    spent = await spent_by_agents(house, run)
    assert spent > 0
    assert {name: (row.spent, row.reserved) for name, row in found.items()} == {
        "run": (spent, 0),
        "user": (spent, 0),
        "tenant": (spent, 0),
    }


async def test_a_question_lost_in_a_crash_is_charged_and_its_reservation_ends(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = house.models.request
    reached: list[Any] = []

    async def lost(*_: Any) -> Any:
        reached.append(house.engine.task((await house.agents(run))["boss"]["id"]))
        reached[-1].cancel()
        return await ask(*_)

    house.engine.stalled = True
    run = await house.launch({"boss": ["done"]})
    monkeypatch.setattr(house.models, "request", lost)
    house.engine.stalled = False
    await house.resume()
    await house.event(run, "turn.started")
    await house.engine.crash()
    monkeypatch.setattr(house.models, "request", ask)
    await house.resume()
    await house.status(run, "succeeded")
    account = (await accounts(house))["run"]
    step = (await house.steps(run))["boss/1/model"]
    assert (account.reserved, account.spent) == (0, await spent_by_agents(house, run))
    assert (step["attempts"], account.spent > step["spent_micros"] > 0) == (2, True)
    assert "A question before it was lost with its server and is charged $" in step["summary"]


# What is billed although no reply came -------------------------------------------------------------------------------


Request = Callable[[Any, Any, Any, BeforeRetry], Awaitable[ModelReply]]
ANSWERED = ModelReply("done", (), Usage(20, 900), "stop", "m", attempts=2)


async def asked_by(house: House, monkeypatch: pytest.MonkeyPatch, request: Request, budget: str = "1.00") -> str:
    """A run whose only question costs a thousandth of a dollar at most, and is answered by `request`."""
    monkeypatch.setattr(house.models, "request", request)
    script = {"boss": ["done"]}
    limits = {"budget_usd": budget}
    await house.declare(manifests(script, swarm(limits=limits), model(script, price=COSTLY, max_output_tokens=1000)))
    return await house.launch()


async def assert_booked(house: House, run: str, spent: int) -> None:
    """Every account, and the run itself, say that this much was spent, and nothing is held any more."""
    found = await accounts(house)
    assert {name: (row.spent + row.overrun, row.reserved) for name, row in found.items()} == {
        "run": (spent, 0),
        "user": (spent, 0),
        "tenant": (spent, 0),
    }
    assert await spent_by_agents(house, run) == spent


async def test_a_call_that_failed_costs_what_its_attempts_used(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> ModelReply:
        raise ModelFailed("It broke off.", extra=told(1, Usage(20, 300)))

    run = await asked_by(house, monkeypatch, broken)
    assert (await house.status(run, "succeeded", "failed"))["error"]["code"] == "model_failed"
    await assert_booked(house, run, 300)
    step = (await house.steps(run))["boss/1/model"]
    assert (step["spent_micros"], step["input_tokens"], step["output_tokens"]) == (300, 20, 300)
    assert [event.data["spent_micros"] for event in await house.events(run) if event.kind == "model.called"] == [300]


async def test_another_attempt_stands_on_a_reservation_of_its_own(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    async def twice(_spec: Any, _request: Any, _on_delta: Any, before_retry: BeforeRetry) -> ModelReply:
        await before_retry(Usage(10, 400))
        held.append((await accounts(any_house))["run"].reserved)
        return ANSWERED

    run = await asked_by(any_house, monkeypatch, twice)
    assert (await any_house.status(run, "succeeded", "failed"))["result"] == "done"
    assert held == [1000]
    await assert_booked(any_house, run, 900)
    step = (await any_house.steps(run))["boss/1/model"]
    assert (step["attempts"], step["spent_micros"], step["output_tokens"]) == (2, 900, 900)


async def test_another_attempt_that_the_budget_does_not_cover_is_not_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def twice(_spec: Any, _request: Any, _on_delta: Any, before_retry: BeforeRetry) -> ModelReply:
        try:
            await before_retry(Usage(10, 400))
        except BudgetReached as error:
            error.extra |= told(1, Usage(10, 400))
            raise
        sent.append("again")
        return ANSWERED

    run = await asked_by(house, monkeypatch, twice, "0.001399")
    row = await house.status(run, "succeeded", "failed")
    assert (row["error"]["code"], sent) == ("budget_reached", [])
    await assert_booked(house, run, 400)


async def test_a_provider_that_bills_beyond_all_bounds_stops_the_run_its_user_and_its_tenant(
    any_house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is charged as told, which no reservation can prevent; then nothing more is asked, by whomever."""
    asked: list[str] = []
    claimed = 10**12  # tokens, the most that is taken as told (`mapping.py`): a million dollars

    async def greedy(*_: Any) -> ModelReply:
        asked.append("once")
        return ModelReply("", (ToolCall("c1", "kit__read", {"name": "x"}),), Usage(20, claimed), "tool_calls", "m")

    run = await asked_by(any_house, monkeypatch, greedy)
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["error"]["code"], asked) == ("budget_reached", ["once"])
    assert "What it called for was not done" in row["error"]["message"]
    assert any_house.upstream.calls == []
    assert list(await any_house.steps(run)) == ["boss/1/model"]
    await assert_booked(any_house, run, claimed)
    assert f"more than run {run} had reserved" in caplog.text
    with pytest.raises(PlanIncomplete, match="user's daily budget"):
        await any_house.launch()
    with pytest.raises(PlanIncomplete, match="tenant's daily budget"):
        await any_house.runs.launch(system_scope("acme", "bob"), any_house.wish())
    assert asked == ["once"]


async def test_an_answer_that_has_passed_the_cap_is_not_acted_on_after_a_crash_either(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def greedy(*_: Any) -> ModelReply:
        return ModelReply("", (ToolCall("c1", "kit__read", {"name": "x"}),), Usage(20, 10**8), "tool_calls", "m")

    def cut(*_: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(TurnSpans, "answered", cut)  # right after the answer is written down
        run = await asked_by(house, monkeypatch, greedy)
        await house.event(run, "model.called")
        await house.engine.crash()
    assert (await house.status(run, "running"))["error"] is None
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["error"]["code"], house.upstream.calls) == ("budget_reached", [])
    await assert_booked(house, run, 10**8)


async def test_the_last_answer_is_taken_though_it_has_passed_the_cap(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is paid for, and calls for nothing."""

    async def greedy(*_: Any) -> ModelReply:
        return ModelReply("done", (), Usage(20, 10**8), "stop", "m")

    run = await asked_by(house, monkeypatch, greedy)
    assert (await house.status(run, "succeeded", "failed"))["result"] == "done"
    await assert_booked(house, run, 10**8)


async def test_an_attempt_that_is_lost_in_a_crash_is_charged_beside_those_before_it(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def lost(_spec: Any, _request: Any, _on_delta: Any, before_retry: BeforeRetry) -> ModelReply:
        await before_retry(Usage(10, 400))
        reached.set()
        await asyncio.Event().wait()
        return ANSWERED

    async def answered(*_: Any) -> ModelReply:
        return ANSWERED

    run = await asked_by(any_house, monkeypatch, lost)
    await reached.wait()
    await any_house.engine.crash()
    monkeypatch.setattr(any_house.models, "request", answered)
    await any_house.resume()
    await any_house.status(run, "succeeded", "failed")
    await assert_booked(any_house, run, 400 + 1000 + 900)


@pytest.mark.parametrize("late", [False, True], ids=["before it goes on", "while it is asked"])
async def test_what_the_sweeper_charges_is_the_agents_too(
    any_house: House, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> ModelReply:
        reached.set()
        await go.wait()
        return ANSWERED

    run = await asked_by(any_house, monkeypatch, slow)
    await reached.wait()
    if not late:
        await any_house.engine.crash()
    await any_house.later(400)
    await any_house.runs.mend()
    go.set()
    await any_house.resume()
    await any_house.status(run, "succeeded", "failed")
    await assert_booked(any_house, run, 1000 if late else 1900)


async def test_a_reservation_that_nobody_settles_is_charged_when_it_expires(house: House) -> None:
    held = house.upstream.hold("read")
    run = await house.launch({"boss": [call("read", name="x"), "done"]})
    await held.reached.wait()

    async def reserve() -> None:
        await house.db.write(
            lambda tx: ledger.reserve(
                tx, "acme", house.clock, "abandoned", [Account(f"run/{run}", 1_000_000, "run")], 70, 1000
            )
        )

    await reserve()
    house.clock.advance(seconds=2)
    assert await house.db.write(lambda tx: ledger.charge_expired(tx, house.clock)) == [Charged("abandoned", 70)]
    open_ = sa.select(budget_leases.c.id).where(budget_leases.c.settled.is_(None))
    assert await house.db.read(lambda conn: conn.execute(open_).all()) == []
    assert (await accounts(house))["run"].spent >= 70
    held.release()


async def test_an_agent_that_does_not_come_to_an_end_is_stopped(house: House) -> None:
    script = {"boss": [call("read", name="x")] * 5}
    await house.declare(manifests(script, agent("boss", max_turns=3)))
    run = await house.launch()
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["error"]["code"]) == ("failed", "turns_used_up")
    assert ((await house.agents(run))["boss"]["turns"], house.upstream.called("read")) == (3, 3)


async def test_a_run_starts_no_more_agents_than_it_may_and_the_model_is_told(any_house: House) -> None:
    script = {
        "boss": [[delegate("ann"), delegate("bob"), delegate("ann")], "{{ last[1].text }} | {{ last[2].text }}"],
        "ann": ["ann"],
        "bob": ["bob"],
    }
    await any_house.declare(manifests(script, swarm(limits={"max_agents": 2})))
    run = await any_house.launch()
    row = await any_house.status(run, "succeeded", "failed")
    refusal = "This run has started 2 agents, which is as many as it may."
    assert row["result"] == f"{refusal} | {refusal}"
    assert set(await any_house.agents(run)) == {"boss", "ann"}
    steps = await any_house.steps(run)
    assert [steps[f"boss/1/{index}"]["status"] for index in range(3)] == ["succeeded", "denied", "denied"]


async def test_the_limit_of_agents_is_counted_once_over_crashes(house: House) -> None:
    script = {
        "boss": [[delegate("ann"), delegate("bob")], "done"],
        "ann": [call("append", line="a"), "ann"],
        "bob": ["bob"],
    }
    await house.declare(manifests(script, swarm(limits={"max_agents": 3})))
    run = await house.launch()
    asked = await house.question(run)
    await house.restart()
    await house.decide(asked)
    assert (await house.status(run, "succeeded", "failed"))["result"] == "done"
    assert len(await house.agents(run)) == 3
