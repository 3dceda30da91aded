"""From a stored plan to the call that it was made for: its own caller's, or nothing; and never another call."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.applying import planned_call
from swarmstead.gateway.contract import Caller, CallOutcome, CallRequest, Tool
from swarmstead.gateway.model import plan_payload
from swarmstead.kernel.hashing import digest
from swarmstead.kernel.scope import Actor, Scope
from swarmstead.permits.contract import Approval
from tests.rooms.gateway.desk import Desk, outside

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TOOL = Tool("kit", "append", "", {}, None, "write", idempotent=False, schema_hash="sha256:1")


async def stored(desk: Desk, **more: Any) -> tuple[CallRequest, Approval]:
    request = desk.request("append", {"line": "one"}, caller=outside(), **more)
    return request, await desk.approved(request)


async def applied(desk: Desk, request: CallRequest | None) -> tuple[str, str]:
    assert request is not None
    outcome = await desk.gateway.call(request)
    assert isinstance(outcome, CallOutcome)
    return outcome.verdict, outcome.code


async def test_the_stored_plan_is_the_exact_call(any_desk: Desk) -> None:
    desk = any_desk
    request, plan = await stored(desk)
    replayed = planned_call(plan, outside(), desk.root)
    assert replayed == replace(request, plan_id=plan.id, by_plan=True)
    assert await applied(desk, replayed) == ("ok", "")
    assert await applied(desk, replayed) == ("denied", "plan_refused")
    assert desk.upstream.lines == ["one"]
    trail = await desk.trail()
    assert [phase for phase, *_ in trail] == ["intent", "attempt", "effect", "effect"]  # and the refusal has its row


def others() -> dict[str, Caller]:
    mine = outside()
    return {
        "another key": outside(key="k_2"),
        "another tenant": outside("evil"),
        "another environment": replace(mine, environment="prod"),
        "an agent": replace(mine, agent="ann"),
        "a run": replace(mine, run="r_1"),
    }


@pytest.mark.parametrize("who", list(others()))
async def test_a_plan_is_nobody_elses(desk: Desk, who: str) -> None:
    _, plan = await stored(desk)
    assert planned_call(plan, others()[who], desk.root) is None


async def test_a_plan_of_a_run_is_no_clients(desk: Desk) -> None:
    plan = await desk.approved(desk.request("append", {"line": "one"}))
    assert planned_call(plan, outside(), desk.root) is None
    as_agent = Caller(Scope("acme", Actor(plan.asked_by, "user", "ann")))
    assert planned_call(plan, as_agent, desk.root) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"payload": {"arguments": {"line": "two"}}},
        {"payload": {"tool": "wipe", "arguments": {}}},
        {"payload": {"step": "mcp/other"}},
        {"payload": {"more": {"inputResponses": {}}}},
        {"root": "/"},
    ],
)
async def test_what_is_not_what_was_approved_is_refused(desk: Desk, changed: dict[str, Any]) -> None:
    """The hash is worked out of the call anew: whatever came to stand in the row, or where we are limited to now."""
    await desk.declare(
        "apiVersion: swarmstead.dev/v1alpha1\nkind: Binding\nmetadata: {name: more}\n"
        'spec: {agent: "*", server: kit, tools: [wipe]}'
    )
    _, plan = await stored(desk)
    other = replace(plan, payload={**plan.payload, **changed.get("payload", {})})
    request = planned_call(other, outside(), changed.get("root", desk.root))
    assert await applied(desk, request) == ("denied", "plan_refused")
    assert desk.upstream.lines == []


@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(st.text(min_size=1), JSON, max_size=2))
def test_a_call_comes_back_out_of_its_plan_whatever_it_says(arguments: dict[str, Any], more: dict[str, Any]) -> None:
    caller = outside()
    request = CallRequest(caller, "kit", "append", arguments, "mcp/1-1", root="/srv", more=more)
    payload = plan_payload(request, "acme/1", TOOL, {})
    stored: dict[str, Any] = dict.fromkeys(Approval.__slots__, "")
    stored |= {"id": "ap_1", "tenant": "acme", "kind": "plan", "payload": payload, "asked_by": caller.scope.actor.id}
    replayed = planned_call(Approval(**stored), caller, "/srv")
    assert replayed is not None
    assert replayed == replace(request, plan_id="ap_1", by_plan=True)
    assert digest(plan_payload(replayed, "acme/1", TOOL, {})) == digest(payload)
