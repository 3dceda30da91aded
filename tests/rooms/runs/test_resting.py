"""When a run rests: before any read that has not begun, and what that and a crash do to its deadline."""

import asyncio
from typing import Any

import pytest

from tests.fakes.upstream import Called
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import call, delegate, manifests, swarm

READS = {"boss": [call("read", name="x"), "It said: {{ last[0].text }}"]}
APPENDS = {"boss": [call("append", line="one"), "It said: {{ last[0].text }}"]}
TWO_READ = {
    "boss": [[delegate("ann"), delegate("bob")], "{{ last[0].text }} {{ last[1].text }}"],
    "ann": [call("look", line="a"), "ann"],
    "bob": [call("read", name="b"), "bob"],
}
MANY_READS = {"boss": [[call("read", name=str(n)) for n in range(9)], "done"]}


async def test_pausing_takes_hold_before_more_reads_than_run_side_by_side(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, reached, go = any_house.models.request, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        reached.set()
        await go.wait()
        return await ask(*args)

    monkeypatch.setattr(any_house.models, "request", slow)
    run = await any_house.launch(MANY_READS)
    await reached.wait()
    await any_house.say(run, "pause")
    await any_house.hands.controls.refresh(run)
    go.set()
    await any_house.status(run, "paused")
    assert any_house.upstream.called("read") == 0
    await any_house.say(run, "resume")
    assert (await any_house.status(run, "succeeded", "failed"))["result"] == "done"
    assert any_house.upstream.called("read") == 9


async def test_pausing_takes_hold_between_reads_and_shows_when_none_is_in_flight(any_house: House) -> None:
    gates: list[asyncio.Event] = []
    full = asyncio.Event()

    async def held(_called: Called) -> None:
        gates.append(asyncio.Event())
        if len(gates) in (4, 8):
            full.set()
        await gates[-1].wait()

    any_house.upstream.during = held
    run = await any_house.launch(MANY_READS)
    for count in (4, 8):
        await full.wait()
        full.clear()
        await any_house.say(run, "pause")
        await any_house.hands.controls.refresh(run)
        for gate in gates[count - 4 : count - 1]:
            gate.set()
        await any_house.event(run, "tool.called", count - 1)
        assert ((await any_house.run(run))["status"], len(gates)) == ("running", count)
        gates[count - 1].set()
        await any_house.status(run, "paused")
        if count == 4:
            await any_house.restart()
        await any_house.say(run, "resume")
        await any_house.event(run, "run.resumed", count // 4)
    any_house.upstream.during = None
    for gate in gates:
        gate.set()
    assert (await any_house.status(run, "succeeded", "failed"))["result"] == "done"
    assert any_house.upstream.called("read") == 9


async def test_time_at_rest_moves_the_deadline(house: House) -> None:
    held = house.upstream.hold("read")
    await house.declare(manifests(READS, swarm(limits={"wall_clock_s": 10})))
    run = await house.launch()
    await held.reached.wait()
    house.clock.advance(seconds=4)
    await house.say(run, "pause")
    await house.heard(run)
    held.release()
    await house.status(run, "paused")
    house.clock.advance(seconds=1000)
    await house.say(run, "resume")
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["deadline_at"] - row["started_at"]) == ("succeeded", 1_010_000)


async def test_time_without_a_server_moves_the_deadline_once(any_house: House) -> None:
    look, read = any_house.upstream.hold("look"), any_house.upstream.hold("read")
    run = await any_house.launch(TWO_READ)
    await look.reached.wait()
    await read.reached.wait()
    await any_house.engine.crash()
    any_house.clock.advance(seconds=5000)
    await any_house.resume()
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["status"], row["deadline_at"] - row["started_at"]) == ("succeeded", 5_600_000)
    (event,) = [event for event in await any_house.events(run) if event.kind == "run.recovered"]
    assert event.data == {"after_ms": 5_000_000}


async def test_a_short_interruption_is_not_worth_a_word(house: House) -> None:
    held = house.upstream.hold("read")
    run = await house.launch(READS)
    await held.reached.wait()
    await house.engine.crash()
    house.clock.advance(seconds=9)
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert row["deadline_at"] - row["started_at"] == 600_000
    assert "run.recovered" not in await house.kinds(run)


async def test_a_run_at_rest_is_given_its_time_back_once(house: House) -> None:
    run = await house.launch(APPENDS)
    asked = await house.question(run)
    await house.engine.crash()
    house.clock.advance(seconds=3000)
    await house.resume()
    await house.decide(asked)
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["deadline_at"] - row["started_at"]) == ("succeeded", 3_600_000)
