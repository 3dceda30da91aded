"""A side effect that was sent and not answered: nobody knows, so a person says; their word is good for one attempt."""

import pytest
import yaml

from swarmstead.audit import queries as audit
from swarmstead.gateway.contract import CallResult
from swarmstead.permits.contract import Decision
from swarmstead.runs import queries
from tests.fakes.upstream import text
from tests.rooms.runs.house import ADA, PLAN_LIFE_S, House
from tests.rooms.runs.swarms import call, document, manifests

ELSEWHERE = {"transport": "stdio", "command": ["other-kit"], "root": "repo"}
APPENDS = {"boss": [call("append", line="one"), "It said: {{ last[0].text }}"]}
PUTS = {"boss": [call("put", name="n"), "It said: {{ last[0].text }}"]}
READS = {"boss": [call("read", name="n"), "It said: {{ last[0].text }}"]}


async def lost(house: House) -> str:
    """A run whose approved append was sent, happened, and was not answered; a question about that waits."""
    house.upstream.losing["append"] = 1
    run = await house.launch(APPENDS)
    await house.decide(await house.question(run))
    await house.event(run, "approval.asked", 2)
    return run


async def test_a_person_is_asked_and_the_step_says_unknown_no_longer_than_it_is(any_house: House) -> None:
    run = await lost(any_house)
    asked = await any_house.question(run)
    assert (asked.kind, asked.tool, asked.payload["arguments"]) == ("outcome", "append", {"line": "one"})
    assert ((await any_house.run(run))["status"], (await any_house.run(run))["pending"]) == ("waiting", 1)
    await any_house.decide(asked, "deny", "It is in the file.")
    row = await any_house.status(run, "succeeded", "failed")
    assert row["result"] == (
        "It said: It is not known whether this call happened; a person has decided not to repeat it. "
        "They said: It is in the file."
    )
    assert (any_house.upstream.called("append"), row["pending"]) == (1, 0)
    assert (await any_house.steps(run))["boss/1/0"]["status"] == "unknown"


async def in_doubt(house: House, run: str) -> int:
    found = await house.read(lambda conn: queries.get(conn, ADA, run))
    (listed,) = await house.read(lambda conn: queries.find(conn, ADA, queries.Wanted()))
    assert listed.unknown == found.unknown
    return found.unknown


@pytest.mark.parametrize("ending", ["deny", "cancel", "approve"])
async def test_a_run_says_how_many_calls_may_have_happened_whatever_became_of_it(any_house: House, ending: str) -> None:
    run = await lost(any_house)
    asked = await any_house.question(run)
    if ending == "cancel":
        await any_house.say(run, "cancel")
    elif ending == "deny":
        await any_house.decide(asked, "deny", "It is in the file.")
    else:
        await any_house.decide(asked)
    await any_house.status(run, "succeeded", "cancelled")
    assert await in_doubt(any_house, run) == (0 if ending == "approve" else 1)


async def test_a_read_that_was_not_answered_leaves_nothing_in_doubt(house: House) -> None:
    house.upstream.losing["read"] = 9
    run = await house.launch(READS)
    await house.status(run, "succeeded", "failed")
    assert (await house.steps(run))["boss/1/0"]["status"] == "unknown"
    assert await in_doubt(house, run) == 0


async def test_an_answer_that_cannot_be_kept_is_a_question_too(any_house: House) -> None:
    any_house.upstream.answers["append"] = CallResult(({"type": "text", "text": "half \ud83d"},))
    run = await any_house.launch(APPENDS)
    await any_house.decide(await any_house.question(run))
    await any_house.event(run, "approval.asked", 2)
    asked = await any_house.question(run)
    assert (asked.kind, any_house.upstream.lines) == ("outcome", ["one"])
    await any_house.decide(asked, "deny", "It is in the file.")
    assert (await any_house.status(run, "succeeded", "failed"))["status"] == "succeeded"


async def test_it_is_run_again_when_a_person_says_so(any_house: House) -> None:
    run = await lost(any_house)
    await any_house.decide(await any_house.question(run))
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["result"], any_house.upstream.called("append"), row["pending"]) == ("It said: append one", 2, 0)
    step = (await any_house.steps(run))["boss/1/0"]
    assert (step["status"], step["attempts"]) == ("succeeded", 2)


async def test_a_repeat_that_is_lost_too_is_asked_about_anew(any_house: House) -> None:
    any_house.upstream.losing["append"] = 2
    run = await any_house.launch(APPENDS)
    await any_house.decide(await any_house.question(run))
    await any_house.event(run, "approval.asked", 2)
    await any_house.decide(await any_house.question(run))
    await any_house.event(run, "approval.asked", 3)
    again = await any_house.question(run)
    assert (again.kind, again.payload["attempt"], any_house.upstream.called("append")) == ("outcome", 2, 2)
    await any_house.decide(again, "deny", "Enough.")
    row = await any_house.status(run, "succeeded", "failed")
    assert (any_house.upstream.called("append"), row["pending"]) == (2, 0)


async def test_nobody_says_whether_to_repeat_it(house: House) -> None:
    run = await lost(house)
    house.clock.advance(seconds=PLAN_LIFE_S + 1)
    await house.expire()
    row = await house.status(run, "succeeded", "failed")
    assert row["result"].endswith("and nobody said in time whether to repeat it.")
    assert (house.upstream.called("append"), row["pending"]) == (1, 0)


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_the_question_goes_through_crashes(any_house: House, decision: str) -> None:
    run = await lost(any_house)
    await any_house.restart()
    await any_house.restart()
    assert ((await any_house.run(run))["pending"], len(await any_house.asked(run, "pending"))) == (1, 1)
    asked = await any_house.question(run)
    if decision == "approve":
        await any_house.decide(asked)
    else:
        await any_house.decide(asked, "deny", "No.")
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["status"], row["pending"]) == ("succeeded", 0)
    assert any_house.upstream.called("append") == (2 if decision == "approve" else 1)
    assert (await any_house.kinds(run)).count("approval.asked") == 2


@pytest.mark.parametrize("decision", ["approve", "deny"])
@pytest.mark.parametrize("crashes", [0, 1])
async def test_a_server_that_is_another_one_by_now_is_asked_about_as_what_it_is(
    house: House, decision: Decision, crashes: int
) -> None:
    run = await lost(house)
    await house.declare(yaml.safe_dump(document("ToolServer", "kit", **ELSEWHERE)))
    await house.decide(await house.question(run))
    await house.event(run, "approval.asked", 3)
    for _ in range(crashes):
        await house.restart()
    asked = await house.question(run)
    assert (asked.kind, asked.payload["arguments"], house.upstream.called("append")) == ("plan", {"line": "one"}, 1)
    await house.decide(asked, decision, "Not there.")
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["pending"]) == ("succeeded", 0)
    assert house.upstream.called("append") == (2 if decision == "approve" else 1)
    assert ("It is not known whether this call happened" in row["result"]) == (decision == "deny")


async def test_an_answer_given_while_the_server_is_away_is_heard(house: House) -> None:
    run = await lost(house)
    asked = await house.question(run)
    await house.engine.crash()
    await house.decide(asked)
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], house.upstream.called("append"), row["pending"]) == ("It said: append one", 2, 0)


async def test_a_crash_in_the_repeat_asks_anew(house: House) -> None:
    run = await lost(house)
    held = house.upstream.hold("append")
    await house.decide(await house.question(run))
    await held.reached.wait()
    house.upstream.refusing.add("append")  # whatever was sent, the old loop cannot tell of it any more
    await cut_hard(house)
    house.upstream.refusing.clear()
    await house.resume()
    await house.event(run, "approval.asked", 3)
    again = await house.question(run)
    assert (again.kind, again.payload["attempt"]) == ("outcome", 2)


async def cut_hard(house: House) -> None:
    """A crash that does not wait for the side effect, as a kill does not."""
    write = house.db.write

    async def gone(_handler: object) -> None:
        raise RuntimeError("this process is gone")

    house.db.write = gone  # pyright: ignore[reportAttributeAccessIssue] - nothing that it does is written any more
    house.upstream.release_all()
    await house.engine.crash()
    house.db.write = write


async def test_a_crash_with_a_side_effect_in_flight_asks(house: House) -> None:
    held = house.upstream.hold("append")
    run = await house.launch(APPENDS)
    await house.decide(await house.question(run))
    await held.reached.wait()
    await cut_hard(house)
    await house.resume()
    await house.event(run, "approval.asked", 2)
    assert (await house.question(run)).kind == "outcome"
    assert house.upstream.called("append") == 1


@pytest.mark.parametrize("crashes", [0, 1])
async def test_the_trail_has_a_last_row_of_what_a_crash_cut(house: House, crashes: int) -> None:
    """Found in flight it is `unknown`, once, however often anybody looks and whatever a person says then."""
    held = house.upstream.hold("append")
    run = await house.launch(APPENDS)
    await house.decide(await house.question(run))
    await held.reached.wait()
    await cut_hard(house)
    await house.resume()
    await house.event(run, "approval.asked", 2)
    for _ in range(crashes):
        await house.restart()
    await house.decide(await house.question(run), "deny", "It is in the file.")
    await house.status(run, "succeeded", "failed")
    rows = await house.db.read(lambda conn: audit.page(conn, ADA, run=run, action="tool.call"))
    assert [row.phase for row in reversed(rows)] == ["intent", "attempt", "effect"]
    assert (rows[0].data["verdict"], rows[0].data["code"]) == ("unknown", "process_ended")
    assert (rows[0].step, rows[0].target) == (rows[1].step, "kit/append")
    assert rows[0].data["arguments"] == rows[1].data["arguments"]


async def test_an_idempotent_side_effect_in_flight_at_a_crash_is_repeated_unasked(house: House) -> None:
    held = house.upstream.hold("put")
    run = await house.launch(PUTS)
    await house.decide(await house.question(run))
    await held.reached.wait()
    await cut_hard(house)
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], house.upstream.called("put"), row["pending"]) == ("It said: put n", 2, 0)
    assert [asked.kind for asked in await house.asked(run)] == ["plan"]
    assert len({call.key for call in house.upstream.calls}) == 1


async def test_an_idempotent_side_effect_that_is_not_answered_is_repeated_under_its_key(any_house: House) -> None:
    any_house.upstream.losing["put"] = 2
    run = await any_house.launch(PUTS)
    await any_house.decide(await any_house.question(run))
    row = await any_house.status(run, "succeeded", "failed")
    assert (row["result"], any_house.upstream.called("put"), row["pending"]) == ("It said: put n", 3, 0)
    assert len({call.key for call in any_house.upstream.calls}) == 1


async def test_what_stays_unknown_after_its_repeats_is_told_to_the_model(house: House) -> None:
    house.upstream.losing["put"] = 3
    run = await house.launch(PUTS)
    await house.decide(await house.question(run))
    row = await house.status(run, "succeeded", "failed")
    assert (house.upstream.called("put"), row["pending"]) == (3, 0)
    assert (await house.steps(run))["boss/1/0"]["status"] == "unknown"


async def test_a_read_that_is_not_answered_is_just_read_again(house: House) -> None:
    house.upstream.losing["read"] = 1
    run = await house.launch(READS)
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], house.upstream.called("read")) == ("It said: read n", 2)


async def test_a_tool_that_surely_did_not_start_is_a_failure_and_no_question(house: House) -> None:
    house.upstream.refusing.add("append")
    run = await house.launch(APPENDS)
    await house.decide(await house.question(run))
    row = await house.status(run, "succeeded", "failed")
    assert "did not take the call" in row["result"]
    assert [asked.kind for asked in await house.asked(run)] == ["plan"]


async def test_a_failing_tool_is_an_answer(house: House) -> None:
    house.upstream.answers["read"] = text("no such name", is_error=True)
    run = await house.launch(READS)
    row = await house.status(run, "succeeded", "failed")
    assert row["result"] == "It said: no such name"
    assert (await house.steps(run))["boss/1/0"]["status"] == "failed"


async def test_cancelling_over_an_unknown_outcome_leaves_it_unknown(house: House) -> None:
    run = await lost(house)
    await house.question(run)
    await house.say(run, "cancel")
    row = await house.status(run, "cancelled")
    assert (row["pending"], (await house.steps(run))["boss/1/0"]["status"]) == (0, "unknown")


async def test_stopping_in_good_order_lets_a_side_effect_finish(house: House) -> None:
    held = house.upstream.hold("append")
    run = await house.launch(APPENDS)
    await house.decide(await house.question(run))
    await held.reached.wait()
    held.release()
    await house.engine.crash()  # cuts the loop, which does not cut the call
    assert (await house.steps(run))["boss/1/0"]["status"] == "succeeded"
    await house.resume()
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], house.upstream.called("append")) == ("It said: append one", 1)


async def test_what_has_become_a_write_is_not_repeated_because_it_was_planned_as_a_read(house: House) -> None:
    """Somebody mends a wrong class while the run waits, and a policy lets writes through."""
    kit = {"transport": "stdio", "command": ["kit"], "root": "repo"}
    await house.declare(manifests(APPENDS))
    await house.declare(yaml.safe_dump(document("ToolServer", "kit", **kit, risk={"append": "read"})))
    house.engine.stalled = True
    run = await house.launch()
    house.engine.stalled = False
    await house.declare(yaml.safe_dump(document("ToolServer", "kit", **kit, risk={"append": "write"})))
    lets = 'permit (principal, action == Action::"call", resource) when { resource.risk == "write" };'
    await house.declare(yaml.safe_dump(document("Policy", "lets", cedar=lets)))
    house.upstream.losing["append"] = 5
    await house.resume()
    asked = await house.question(run)
    assert (asked.kind, house.upstream.lines) == ("outcome", ["one"])
    await house.decide(asked, "deny", "It is there.")
    await house.status(run, "succeeded", "failed")
    assert house.upstream.lines == ["one"]
