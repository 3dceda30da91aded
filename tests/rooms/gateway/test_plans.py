"""Plan and apply: an approval is good for one execution of exactly the call that was seen."""

from dataclasses import replace
from typing import Any

import pytest

from swarmstead.kernel.hashing import sha256_hex
from swarmstead.permits import handlers as permits
from swarmstead.resources import handlers as resources
from tests.fakes.upstream import text
from tests.rooms.gateway.desk import ADA, EVE, MANIFESTS, PLAN_LIFE_S, Desk, outside

LINE = {"line": "one"}


RELAXED = """
apiVersion: swarmstead.dev/v1alpha1
kind: Policy
metadata: {name: relaxed}
spec:
  cedar: |
    permit (principal, action == Action::"call", resource);
"""


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
    assert asked.sentence == f"Create notes (1 line) in {desk.root}"
    assert desk.upstream.lines == []


def looks(desk: Desk, before: str | None) -> None:
    """What the preview of `append` finds."""
    expect = {"absent": True} if before is None else {"sha256": sha256_hex(before.encode())}
    seen = {"path": "notes", "before": before, "after": "one\n", "expect": expect}
    desk.upstream.answers["look"] = text("", structured=seen)


async def test_a_plan_is_bound_to_what_its_preview_found(desk: Desk) -> None:
    looks(desk, None)
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    assert asked.payload["precondition"]["expect"] == {"absent": True}
    assert "expect" not in asked.effect
    assert (await apply(desk, asked.id, request.key))[0] == "ok"
    assert desk.upstream.calls[-1].expect == {"absent": True}  # for the server to check when it acts


async def test_a_plan_whose_effect_has_changed_since_is_asked_about_again(any_desk: Desk) -> None:
    desk = any_desk
    looks(desk, None)
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    looks(desk, "somebody's own\n")
    again = await desk.plan(replace(request, plan_id=asked.id))
    assert (again.id != asked.id, again.status, again.effect["before"]) == (True, "pending", "somebody's own\n")
    assert (again.payload["step"], again.payload["arguments"]) == (request.key, LINE)
    assert (
        again.rule
        == "write tools wait for a person (builtin/write); asked again, since what it would change has changed"
    )
    assert desk.upstream.lines == []
    assert (await desk.plan(replace(request, plan_id=asked.id))).id == again.id
    await desk.decide(again)
    assert (await apply(desk, again.id, request.key))[0] == "ok"
    assert desk.upstream.calls[-1].expect == {"sha256": sha256_hex(b"somebody's own\n")}
    (old,) = [one for one in await desk.asked() if one.id == asked.id]
    assert (old.status, old.reason) == ("expired", "what it would change has changed since it was approved")


async def test_a_long_reason_of_a_policy_leaves_room_for_why_it_is_asked_again(any_desk: Desk) -> None:
    """What is too long for its column is refused by Postgres, and the plan could never be asked about again."""
    desk = any_desk
    reason = "because of a rule with very many words, " * 4
    asks = RELAXED.replace("permit", f'@reason("{reason}")\n    forbid')
    await desk.declare(asks.replace("resource);", "resource) when { true };"))
    looks(desk, None)
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    looks(desk, "somebody's own\n")
    again = await desk.plan(replace(request, plan_id=asked.id))
    assert again.rule.startswith(asked.rule[:100])
    assert again.rule.endswith("asked again, since what it would change has changed")


async def test_an_approved_plan_holds_when_the_rules_relax(desk: Desk) -> None:
    looks(desk, None)
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    await desk.declare(RELAXED)
    assert (await desk.call("append", {"line": "two"})).verdict == "ok"  # nobody has to be asked any more
    assert (await apply(desk, asked.id, request.key))[0] == "ok"
    assert desk.upstream.lines == ["two", "one"]


async def test_it_may_change_there_and_back_and_is_asked_about_each_time(desk: Desk) -> None:
    looks(desk, None)
    request = desk.request("append", LINE)
    plan = await desk.approved(request)
    for before in ("theirs", None, "theirs"):
        looks(desk, before)
        plan = await desk.plan(replace(request, plan_id=plan.id))
        assert (plan.status, plan.effect["before"]) == ("pending", before)
        await desk.decide(plan)
    assert (await apply(desk, plan.id, request.key))[0] == "ok"


async def test_other_arguments_get_no_new_plan_from_an_old_one(desk: Desk) -> None:
    looks(desk, None)
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    looks(desk, "theirs")
    verdict, code, _ = await apply(desk, asked.id, request.key, arguments={"line": "two"})
    assert (verdict, code, desk.upstream.lines) == ("denied", "plan_refused", [])


async def test_a_repeat_after_a_crash_is_not_held_up_by_its_own_effect(desk: Desk) -> None:
    looks(desk, None)
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    await apply(desk, asked.id, request.key)
    looks(desk, "one\n")
    assert (await apply(desk, asked.id, request.key, repeat=True))[0] == "ok"
    assert desk.upstream.calls[-1].expect == {"absent": True}


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
    "answers beside the arguments": {"more": {"inputResponses": {"sure": {"action": "accept"}}}},
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


async def test_an_approval_is_good_until_it_expires_and_no_longer(any_desk: Desk) -> None:
    request = any_desk.request("append", LINE)
    asked = await any_desk.approved(request)
    any_desk.clock.advance(seconds=PLAN_LIFE_S + 1)
    for swept in (False, True):
        assert (await apply(any_desk, asked.id, request.key))[2] == "This plan cannot be applied: it has expired.", (
            swept
        )
        await any_desk.db.write(lambda tx: permits.expire(tx, any_desk.clock, ADA.tenant))
    (plan,) = await any_desk.asked()
    assert (plan.status, plan.reason) == ("expired", "it was approved and not used in time")
    assert any_desk.upstream.lines == []


async def test_a_repeat_may_come_after_the_plan_has_expired(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    await apply(desk, asked.id, request.key)
    desk.clock.advance(seconds=PLAN_LIFE_S + 1)
    await desk.db.write(lambda tx: permits.expire(tx, desk.clock, ADA.tenant))
    assert (await apply(desk, asked.id, request.key, repeat=True))[0] == "ok"


async def test_an_expired_plan_is_refused(desk: Desk) -> None:
    request = desk.request("append", LINE)
    asked = await desk.plan(request)
    desk.clock.advance(seconds=PLAN_LIFE_S + 1)
    await desk.db.write(lambda tx: permits.expire(tx, desk.clock, ADA.tenant))
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
    assert asked.sentence.startswith("Call append on kit: line=one. ")
    assert asked.sentence.endswith(asked.effect["why"])  # whoever approves sees at once that nothing is known, and why
    assert asked.effect.get("refused", False) is (trouble == "error")


async def test_a_preview_that_refuses_says_so_where_a_person_decides(desk: Desk) -> None:
    desk.upstream.answers["look"] = text("Denied: the path is outside\nof the folder.", is_error=True)
    asked = await desk.plan(desk.request("append", LINE))
    assert asked.sentence == (
        "Call append on kit: line=one. Its own preview refuses it: Denied: the path is outside of the folder."
    )
    assert asked.effect == {"kind": "none", "why": "Denied: the path is outside\nof the folder.", "refused": True}


async def test_a_call_that_would_change_nothing_says_so(desk: Desk) -> None:
    looks(desk, "one\n")
    asked = await desk.plan(desk.request("append", LINE))
    assert asked.sentence == f"Replace notes (1 line) in {desk.root}, which has exactly this text already"
    assert asked.effect["unchanged"] is True


@pytest.mark.parametrize("long", [False, True])
async def test_what_only_looks_the_same_is_not_said_to_be_unchanged(desk: Desk, *, long: bool) -> None:
    """Two secrets look the same once they are left out, and of a long file only the beginning is compared."""
    token = "AKIAIOSFODNN7EXAMPLE"
    before, after = ("one", "one") if long else (f"key: {token}", f"key: {token[:-1]}D")
    seen = {"path": "notes", "before": before, "after": after, "before_truncated": long}
    desk.upstream.answers["look"] = text("", structured=seen)
    asked = await desk.plan(desk.request("append", LINE))
    assert asked.effect["before"] == asked.effect["after"]
    assert "unchanged" not in asked.effect
    assert "already" not in asked.sentence


async def test_a_plan_does_not_outlive_the_binding_that_it_was_made_under(any_desk: Desk) -> None:
    desk = any_desk
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    await desk.db.write(lambda tx: resources.delete(tx, ADA, desk.clock, "Binding", "ann"))
    assert (await apply(desk, asked.id, request.key))[1] == "tool_unknown"
    assert desk.upstream.lines == []


async def test_a_plan_id_is_nothing_to_a_read(desk: Desk) -> None:
    assert (await apply(desk, "ap_nothing", "a_1/1/7", "read", arguments={"name": "x"}))[0] == "ok"


async def test_the_key_that_goes_upstream_names_the_step_and_the_arguments(desk: Desk) -> None:
    for key, name in (("a_1/1/0", "x"), ("a_1/1/0", "x"), ("a_1/1/0", "y"), ("a_1/2/0", "x")):
        await desk.call("read", {"name": name}, key=key)
    first, again, other, later = (call.key for call in desk.upstream.calls)
    assert first == again  # a repeat is known as one
    assert len({first, other, later}) == 3  # other arguments are never taken for a repeat, nor is another step
    assert [one.rpartition(":")[0] for one in (first, other, later)] == ["a_1/1/0", "a_1/1/0", "a_1/2/0"]


async def test_a_plan_is_for_the_environment_that_was_seen(desk: Desk) -> None:
    in_dev = replace(outside(), environment="dev")
    asked = await desk.approved(desk.request("append", LINE, caller=in_dev))
    assert asked.payload["environment"] == "dev"
    for other in ("", "prod"):
        elsewhere = replace(in_dev, environment=other)
        outcome = await desk.call("append", LINE, caller=elsewhere, key=asked.step, plan_id=asked.id)
        assert (outcome.verdict, outcome.code) == ("denied", "plan_refused")
    assert desk.upstream.lines == []


async def test_a_server_that_was_declared_anew_is_asked_about_again(any_desk: Desk) -> None:
    """The same tools behind another command, say: what was approved would be done by somebody else."""
    desk = any_desk
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    moved = next(one for one in MANIFESTS.split("---") if "kind: ToolServer" in one)
    await desk.declare(moved.replace("command: [kit]", "command: [other-kit]"))
    again = await desk.plan(replace(request, plan_id=asked.id))
    assert (again.id != asked.id, again.status, again.payload["arguments"]) == (True, "pending", LINE)
    assert desk.upstream.lines == []
    await desk.decide(again)
    assert (await apply(desk, again.id, request.key))[0] == "ok"
    (old,) = [one for one in await desk.asked() if one.id == asked.id]
    assert (old.status, old.reason) == ("expired", "its tool server was declared anew since it was approved")


async def test_a_repeat_after_a_crash_goes_by_the_plan_that_it_was_sent_with(desk: Desk) -> None:
    """Though its server was declared anew meanwhile: a new question would not say whether the call has happened."""
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    assert (await apply(desk, asked.id, request.key))[0] == "ok"
    moved = next(one for one in MANIFESTS.split("---") if "kind: ToolServer" in one)
    await desk.declare(moved.replace("root: repo,", "root: repo, limits: {timeout_s: 30},"))
    assert (await apply(desk, asked.id, request.key, repeat=True))[0] == "ok"
    assert (len(await desk.asked()), desk.upstream.lines) == (1, ["one", "one"])


@pytest.mark.parametrize(
    "other", ["command: [other-kit]", "command: [kit, --elsewhere]", "command: [kit], env: {WHERE: prod}"]
)
async def test_a_repeat_goes_to_no_other_server_than_the_call_went_to(any_desk: Desk, other: str) -> None:
    """It would not know the call by its key: a person is asked, and their word is good for the new one."""
    desk = any_desk
    request = desk.request("append", LINE)
    asked = await desk.approved(request)
    assert (await apply(desk, asked.id, request.key))[0] == "ok"
    moved = next(one for one in MANIFESTS.split("---") if "kind: ToolServer" in one)
    await desk.declare(moved.replace("command: [kit]", other))
    repeat = replace(request, plan_id=asked.id, repeat=True)
    again = await desk.plan(repeat)
    assert (await desk.plan(repeat)).id == again.id
    assert (again.status, "nobody knows whether it happened" in again.rule, desk.upstream.lines) == (
        "pending",
        True,
        ["one"],
    )
    assert (await apply(desk, again.id, request.key, repeat=True))[1] == "plan_refused"
    await desk.decide(again)
    assert (await apply(desk, again.id, request.key, repeat=True))[0] == "ok"
    assert desk.upstream.lines == ["one", "one"]
