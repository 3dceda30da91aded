"""Draining: what is at rest is let go, what is in flight ends first, and nothing is done or paid twice."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
import sqlalchemy as sa

from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.runs import queries
from swarmstead.runs.errors import Draining
from swarmstead.runs.tables import runs, workers
from swarmstead.storage.sql import DatabaseNow
from tests.fakes.model_server import KEY, Answer, Held
from tests.fakes.openai import OpenAIServer
from tests.rooms.runs.house import ADA, House
from tests.rooms.runs.swarms import call, delegate, manifests, model

APPENDS = {"boss": [call("append", line="one"), "It said: {{ last[0].text }}"]}
READS = {"boss": [call("read", name="x"), "It said: {{ last[0].text }}"]}
ANN_READS = {"boss": [delegate("ann"), "{{ last[0].text }}"], "ann": [call("read", name="a"), "{{ last[0].text }}"]}


@pytest_asyncio.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[OpenAIServer]:
    """A hosted model."""
    monkeypatch.setenv("CHAT_KEY", KEY)
    async with OpenAIServer() as server:
        yield server


async def rested(house: House) -> None:
    """Wait, bounded, until nothing is carried."""
    async with asyncio.timeout(30):
        await house.runs.at_rest()
    assert house.runs.carrying == 0


async def go_on(house: House) -> None:
    """The same process takes runs again, or another one is started."""
    await house.runs.drain(ADA, on=False)
    await house.restart()


async def test_what_waits_for_a_person_is_let_go_at_once_and_the_decision_still_counts(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    asked = await any_house.question(run)
    await any_house.runs.drain(ADA, on=True)
    await rested(any_house)
    await any_house.decide(asked)
    await go_on(any_house)
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["result"], any_house.upstream.lines) == ("It said: append one", ["one"])


async def test_a_side_effect_in_flight_ends_and_its_outcome_is_known(any_house: House) -> None:
    held = any_house.upstream.hold("append")
    run = await any_house.launch(APPENDS)
    await any_house.decide(await any_house.question(run))
    await held.reached.wait()
    await any_house.runs.drain(ADA, on=True)
    assert any_house.runs.carrying == 1
    held.release()
    await rested(any_house)
    assert (await any_house.steps(run))["boss/1/0"]["status"] == "succeeded"
    assert (await any_house.run(run))["status"] == "running"
    await go_on(any_house)
    await any_house.status(run, "succeeded")
    assert (any_house.upstream.called("append"), held.cut.is_set()) == (1, False)


async def test_a_reply_that_is_under_way_is_kept_and_not_paid_twice(house: House, provider: OpenAIServer) -> None:
    answer = Held(Answer("Done."))
    provider.plan(answer)
    spec = model({}, provider="openai", model="m", base_url=provider.base_url, api_key="env:CHAT_KEY")
    del spec["spec"]["script"]
    await house.declare(manifests({}, spec))
    run = await house.launch()
    async with asyncio.timeout(30):
        await provider.held.wait()
    await house.runs.drain(ADA, on=True)
    answer.release.set()
    await rested(house)
    await go_on(house)
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], len(provider.seen)) == ("Done.", 1)


async def test_a_coordinator_rests_while_its_member_comes_to_the_end_of_a_call(any_house: House) -> None:
    held = any_house.upstream.hold("read")
    run = await any_house.launch(ANN_READS)
    await held.reached.wait()
    await any_house.runs.drain(ADA, on=True)
    held.release()
    await rested(any_house)
    await go_on(any_house)
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["result"], any_house.upstream.called("read")) == ("read a", 1)


async def test_new_runs_are_refused_while_it_lasts_and_commands_are_not(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    await any_house.question(run)
    await any_house.runs.drain(ADA, on=True)
    with pytest.raises(Draining) as caught:
        await any_house.launch()
    assert "stead drain --off" in caught.value.way_out
    assert await any_house.say(run, "cancel")
    assert await any_house.runs.mend() == 0
    await go_on(any_house)
    await any_house.status(run, "cancelled")
    await any_house.launch()


async def test_draining_twice_is_draining_once(any_house: House) -> None:
    for on in (True, True, False, False):
        await any_house.runs.drain(ADA, on=on)
        assert any_house.runs.draining is on


async def test_only_an_admin_drains(house: House) -> None:
    scope = Scope("acme", Actor("key:o", "user", "o", frozenset({"operator", "approver"})))
    with pytest.raises(NotPermitted):
        await house.runs.drain(scope, on=True)
    assert not house.runs.draining


# Loop versions --------------------------------------------------------------------------------------------------------


async def of_version(house: House, run: str, version: str) -> None:
    """As if an older program had started it; nobody carries it here."""
    await house.engine.crash()
    await house.write(lambda tx: tx.conn.execute(runs.update().where(runs.c.id == run).values(engine_version=version)))


async def test_a_cancelled_run_of_an_unknown_version_ends(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    await any_house.question(run)
    await of_version(any_house, run, "0")
    await any_house.runs.mend()
    assert (await any_house.run(run))["status"] == "waiting"
    await any_house.say(run, "cancel")
    await any_house.runs.mend()
    row = await any_house.run(run)
    assert (row["status"], row["finished_at"] is None) == ("cancelled", False)
    assert await any_house.asked(run, "pending") == []


async def put_clock(house: House, off_s: int) -> int:
    """Set this process's clock, so many seconds off; the database's time."""
    now = await house.read(lambda conn: conn.execute(sa.select(DatabaseNow())).scalar_one())
    house.clock.advance(ms=now - house.clock.now_ms(), seconds=off_s)
    return now


@pytest.mark.parametrize("off_s", [-600, 0, 600])
async def test_while_a_worker_of_that_version_lives_the_ending_is_left_to_it(any_house: House, off_s: int) -> None:
    run = await any_house.launch(APPENDS)
    await any_house.question(run)
    await of_version(any_house, run, "0")
    await any_house.say(run, "cancel")
    now = await put_clock(any_house, off_s)
    row = {"executor": "old", "version": "0", "started_at": now, "lease_until": now + 300_000}
    await any_house.write(lambda tx: tx.conn.execute(workers.insert().values(row)))
    await any_house.runs.mend()
    assert (await any_house.run(run))["finished_at"] is None
    await any_house.write(lambda tx: tx.conn.execute(workers.update().values(lease_until=now - 1)))
    await any_house.runs.mend()
    assert (await any_house.run(run))["status"] == "cancelled"
    assert await any_house.read(lambda conn: queries.cancelled_strangers(conn, "1")) == []
