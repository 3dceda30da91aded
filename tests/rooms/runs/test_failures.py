"""What goes wrong around a run: faults of our own, a database that goes away, another worker, a loop given up."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from swarmstead.runs import records
from swarmstead.runs.tables import agent_runs, plans, steps
from swarmstead.storage.database import Tx
from swarmstead.storage.errors import DatabaseLocked, DatabaseUnavailable, DiskFull
from swarmstead.storage.signals import Signals, wake
from tests.clocks import MovableClock
from tests.fakes.upstream import Called, text
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import call, delegate, manifests, model, swarm

APPENDS = {"boss": [call("append", line="one"), "It said: {{ last[0].text }}"]}
READS = {"boss": [call("read", name="x"), "It said: {{ last[0].text }}"]}
ANN_APPENDS = {"boss": [delegate("ann"), "{{ last[0].text }}"], "ann": [call("append", line="a"), "{{ last[0].text }}"]}
CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the database tries again at once."""
    for name in ("runner", "steps.context"):
        monkeypatch.setattr(f"swarmstead.runs.{name}._FIRST_PAUSE_S", 0)


async def stalled(house: House, script: Any) -> str:
    """A run that is stored and has not begun."""
    house.engine.stalled = True
    run = await house.launch(script)
    house.engine.stalled = False
    return run


# Faults of our own ----------------------------------------------------------------------------------------------------


async def test_a_fault_of_ours_fails_the_run_without_a_word_of_what_it_was(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def faulty(_call: Called) -> None:
        raise ZeroDivisionError(CANARY)

    house.upstream.during = faulty
    run = await house.launch(READS)
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["error"]["code"]) == ("failed", "internal")
    assert row["trace_id"] in row["error"]["message"]
    shown = [row, *(await house.steps(run)).values(), *(event.data for event in await house.events(run))]
    assert CANARY not in json.dumps([dict(one) for one in shown])
    assert (CANARY in caplog.text, row["trace_id"] in caplog.text) == (True, True)


async def test_a_run_whose_plan_is_gone_fails_and_does_not_hang(house: House) -> None:
    run = await stalled(house, READS)
    await house.write(lambda tx: tx.conn.execute(plans.delete()))
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["error"]["code"]) == ("failed", "internal")


# A database that goes away --------------------------------------------------------------------------------------------


def failing(times: Callable[[int], bool], error: Exception, real: Any) -> tuple[Any, list[int]]:
    """A method that fails instead of doing its work, at those of its calls; and the numbers of those that failed."""
    count, failed = [0], list[int]()

    async def method(work: Any) -> Any:
        count[0] += 1
        if times(count[0]):
            failed.append(count[0])
            raise error
        return await real(work)

    return method, failed


@pytest.mark.parametrize(
    ("method", "error"),
    [("write", DatabaseUnavailable("away")), ("write", DiskFull("full")), ("read", DatabaseLocked("locked"))],
)
async def test_any_use_of_the_database_may_fail(
    house: House, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    """Whichever it is, the run waits and goes on, and what has an effect is done once and known to be done."""
    failed, number = [0], 0
    while failed:
        number += 1
        house.upstream.lines.clear()
        run = await stalled(house, APPENDS)
        broken, failed = failing(lambda call, number=number: call == number, error, getattr(house, method))
        monkeypatch.setattr(house.db, method, broken)
        await house.resume()
        await house.decide(await house.question(run))
        row = await house.status(run, "succeeded", "failed")
        monkeypatch.undo()
        assert (number, row["result"], house.upstream.lines) == (number, "It said: append one", ["one"])
        assert [asked.kind for asked in await house.asked(run)] == ["plan"]
        assert (row["pending"], [step["status"] for step in (await house.steps(run)).values()].count("succeeded")) == (
            0,
            3,
        )
    assert number > 7


async def test_a_database_that_stays_away_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await stalled(house, READS)
    broken, failed = failing(lambda call: 3 <= call < 40, DatabaseUnavailable("away"), house.write)
    monkeypatch.setattr(house.db, "write", broken)
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], len(failed)) == ("It said: read x", 37)


async def test_a_side_effect_whose_outcome_cannot_be_written_for_long_becomes_a_question(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = house.upstream.hold("append")
    run = await house.launch(APPENDS)
    await house.decide(await house.question(run))
    await held.reached.wait()
    broken, failed = failing(lambda call: call <= 6, DatabaseUnavailable("away"), house.write)
    monkeypatch.setattr(house.db, "write", broken)
    held.release()
    await house.event(run, "approval.asked", 2)
    assert (await house.question(run)).kind == "outcome"
    assert (house.upstream.lines, len(failed)) == (["one"], 6)


async def test_a_reply_that_was_paid_for_is_not_asked_for_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await stalled(house, {"boss": ["done"]})
    broken, failed = failing(lambda call: 3 <= call < 8, DatabaseUnavailable("away"), house.write)
    monkeypatch.setattr(house.db, "write", broken)
    await house.resume()
    await house.status(run, "succeeded")
    assert ((await house.steps(run))["boss/1/model"]["attempts"], len(failed)) == (1, 5)


# Two carriers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knows", [True, False], ids=["and knows it", "and does not know it"])
async def test_a_loop_that_was_taken_over_changes_nothing(
    any_house: House,
    clock: MovableClock,
    signals: Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    knows: bool,
) -> None:
    """A worker that was thought dead comes to in the middle of a model call, which another has made meanwhile."""
    stale, other = any_house, House(any_house.db, clock, signals, tmp_path)
    ask, reached, go = stale.models.request, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        reached.set()
        await go.wait()
        return await ask(*args)

    monkeypatch.setattr(stale.models, "request", slow)
    run = await stale.launch(APPENDS)
    await reached.wait()
    await other.resume()
    await other.decide(await other.question(run))
    row = await other.status(run, "succeeded", "failed")
    stale.engine.mine = knows
    root = (await other.agents(run))["boss"]["id"]
    before = await other.events(run)
    go.set()
    await asyncio.wait([stale.engine.task(root)])
    assert (row["result"], other.upstream.lines, stale.upstream.lines) == ("It said: append one", ["one"], [])
    assert await other.events(run) == before
    assert await other.run(run) == row
    await other.close()


async def test_two_loops_spend_an_approved_plan_once(
    any_house: House, clock: MovableClock, signals: Signals, tmp_path: Path
) -> None:
    one, two = any_house, House(any_house.db, clock, signals, tmp_path)
    run = await one.launch(APPENDS)
    asked = await one.question(run)
    await two.resume()
    await two.decide(asked)
    await asyncio.sleep(0)
    one.engine.mine = two.engine.mine = True
    await any_house.event(run, "tool.called")
    assert len(one.upstream.lines) + len(two.upstream.lines) == 1
    await two.close()


# A coordinator that fails while others work ---------------------------------------------------------------------------


@pytest.mark.parametrize("crash", [False, True], ids=["undisturbed", "killed once they are told to stop"])
async def test_a_run_that_failed_stays_failed_whatever_happens_while_it_ends(
    any_house: House, monkeypatch: pytest.MonkeyPatch, crash: bool
) -> None:
    """Its first reads use up the time, so the next one fails the coordinator while `ann` is still at work."""
    script = {
        "boss": [[delegate("ann"), *[call("read", name=str(n)) for n in range(5)]], "done"],
        "ann": [call("look", line="a"), "ann"],
    }
    ann, full, go, reads = any_house.upstream.hold("look"), asyncio.Event(), asyncio.Event(), list[Called]()

    async def slow(called: Called) -> None:
        if called.tool == "read":
            reads.append(called)
            if len(reads) == 4:
                full.set()
            await go.wait()

    stopped, stop = asyncio.Event(), records.stop_others

    def stopping(tx: Tx, run: str) -> None:
        stop(tx, run)
        if crash:
            tx.after_commit(committed)

    def committed() -> None:
        loop.call_soon_threadsafe(kill)

    def kill() -> None:
        any_house.engine.task(root).cancel()
        stopped.set()

    loop = asyncio.get_running_loop()
    any_house.upstream.during = slow
    monkeypatch.setattr(records, "stop_others", stopping)
    run = await any_house.launch(script)
    await full.wait()
    await ann.reached.wait()
    root = (await any_house.agents(run))["boss"]["id"]
    any_house.clock.advance(seconds=700)
    go.set()
    if crash:
        await stopped.wait()
        await any_house.restart()
        await any_house.event(run, "agent.finished", 2)
        await any_house.runs.mend()
    row = await any_house.status(run, "succeeded", "failed", "cancelled")
    assert (row["status"], row["error"]["code"]) == ("failed", "deadline_passed")
    agents = await any_house.agents(run)
    assert {name: agent["status"] for name, agent in agents.items()} == {"boss": "failed", "ann": "cancelled"}


# Given up -------------------------------------------------------------------------------------------------------------


async def test_a_member_that_is_given_up_is_an_answer_for_its_coordinator(any_house: House) -> None:
    run = await any_house.launch(ANN_APPENDS)
    await any_house.question(run)
    ann = (await any_house.agents(run))["ann"]["id"]
    await any_house.engine.crash(ann)
    any_house.engine.given_up = [ann]
    await any_house.runs.mend()
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["status"], row["pending"]) == ("succeeded", 0)
    assert row["result"].startswith("ann failed: The server ended again and again")
    assert await any_house.asked(run, "pending") == []


async def test_a_coordinator_that_is_given_up_ends_the_run_once_its_members_have(any_house: House) -> None:
    run = await any_house.launch(ANN_APPENDS)
    await any_house.question(run)
    root = (await any_house.agents(run))["boss"]["id"]
    await any_house.engine.crash(root)
    any_house.engine.given_up = [root]
    await any_house.runs.mend()
    await any_house.event(run, "agent.finished", 2)
    await any_house.runs.mend()
    row = await any_house.run(run)
    assert (row["status"], row["error"]["code"], row["pending"]) == ("failed", "given_up", 0)
    assert (await any_house.agents(run))["ann"]["status"] == "cancelled"
    assert await any_house.asked(run, "pending") == []
    await any_house.runs.mend()
    assert (await any_house.kinds(run)).count("run.finished") == 1


# Much of it -----------------------------------------------------------------------------------------------------------


async def test_hundreds_of_waiting_runs_ask_the_database_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.declare(manifests(APPENDS, swarm(members=[])))
    runs = await asyncio.gather(*(house.launch() for _ in range(300)))
    for run in runs:
        await house.status(run, "waiting")
    reads, failed = failing(lambda _: True, AssertionError("nobody is to read"), house.read)
    monkeypatch.setattr(house.db, "read", reads)
    await house.declare(
        manifests(APPENDS, swarm(members=["bob"]))
    )  # something happens, and it is none of their business
    await house.write(lambda tx: wake(tx, "run:another"))
    assert failed == []
    counted, _ = failing(lambda call: call > 12, AssertionError("one decision concerns one run"), house.read)
    monkeypatch.setattr(house.db, "read", counted)
    await house.decide((await house.asked(runs[7], "pending"))[0])
    await house.status(runs[7], "succeeded")
    states = [(await house.run(run))["status"] for run in runs]
    assert (states.count("waiting"), states.count("succeeded")) == (299, 1)


async def test_what_is_large_is_kept_once_and_referred_to(house: House) -> None:
    house.upstream.answers["read"] = large = text("\N{EURO SIGN}" * 70_000)
    script = {
        "boss": [
            [call("read", name="a"), call("read", name="b")],
            call("append", line="{{ last[0].text[:25000] }}"),
            "{{ last[0].text | length }}",
        ]
    }
    await house.declare(manifests(script, model(script, price=None)))
    run = await house.launch()
    asked = await house.question(run)
    await house.restart()  # what was read comes from where it is kept
    await house.decide(asked)
    await house.status(run, "succeeded", "failed")
    found = await house.steps(run)
    read = found["boss/1/0"]["output"]["text"]
    assert read == large.text[:60_000] + "\n[cut: 10000 more characters]"
    assert found["boss/2/0"]["input"] == {"line": read[:25_000]}
    assert house.upstream.lines == [read[:25_000]]
    assert await _raw(house, "boss/1/0") == await _raw(house, "boss/1/1")
    assert set(await _raw(house, "boss/1/0")) == {"$artifact"}


async def test_arguments_that_look_like_a_reference_are_not_followed(house: House) -> None:
    house.upstream.tools = [one | {"inputSchema": {"type": "object"}} for one in house.upstream.tools]
    run = await house.launch({"boss": [call("read", **{"$artifact": "sha256:0"}), "done"]})
    await house.status(run, "succeeded")
    assert (await house.steps(run))["boss/1/0"]["input"] == {"$artifact": "sha256:0"}


async def _raw(house: House, step: str) -> Any:
    agent, _, rest = step.partition("/")
    query = (
        sa.select(steps.c.output)
        .join(agent_runs, agent_runs.c.id == steps.c.agent_run)
        .where(agent_runs.c.agent == agent, steps.c.key == agent_runs.c.id + f"/{rest}")
    )
    return await house.read(lambda conn: conn.execute(query).scalar_one())
