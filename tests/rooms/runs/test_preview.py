"""A preview says what will run; its hash covers all of it, and what is missing is named before anything starts."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from swarmstead.kernel.errors import BadInput, NotPermitted
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.resources.errors import ResourceUnknown
from swarmstead.runs.contract import Overrides
from swarmstead.runs.errors import InputRefused, PlanIncomplete
from swarmstead.runs.swarms import task_text
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import AGENTS, agent, binding, call, delegate, document, manifests, model, server, swarm

SCRIPT: Mapping[str, Any] = {"boss": [delegate("ann"), "done"], "ann": [call("read", name="x"), "read"], "bob": ["bob"]}


async def test_the_hash_stays_while_nothing_changes(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    first = await house.preview()
    house.clock.advance(seconds=86_400)
    await house.declare(manifests(SCRIPT))
    second = await house.preview()
    assert first.hash == second.hash
    assert first.hash.startswith("sha256:")
    assert second.created_at > first.created_at


CHANGES: dict[str, Any] = {
    "an agent's instructions": [agent("ann", instructions="You are somebody else.")],
    "an agent's turns": [agent("ann", max_turns=3)],
    "the swarm's task": [swarm(task="Something else in {repo}.")],
    "the swarm's members": [swarm(members=["ann"])],
    "the swarm's budget": [swarm(limits={"budget_usd": "0.50", "wall_clock_s": 600})],
    "the script of a model": [model({**SCRIPT, "bob": ["no"]})],
    "the price of a model": [model(SCRIPT, price={"input_per_million_usd": "2", "output_per_million_usd": "1"})],
    "another model": [model(SCRIPT, "other"), agent("bob", model="other")],
    "a tool less": [binding("ann", ["read"])],
    "a tool's class": [server(risk={"note": "write"})],
    "a tool's idempotence": [server(idempotent=["append"])],
}


@pytest.mark.parametrize("instead", CHANGES.values(), ids=list(CHANGES))
async def test_the_hash_changes_with_what_is_declared(house: House, instead: list[Any]) -> None:
    await house.declare(manifests(SCRIPT))
    before = await house.preview()
    await house.declare(manifests(SCRIPT, *instead))
    assert (await house.preview()).hash != before.hash


@pytest.mark.parametrize(
    "change", [{"description": "Other words."}, {"inputSchema": {"type": "object"}}, {"annotations": {}}]
)
async def test_the_hash_changes_with_a_tools_definition(house: House, change: dict[str, Any]) -> None:
    await house.declare(manifests(SCRIPT))
    before = await house.preview()
    house.upstream.tools = [one | change if one["name"] == "read" else one for one in house.upstream.tools]
    house.clock.advance(seconds=120)  # the catalogue asks again after a minute
    assert (await house.preview()).hash != before.hash


async def test_the_hash_changes_with_the_wish(house: House) -> None:
    inputs = {"repo": {"type": "repository"}, "depth": {"type": "number", "default": 3}}
    await house.declare(manifests(SCRIPT, swarm(inputs=inputs), model(SCRIPT, "other")))
    wishes: list[dict[str, Any]] = [
        {},
        {"input": {"repo": str(house.repository), "depth": 4}},
        {"environment": "prod"},
        {"overrides": Overrides(models={"ann": "other"})},
        {"overrides": Overrides(budget_usd="0.20")},
    ]
    plans = [await house.preview(**wish) for wish in wishes]
    assert len({plan.hash for plan in plans}) == len(wishes)
    assert (await house.preview(input={"repo": str(house.repository), "depth": 3})).hash == plans[0].hash
    ann = plans[3].agent("ann")
    assert ann is not None
    assert (ann.model, plans[4].budget_micros) == ("other", 200_000)


async def test_a_plan_says_what_each_tool_may_do(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    ann = (await house.preview()).agent("ann")
    assert ann is not None
    assert {tool.name: (tool.risk, tool.verdict) for tool in ann.tools} == {
        "read": ("read", "allow"),
        "look": ("read", "allow"),
        "put": ("write", "ask"),
        "append": ("write", "ask"),
        "wipe": ("danger", "ask"),
        "note": ("unknown", "deny"),
    }


async def test_a_tool_that_is_switched_off_is_noted_and_the_run_goes_without_it(house: House) -> None:
    flagged = server(flags={"read": "reading", "note": "!quiet"})
    quiet = document("FeatureFlag", "quiet", enabled=True)
    await house.declare(manifests(SCRIPT, flagged, quiet, swarm(task="Look after {repo} and {nope}.")))
    plan = await house.preview()
    assert plan.notes[0].startswith("task: {nope} is no input of this swarm")
    of_ann = [note for note in plan.notes if note.startswith("ann ")]
    assert of_ann == [
        "ann goes without kit/note: it stands behind the feature flag 'quiet', which is on.",
        "ann goes without kit/read: it stands behind the feature flag 'reading', which is off.",
    ]
    ann = plan.agent("ann")
    assert ann is not None
    assert {"read", "note"} & {tool.name for tool in ann.tools} == set()
    assert plan.missing == ()
    await house.launch()


MISSING: dict[str, tuple[list[Any], str]] = {
    "an agent": ([swarm(members=["ann", "carl"])], "The agent 'carl' is not declared."),
    "a model": ([agent("bob", model="none")], "The model 'none' of bob is not declared."),
    "a key": (
        [model({}, "hosted", provider="openai", model="gpt-4.1-mini", api_key="env:NO_SUCH_KEY", script={})],
        "env:NO_SUCH_KEY",
    ),
    "a price": (
        [model({}, "hosted", provider="openai", model="m", base_url="http://127.0.0.1:9/v1", price=None, script={})],
        "The model 'hosted' of bob cannot be asked. Nobody knows what",
    ),
    "a tool": ([binding("ann", ["read", "fly"])], "kit has no tool 'fly'"),
}


@pytest.mark.parametrize(("instead", "words"), MISSING.values(), ids=list(MISSING))
async def test_what_is_missing_is_named_and_refused_at_launch(house: House, instead: list[Any], words: str) -> None:
    hosted = [agent("bob", model="hosted")] if instead[0]["metadata"]["name"] == "hosted" else []
    await house.declare(manifests(SCRIPT, *instead, *hosted))
    plan = await house.preview()
    assert [missing for missing in plan.missing if words in missing.what and missing.way_out]
    with pytest.raises(PlanIncomplete) as refused:
        await house.launch()
    more = " One more thing is missing." if len(plan.missing) == 2 else ""
    assert refused.value.message == f"This run cannot start. {plan.missing[0].what}{more}"
    assert all(re.fullmatch(r"[A-Z].*[^.]\.", missing.what) for missing in plan.missing)
    assert refused.value.way_out


async def test_a_tool_server_that_does_not_answer_is_missing(house: House) -> None:
    house.upstream.down = "The tool server 'kit' did not take the call: it was not found."
    await house.declare(manifests(SCRIPT))
    plan = await house.preview()
    assert [missing.what for missing in plan.missing] == [
        f"Tools of 'kit' that {name} is bound to cannot be called. {house.upstream.down}" for name in AGENTS
    ]


async def test_the_cost_is_a_range_within_the_budget(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    plan = await house.preview()
    assert 0 < plan.cost_low_micros < plan.cost_high_micros <= plan.budget_micros
    assert (plan.time_low_s, plan.time_high_s) == (1, 600)


async def test_the_cost_of_earlier_runs_is_believed_more(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    estimated = await house.preview()
    for _ in range(3):
        await house.status(await house.launch(), "succeeded")
    run = await house.launch()
    await house.status(run, "succeeded")
    plan = await house.preview()
    spent = (await house.agents(run))["boss"]["spent_micros"] + (await house.agents(run))["ann"]["spent_micros"]
    assert (plan.cost_low_micros, plan.cost_high_micros) == (spent, spent)
    assert plan.hash == estimated.hash


async def test_a_preview_needs_the_right_to_launch_and_a_swarm(house: House) -> None:
    await house.declare(manifests(SCRIPT))
    viewer = Scope("acme", Actor("key:v", "user", "Vi", frozenset({"viewer"})))
    with pytest.raises(NotPermitted):
        await house.runs.preview(viewer, house.wish())
    stranger = Scope("evil", Actor("key:e", "user", "Eve", frozenset({"admin"})))
    with pytest.raises(ResourceUnknown):
        await house.runs.preview(stranger, house.wish())


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        (Overrides(budget_usd="much"), "overrides.budget_usd"),
        (Overrides(budget_usd="-1"), "overrides.budget_usd"),
        (Overrides(models={"carl": "script"}), "overrides.models.carl"),
    ],
)
async def test_overrides_that_make_no_sense_are_refused(house: House, overrides: Overrides, field: str) -> None:
    await house.declare(manifests(SCRIPT))
    with pytest.raises(InputRefused) as refused:
        await house.preview(overrides=overrides)
    assert (refused.value.field, refused.value.way_out != "") == (field, True)


@pytest.mark.parametrize(
    ("instead", "field"),
    [
        ({"limits": {"budget_usd": "free"}}, "limits.budget_usd"),
        ({"members": ["boss"]}, "members"),
        ({"inputs": {"a": {"type": "repository"}, "b": {"type": "repository"}}}, "inputs.b"),
    ],
)
async def test_a_swarm_that_makes_no_sense_is_refused(house: House, instead: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        await house.declare(manifests(SCRIPT, swarm(**instead)))
    assert field in str(refused.value)


def test_an_input_cannot_name_another_one() -> None:
    values = {"a": "{b}", "b": "secret"}
    assert task_text("{a} and {b}, {c} and { not", values) == "{b} and secret, {c} and { not"
