"""Pause, resume and cancel, at every kind of moment that a run can be in."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio

from swarmstead.audit import queries as audit
from swarmstead.kernel.errors import NotPermitted
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.permits.errors import AlreadyDecided
from swarmstead.runs.contract import Command, CommandKind
from swarmstead.runs.control import Controls
from swarmstead.runs.errors import CommandRefused, RunUnknown
from swarmstead.storage.errors import DatabaseLocked
from tests.fakes.model_server import KEY, Answer, Held
from tests.fakes.openai import OpenAIServer
from tests.rooms.runs.house import ADA, House
from tests.rooms.runs.swarms import call, delegate, manifests, model

SECRET = "ghp_" + "a1B2" * 10
READS = {"boss": [call("read", name="x"), "It said: {{ last[0].text }}"]}
APPENDS = {"boss": [call("append", line="one"), "It said: {{ last[0].text }}"]}
ANN_APPENDS = {"boss": [delegate("ann"), "{{ last[0].text }}"], "ann": [call("append", line="a"), "{{ last[0].text }}"]}
TWO_READ = {
    "boss": [[delegate("ann"), delegate("bob")], "{{ last[0].text }} {{ last[1].text }}"],
    "ann": [call("look", line="a"), "ann"],
    "bob": [call("read", name="b"), "bob"],
}


@pytest_asyncio.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[OpenAIServer]:
    """A hosted model; the swarm's Model `script` asks it once it is declared by `hosted`."""
    monkeypatch.setenv("CHAT_KEY", KEY)
    async with OpenAIServer() as server:
        yield server


async def hosted(house: House, provider: OpenAIServer, *instead: Mapping[str, Any]) -> str:
    """A run of the swarm whose agents ask the provider."""
    spec = model({}, provider="openai", model="m", base_url=provider.base_url, api_key="env:CHAT_KEY")
    del spec["spec"]["script"]
    await house.declare(manifests({}, spec, *instead))
    return await house.launch()


async def approved_and_held(house: House, script: Mapping[str, Any]) -> tuple[str, Any]:
    """A run whose side effect is in flight."""
    held = house.upstream.hold("append")
    run = await house.launch(script)
    await house.decide(await house.question(run))
    await held.reached.wait()
    return run, held


def next_look_fails(house: House, monkeypatch: pytest.MonkeyPatch, error: Exception) -> asyncio.Event:
    """The next time that a run reads what people want of it, that fails. Other reads, such as its loop's, go on."""
    read, failed = house.db.read, asyncio.Event()

    async def reading(work: Callable[..., Any]) -> Any:
        if failed.is_set() or not work.__qualname__.startswith(Controls.__name__):
            return await read(work)
        failed.set()
        raise error

    monkeypatch.setattr(house.db, "read", reading)
    return failed


# Cancel ---------------------------------------------------------------------------------------------------------------


async def test_cancelling_a_queued_run_ends_it_at_once(any_house: House) -> None:
    any_house.engine.stalled = True
    run = await any_house.launch(READS)
    assert await any_house.say(run, "cancel", reason="Changed my mind.") == "Cancelled before it began."
    row = await any_house.run(run)
    assert (row["status"], row["started_at"], row["finished_at"] is None) == ("cancelled", None, False)
    any_house.engine.stalled = False
    await any_house.engine.start((await any_house.agents(run))["boss"]["id"])  # a loop that was on its way
    await any_house.engine.task((await any_house.agents(run))["boss"]["id"])
    assert (await any_house.agents(run))["boss"]["status"] == "cancelled"
    assert "run.started" not in await any_house.kinds(run)
    assert await any_house.steps(run) == {}


async def test_cancelling_cuts_a_model_call_and_charges_its_estimate(house: House, provider: OpenAIServer) -> None:
    provider.plan(Held(Answer("late")))
    run = await hosted(house, provider)
    async with asyncio.timeout(30):
        await provider.held.wait()
        await house.say(run, "cancel")
        await provider.left.wait()
    await house.status(run, "cancelled")
    step = (await house.steps(run))["boss/1/model"]
    assert (step["status"], step["spent_micros"] > 0) == ("cancelled", True)


async def test_cancelling_cuts_a_read(house: House) -> None:
    held = house.upstream.hold("read")
    run = await house.launch(READS)
    await held.reached.wait()
    await house.say(run, "cancel")
    await held.cut.wait()
    row = await house.status(run, "cancelled")
    assert (row["error"], row["result"]) == (None, None)


async def test_cancelling_lets_a_side_effect_finish_and_notes_what_it_did(house: House) -> None:
    run, held = await approved_and_held(house, APPENDS)
    await house.say(run, "cancel")
    await house.heard(run)
    assert (await house.run(run))["status"] == "running"
    held.release()
    await house.status(run, "cancelled")
    step = (await house.steps(run))["boss/1/0"]
    assert (step["status"], step["output"]["text"], house.upstream.lines) == ("succeeded", "append one", ["one"])
    assert not held.cut.is_set()


async def test_cancelling_while_a_question_waits_closes_it(house: House) -> None:
    run = await house.launch(APPENDS)
    asked = await house.question(run)
    await house.say(run, "cancel")
    row = await house.status(run, "cancelled")
    assert (row["pending"], await house.asked(run, "pending")) == (0, [])
    with pytest.raises(AlreadyDecided, match="is expired already: the run was cancelled"):
        await house.decide(asked, "approve")
    assert (await house.steps(run))["boss/1/0"]["status"] == "cancelled"


async def test_cancelling_ends_the_tree_from_its_leaves(any_house: House) -> None:
    run, held = await approved_and_held(any_house, ANN_APPENDS)
    await any_house.say(run, "cancel")
    await any_house.heard(run)
    held.release()
    await any_house.status(run, "cancelled")
    ends = [event.data["agent"] for event in await any_house.events(run) if event.kind == "agent.finished"]
    assert ends == ["ann", "boss"]
    assert {name: row["status"] for name, row in (await any_house.agents(run)).items()} == {
        "boss": "cancelled",
        "ann": "cancelled",
    }


async def test_a_paused_run_can_be_cancelled(house: House) -> None:
    held = house.upstream.hold("read")
    run = await house.launch(READS)
    await held.reached.wait()
    await house.say(run, "pause")
    await house.heard(run)
    held.release()
    await house.status(run, "paused")
    await house.say(run, "cancel")
    await house.status(run, "cancelled")


async def test_a_cancelled_run_takes_no_second_answer(house: House) -> None:
    run = await house.launch({"boss": ["done"]})
    await house.status(run, "succeeded")
    for kind in ("pause", "resume", "cancel"):
        with pytest.raises(CommandRefused, match="has succeeded; it takes no commands"):
            await house.say(run, kind)


async def test_a_cancel_that_the_database_could_not_tell_of_is_not_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await house.launch(APPENDS)
    await house.question(run)
    failed = next_look_fails(house, monkeypatch, DatabaseLocked("The database stayed locked."))
    await house.say(run, "cancel")
    await failed.wait()
    await house.status(run, "cancelled")


async def test_nor_is_one_whose_reading_failed_in_a_way_that_nobody_foresaw(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await house.launch(APPENDS)
    await house.question(run)
    failed = next_look_fails(house, monkeypatch, LookupError("Whatever it was."))
    await house.say(run, "cancel")
    await failed.wait()
    await house.status(run, "cancelled")


async def test_a_secret_in_a_reason_is_kept_nowhere(house: House) -> None:
    run = await house.launch(APPENDS)
    await house.question(run)
    await house.say(run, "cancel", reason=f"It had {SECRET} in it.")
    await house.status(run, "cancelled")
    rows = await house.db.read(lambda conn: audit.page(conn, ADA, run=run))
    told = f"{[row.data for row in rows]} {[event.data for event in await house.events(run)]}"
    assert "It had [redacted] in it." in told
    assert SECRET not in told


# Pause and resume -----------------------------------------------------------------------------------------------------


async def test_a_queued_run_is_paused_once_it_begins(house: House) -> None:
    house.engine.stalled = True
    run = await house.launch(READS)
    await house.say(run, "pause")
    assert (await house.run(run))["status"] == "queued"
    house.engine.stalled = False
    await house.resume()
    await house.status(run, "paused")
    assert await house.steps(run) == {}
    await house.say(run, "resume")
    await house.status(run, "succeeded")


async def test_pausing_shows_once_nothing_is_in_flight(any_house: House) -> None:
    held = any_house.upstream.hold("read")
    run = await any_house.launch(READS)
    await held.reached.wait()
    await any_house.say(run, "pause")
    await any_house.heard(run)
    assert (await any_house.run(run))["status"] == "running"
    held.release()
    await any_house.status(run, "paused")
    assert set(await any_house.steps(run)) == {"boss/1/model", "boss/1/0"}
    await any_house.say(run, "resume")
    row = await any_house.status(run, "succeeded", "failed")
    assert row["result"] == "It said: read x"


async def test_pausing_waits_for_a_model_call(house: House, provider: OpenAIServer) -> None:
    turn = Held(Answer("done"))
    provider.plan(turn)
    run = await hosted(house, provider)
    async with asyncio.timeout(30):
        await provider.held.wait()
    await house.say(run, "pause")
    await house.heard(run)
    assert (await house.run(run))["status"] == "running"
    turn.release.set()
    # The call that was on its way ended the work, so there is nothing left to pause.
    assert (await house.status(run, "succeeded", "paused"))["status"] == "succeeded"


async def test_pausing_waits_for_everybody(any_house: House) -> None:
    look, read = any_house.upstream.hold("look"), any_house.upstream.hold("read")
    run = await any_house.launch(TWO_READ)
    await look.reached.wait()
    await read.reached.wait()
    await any_house.say(run, "pause")
    await any_house.heard(run)
    look.release()
    await any_house.event(run, "tool.called")
    assert (await any_house.run(run))["status"] == "running"
    read.release()
    await any_house.status(run, "paused")
    await any_house.say(run, "resume")
    assert (await any_house.status(run, "succeeded", "failed"))["result"] == "ann bob"


async def test_a_question_answered_while_paused_waits_with_the_run(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    asked = await any_house.question(run)
    await any_house.say(run, "pause")
    assert (await any_house.run(run))["status"] == "waiting"
    await any_house.decide(asked)
    await any_house.event(run, "approval.decided")
    assert (await any_house.status(run, "paused", "running"))["status"] == "paused"
    await any_house.restart()  # and its loop, standing at a safe point, does not make it look busy
    await any_house.say(run, "resume")
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["status"], any_house.upstream.lines) == ("succeeded", ["one"])
    assert (await any_house.kinds(run)).count("run.paused") == 1


async def test_a_run_that_crashed_in_a_model_call_can_be_paused(house: House, provider: OpenAIServer) -> None:
    provider.plan(Held(Answer("lost")), Answer("done"))
    run = await hosted(house, provider)
    async with asyncio.timeout(30):
        await provider.held.wait()
    await house.engine.crash()
    await house.say(run, "pause")
    await house.resume()
    await house.status(run, "paused")
    await house.say(run, "resume")
    assert (await house.status(run, "succeeded", "failed"))["result"] == "done"


async def test_a_member_that_ends_while_others_pause_leaves_the_run_paused(house: House) -> None:
    look, read = house.upstream.hold("look"), house.upstream.hold("read")
    script = TWO_READ | {"ann": [call("look", line="a"), call("look", line="b"), "ann"], "bob": ["bob"]}
    run = await house.launch(script)
    await look.reached.wait()
    await house.say(run, "pause")
    await house.heard(run)
    look.release()
    await house.status(run, "paused")
    await house.say(run, "resume")
    assert (await house.status(run, "succeeded", "failed"))["result"] == "ann bob"
    assert not read.reached.is_set()


# Who may say what, and when ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        (None, "resume", "is not paused"),
        ("pause", "pause", "is paused or pausing already"),
        ("cancel", "cancel", "is being cancelled already"),
        ("cancel", "pause", "is being cancelled already"),
        ("cancel", "resume", "is being cancelled already"),
    ],
)
async def test_commands_that_make_no_sense_are_refused(
    house: House, first: CommandKind | None, then: CommandKind, why: str
) -> None:
    run, held = await approved_and_held(house, APPENDS)
    if first is not None:
        await house.say(run, first)
    before = await house.kinds(run)
    with pytest.raises(CommandRefused, match=why) as refused:
        await house.say(run, then)
    assert refused.value.way_out
    assert await house.kinds(run) == before
    held.release()


async def test_a_command_on_what_was_seen_is_refused_when_the_run_has_moved_on(house: House) -> None:
    run = await house.launch(APPENDS)
    await house.question(run)
    seen = (await house.events(run))[-1].seq
    with pytest.raises(CommandRefused, match="has moved on") as refused:
        await house.say(run, "pause", expected_seq=seen - 1)
    assert refused.value.extra == {"seq": seen}
    await house.say(run, "pause", expected_seq=seen)


async def test_a_viewer_and_a_stranger_cannot_command(house: House) -> None:
    run = await house.launch(APPENDS)
    viewer = Scope("acme", Actor("key:v", "user", "Vi", frozenset({"viewer"})))
    with pytest.raises(NotPermitted):
        await house.command(viewer, Command(run, "cancel"))
    stranger = Scope("evil", Actor("key:e", "user", "Eve", frozenset({"admin"})))
    with pytest.raises(RunUnknown):
        await house.command(stranger, Command(run, "cancel"))
    with pytest.raises(RunUnknown):
        await house.say("r_nothing", "cancel")
