"""What happens while a run waits for people: what they say reaches the model, and what they cost is not counted."""

import asyncio

from tests.fakes.upstream import text
from tests.rooms.runs.house import PLAN_LIFE_S, House
from tests.rooms.runs.swarms import call, delegate, manifests, server, swarm

APPENDS = {"boss": [call("append", line="one"), "It said: {{ last[0].text }}"]}
BOTH_ASK = {
    "boss": [[delegate("ann"), delegate("bob")], "{{ last[0].text }} {{ last[1].text }}"],
    "ann": [call("append", line="a"), "ann: {{ last[0].text }}"],
    "bob": [call("append", line="b"), "bob: {{ last[0].text }}"],
}


async def both_questions(house: House, run: str) -> None:
    await house.event(run, "approval.asked", 2)


async def test_an_approved_call_is_made_once(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    await any_house.decide(await any_house.question(run))
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["result"], any_house.upstream.lines, row["pending"]) == ("It said: append one", ["one"], 0)


async def test_a_call_whose_effect_has_changed_since_it_was_approved_is_asked_about_again(any_house: House) -> None:
    house = any_house
    house.upstream.answers["look"] = text("", structured={"path": "notes", "before": None, "after": "one"})
    await house.declare(manifests(APPENDS, server(preview={"append": "look"})))
    run = await house.launch()
    first = await house.question(run)
    house.upstream.answers["look"] = text("", structured={"path": "notes", "before": "theirs", "after": "one"})
    await house.decide(first)
    await house.event(run, "approval.asked", 2)
    second = await house.question(run)
    assert (second.id != first.id, second.effect["before"], house.upstream.lines) == (True, "theirs", [])
    await house.restart()  # it waits for the new question, not for the old one
    await house.decide(second)
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], house.upstream.lines, row["pending"]) == ("It said: append one", ["one"], 0)


async def test_a_denial_and_its_reason_reach_the_model(house: House) -> None:
    run = await house.launch(APPENDS)
    await house.decide(await house.question(run), "deny", "Not on a Friday.")
    row = await house.status(run, "succeeded", "failed")
    assert row["result"] == "It said: A person has denied this call: Not on a Friday."
    assert (house.upstream.called("append"), (await house.steps(run))["boss/1/0"]["status"]) == (0, "denied")


async def test_a_question_that_nobody_answers_expires_and_the_model_is_told(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    await any_house.question(run)
    any_house.clock.advance(seconds=PLAN_LIFE_S + 1)
    await any_house.expire()
    row = await any_house.status(run, "succeeded", "failed")
    assert row["result"] == "It said: Nobody decided about this call in time."
    assert (any_house.upstream.called("append"), row["pending"]) == (0, 0)
    assert "approval.expired" in await any_house.kinds(run)


async def test_a_question_that_expires_while_the_server_is_away_is_no_different(house: House) -> None:
    run = await house.launch(APPENDS)
    await house.question(run)
    await house.engine.crash()
    house.clock.advance(seconds=PLAN_LIFE_S + 1)
    await house.expire()
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], row["pending"]) == ("It said: Nobody decided about this call in time.", 0)


async def test_a_run_waits_for_as_long_as_one_of_its_questions_does(any_house: House) -> None:
    run = await any_house.launch(BOTH_ASK)
    await both_questions(any_house, run)
    assert ((await any_house.run(run))["status"], (await any_house.run(run))["pending"]) == ("waiting", 2)
    first, second = await any_house.asked(run, "pending")
    await any_house.decide(first)
    await any_house.event(run, "approval.decided")
    row = await any_house.run(run)
    assert (row["status"], row["pending"]) == ("waiting", 1)
    await any_house.decide(second, "deny", "No.")
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["status"], row["pending"], len(any_house.upstream.lines)) == ("succeeded", 0, 1)


async def test_a_decision_and_a_cancel_at_once_leave_nothing_waiting(any_house: House) -> None:
    run = await any_house.launch(BOTH_ASK)
    await both_questions(any_house, run)
    first, _ = await any_house.asked(run, "pending")
    await asyncio.gather(any_house.decide(first), any_house.say(run, "cancel"))
    row = await any_house.status(run, "cancelled")
    assert (row["pending"], await any_house.asked(run, "pending")) == (0, [])
    assert {step["status"] for step in (await any_house.steps(run)).values()} <= {"succeeded", "cancelled"}


async def test_every_question_of_a_run_is_closed_when_it_ends(house: House) -> None:
    run = await house.launch(BOTH_ASK)
    await both_questions(house, run)
    await house.say(run, "cancel", reason="Enough.")
    await house.status(run, "cancelled")
    assert {asked.status for asked in await house.asked(run)} == {"expired"}
    assert {asked.reason for asked in await house.asked(run)} == {"the run was cancelled"}


async def test_waiting_for_a_person_does_not_count_as_working(house: House) -> None:
    run = await house.launch(APPENDS)
    asked = await house.question(run)
    deadline = (await house.run(run))["deadline_at"]
    house.clock.advance(seconds=3000)  # five times what it may work
    await house.decide(asked)
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["deadline_at"] - deadline) == ("succeeded", 3_000_000)


async def test_others_of_a_waiting_run_do_not_run_into_its_deadline(house: House) -> None:
    script = BOTH_ASK | {"bob": [call("read", name="x"), call("read", name="y"), "bob is done"]}
    held = house.upstream.hold("read")
    run = await house.launch(script)
    asked = await house.question(run)
    await held.reached.wait()
    await house.event(run, "run.waiting")
    house.clock.advance(seconds=3000)
    held.release()
    await house.event(run, "agent.finished")
    assert (await house.agents(run))["bob"]["status"] == "succeeded"
    await house.decide(asked)
    assert (await house.status(run, "succeeded", "failed"))["status"] == "succeeded"


async def test_working_past_the_deadline_fails_the_run(house: House) -> None:
    held = house.upstream.hold("read")
    await house.declare(manifests({"boss": [call("read", name="x"), "done"]}, swarm(limits={"wall_clock_s": 10})))
    run = await house.launch()
    await held.reached.wait()
    house.clock.advance(seconds=11)
    held.release()
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["error"]["code"]) == ("failed", "deadline_passed")
    assert row["error"]["way_out"]


async def test_a_denial_goes_through_a_crash(house: House) -> None:
    run = await house.launch(APPENDS)
    asked = await house.question(run)
    await house.engine.crash()
    await house.decide(asked, "deny", "No.")
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], row["pending"]) == ("It said: A person has denied this call: No.", 0)


async def test_an_approval_goes_through_many_crashes(any_house: House) -> None:
    run = await any_house.launch(APPENDS)
    asked = await any_house.question(run)
    await any_house.restart()
    await any_house.restart()
    await any_house.decide(asked)
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["result"], row["pending"], any_house.upstream.lines) == ("It said: append one", 0, ["one"])
    kinds = await any_house.kinds(run)
    assert (kinds.count("approval.asked"), kinds.count("approval.decided")) == (1, 1)


async def test_an_approved_plan_is_not_good_for_a_changed_tool(house: House) -> None:
    run = await house.launch(APPENDS)
    asked = await house.question(run)
    house.upstream.tools = [one | {"description": "Something else."} for one in house.upstream.tools]
    house.clock.advance(seconds=120)  # the catalogue asks again after a minute
    await house.decide(asked)
    row = await house.status(run, "succeeded", "failed")
    assert "its definition has changed since it was accepted" in row["result"]
    assert house.upstream.called("append") == 0


async def test_waiting_for_a_person_is_no_part_of_the_time_that_a_plan_foresees(house: House) -> None:
    for _ in range(3):
        run = await house.launch(APPENDS)
        asked = await house.question(run)
        house.clock.advance(seconds=3000)
        await house.decide(asked)
        await house.status(run, "succeeded")
    plan = await house.preview()
    assert plan.time_high_s < 60
