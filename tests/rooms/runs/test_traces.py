"""A run is one trace over all its agents; what is replayed is not told again, and what was cut is told once."""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from swarmstead.storage.database import Database
from swarmstead.storage.signals import Signals
from swarmstead.telemetry import names
from swarmstead.telemetry.contract import span_id_of
from swarmstead.telemetry.spans import Sampling, Span, Tracer
from tests.clocks import MovableClock
from tests.rooms.runs.house import House
from tests.rooms.runs.swarms import call, delegate

TASK = "canary-of-a-task-77b1"


@pytest.fixture
def told() -> list[Span]:
    """The spans of a test."""
    return []


@pytest_asyncio.fixture
async def traced(
    database: Database, clock: MovableClock, signals: Signals, tmp_path: Path, told: list[Span]
) -> AsyncGenerator[House]:
    """A house that is looked at."""
    made = House(database, clock, signals, tmp_path, tracer=Tracer(told.append, Sampling(runs=1)))
    await made.open()
    yield made
    await made.close()


async def ended(house: House, run: str, *statuses: str) -> Mapping[str, Any]:
    """The row of a run that has ended, once its loops have nothing more to tell."""
    row = await house.status(run, *statuses)
    await house.engine.at_rest()
    return row


def named(told: list[Span], name: str) -> list[Span]:
    return [span for span in told if span.name == name]


async def test_a_run_is_one_tree_down_to_the_tool_server(traced: House, told: list[Span]) -> None:
    run = await traced.launch(
        {"boss": [delegate("ann", TASK), f"done {TASK}"], "ann": [call("read", name=TASK), f"It said {TASK}"]}
    )
    row = await ended(traced, run, "succeeded", "failed")
    agents = await traced.agents(run)
    boss, ann = (span_id_of(agents[name]["id"]) for name in ("boss", "ann"))
    assert {span.trace_id for span in told} == {row["trace_id"]}
    ran = {span.attributes[names.AGENT_NAME]: span for span in named(told, names.AGENT_RUN)}
    assert {name: (span.span_id, span.parent, span.error) for name, span in ran.items()} == {
        "boss": (boss, "", ""),
        "ann": (ann, boss, ""),
    }
    plans = named(told, names.AGENT_PLAN)
    assert Counter(span.parent for span in plans) == {boss: 2, ann: 2}
    asked = named(told, names.LLM_CALL)
    assert sorted(span.parent for span in asked) == sorted(span.span_id for span in plans)
    (tool,) = named(told, names.TOOL_CALL)
    (leg,) = named(told, names.TOOL_UPSTREAM)
    assert (tool.parent, leg.parent) == (ann, tool.span_id)
    assert traced.upstream.calls[-1].traceparent == f"00-{row['trace_id']}-{leg.span_id}-01"
    assert TASK not in str(told)


async def test_a_model_is_told_with_what_it_used(traced: House, told: list[Span]) -> None:
    run = await traced.launch({"boss": [call("read", name="x"), "done"]})
    await ended(traced, run, "succeeded")
    first, last = named(told, names.LLM_CALL)
    steps = await traced.steps(run)
    used = [steps[f"boss/{turn}/model"] for turn in (1, 2)]
    for span, step in zip((first, last), used, strict=True):
        assert span.attributes[names.INPUT_TOKENS] == step["input_tokens"] > 0
        assert span.attributes[names.OUTPUT_TOKENS] == step["output_tokens"] > 0
    about = {name: first.attributes[name] for name in (names.OPERATION, names.PROVIDER, names.REQUEST_MODEL)}
    assert about == {names.OPERATION: "chat", names.PROVIDER: "scripted", names.REQUEST_MODEL: "script"}
    assert [span.attributes.get(names.CALLS) for span in named(told, names.AGENT_PLAN)] == [("kit__read",), None]


async def test_what_is_replayed_is_not_told_again(traced: House, told: list[Span]) -> None:
    """The first read is in the journal when the process ends, the second is in flight."""
    hold = traced.upstream.hold("look")
    run = await traced.launch({"boss": [call("read", name="x"), call("look", line="y"), "done"]})
    await hold.reached.wait()
    before = Counter(span.name for span in told if span.name in (names.LLM_CALL, names.AGENT_PLAN))
    await traced.restart()
    await ended(traced, run, "succeeded")
    assert before == {names.LLM_CALL: 2, names.AGENT_PLAN: 2}
    found = Counter((span.name, span.error) for span in told if span.name != names.POLICY_CHECK)
    assert found == {
        (names.AGENT_RUN, ""): 1,
        (names.AGENT_PLAN, ""): 3,
        (names.LLM_CALL, ""): 3,
        (names.TOOL_CALL, ""): 2,
        (names.TOOL_UPSTREAM, ""): 2,
        # what was cut really went to the tool server, and is told as cut
        (names.TOOL_CALL, "cancelled"): 1,
        (names.TOOL_UPSTREAM, "cancelled"): 1,
    }
    assert len({span.span_id for span in told}) == len(told)


async def test_an_agent_that_fails_is_told_with_its_code(traced: House, told: list[Span]) -> None:
    run = await traced.launch({"boss": [call("read", name="x")]})  # its script ends there
    row = await ended(traced, run, "failed")
    (span,) = named(told, names.AGENT_RUN)
    assert (span.error, span.attributes[names.STATUS]) == (row["error"]["code"], "failed")


async def test_an_agent_that_the_engine_gives_up_is_told(traced: House, told: list[Span]) -> None:
    hold = traced.upstream.hold("read")
    run = await traced.launch({"boss": [call("read", name="x"), "done"]})
    await hold.reached.wait()
    await traced.engine.crash()
    traced.engine.given_up = [(await traced.agents(run))["boss"]["id"]]
    await traced.runs.mend()
    await ended(traced, run, "failed")
    (span,) = named(told, names.AGENT_RUN)
    assert span.error == "given_up"


async def test_a_run_that_is_cancelled_is_told(traced: House, told: list[Span]) -> None:
    hold = traced.upstream.hold("read")
    run = await traced.launch({"boss": [call("read", name="x"), "done"]})
    await hold.reached.wait()
    await traced.say(run, "cancel")
    await ended(traced, run, "cancelled")
    (span,) = named(told, names.AGENT_RUN)
    assert span.error == "cancelled"


async def test_a_run_that_is_not_looked_at_tells_nothing(
    sqlite_database: Database, clock: MovableClock, signals: Signals, tmp_path: Path, told: list[Span]
) -> None:
    house = House(sqlite_database, clock, signals, tmp_path, tracer=Tracer(told.append, Sampling(calls=1, runs=0)))
    await house.open()
    run = await house.launch({"boss": [call("read", name="x"), "done"]})
    await ended(house, run, "succeeded")
    await house.close()
    assert told == []
