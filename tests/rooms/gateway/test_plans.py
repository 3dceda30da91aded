"""Plan and apply: an approval is good for one execution of exactly the call that was seen."""

from typing import Any

import pytest

from swarmstead.permits import handlers as permits
from tests.fakes.upstream import text
from tests.rooms.gateway.desk import EVE, MANIFESTS, PLAN_LIFE_S, Desk, outside

LINE = {"line": "one"}


async def apply(desk: Desk, plan_id: str, key: str, tool: str = "append", **more: Any) -> tuple[str, str, str]:
    outcome = await desk.call(tool, more.pop("arguments", LINE), key=key, plan_id=plan_id, **more)
    return outcome.verdict, outcome.code, outcome.reason


async def test_a_plan_shows_exactly_what_would_be_done(desk: Desk) -> None:
    desk.upstream.answers["look"] = text("", structured={"path": "notes", "before": None, "after": "one\n"})
    request = desk.request("append", LINE)
    asked = await desk.plan(request)
    assert (asked.kind, asked.status, asked.risk, asked.rule) == (
        "plan",
        "pending",
        "write",
        "write tools wait for a person (builtin/write)",
    )
    assert asked.payload["arguments"] == LINE
    assert (asked.payload["step"], asked.payload["run"], asked.payload["root"]) == (request.key, "r_1", desk.root)
    assert asked.effect == {"kind": "file", "path": "notes", "before": None, "after": "one\n"}
    assert asked.sentence == f"Create notes (2 lines) in {desk.root}"
    assert desk.upstream.lines == []


async def test_asking_again_is_asking_once(any_desk: Desk) -> None:
    request = any_desk.request("append", LINE)
    assert (await any_desk.plan(request)).id == (await any_desk.plan(request)).id
    assert len(await any_desk.asked()) == 1


async def test_an_approved_plan_is_applied_once(any_desk: Desk) -> None:
    request = any_desk.request("append", LINE)
    asked = await any_desk.approved(request)
    assert (await apply(any_desk, asked.id, request.key))[0] == "ok"
    verdict, code, reason = await apply(any_desk, asked.id, request.key)
    assert (verdict, code) == ("denied", "plan_refused")
    assert reason == "This plan cannot be applied: it was used before."
    assert any_desk.upstream.lines == ["one"]


async def test_a_repeat_after_a_crash_may_spend_it_again(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    await apply(desk, asked.id, request.key)
    assert (await apply(desk, asked.id, request.key, repeat=True))[0] == "ok"
    assert (await apply(desk, asked.id, request.key, repeat=True, arguments={"line": "two"}))[1] == "plan_refused"


OTHER: dict[str, dict[str, Any]] = {
    "other arguments": {"arguments": {"line": "two"}},
    "another tool": {"tool": "wipe", "arguments": {}},
    "another step": {"key": "a_1/9/9"},
    "another folder": {"root": "/"},
    "a caller from outside": {"caller": outside()},
}


@pytest.mark.parametrize("other", OTHER.values(), ids=list(OTHER))
async def test_a_plan_is_not_good_for_another_call(desk: Desk, other: dict[str, Any]) -> None:
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    verdict, code, reason = await apply(desk, asked.id, **({"key": request.key} | other))
    assert (verdict, code) == ("denied", "plan_refused")
    assert reason == "This plan cannot be applied: it is for other arguments or another tool."
    assert desk.upstream.lines == []
    assert (await apply(desk, asked.id, request.key))[0] == "ok"  # and it is still good for its own


async def test_a_plan_is_not_good_for_another_definition(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    desk.upstream.tools = [one | {"description": "It does something else now."} for one in desk.upstream.tools]
    desk.clock.advance(seconds=120)
    assert (await apply(desk, asked.id, request.key))[1] == "tool_quarantined"
    await desk.accept("append")
    assert (await apply(desk, asked.id, request.key))[1] == "plan_refused"
    assert desk.upstream.lines == []


async def test_a_plan_that_nobody_has_decided_on_is_refused(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.plan(request)
    assert await apply(desk, asked.id, request.key) == (
        "denied",
        "plan_refused",
        "This plan cannot be applied: nobody has decided yet.",
    )


async def test_a_denied_plan_is_refused_with_its_reason(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.plan(request)
    await desk.decide(asked, "deny", "Not now")
    assert (await apply(desk, asked.id, request.key))[2] == "This plan cannot be applied: it was denied: Not now."


async def test_an_expired_plan_is_refused(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.plan(request)
    desk.clock.advance(seconds=PLAN_LIFE_S + 1)
    await desk.db.write(lambda tx: permits.expire(tx, desk.clock))
    assert (await apply(desk, asked.id, request.key))[2] == "This plan cannot be applied: it has expired."
    assert desk.upstream.lines == []


async def test_a_plan_that_is_none_or_somebody_elses_is_refused(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    assert (await apply(desk, "ap_nothing", request.key))[1] == "approval_unknown"
    await desk.declare(MANIFESTS, EVE)
    assert (await apply(desk, asked.id, request.key, caller=outside("evil")))[1] == "approval_unknown"


async def test_only_a_read_tool_may_be_a_preview(desk: Desk) -> None:
    """`wipe` names `put` as its preview: that would be a side effect before anybody has agreed to one."""
    asked = await desk.plan(desk.request("wipe"))
    assert asked.effect == {"kind": "none", "why": "'put' cannot be used as a preview: it is not a read tool."}
    assert desk.upstream.calls == []


@pytest.mark.parametrize("trouble", ["error", "lost", "unstructured"])
async def test_a_preview_that_fails_does_not_stand_in_the_way(desk: Desk, trouble: str) -> None:
    if trouble == "error":
        desk.upstream.answers["look"] = text("cannot look", is_error=True)
    elif trouble == "lost":
        desk.upstream.losing["look"] = 1
    asked = await desk.plan(desk.request("append", LINE))
    assert (asked.effect["kind"], asked.effect["why"] != "") == ("none", True)
    assert asked.sentence == "Call append on kit with 1 argument"


async def test_a_plan_id_is_nothing_to_a_read(desk: Desk) -> None:
    assert (await apply(desk, "ap_nothing", "a_1/1/7", "read", arguments={"name": "x"}))[0] == "ok"
