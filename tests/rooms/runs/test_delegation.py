"""A coordinator gives work to members: who gave what to whom is recorded, and what comes of it is an answer."""

import pytest

from tests.fakes.upstream import text
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import agent, call, delegate, manifests, model, swarm


async def test_the_chain_of_delegation_is_recorded(house: House) -> None:
    run = await house.launch(
        {"boss": [delegate("ann", "Count."), "{{ last[0].text }}"], "ann": ["I was asked: {{ task }}"]}
    )
    row = await house.status(run, "succeeded", "failed")
    agents = await house.agents(run)
    assert row["result"] == "I was asked: Count."
    ann, boss = agents["ann"], agents["boss"]
    assert (ann["parent"], ann["parent_step"], ann["depth"]) == (boss["id"], f"{boss['id']}/1/0", 1)
    assert (ann["task"], ann["why"]) == ("Count.", "Because.")
    event = await house.event(run, "agent.delegated")
    assert event.data == {"from": boss["id"], "to": ann["id"], "agent": "ann", "why": "Because."}
    steps = await house.steps(run)
    assert (steps["boss/1/0"]["kind"], steps["boss/1/0"]["output"]["text"]) == ("delegate", "I was asked: Count.")


async def test_answers_come_in_the_order_of_the_calls(house: House) -> None:
    look, read = house.upstream.hold("look"), house.upstream.hold("read")
    script = {
        "boss": [
            [delegate("ann"), call("read", name="r"), delegate("bob"), call("read", name="s")],
            "{% for one in last %}{{ one.text }};{% endfor %}",
        ],
        "ann": [call("look", line="a"), "ann"],
        "bob": ["bob"],
    }
    run = await house.launch(script)
    await look.reached.wait()
    await read.reached.wait()
    read.release()
    look.release()
    assert (await house.status(run, "succeeded", "failed"))["result"] == "ann;read r;bob;read s;"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"agent": "carl", "task": "x", "why": ""}, "There is no agent 'carl' to delegate to; there are ann, bob."),
        ({"agent": "boss", "task": "x", "why": ""}, "There is no agent 'boss' to delegate to; there are ann, bob."),
        ({"task": "x"}, "There is no agent None to delegate to; there are ann, bob."),
        ({"agent": ["ann"], "task": "x"}, "There is no agent ['ann'] to delegate to; there are ann, bob."),
        ({"agent": "ann", "task": ""}, "A delegation needs a task: a text of 1 to 200000 characters."),
        ({"agent": "ann", "task": 7}, "A delegation needs a task: a text of 1 to 200000 characters."),
    ],
)
async def test_a_delegation_that_makes_no_sense_is_answered(
    house: House, arguments: dict[str, object], words: str
) -> None:
    run = await house.launch({"boss": [call("delegate", **arguments), "{{ last[0].text }}"]})
    row = await house.status(run, "succeeded", "failed")
    assert (row["result"], set(await house.agents(run))) == (words, {"boss"})


async def test_a_task_has_a_length(house: House) -> None:
    house.upstream.answers["read"] = text("x" * 60_000)
    again = "{{ last[0].text }}"
    script = {"boss": [call("read", name="x"), delegate("ann", again * 4), again]}
    await house.declare(manifests(script, model(script, price=None)))
    row = await house.status(await house.launch(), "succeeded", "failed")
    assert row["result"] == "A delegation needs a task: a text of 1 to 200000 characters."


async def test_a_member_cannot_delegate(house: House) -> None:
    script = {
        "boss": [delegate("ann"), "{{ last[0].text }}"],
        "ann": [delegate("bob"), "{{ last[0].text }}"],
        "bob": ["bob"],
    }
    run = await house.launch(script)
    row = await house.status(run, "succeeded", "failed")
    assert "has no tool" in row["result"]
    assert set(await house.agents(run)) == {"boss", "ann"}


async def test_without_members_there_is_nobody_to_delegate_to(house: House) -> None:
    script = {"boss": [delegate("ann"), "{{ last[0].text }}"]}
    await house.declare(manifests(script, swarm(members=[])))
    row = await house.status(await house.launch(), "succeeded", "failed")
    assert row["result"] == "This swarm has no members to delegate to."


async def test_a_members_failure_is_an_answer_for_the_coordinator(any_house: House) -> None:
    script = {"boss": [[delegate("ann"), delegate("bob")], "{{ last[0].text }} {{ last[1].text }}"], "bob": ["bob"]}
    await any_house.declare(manifests(script | {"ann": [call("read", name="x")] * 2}, agent("ann", max_turns=1)))
    run = await any_house.launch()
    row = await any_house.status(run, "succeeded", "failed")
    assert row["result"] == "ann failed: ann asked its model 1 times without coming to an end. bob"
    assert {name: agent["status"] for name, agent in (await any_house.agents(run)).items()} == {
        "boss": "succeeded",
        "ann": "failed",
        "bob": "succeeded",
    }


async def test_a_member_whose_script_ends_early_is_a_failure_too(house: House) -> None:
    run = await house.launch({"boss": [delegate("ann"), "{{ last[0].text }}"], "ann": [call("read", name="x")]})
    row = await house.status(run, "succeeded", "failed")
    assert row["result"].startswith("ann failed: The script of agent 'ann' has 1 turns")


async def test_the_same_member_can_be_asked_twice(house: House) -> None:
    script = {
        "boss": [[delegate("ann", "one"), delegate("ann", "two")], "{{ last[0].text }} {{ last[1].text }}"],
        "ann": ["did {{ task }}"],
    }
    run = await house.launch(script)
    assert (await house.status(run, "succeeded", "failed"))["result"] == "did one did two"


async def test_a_crash_between_a_childs_row_and_its_loop_starts_it_once(house: House) -> None:
    script = {"boss": [delegate("ann"), "{{ last[0].text }}"], "ann": [call("append", line="a"), "ann"]}
    house.engine.stalled = True
    run = await house.launch(script)
    root = (await house.agents(run))["boss"]["id"]
    house.engine.stalled = False
    await house.engine.start(root)
    house.engine.stalled = True  # the child's row is stored, and nobody starts it
    await house.event(run, "agent.delegated")
    await house.engine.crash()
    house.engine.stalled = False
    await house.engine.start(root)
    await house.decide(await house.question(run))
    assert (await house.status(run, "succeeded", "failed"))["result"] == "ann"
    assert (house.upstream.lines, (await house.kinds(run)).count("agent.delegated")) == (["a"], 1)


async def test_a_coordinator_that_fails_stops_the_others(house: House) -> None:
    """Its members' work leads nowhere then; nobody is asked about it any more."""
    script = {"boss": [[delegate("ann"), call("read", name="x")], "done"], "ann": [call("append", line="a"), "ann"]}
    held = house.upstream.hold("read")
    run = await house.launch(script)
    await held.reached.wait()
    await house.question(run)

    async def fails(_call: object) -> None:
        raise ZeroDivisionError

    house.upstream.during = fails
    house.upstream.losing["read"] = 1  # so that it is read again, and fails
    held.release()
    row = await house.status(run, "succeeded", "failed")
    assert (row["status"], row["error"]["code"], row["pending"]) == ("failed", "internal", 0)
    ann = (await house.agents(run))["ann"]
    assert (ann["status"], ann["outcome"]) == ("cancelled", "Cancelled with its run.")
    assert await house.asked(run, "pending") == []
