"""Defaults that a call gets, what a tool may answer, the dry run, and whose plan it is."""

from typing import Any

import pytest

from swarmstead.gateway.contract import CallResult
from tests.fakes.upstream import TEXT, WRITE, text, tool
from tests.rooms.gateway.desk import Desk, outside

READ = {"readOnlyHint": True}


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


# Defaults -------------------------------------------------------------------------------------------------------------

DEFAULTS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: kit}
spec:
  transport: stdio
  command: [kit]
  root: repo
  defaults: {wipe: {dry_run: true, limit: 50}, read: {name: README}}
"""
WIPE = tool("wipe", {"readOnlyHint": False}, dry_run={"type": "boolean"}, limit={"type": "integer", "maximum": 100})


async def test_defaults_fill_what_a_call_leaves_out(desk: Desk) -> None:
    await desk.declare(DEFAULTS)
    assert (await desk.call("read")).verdict == "ok"
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"
    assert [call.arguments for call in desk.upstream.calls] == [{"name": "README"}, {"name": "x"}]


async def test_a_plan_shows_and_binds_what_defaults_filled_in(desk: Desk) -> None:
    desk.upstream.tools = [WIPE]
    await desk.declare(DEFAULTS)
    request = desk.request("wipe", {"limit": 7})
    asked = await desk.approved(request)
    assert asked.payload["arguments"] == {"dry_run": True, "limit": 7}
    await desk.declare(DEFAULTS.replace("dry_run: true", "dry_run: false"))
    outcome = await desk.call("wipe", {"limit": 7}, key=request.key, plan_id=asked.id)
    assert (outcome.code, desk.upstream.calls) == ("plan_refused", [])
    await desk.declare(DEFAULTS)
    assert (await desk.call("wipe", {"limit": 7}, key=request.key, plan_id=asked.id)).verdict == "ok"
    assert desk.upstream.calls[0].arguments == {"dry_run": True, "limit": 7}


async def test_all_rows_about_one_call_name_the_same_arguments(desk: Desk) -> None:
    desk.upstream.tools = [WIPE]
    await desk.declare(DEFAULTS)
    request = desk.request("wipe")
    asked = await desk.approved(request)
    await desk.call("wipe", key=request.key, plan_id=asked.id)
    rows = await desk.rows("tool.call")
    assert [row.phase for row in rows] == ["intent", "attempt", "effect"]
    assert len({row.data["arguments"] for row in rows}) == 1


async def test_defaults_are_held_to_the_contract_too(desk: Desk) -> None:
    desk.upstream.tools = [WIPE]
    await desk.declare(DEFAULTS.replace("limit: 50", "limit: 500"))
    assert (await desk.call("wipe")).code == "arguments_refused"


async def test_headers_repeat_what_a_client_sent_and_not_what_defaults_filled_in(desk: Desk) -> None:
    desk.upstream.tools = [tool("read", {"readOnlyHint": True}, name=TEXT | {"x-mcp-header": "Name"})]
    await desk.declare(DEFAULTS)
    assert (await desk.call("read", mirrored={})).verdict == "ok"
    wrong = await desk.call("read", {"name": "x"}, mirrored={"mcp-param-name": "y"})
    assert (wrong.verdict, desk.upstream.called("read")) == ("denied", 1)


# Results --------------------------------------------------------------------------------------------------------------

COUNT = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
SECRET = f"ghp_{'a' * 36}"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (text("", structured={"count": 1}), ""),
        (text("", structured={"count": "many"}), "at count: "),
        (text("", structured={"count": SECRET}), "at count: "),
        (text("", structured={}), "required"),
        (text("only words"), "it has no structuredContent"),
        (text("an error has none", is_error=True), ""),
    ],
)
async def test_an_answer_is_held_to_the_schema_that_the_tool_declares(desk: Desk, answer: Any, words: str) -> None:
    desk.upstream.tools = [tool("read", READ, name=TEXT) | {"outputSchema": COUNT}]
    desk.upstream.answers["read"] = answer
    outcome = await desk.call("read", {"name": "x"})
    if not words:
        assert outcome.verdict in ("ok", "tool_error")
        return
    assert (outcome.verdict, outcome.code, outcome.result) == ("failed", "result_refused", None)
    assert words in outcome.reason
    assert SECRET not in outcome.reason
    assert (await desk.trail())[-1] == ("effect", "kit/read", "failed")


async def test_a_side_effect_with_a_bad_answer_is_told_as_done(desk: Desk) -> None:
    desk.upstream.tools = [tool("append", WRITE, line=TEXT) | {"outputSchema": COUNT}]
    request = desk.request("append", {"line": "one"})
    asked = await desk.approved(request)
    outcome = await desk.call("append", {"line": "one"}, key=request.key, plan_id=asked.id)
    assert (outcome.verdict, outcome.code, desk.upstream.lines) == ("failed", "result_refused", ["one"])
    assert "It was called, and what it does is done." in outcome.reason
    assert [phase for phase, _, _ in await desk.trail()] == ["intent", "attempt", "effect"]


async def test_an_answer_that_asks_for_input_first_has_no_result_yet(desk: Desk) -> None:
    desk.upstream.tools = [tool("read", READ, name=TEXT) | {"outputSchema": COUNT}]
    desk.upstream.answers["read"] = CallResult(more={"resultType": "input_required", "inputRequests": {}})
    assert (await desk.call("read", {"name": "x"})).verdict == "ok"


@pytest.mark.parametrize(
    "answer",
    [text("x" * 5_000_000), text("", structured={"a": ["y" * 1_000_000] * 5}), text("", structured={"a": deep(200)})],
    ids=["text", "structured", "deep"],
)
async def test_an_answer_has_bounds(desk: Desk, answer: Any) -> None:
    desk.upstream.answers["read"] = answer
    outcome = await desk.call("read", {"name": "x"})
    assert (outcome.verdict, outcome.code, outcome.result) == ("failed", "result_refused", None)


# The dry run ----------------------------------------------------------------------------------------------------------


async def test_a_dry_run_leaves_a_row_and_is_held_to_its_own_contract(desk: Desk) -> None:
    desk.upstream.answers["look"] = text("", structured={"path": "notes"})
    await desk.plan(desk.request("append", {"line": "one"}))
    desk.upstream.tools = [
        tool("append", WRITE, line=TEXT),
        tool("look", READ, line={"type": "string", "maxLength": 2}),
    ]
    await desk.accept_all()
    asked = await desk.plan(desk.request("append", {"line": "three"}))
    assert "its own contract refuses these arguments" in asked.effect["why"]
    assert desk.upstream.called("look") == 1
    rows = [(row.target, row.data["verdict"], row.data["of"]) for row in await desk.rows("tool.preview")]
    assert rows == [("kit/look", "ok", "append"), ("kit/look", "denied", "append")]


async def test_a_quarantined_tool_is_no_preview(desk: Desk) -> None:
    await desk.gateway.inspect(desk.request("look").caller, "kit", desk.root)
    await desk.quarantine("look")
    asked = await desk.plan(desk.request("append", {"line": "one"}))
    assert "quarantined" in asked.effect["why"]
    assert desk.upstream.called("look") == 0


async def test_a_previews_answer_is_held_to_its_schema(desk: Desk) -> None:
    desk.upstream.tools = [tool("append", WRITE, line=TEXT), tool("look", READ, line=TEXT) | {"outputSchema": COUNT}]
    desk.upstream.answers["look"] = text("", structured={"count": "many"})
    asked = await desk.plan(desk.request("append", {"line": "one"}))
    assert "does not satisfy its contract" in asked.effect["why"]


# Whose plan it is -----------------------------------------------------------------------------------------------------


async def test_an_outside_clients_plan_is_its_own(desk: Desk) -> None:
    request = desk.request("append", {"line": "one"}, caller=outside())
    asked = await desk.approved(request)
    other = await desk.call("append", {"line": "one"}, caller=outside(key="k_2"), key=request.key, plan_id=asked.id)
    assert (other.code, desk.upstream.lines) == ("plan_refused", [])
    mine = await desk.call("append", {"line": "one"}, caller=outside(), key=request.key, plan_id=asked.id)
    assert (mine.verdict, desk.upstream.lines) == ("ok", ["one"])
